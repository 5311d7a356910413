-- Foreign currencies: an entry is in the books' currency, its paper's amounts stand in its text.

DO $$
DECLARE known text;
BEGIN
  SELECT pg_get_expr(conbin, conrelid) INTO known FROM pg_constraint
   WHERE conrelid = 'tieout.policy'::regclass AND conname = 'policy_kind_check';
  ALTER TABLE tieout.policy DROP CONSTRAINT policy_kind_check;
  EXECUTE format('ALTER TABLE tieout.policy ADD CONSTRAINT policy_kind_check CHECK (%s '
                 'OR kind = ''fx_rates'')', known);
END $$;

ALTER TABLE tieout.ledger_line
  ADD COLUMN transaction_currency text CHECK (transaction_currency ~ '^[A-Z]{3}$'),
  ADD COLUMN transaction_cost numeric(28,12),
  ADD CONSTRAINT transaction_whole
    CHECK ((transaction_currency IS NULL) = (transaction_cost IS NULL));

-- What the lines of an entry come to in the currency of its paper, debit minus credit in minor
-- units; lines that only a rate made have none.
CREATE FUNCTION tieout.transaction_lines(entry_text text)
RETURNS TABLE (line_no integer, account text, transaction_minor numeric, dimensions jsonb)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT (line->>'line_no')::integer, line->>'account', (line->>'transaction_minor')::numeric,
         coalesce(line->'dimensions', '{}')
    FROM jsonb_array_elements(entry_text::jsonb->'lines') AS line
   WHERE line ? 'transaction_minor'
$$;

CREATE VIEW tieout.journal_line_transaction AS
SELECT entry_id, line.line_no, line.account, canonical::jsonb->'exchange'->>'currency' AS currency,
       line.transaction_minor
  FROM tieout.journal_entry, tieout.transaction_lines(canonical) AS line
 WHERE canonical LIKE '%"exchange":%';

-- The paper's amounts balance as well, have a currency that is not the books', and a reversal
-- mirrors them.
CREATE FUNCTION tieout.check_exchange() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  paper text := NEW.canonical::jsonb->'exchange'->>'currency';
  left_over numeric;
  lines bigint;
  original text;
  differs boolean;
BEGIN
  SELECT coalesce(sum(transaction_minor), 0), count(*) INTO left_over, lines
    FROM tieout.transaction_lines(NEW.canonical);
  IF left_over <> 0 OR (lines > 0 AND paper IS NULL) OR paper = NEW.currency
     OR paper !~ '^[A-Z]{3}$' THEN
    PERFORM tieout.fail('TO003', format(
      'Entry %s does not balance in the currency of its paper, %s: found %s minor units too much; '
      'expected zero, in another currency than %s.', NEW.idempotency_key,
      coalesce(paper, 'not named'), left_over, NEW.currency));
  END IF;
  SELECT canonical INTO original
    FROM tieout.journal_entry WHERE entry_id = NEW.reverses_entry_id;
  IF original IS NULL THEN
    RETURN NULL;
  END IF;
  WITH mirror AS (
    SELECT account, -transaction_minor AS minor, dimensions
      FROM tieout.transaction_lines(NEW.canonical)
  ), posted AS (
    SELECT account, transaction_minor AS minor, dimensions
      FROM tieout.transaction_lines(original)
  )
  SELECT EXISTS (SELECT * FROM mirror EXCEPT ALL SELECT * FROM posted)
      OR EXISTS (SELECT * FROM posted EXCEPT ALL SELECT * FROM mirror)
      OR original::jsonb->'exchange' IS DISTINCT FROM NEW.canonical::jsonb->'exchange'
    INTO differs;
  IF differs THEN
    PERFORM tieout.fail('TO002', format(
      'Reversal %s does not mirror what its original has in the currency of the paper: expected '
      'the same amounts with the sides swapped, and the same rates.', NEW.idempotency_key));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER exchange_of_entry AFTER INSERT ON tieout.journal_entry FOR EACH ROW
  WHEN (NEW.reverses_entry_id IS NOT NULL OR NEW.canonical LIKE '%"exchange":%'
        OR NEW.canonical LIKE '%"transaction_minor":%')
  EXECUTE FUNCTION tieout.check_exchange();
ALTER TABLE tieout.journal_entry ENABLE ALWAYS TRIGGER exchange_of_entry;

REVOKE ALL ON FUNCTION tieout.check_exchange(), tieout.transaction_lines(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.transaction_lines(text) TO t_worker, t_web, t_reader;
GRANT SELECT ON tieout.journal_line_transaction TO t_worker, t_web, t_reader;
GRANT INSERT (transaction_currency, transaction_cost) ON tieout.ledger_line TO t_worker;
