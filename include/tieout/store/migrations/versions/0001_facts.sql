-- What came in, what was made of it, and what finance approved. All append-only.

CREATE TABLE tieout.document (
  document_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  provider text NOT NULL,
  billing_account_id text NOT NULL,
  period text NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  media_type text NOT NULL,
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
  request jsonb NOT NULL,
  fetched_at timestamptz NOT NULL,
  lake_path text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT session_user,
  UNIQUE (sha256, provider, billing_account_id, period, kind, name)
);
CREATE INDEX document_of_period ON tieout.document (period, provider, kind);

CREATE TABLE tieout.snapshot (
  snapshot_id text PRIMARY KEY,
  provider text NOT NULL,
  billing_account_id text NOT NULL,
  period text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('cost', 'usage', 'documents')),
  version integer NOT NULL CHECK (version >= 1),
  content_sha256 text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
  document_sha256s text[] NOT NULL,
  through_on date NOT NULL,
  fetched_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT session_user,
  UNIQUE (period, provider, billing_account_id, kind, version)
);

CREATE TABLE tieout.charge_file (
  charge_file_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  snapshot_id text NOT NULL REFERENCES tieout.snapshot,
  kind text NOT NULL CHECK (kind IN ('charges', 'usage', 'estimate')),
  file_sha256 text NOT NULL CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
  lake_path text NOT NULL,
  rows_in bigint NOT NULL CHECK (rows_in >= 0),
  rows_out bigint NOT NULL CHECK (rows_out >= 0),
  rows_bad bigint NOT NULL CHECK (rows_bad >= 0),
  source_total text,
  loaded_amount numeric(28,12) NOT NULL,
  method_version text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT session_user,
  UNIQUE (snapshot_id, kind, method_version, file_sha256)
);

CREATE TABLE tieout.coverage (
  coverage_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  provider text NOT NULL,
  billing_account_id text NOT NULL,
  kind text NOT NULL,
  day date NOT NULL,
  snapshot_id text NOT NULL REFERENCES tieout.snapshot,
  rows bigint NOT NULL CHECK (rows >= 0),
  seen_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT session_user
);
CREATE INDEX coverage_of_day ON tieout.coverage (day, provider, billing_account_id, kind);

CREATE TABLE tieout.run (
  run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  step text NOT NULL,
  subject text NOT NULL,
  input_key text NOT NULL CHECK (input_key ~ '^[0-9a-f]{64}$'),
  outputs jsonb NOT NULL,
  code_version text NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL CHECK (finished_at >= started_at),
  supersedes bigint REFERENCES tieout.run,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT session_user,
  UNIQUE (step, subject, input_key)
);
CREATE INDEX run_newest ON tieout.run (step, subject, run_id DESC);

CREATE TABLE tieout.finding (
  finding_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id bigint NOT NULL REFERENCES tieout.run,
  fingerprint text NOT NULL,
  kind text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('info', 'warning', 'blocking')),
  subject text NOT NULL,
  message text NOT NULL,
  amount numeric(28,12) NOT NULL,
  currency text NOT NULL,
  source_document text,
  source_row integer,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT session_user,
  UNIQUE (run_id, fingerprint)
);

-- Rules, charts, cards: the text as it was written, and beside it the approval.
CREATE TABLE tieout.policy (
  kind text NOT NULL CHECK (kind IN (
    'classification', 'initiatives', 'allocation', 'chart', 'accounts', 'rate_card')),
  version integer NOT NULL CHECK (version >= 1),
  sha256 text NOT NULL,
  body text NOT NULL,
  valid_from date NOT NULL,
  proposed_by text NOT NULL DEFAULT tieout.current_actor(),
  proposed_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user,
  PRIMARY KEY (kind, version),
  CHECK (sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex'))
);

CREATE TABLE tieout.policy_approval (
  kind text NOT NULL,
  version integer NOT NULL,
  approved_by text NOT NULL,
  approved_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user,
  PRIMARY KEY (kind, version),
  FOREIGN KEY (kind, version) REFERENCES tieout.policy
);

CREATE FUNCTION tieout.approve_policy(policy_kind text, policy_version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person('approver');
  proposer text;
BEGIN
  SELECT proposed_by INTO proposer FROM tieout.policy
   WHERE kind = policy_kind AND version = policy_version;
  IF proposer IS NULL THEN
    PERFORM tieout.fail('TO008', format(
      'There is no %s version %s to approve: propose it first.', policy_kind, policy_version));
  END IF;
  IF proposer = person THEN
    PERFORM tieout.fail('TO004', format(
      '%s proposed %s version %s: expected another person to approve it.',
      person, policy_kind, policy_version));
  END IF;
  INSERT INTO tieout.policy_approval (kind, version, approved_by)
  VALUES (policy_kind, policy_version, person) ON CONFLICT DO NOTHING;
END $$;
