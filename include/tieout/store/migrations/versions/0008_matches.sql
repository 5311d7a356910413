-- Which rows of two figures belong together, what people decided about it, and why figures differ.

-- Two figures of one account's month. All records are in the lake file; rows of a month are no rows
-- of this database. Matched and open are the whole, and the causes add up to the difference.
CREATE TABLE tieout.match_set (
  run_id bigint NOT NULL REFERENCES tieout.run,
  provider text NOT NULL,
  billing_account_id text NOT NULL,
  section text NOT NULL,
  period text NOT NULL REFERENCES tieout.period,
  currency text NOT NULL,
  earlier_amount numeric(28,12) NOT NULL,
  later_amount numeric(28,12) NOT NULL,
  matched_earlier_amount numeric(28,12) NOT NULL,
  matched_later_amount numeric(28,12) NOT NULL,
  open_earlier_amount numeric(28,12) NOT NULL,
  open_later_amount numeric(28,12) NOT NULL,
  record_count bigint NOT NULL CHECK (record_count >= 0),
  suggested_count bigint NOT NULL CHECK (suggested_count >= 0),
  open_earlier_count bigint NOT NULL CHECK (open_earlier_count >= 0),
  open_later_count bigint NOT NULL CHECK (open_later_count >= 0),
  explained_amount numeric(28,12),
  rounding_amount numeric(28,12),
  unexplained_amount numeric(28,12),
  lake_path text NOT NULL,
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  PRIMARY KEY (run_id, provider, billing_account_id, section),
  CHECK (matched_earlier_amount + open_earlier_amount = earlier_amount),
  CHECK (matched_later_amount + open_later_amount = later_amount),
  CHECK (num_nulls(explained_amount, rounding_amount, unexplained_amount) IN (0, 3)),
  CHECK (explained_amount + rounding_amount + unexplained_amount = later_amount - earlier_amount)
);
CREATE INDEX match_set_of_period ON tieout.match_set (period, run_id DESC);

-- The records that a person is asked about or has decided. Members are [id, units of 1e-12] pairs.
CREATE TABLE tieout.match_record (
  run_id bigint NOT NULL,
  provider text NOT NULL,
  billing_account_id text NOT NULL,
  section text NOT NULL,
  match_no integer NOT NULL CHECK (match_no >= 1),
  match_id text NOT NULL CHECK (match_id ~ '^[0-9a-f]{64}$'),
  pass text NOT NULL,
  keys jsonb NOT NULL CHECK (jsonb_typeof(keys) = 'object'),
  earlier jsonb NOT NULL CHECK (jsonb_typeof(earlier) = 'array'),
  later jsonb NOT NULL CHECK (jsonb_typeof(later) = 'array'),
  earlier_amount numeric(28,12) NOT NULL,
  later_amount numeric(28,12) NOT NULL,
  decision text NOT NULL CHECK (decision IN ('confirmed', 'suggested', 'unmatched')),
  person text,
  reason text,
  replaces text,
  PRIMARY KEY (run_id, provider, billing_account_id, section, match_no),
  FOREIGN KEY (run_id, provider, billing_account_id, section) REFERENCES tieout.match_set,
  CHECK ((decision = 'suggested') = (person IS NULL)),
  CHECK ((person IS NULL) = (reason IS NULL))
);
CREATE INDEX match_record_by_id ON tieout.match_record (match_id);

-- A person's word; taking it back is another row.
CREATE TABLE tieout.match_decision (
  decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period text NOT NULL REFERENCES tieout.period,
  provider text NOT NULL,
  billing_account_id text NOT NULL,
  section text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('confirm', 'match', 'unmatch')),
  match_id text,
  earlier_ids text[] NOT NULL,
  later_ids text[] NOT NULL,
  reason text NOT NULL CHECK (btrim(reason) <> '' AND length(reason) <= 2000),
  decided_by text NOT NULL,
  decided_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user,
  CHECK ((kind = 'match') = (match_id IS NULL)),
  CHECK ((kind = 'match') = (cardinality(earlier_ids) > 0 AND cardinality(later_ids) > 0))
);
CREATE INDEX match_decision_of_period ON tieout.match_decision (period, decision_id);

-- Why two figures differ: each cause on one key with the rows that prove it. What no cause proves
-- is here too, as `unexplained`.
CREATE TABLE tieout.explained_cause (
  run_id bigint NOT NULL,
  provider text NOT NULL,
  billing_account_id text NOT NULL,
  section text NOT NULL,
  cause_no integer NOT NULL CHECK (cause_no >= 1),
  cause text NOT NULL,
  keys jsonb NOT NULL CHECK (jsonb_typeof(keys) = 'object'),
  amount numeric(28,12) NOT NULL,
  line_ids text[] NOT NULL CHECK (cardinality(line_ids) > 0),
  witnesses text[] NOT NULL,
  sentence text NOT NULL CHECK (sentence <> ''),
  PRIMARY KEY (run_id, provider, billing_account_id, section, cause_no),
  FOREIGN KEY (run_id, provider, billing_account_id, section) REFERENCES tieout.match_set
);

-- Remembers what a preparer decided; the next matching applies it. The same word twice is one.
CREATE FUNCTION tieout.decide_match(month text, seller text, account text, part text, what text,
  of_match text, earlier text[], later text[], why text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  deciding text := tieout.deciding_person('preparer');
  newest bigint;
  before tieout.match_decision;
  decided bigint;
BEGIN
  PERFORM tieout.lock_period(month);
  SELECT max(run_id) INTO newest FROM tieout.match_set WHERE period = month;
  IF NOT EXISTS (SELECT FROM tieout.match_set
                  WHERE run_id = newest AND (provider, billing_account_id, section)
                      = (seller, account, part)) THEN
    PERFORM tieout.fail('TO008', format(
      'Nothing of %s/%s was matched for %s as %s: run `tieout match %s` first.', seller, account,
      month, part, month));
  END IF;
  SELECT * INTO before FROM tieout.match_decision
   WHERE period = month AND (provider, billing_account_id, section) = (seller, account, part)
   ORDER BY decision_id DESC LIMIT 1;
  IF (before.kind, before.earlier_ids, before.later_ids, before.decided_by)
       = (what, earlier, later, deciding)
     AND before.match_id IS NOT DISTINCT FROM of_match THEN
    RETURN before.decision_id;
  END IF;
  IF what = 'confirm' AND NOT EXISTS (
       SELECT FROM tieout.match_record
        WHERE run_id = newest AND (provider, billing_account_id, section) = (seller, account, part)
          AND match_id = of_match AND decision = 'suggested') THEN
    PERFORM tieout.fail('TO008', format(
      'No match %s is suggested for %s/%s in %s: look at `tieout matches %s --suggested`.',
      left(of_match, 12), seller, account, month, month));
  END IF;
  INSERT INTO tieout.match_decision (period, provider, billing_account_id, section, kind, match_id,
                                     earlier_ids, later_ids, reason, decided_by)
  VALUES (month, seller, account, part, what, of_match, earlier, later, why, deciding)
  RETURNING decision_id INTO decided;
  RETURN decided;
END $$;

DO $$
DECLARE
  name text;
  columns text;
BEGIN
  FOREACH name IN ARRAY ARRAY['match_set', 'match_record', 'match_decision', 'explained_cause']
  LOOP
    EXECUTE format('CREATE TRIGGER no_delete BEFORE DELETE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON tieout.%I FOR EACH STATEMENT '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_update BEFORE UPDATE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_delete', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_truncate', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_update', name);
    CONTINUE WHEN name = 'match_decision';  -- through the function only
    SELECT string_agg(quote_ident(column_name), ', ') INTO columns
      FROM information_schema.columns
     WHERE table_schema = 'tieout' AND table_name = name
       AND column_name NOT IN ('recorded_at', 'recorded_by', 'login');
    EXECUTE format('GRANT INSERT (%s) ON tieout.%I TO t_worker', columns, name);
  END LOOP;
END $$;

REVOKE ALL ON tieout.match_set, tieout.match_record, tieout.match_decision, tieout.explained_cause
  FROM PUBLIC;
GRANT SELECT ON tieout.match_set, tieout.match_record, tieout.match_decision,
  tieout.explained_cause TO t_worker, t_web, t_reader;
REVOKE EXECUTE ON FUNCTION
  tieout.decide_match(text, text, text, text, text, text, text[], text[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  tieout.decide_match(text, text, text, text, text, text, text[], text[], text) TO t_web;
