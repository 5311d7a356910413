-- Rules that are applied to the past: what a person saw, what was approved, what the months became.

-- A preview is the answer to "what would move"; its text is canonical JSON, its id the hash of it.
CREATE TABLE tieout.preview (
  sha256 text PRIMARY KEY,
  kind text NOT NULL,
  version integer NOT NULL,
  first_period text NOT NULL CHECK (first_period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  last_period text NOT NULL CHECK (last_period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  canonical text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  FOREIGN KEY (kind, version) REFERENCES tieout.policy,
  CHECK (first_period <= last_period),
  CHECK (sha256 = encode(sha256(convert_to(canonical, 'UTF8')), 'hex'))
);

-- The approval of exactly that answer, by somebody who did not propose the policy.
CREATE TABLE tieout.preview_approval (
  sha256 text PRIMARY KEY REFERENCES tieout.preview,
  approved_by text NOT NULL,
  approved_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user
);

-- What a closed month looks like with all knowledge to date; the publication stays as reported.
CREATE TABLE tieout.restatement (
  restatement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period text NOT NULL REFERENCES tieout.period,
  run_id bigint NOT NULL REFERENCES tieout.run,
  preview_sha256 text NOT NULL REFERENCES tieout.preview_approval,
  ledger_seq bigint NOT NULL UNIQUE,
  lines_sha256 text NOT NULL,
  total_amount numeric(28,12) NOT NULL,
  files jsonb NOT NULL,
  rule_versions jsonb NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user
);
CREATE INDEX restatement_of_period ON tieout.restatement (period, ledger_seq DESC);

-- Restated views beside what was reported; the lines are in the files that `files` names.
CREATE VIEW tieout.v_restatement AS
  SELECT restated.period, restated.ledger_seq, restated.total_amount, restated.lines_sha256,
         restated.files, restated.rule_versions, restated.run_id, restated.recorded_at,
         restated.recorded_by, shown.kind AS policy_kind, shown.version AS policy_version,
         restated.preview_sha256, approval.approved_by, approval.approved_at
    FROM tieout.restatement AS restated
    JOIN tieout.preview AS shown ON shown.sha256 = restated.preview_sha256
    JOIN tieout.preview_approval AS approval ON approval.sha256 = restated.preview_sha256;

CREATE FUNCTION tieout.approve_preview(preview_sha text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person('approver');
  shown tieout.preview;
  proposer text;
BEGIN
  SELECT * INTO shown FROM tieout.preview WHERE sha256 = preview_sha;
  IF shown.sha256 IS NULL THEN
    PERFORM tieout.fail('TO008', format(
      'There is no preview %s to approve: make it with `tieout rules preview` first.',
      left(preview_sha, 12)));
  END IF;
  SELECT proposed_by INTO proposer FROM tieout.policy
   WHERE kind = shown.kind AND version = shown.version;
  IF proposer = person THEN
    PERFORM tieout.fail('TO004', format(
      '%s proposed %s version %s: expected another person to approve what it moves.',
      person, shown.kind, shown.version));
  END IF;
  INSERT INTO tieout.policy_approval (kind, version, approved_by)
  VALUES (shown.kind, shown.version, person) ON CONFLICT DO NOTHING;
  INSERT INTO tieout.preview_approval (sha256, approved_by)
  VALUES (preview_sha, person) ON CONFLICT DO NOTHING;
END $$;

-- The new view of a closed month; the same lines as the newest view again are no new view.
CREATE FUNCTION tieout.restate_period(month text, of_run bigint, preview_sha text, lines text,
  total numeric, file_list jsonb, versions jsonb, OUT seq bigint, OUT is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  found_state text;
  reported numeric;
  newest tieout.restatement;
BEGIN
  PERFORM tieout.lock_ledger();
  SELECT state INTO found_state FROM tieout.period WHERE period = month FOR SHARE;
  IF found_state IS DISTINCT FROM 'closed' THEN
    PERFORM tieout.fail('TO005', format(
      'Period %s is %s: only a closed month is restated; an open one is classified again.', month,
      coalesce(found_state, 'not open yet')));
  END IF;
  IF NOT EXISTS (SELECT FROM tieout.preview_approval AS approval
                   JOIN tieout.preview USING (sha256)
                  WHERE sha256 = preview_sha AND month BETWEEN first_period AND last_period) THEN
    PERFORM tieout.fail('TO005', format(
      'Preview %s is not approved for %s: expected an approval before anything is restated.',
      left(preview_sha, 12), month));
  END IF;
  SELECT total_amount INTO reported FROM tieout.publication
   WHERE period = month ORDER BY ledger_seq DESC LIMIT 1;
  IF reported IS NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Period %s is not published: expected the view as reported before a restated one.', month));
  ELSIF reported <> total THEN
    PERFORM tieout.fail('TO002', format(
      'The restated lines of %s add up to %s, what was reported to %s: a rule moves cost and '
      'makes none.', month, total, reported));
  END IF;
  SELECT * INTO newest FROM tieout.restatement
   WHERE period = month ORDER BY ledger_seq DESC LIMIT 1;
  is_new := newest.lines_sha256 IS DISTINCT FROM lines;
  seq := newest.ledger_seq;
  IF is_new THEN
    seq := tieout.next_ledger_seq();
    INSERT INTO tieout.restatement (period, run_id, preview_sha256, ledger_seq, lines_sha256,
                                    total_amount, files, rule_versions)
    VALUES (month, of_run, preview_sha, seq, lines, total, file_list, versions);
  END IF;
END $$;

DO $$
DECLARE
  name text;
  columns text;
BEGIN
  FOREACH name IN ARRAY ARRAY['preview', 'preview_approval', 'restatement'] LOOP
    EXECUTE format('CREATE TRIGGER no_delete BEFORE DELETE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON tieout.%I FOR EACH STATEMENT '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_update BEFORE UPDATE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_delete', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_truncate', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_update', name);
  END LOOP;
  SELECT string_agg(quote_ident(column_name), ', ') INTO columns
    FROM information_schema.columns
   WHERE table_schema = 'tieout' AND table_name = 'preview'
     AND column_name NOT IN ('recorded_at', 'recorded_by', 'login');
  EXECUTE format('GRANT INSERT (%s) ON tieout.preview TO t_worker', columns);
END $$;

REVOKE ALL ON tieout.preview, tieout.preview_approval, tieout.restatement, tieout.v_restatement
  FROM PUBLIC;
GRANT SELECT ON tieout.preview, tieout.preview_approval, tieout.restatement, tieout.v_restatement
  TO t_worker, t_web, t_reader;
REVOKE EXECUTE ON FUNCTION tieout.approve_preview(text),
  tieout.restate_period(text, bigint, text, text, numeric, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.approve_preview(text) TO t_web;
GRANT EXECUTE ON FUNCTION
  tieout.restate_period(text, bigint, text, text, numeric, jsonb, jsonb) TO t_worker;
