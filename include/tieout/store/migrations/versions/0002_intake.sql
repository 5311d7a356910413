-- The way in for billing documents that no provider's interface delivered or no reader understood.

-- One row for each content. Figures that a person typed are a content too: their row names the
-- bytes that prove them, and who typed them.
CREATE TABLE tieout.intake (
  sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  origin text NOT NULL CHECK (origin IN ('imported', 'fetched', 'corrected', 'entered')),
  name text NOT NULL CHECK (name <> ''),
  media_type text NOT NULL,
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
  lake_path text NOT NULL,
  evidence_sha256 text CHECK (evidence_sha256 ~ '^[0-9a-f]{64}$'),
  evidence_name text,
  evidence_path text,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  CHECK ((origin IN ('corrected', 'entered')) = (evidence_sha256 IS NOT NULL
         AND evidence_name IS NOT NULL AND evidence_path IS NOT NULL)),
  CHECK (evidence_sha256 <> sha256),
  CONSTRAINT figures_are_typed_by_a_person CHECK (
    origin IN ('imported', 'fetched') OR recorded_by NOT LIKE 'service:%')
);
CREATE INDEX intake_of_evidence ON tieout.intake (evidence_sha256)
  WHERE evidence_sha256 IS NOT NULL;

-- What became of it, newest last. `period` of a queued document is the month that it holds up,
-- `format` the invoice format that reads it, once one does.
CREATE TABLE tieout.intake_event (
  intake_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sha256 text NOT NULL REFERENCES tieout.intake,
  event text NOT NULL CHECK (event IN (
    'received', 'queued', 'accepted', 'corrected', 'entered', 'rejected')),
  provider text,
  billing_account_id text,
  period text CHECK (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  format text,
  identities text[] NOT NULL,
  problem text CHECK (problem IN (
    'document_unreadable', 'document_unmatched', 'document_duplicate')),
  reason text NOT NULL CHECK (btrim(reason) <> ''),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  CHECK ((event = 'queued') = (problem IS NOT NULL)),
  CHECK (event <> 'queued' OR period IS NOT NULL),
  CHECK (event NOT IN ('accepted', 'corrected', 'entered')
         OR (provider IS NOT NULL AND billing_account_id IS NOT NULL AND period IS NOT NULL
             AND format IS NOT NULL)),
  CONSTRAINT a_person_rejects CHECK (event <> 'rejected' OR recorded_by NOT LIKE 'service:%')
);
CREATE INDEX intake_event_newest ON tieout.intake_event (sha256, intake_event_id DESC);

-- The second pair of eyes on typed figures; written by the function below and nobody else.
CREATE TABLE tieout.intake_approval (
  sha256 text PRIMARY KEY REFERENCES tieout.intake,
  approved_by text NOT NULL,
  approved_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user
);

-- The standing of every content: typed figures count once approved, and then replace their evidence.
CREATE VIEW tieout.v_intake AS
  SELECT document.sha256, document.origin, document.name, document.media_type,
         document.size_bytes, document.lake_path, document.evidence_sha256, document.evidence_name,
         document.evidence_path, document.recorded_by AS author,
         document.recorded_at AS received_at, newest.provider, newest.billing_account_id,
         newest.period, newest.format, newest.identities, newest.problem, newest.reason,
         approval.approved_by, approval.approved_at,
         CASE
           WHEN newest.event = 'rejected' THEN 'rejected'
           WHEN EXISTS (
             SELECT FROM tieout.intake AS typed
               JOIN tieout.intake_approval USING (sha256)
              WHERE typed.evidence_sha256 = document.sha256) THEN 'replaced'
           WHEN approval.sha256 IS NOT NULL THEN 'approved'
           WHEN document.origin IN ('corrected', 'entered') THEN 'proposed'
           ELSE newest.event
         END AS state
    FROM tieout.intake AS document
    JOIN LATERAL (
      SELECT * FROM tieout.intake_event AS event WHERE event.sha256 = document.sha256
       ORDER BY event.intake_event_id DESC LIMIT 1) AS newest ON true
    LEFT JOIN tieout.intake_approval AS approval ON approval.sha256 = document.sha256;

-- Approves typed figures as the person of this transaction, who must not have typed them. The lock
-- is the one that every change of the queue takes, so that nobody rejects them at the same moment.
CREATE FUNCTION tieout.approve_document(figures text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person('approver');
  found tieout.v_intake;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tieout/receive/intake', 0));
  SELECT * INTO found FROM tieout.v_intake WHERE sha256 = figures;
  IF found.sha256 IS NULL OR found.origin NOT IN ('corrected', 'entered') THEN
    PERFORM tieout.fail('TO008', format(
      'There are no typed figures %s to approve: give the id that the review shows.',
      left(figures, 12)));
  ELSIF found.author = person THEN
    PERFORM tieout.fail('TO004', format(
      '%s typed the figures %s: expected another person to approve them.',
      person, left(figures, 12)));
  ELSIF found.state NOT IN ('proposed', 'approved') THEN
    PERFORM tieout.fail('TO005', format(
      'The figures %s are %s: expected proposed ones; look at the review again.',
      left(figures, 12), found.state));
  END IF;
  INSERT INTO tieout.intake_approval (sha256, approved_by) VALUES (figures, person)
  ON CONFLICT DO NOTHING;
END $$;

DO $$
DECLARE
  name text;
  columns text;
BEGIN
  FOREACH name IN ARRAY ARRAY['intake', 'intake_event', 'intake_approval'] LOOP
    EXECUTE format('CREATE TRIGGER no_delete BEFORE DELETE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON tieout.%I FOR EACH STATEMENT '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_update BEFORE UPDATE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_delete', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_truncate', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_update', name);
    EXECUTE format('REVOKE ALL ON tieout.%I FROM PUBLIC', name);
    EXECUTE format('GRANT SELECT ON tieout.%I TO t_worker, t_web, t_reader', name);
    CONTINUE WHEN name = 'intake_approval';
    SELECT string_agg(quote_ident(column_name), ', ') INTO columns
      FROM information_schema.columns
     WHERE table_schema = 'tieout' AND table_name = name AND is_identity = 'NO'
       AND column_name NOT IN ('recorded_at', 'recorded_by', 'login');
    EXECUTE format('GRANT INSERT (%s) ON tieout.%I TO t_worker', columns, name);
  END LOOP;
END $$;
REVOKE ALL ON tieout.v_intake FROM PUBLIC;
GRANT SELECT ON tieout.v_intake TO t_worker, t_web, t_reader;

-- The decision belongs to the pages, where a person has signed in.
REVOKE ALL ON FUNCTION tieout.approve_document(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.approve_document(text) TO t_web;
