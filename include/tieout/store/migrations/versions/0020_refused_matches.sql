-- A suggested match may be refused: with a reason, once, and it is not asked about again. The rows
-- stay open; the refusal is a record of its own, as every decision about a match is.

ALTER TABLE tieout.match_decision DROP CONSTRAINT match_decision_kind_check;
ALTER TABLE tieout.match_decision ADD CONSTRAINT match_decision_kind_check
  CHECK (kind IN ('confirm', 'reject', 'match', 'unmatch'));
ALTER TABLE tieout.match_record DROP CONSTRAINT match_record_decision_check;
ALTER TABLE tieout.match_record ADD CONSTRAINT match_record_decision_check
  CHECK (decision IN ('confirmed', 'suggested', 'rejected', 'unmatched'));

-- Remembers what a preparer decided; the next matching applies it. The same word twice is one. What
-- was refused is not confirmed, nor the other way: who thinks again matches its rows by hand.
CREATE OR REPLACE FUNCTION tieout.decide_match(month text, seller text, account text, part text,
  what text, of_match text, earlier text[], later text[], why text) RETURNS bigint
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
  IF what IN ('confirm', 'reject') THEN
    IF NOT EXISTS (
         SELECT FROM tieout.match_record
          WHERE run_id = newest AND (provider, billing_account_id, section)
              = (seller, account, part)
            AND match_id = of_match AND decision = 'suggested') THEN
      PERFORM tieout.fail('TO008', format(
        'No match %s is suggested for %s/%s in %s: look at `tieout matches %s --suggested`.',
        left(of_match, 12), seller, account, month, month));
    END IF;
    SELECT * INTO before FROM tieout.match_decision
     WHERE period = month AND (provider, billing_account_id, section) = (seller, account, part)
       AND match_id = of_match AND kind IN ('confirm', 'reject') AND 'reject' IN (kind, what)
     LIMIT 1;
    IF FOUND THEN
      PERFORM tieout.fail('TO005', format(
        'Match %s waits no longer, %s decided to %s it: match its rows by hand, or take the match '
        'apart.', left(of_match, 12), before.decided_by, before.kind));
    END IF;
  END IF;
  INSERT INTO tieout.match_decision (period, provider, billing_account_id, section, kind, match_id,
                                     earlier_ids, later_ids, reason, decided_by)
  VALUES (month, seller, account, part, what, of_match, earlier, later, why, deciding)
  RETURNING decision_id INTO decided;
  RETURN decided;
END $$;
