-- The published ledger. The newest publication of a period is its head; older ones stay readable.

CREATE TABLE tieout.publication (
  publication_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period text NOT NULL REFERENCES tieout.period,
  run_id bigint NOT NULL REFERENCES tieout.run,
  content_hash text NOT NULL,
  ledger_seq bigint NOT NULL UNIQUE,
  line_count integer NOT NULL CHECK (line_count >= 0),
  total_amount numeric(28,12) NOT NULL,
  files jsonb NOT NULL,
  rule_versions jsonb NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(),
  published_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  UNIQUE (period, content_hash)
);
CREATE INDEX publication_newest ON tieout.publication (period, ledger_seq DESC);

CREATE TABLE tieout.ledger_line (
  publication_id bigint NOT NULL REFERENCES tieout.publication,
  ledger_line_id text NOT NULL,
  period text,
  provider text,
  billing_account_id text,
  sub_account_id text,
  sub_account_name text,
  service_name text,
  service_category text,
  charge_category text,
  invoice_id text,
  initiative text,
  cost_center text,
  pl_category text,
  product_line text,
  environment text,
  project text,
  initiative_rule text,
  cost_center_rule text,
  pl_category_rule text,
  product_line_rule text,
  environment_rule text,
  project_rule text,
  pool_id text,
  pool_line_id text,
  billed_cost numeric(28,12) NOT NULL,
  charge_count bigint NOT NULL,
  PRIMARY KEY (publication_id, ledger_line_id)
);

CREATE FUNCTION tieout.check_publication(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  expected tieout.publication;
  found_count bigint;
  found_total numeric;
BEGIN
  SELECT * INTO expected FROM tieout.publication WHERE publication_id = id;
  SELECT count(*), coalesce(sum(billed_cost), 0) INTO found_count, found_total
    FROM tieout.ledger_line WHERE publication_id = id AND period = expected.period;
  IF found_count <> expected.line_count OR found_total <> expected.total_amount
     OR EXISTS (SELECT FROM tieout.ledger_line
                 WHERE publication_id = id AND period IS DISTINCT FROM expected.period) THEN
    PERFORM tieout.fail('TO007', format(
      'The publication of %s holds %s lines of %s: expected %s lines of %s, all of that period.',
      expected.period, found_count, found_total, expected.line_count, expected.total_amount));
  END IF;
END $$;

CREATE FUNCTION tieout.check_publication_header() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.check_publication(NEW.publication_id);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lines_at_commit AFTER INSERT ON tieout.publication
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tieout.check_publication_header();

CREATE FUNCTION tieout.check_publication_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.check_publication(touched.publication_id)
     FROM (SELECT DISTINCT publication_id FROM added) AS touched;
  RETURN NULL;
END $$;
CREATE TRIGGER publication_of_lines AFTER INSERT ON tieout.ledger_line
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION tieout.check_publication_lines();

-- Makes the header of a publication; only for a closed period and the content that was signed.
CREATE FUNCTION tieout.publish_period(month text, of_run bigint, content text, counted integer,
  total numeric, file_list jsonb, versions jsonb, OUT id bigint, OUT is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE signed tieout.period;
BEGIN
  PERFORM tieout.lock_ledger();
  SELECT * INTO signed FROM tieout.period WHERE period = month FOR SHARE;
  IF signed.state IS DISTINCT FROM 'closed' THEN
    PERFORM tieout.fail('TO005', format(
      'Period %s is %s: expected closed; publish after both signatures.', month,
      coalesce(signed.state, 'not open yet')));
  ELSIF signed.content_hash <> content THEN
    PERFORM tieout.fail('TO002', format(
      'Expected the signed content %s of %s, found %s: what is published must be what was signed.',
      left(signed.content_hash, 12), month, left(content, 12)));
  END IF;
  is_new := false;
  SELECT publication_id INTO id FROM tieout.publication
   WHERE period = month AND content_hash = content;
  IF id IS NULL THEN
    is_new := true;
    INSERT INTO tieout.publication (period, run_id, content_hash, ledger_seq, line_count,
                                    total_amount, files, rule_versions)
    VALUES (month, of_run, content, tieout.next_ledger_seq(), counted, total, file_list, versions)
    RETURNING publication_id INTO id;
  END IF;
END $$;

-- The ledger as it was known at a sequence: of each period the newest publication up to there.
CREATE FUNCTION tieout.ledger_as_of(upto bigint) RETURNS SETOF tieout.ledger_line
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT line.* FROM tieout.ledger_line AS line
   WHERE line.publication_id IN (
     SELECT DISTINCT ON (period) publication_id FROM tieout.publication
      WHERE ledger_seq <= upto ORDER BY period, ledger_seq DESC)
$$;
