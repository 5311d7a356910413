-- Faster posting of many entries: the same rules and the same rows, in fewer passes over a batch.

-- Lines name an entry that is there: the check below asks for it once an entry, not once a line as a
-- foreign key does, and holds for a session that switches ordinary triggers off, too.
ALTER TABLE tieout.journal_line DROP CONSTRAINT journal_line_entry_id_fkey;

-- All lines of an entry arrive in one statement, as before. A key is looked up in its index even
-- where the journal was empty when the plan was made: the journal grows within one session.
CREATE OR REPLACE FUNCTION tieout.check_entry_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET enable_seqscan = off AS $$
DECLARE
  wrong bigint;
BEGIN
  SELECT sums.entry_id INTO wrong
    FROM (SELECT entry_id, count(*) AS found_lines, max(line_no) AS last_line,
                 sum(debit_minor) AS debits, sum(credit_minor) AS credits
            FROM added GROUP BY entry_id) AS sums
    LEFT JOIN LATERAL (SELECT line_count FROM tieout.journal_entry AS entry
                        WHERE entry.entry_id = sums.entry_id LIMIT 1) AS entry ON true
   WHERE line_count IS NULL OR found_lines <> line_count OR last_line <> line_count
      OR debits <> credits
   ORDER BY sums.entry_id LIMIT 1;
  IF wrong IS NOT NULL THEN
    PERFORM tieout.check_entry(wrong)
      FROM tieout.journal_entry AS entry WHERE entry.entry_id = wrong;
    PERFORM tieout.fail('TO003', format(
      'Lines of entry %s came without it: expected the entry first, then all of its lines in one '
      'statement.', wrong));
  END IF;
  RETURN NULL;
END $$;

ALTER FUNCTION tieout.check_entry_header() SET enable_seqscan = off;

DROP FUNCTION tieout.insert_entries(tieout.staged_entry[], text[], jsonb[], bigint);

-- Numbers and writes these entries, which are not in the journal and stand in their order: the nth
-- of `texts` and of `contents` belongs to the nth of `fresh`.
CREATE FUNCTION tieout.insert_entries(fresh tieout.staged_entry[], texts text[], contents jsonb[],
  of_run bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  before bigint;
  numbers integer[];
  entry_ids bigint[];
BEGIN
  PERFORM tieout.require_postable(wanted.period, wanted.journal_type)
     FROM (SELECT DISTINCT period, journal_type FROM unnest(fresh) ORDER BY 1, 2) AS wanted;
  INSERT INTO tieout.journal_counter AS counter
  SELECT fiscal_year, journal_type, count(*) FROM unnest(fresh) GROUP BY 1, 2
  ON CONFLICT (fiscal_year, journal_type)
    DO UPDATE SET last_number = counter.last_number + EXCLUDED.last_number;
  UPDATE tieout.head SET ledger_seq = ledger_seq + cardinality(fresh)
  RETURNING ledger_seq - cardinality(fresh) INTO before;
  SELECT array_agg(next_number ORDER BY place) INTO numbers
    FROM (SELECT place, last_number + 1 - row_number() OVER (
                   PARTITION BY fiscal_year, journal_type ORDER BY place DESC) AS next_number
            FROM unnest(fresh) JOIN tieout.journal_counter USING (fiscal_year, journal_type)
         ) AS numbered;
  WITH made AS (
    INSERT INTO tieout.journal_entry (
      ledger_seq, journal_type, fiscal_year, number, document_no, period, posting_on, document_on,
      service_period, currency, description, provider, billing_account_id, source_refs,
      reverses_entry_id, idempotency_key, adjustment_kind, rule_version, run_id, line_count,
      canonical, content_hash)
    SELECT
      before + nth, journal_type, fiscal_year, next_number,
      format('%s-%s-%s', fiscal_year, journal_type,
             lpad(next_number::text, greatest(6, length(next_number::text)), '0')),
      period, posting, coalesce((entry->>'document_on')::date, posting),
      coalesce(entry->>'service_period', period), entry->>'currency', entry->>'description',
      entry->>'provider', entry->>'billing_account_id',
      ARRAY(SELECT jsonb_array_elements_text(coalesce(entry->'source_refs', '[]'))),
      CASE WHEN entry->>'reverses' IS NOT NULL THEN tieout.require_reversible(entry) END,
      idempotency_key, coalesce(entry->>'adjustment_kind', 'none'), entry->>'rule_version',
      of_run, jsonb_array_length(entry->'lines'), entry_text, content_hash
      FROM ROWS FROM (unnest(fresh), unnest(numbers), unnest(texts), unnest(contents))
           WITH ORDINALITY AS given (place, idempotency_key, journal_type, fiscal_year, period,
                                     content_hash, next_number, entry_text, entry, nth),
           CAST(entry->>'posting_on' AS date) AS posting
    RETURNING ledger_seq, entry_id
  )
  SELECT array_agg(entry_id ORDER BY ledger_seq) INTO entry_ids FROM made;
  INSERT INTO tieout.journal_line
  SELECT entry_id, line.line_no, line.account, line.debit_minor, line.credit_minor,
         coalesce(line.memo, ''), coalesce(line.dimensions, '{}'), line.source_line_ref
    FROM unnest(entry_ids, contents) AS given(entry_id, entry),
         jsonb_to_recordset(entry->'lines') AS line(
           line_no integer, account text, debit_minor bigint, credit_minor bigint, memo text,
           dimensions jsonb, source_line_ref text);
END $$;

CREATE OR REPLACE FUNCTION tieout.post_entries(batch text, of_run bigint) RETURNS TABLE (
  posted_id bigint, posted_no text, posted_seq bigint, posted_hash text, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET work_mem = '64MB'
SET enable_seqscan = off AS $$
DECLARE
  texts text[] := string_to_array(batch, E'\n');
  contents jsonb[] := texts::jsonb[];
  staged tieout.staged_entry[] := tieout.staged_entries(texts, contents);
  fresh tieout.staged_entry[];
  other record;
BEGIN
  PERFORM tieout.lock_ledger();
  fresh := tieout.unposted(staged);
  IF cardinality(fresh) < cardinality(staged) THEN
    SELECT array_agg(entry_text ORDER BY place), array_agg(entry ORDER BY place)
      INTO texts, contents
      FROM unnest(fresh) JOIN unnest(texts, contents)
           WITH ORDINALITY AS given(entry_text, entry, place) USING (place);
  END IF;
  IF fresh IS NOT NULL THEN
    PERFORM tieout.insert_entries(fresh, texts, contents, of_run);
  END IF;
  SELECT given.idempotency_key AS key, posted.document_no, given.content_hash AS given_hash,
         posted.content_hash INTO other
    FROM unnest(staged) AS given
   CROSS JOIN LATERAL (SELECT document_no, content_hash FROM tieout.journal_entry AS journal
                        WHERE journal.idempotency_key = given.idempotency_key LIMIT 1) AS posted
   WHERE given.content_hash <> posted.content_hash ORDER BY given.place LIMIT 1;
  IF FOUND THEN
    PERFORM tieout.fail('TO002', format(
      'Entry %s was posted as %s with other content: expected the same entry, found hash %s '
      'instead of %s; reverse the posted one and give the new one its own key.', other.key,
      other.document_no, left(other.given_hash, 12), left(other.content_hash, 12)));
  END IF;
  RETURN QUERY
  SELECT posted.entry_id, posted.document_no, posted.ledger_seq, posted.content_hash,
         made.place IS NOT NULL
    FROM unnest(staged) AS given
   CROSS JOIN LATERAL (SELECT entry_id, document_no, ledger_seq, content_hash
                         FROM tieout.journal_entry AS journal
                        WHERE journal.idempotency_key = given.idempotency_key LIMIT 1) AS posted
    LEFT JOIN unnest(fresh) AS made ON made.place = given.place
   ORDER BY given.place;
END $$;

REVOKE ALL ON FUNCTION
  tieout.insert_entries(tieout.staged_entry[], text[], jsonb[], bigint) FROM PUBLIC;
