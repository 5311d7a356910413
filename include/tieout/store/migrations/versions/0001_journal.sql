-- The journal: balanced, gapless, and never into a period that is closed.

CREATE TABLE tieout.journal_type (
  journal_type text PRIMARY KEY,
  adjusts_soft_closed boolean NOT NULL
);
INSERT INTO tieout.journal_type VALUES
  ('accrual', false), ('reversal', false), ('invoice', false), ('credit_note', false),
  ('true_up', true), ('amortisation', false), ('allocation', false), ('reclass', true),
  ('fx_reval', false), ('fx_settlement', false), ('tax', false), ('release', false),
  ('manual', false), ('drawdown', false), ('credit_purchase', false),
  ('opening', false), ('payment', false), ('breakage', false);

CREATE TABLE tieout.journal_counter (
  fiscal_year integer NOT NULL,
  journal_type text NOT NULL REFERENCES tieout.journal_type,
  last_number integer NOT NULL,
  PRIMARY KEY (fiscal_year, journal_type)
);

CREATE TABLE tieout.journal_entry (
  entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ledger_seq bigint NOT NULL UNIQUE,
  journal_type text NOT NULL REFERENCES tieout.journal_type,
  fiscal_year integer NOT NULL,
  number integer NOT NULL,
  document_no text NOT NULL UNIQUE,
  period text NOT NULL REFERENCES tieout.period,
  posting_on date NOT NULL,
  document_on date NOT NULL,
  service_period text NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  description text NOT NULL CHECK (btrim(description) <> ''),
  provider text,
  billing_account_id text,
  source_refs text[] NOT NULL,
  reverses_entry_id bigint UNIQUE REFERENCES tieout.journal_entry,
  idempotency_key text NOT NULL UNIQUE CHECK (idempotency_key <> ''),
  adjustment_kind text NOT NULL CHECK (adjustment_kind IN (
    'none', 'change_in_estimate', 'error_correction', 'policy_change')),
  rule_version text,
  run_id bigint REFERENCES tieout.run,
  line_count integer NOT NULL CHECK (line_count >= 2),
  canonical text NOT NULL,
  content_hash text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  UNIQUE (fiscal_year, journal_type, number),
  CHECK ((journal_type = 'reversal') = (reverses_entry_id IS NOT NULL))
);
CREATE INDEX journal_entry_of_period ON tieout.journal_entry (period, ledger_seq);

CREATE TABLE tieout.journal_line (
  entry_id bigint NOT NULL REFERENCES tieout.journal_entry,
  line_no integer NOT NULL CHECK (line_no >= 1),
  account text NOT NULL CHECK (account <> ''),
  debit_minor bigint NOT NULL CHECK (debit_minor >= 0),
  credit_minor bigint NOT NULL CHECK (credit_minor >= 0),
  memo text NOT NULL,
  dimensions jsonb NOT NULL,
  source_line_ref text,
  PRIMARY KEY (entry_id, line_no),
  CHECK ((debit_minor = 0) <> (credit_minor = 0))
);

CREATE FUNCTION tieout.check_entry(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  expected integer;
  key text;
  found_lines integer;
  last_line integer;
  debits numeric;
  credits numeric;
BEGIN
  SELECT line_count, idempotency_key INTO expected, key
    FROM tieout.journal_entry WHERE entry_id = id;
  SELECT count(*), max(line_no), coalesce(sum(debit_minor), 0), coalesce(sum(credit_minor), 0)
    INTO found_lines, last_line, debits, credits
    FROM tieout.journal_line WHERE entry_id = id;
  IF found_lines <> expected OR last_line <> expected THEN
    PERFORM tieout.fail('TO003', format(
      'Entry %s has %s lines up to number %s: expected %s, numbered from 1 without a gap.',
      key, found_lines, last_line, expected));
  END IF;
  IF debits <> credits THEN
    PERFORM tieout.fail('TO003', format(
      'Entry %s does not balance: debits %s, credits %s minor units.', key, debits, credits));
  END IF;
END $$;

CREATE FUNCTION tieout.check_entry_header() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.check_entry(NEW.entry_id);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER balance_at_commit AFTER INSERT ON tieout.journal_entry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tieout.check_entry_header();

CREATE FUNCTION tieout.check_entry_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.check_entry(touched.entry_id)
     FROM (SELECT DISTINCT entry_id FROM added) AS touched;
  RETURN NULL;
END $$;
CREATE TRIGGER balance_of_lines AFTER INSERT ON tieout.journal_line
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION tieout.check_entry_lines();

-- Locks the month against a closer and refuses when it takes no such entry any more.
CREATE FUNCTION tieout.require_postable(month text, entry_type text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  found_state text;
  adjusts boolean;
BEGIN
  SELECT state INTO found_state FROM tieout.period WHERE period = month FOR SHARE;
  SELECT adjusts_soft_closed INTO adjusts FROM tieout.journal_type
   WHERE journal_type = entry_type;
  IF found_state IS NULL THEN
    PERFORM tieout.fail('TO001', format('Period %s is not open yet: open it first.', month));
  ELSIF adjusts IS NULL THEN
    PERFORM tieout.fail('TO003', format('There is no journal type %s.', entry_type));
  ELSIF found_state = 'closed' THEN
    PERFORM tieout.fail('TO001', format(
      'Period %s is closed: post the correction to an open period.', month));
  ELSIF found_state = 'soft_closed' AND NOT adjusts THEN
    PERFORM tieout.fail('TO001', format(
      'Period %s is soft-closed and takes only adjustments, found journal type %s: return it to '
      'open, or post to the next period.', month, entry_type));
  END IF;
END $$;

-- The entry that this one reverses: there, no reversal itself, not reversed yet, exactly mirrored.
CREATE FUNCTION tieout.require_reversible(entry jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  original tieout.journal_entry;
  differs boolean;
BEGIN
  SELECT * INTO original FROM tieout.journal_entry
   WHERE idempotency_key = entry->>'reverses';
  IF original.entry_id IS NULL THEN
    PERFORM tieout.fail('TO008', format(
      'There is no entry %s to reverse: post it first.', entry->>'reverses'));
  ELSIF original.reverses_entry_id IS NOT NULL THEN
    PERFORM tieout.fail('TO002', format(
      'Entry %s is a reversal: a reversal is not reversed; post a new entry.',
      original.document_no));
  ELSIF EXISTS (SELECT FROM tieout.journal_entry
                 WHERE reverses_entry_id = original.entry_id) THEN
    PERFORM tieout.fail('TO002', format(
      'Entry %s has been reversed already: expected one reversal at most.',
      original.document_no));
  END IF;
  WITH mirror AS (
    SELECT line->>'account' AS account, (line->>'credit_minor')::bigint AS debit_minor,
           (line->>'debit_minor')::bigint AS credit_minor, 
           coalesce(line->'dimensions', '{}') AS dimensions
      FROM jsonb_array_elements(entry->'lines') AS line
  ), posted AS (
    SELECT account, debit_minor, credit_minor, dimensions
      FROM tieout.journal_line WHERE entry_id = original.entry_id
  )
  SELECT EXISTS (SELECT * FROM mirror EXCEPT ALL SELECT * FROM posted)
      OR EXISTS (SELECT * FROM posted EXCEPT ALL SELECT * FROM mirror)
      OR entry->>'currency' <> original.currency
    INTO differs;
  IF differs THEN
    PERFORM tieout.fail('TO002', format(
      'The reversal of %s is not its exact mirror: same accounts, amounts and dimensions with '
      'the sides swapped are expected.', original.document_no));
  END IF;
  RETURN original.entry_id;
END $$;

-- Posts one entry, given as the canonical text of its JSON. The same key with the same text gives
-- the entry that is there; the same key with another text is refused.
CREATE FUNCTION tieout.post_entry(entry_text text, of_run bigint, OUT posted_id bigint,
  OUT posted_no text, OUT posted_seq bigint, OUT posted_hash text, OUT is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  entry jsonb := entry_text::jsonb;
  posting date := (entry->>'posting_on')::date;
  month text := to_char(posting, 'YYYY-MM');
  year integer := extract(year FROM posting);
  reversed bigint;
  next_number integer;
  earlier text;
BEGIN
  PERFORM tieout.lock_ledger();
  posted_hash := encode(sha256(convert_to(entry_text, 'UTF8')), 'hex');
  SELECT entry_id, document_no, ledger_seq, content_hash
    INTO posted_id, posted_no, posted_seq, earlier
    FROM tieout.journal_entry WHERE idempotency_key = entry->>'idempotency_key';
  IF posted_id IS NOT NULL THEN
    is_new := false;
    IF earlier <> posted_hash THEN
      PERFORM tieout.fail('TO002', format(
        'Entry %s was posted as %s with other content: expected the same entry, found hash %s '
        'instead of %s; reverse the posted one and give the new one its own key.',
        entry->>'idempotency_key', posted_no, left(posted_hash, 12), left(earlier, 12)));
    END IF;
    RETURN;
  END IF;
  is_new := true;
  PERFORM tieout.require_postable(month, entry->>'journal_type');
  IF entry->>'reverses' IS NOT NULL THEN
    reversed := tieout.require_reversible(entry);
  END IF;
  INSERT INTO tieout.journal_counter VALUES (year, entry->>'journal_type', 1)
  ON CONFLICT (fiscal_year, journal_type)
    DO UPDATE SET last_number = journal_counter.last_number + 1
  RETURNING last_number INTO next_number;
  posted_no := format('%s-%s-%s', year, entry->>'journal_type',
                      lpad(next_number::text, greatest(6, length(next_number::text)), '0'));
  posted_seq := tieout.next_ledger_seq();
  INSERT INTO tieout.journal_entry (
    ledger_seq, journal_type, fiscal_year, number, document_no, period, posting_on, document_on,
    service_period, currency, description, provider, billing_account_id, source_refs,
    reverses_entry_id, idempotency_key, adjustment_kind, rule_version, run_id, line_count, canonical, content_hash)
  VALUES (
    posted_seq, entry->>'journal_type', year, next_number, posted_no, month, posting,
    coalesce((entry->>'document_on')::date, posting), coalesce(entry->>'service_period', month),
    entry->>'currency', entry->>'description', entry->>'provider',
    entry->>'billing_account_id',
    ARRAY(SELECT jsonb_array_elements_text(coalesce(entry->'source_refs', '[]'))), reversed,
    entry->>'idempotency_key', coalesce(entry->>'adjustment_kind', 'none'),
    entry->>'rule_version', of_run, jsonb_array_length(entry->'lines'), entry_text, posted_hash)
  RETURNING entry_id INTO posted_id;
  INSERT INTO tieout.journal_line
  SELECT posted_id, (line->>'line_no')::integer, line->>'account',
         (line->>'debit_minor')::bigint, (line->>'credit_minor')::bigint,
         coalesce(line->>'memo', ''), coalesce(line->'dimensions', '{}'),
         line->>'source_line_ref'
    FROM jsonb_array_elements(entry->'lines') AS line;
END $$;
