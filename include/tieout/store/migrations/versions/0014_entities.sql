-- Legal entities are approved data; an entry may say its fiscal period, whose year numbers it.

DO $$
DECLARE
  known text;
BEGIN
  SELECT pg_get_expr(conbin, conrelid) INTO known FROM pg_constraint
   WHERE conrelid = 'tieout.policy'::regclass AND conname = 'policy_kind_check';
  ALTER TABLE tieout.policy DROP CONSTRAINT policy_kind_check;
  EXECUTE format('ALTER TABLE tieout.policy ADD CONSTRAINT policy_kind_check CHECK (%s '
                 'OR kind = %L)', known, 'entities');
END $$;

-- The year whose series of numbers an entry is in: of its fiscal period (2027-01) where the fiscal
-- calendar is not the calendar year's, else of its posting date. A year of weeks begins or ends at
-- most a year away from the calendar year of a day in it.
CREATE FUNCTION tieout.fiscal_year_of(entry jsonb, posting date) RETURNS integer
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $$
DECLARE
  given text := entry->>'fiscal_period';
  calendar_year integer := extract(year FROM posting);
BEGIN
  IF given IS NULL THEN RETURN calendar_year; END IF;
  IF given !~ '^[0-9]{4}-(0[1-9]|1[0-2])$' OR abs(left(given, 4)::integer - calendar_year) > 1 THEN
    PERFORM tieout.fail('TO003', format(
      'An entry of %s has the fiscal period %L: expected a year and a number such as %s-01, at '
      'most a year away; correct the calendar of the close policy.', posting, given,
      calendar_year));
  END IF;
  RETURN left(given, 4)::integer;
END $$;
REVOKE ALL ON FUNCTION tieout.fiscal_year_of(jsonb, date) FROM PUBLIC;

-- Both ways of posting number by that year; nothing else of them changes.
DO $$
DECLARE
  posting_function regprocedure;
  before text;
  after text;
BEGIN
  FOREACH posting_function IN ARRAY ARRAY[
    'tieout.post_entry(text, bigint)'::regprocedure,
    'tieout.staged_entries(text[], jsonb[])'::regprocedure]
  LOOP
    before := pg_get_functiondef(posting_function);
    after := replace(before, 'extract(year FROM posting)', 'tieout.fiscal_year_of(entry, posting)');
    IF after = before THEN
      RAISE 'Expected % to number entries by extract(year FROM posting): give it '
            'tieout.fiscal_year_of(entry, posting).', posting_function;
    END IF;
    EXECUTE after;
  END LOOP;
END $$;
