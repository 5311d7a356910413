-- Posting many entries at once: the rules and the rows of post_entry, a set at a time.

-- One entry of a batch, but for its text: what its number and its place in the journal hang on.
CREATE TYPE tieout.staged_entry AS (
  place bigint,
  idempotency_key text,
  journal_type text,
  fiscal_year integer,
  period text,
  content_hash text
);

-- All lines of an entry arrive in one statement: (entry, number) is unique, so a later statement
-- cannot add as many lines as the entry has and number them from 1 again. What is added is proven
-- as one set, and check_entry says what is wrong with the first entry that is not in order.
CREATE OR REPLACE FUNCTION tieout.check_entry_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  wrong bigint;
BEGIN
  SELECT sums.entry_id INTO wrong
    FROM (SELECT entry_id, count(*) AS found_lines, max(line_no) AS last_line,
                 sum(debit_minor) AS debits, sum(credit_minor) AS credits
            FROM added GROUP BY entry_id) AS sums
    LEFT JOIN tieout.journal_entry AS entry USING (entry_id)
   WHERE entry.entry_id IS NULL OR found_lines <> line_count OR last_line <> line_count
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

-- At commit only an entry without any line can still be wrong: lines were proven as they came.
CREATE OR REPLACE FUNCTION tieout.check_entry_header() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM tieout.journal_line WHERE entry_id = NEW.entry_id) THEN
    PERFORM tieout.check_entry(NEW.entry_id);
  END IF;
  RETURN NULL;
END $$;

-- Reads a batch. The hash is of the text itself, everything else is what the text says.
CREATE FUNCTION tieout.staged_entries(texts text[], contents jsonb[])
RETURNS tieout.staged_entry[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT array_agg(ROW(
           place, entry->>'idempotency_key', entry->>'journal_type', extract(year FROM posting),
           to_char(posting, 'YYYY-MM'), encode(sha256(convert_to(entry_text, 'UTF8')), 'hex')
         )::tieout.staged_entry)
    FROM unnest(texts, contents) WITH ORDINALITY AS given(entry_text, entry, place),
         CAST(entry->>'posting_on' AS date) AS posting
$$;

-- The staged entries that are not in the journal, each once and in their order. LIMIT 1 in a
-- lateral query asks the index for each key; a join would read the whole journal for each batch.
CREATE FUNCTION tieout.unposted(staged tieout.staged_entry[]) RETURNS tieout.staged_entry[]
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT array_agg(first_one ORDER BY (first_one).place)
    FROM (SELECT DISTINCT ON (one.idempotency_key) one AS first_one
            FROM unnest(staged) AS one LEFT JOIN LATERAL (
                   SELECT entry_id FROM tieout.journal_entry AS posted
                    WHERE posted.idempotency_key = one.idempotency_key LIMIT 1) AS posted ON true
           WHERE posted.entry_id IS NULL
           ORDER BY one.idempotency_key, one.place) AS wanted
$$;

-- Numbers and writes these entries, which are not in the journal and stand in their order.
CREATE FUNCTION tieout.insert_entries(fresh tieout.staged_entry[], texts text[], contents jsonb[],
  of_run bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  before bigint;
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
  WITH numbered AS (
    SELECT one.*, before + row_number() OVER (ORDER BY place) AS seq,
           (counter.last_number + 1 - row_number() OVER (
             PARTITION BY fiscal_year, journal_type ORDER BY place DESC))::integer AS next_number
      FROM unnest(fresh) AS one JOIN tieout.journal_counter AS counter
     USING (fiscal_year, journal_type)
  ), made AS (
    INSERT INTO tieout.journal_entry (
      ledger_seq, journal_type, fiscal_year, number, document_no, period, posting_on, document_on,
      service_period, currency, description, provider, billing_account_id, source_refs,
      reverses_entry_id, idempotency_key, adjustment_kind, rule_version, run_id, line_count,
      canonical, content_hash)
    SELECT
      seq, journal_type, fiscal_year, next_number,
      format('%s-%s-%s', fiscal_year, journal_type,
             lpad(next_number::text, greatest(6, length(next_number::text)), '0')),
      period, posting, coalesce((entry->>'document_on')::date, posting),
      coalesce(entry->>'service_period', period), entry->>'currency', entry->>'description',
      entry->>'provider', entry->>'billing_account_id',
      ARRAY(SELECT jsonb_array_elements_text(coalesce(entry->'source_refs', '[]'))),
      CASE WHEN entry->>'reverses' IS NOT NULL THEN tieout.require_reversible(entry) END,
      idempotency_key, coalesce(entry->>'adjustment_kind', 'none'), entry->>'rule_version',
      of_run, jsonb_array_length(entry->'lines'), entry_text, content_hash
      FROM numbered
      JOIN unnest(texts, contents) WITH ORDINALITY AS given(entry_text, entry, place)
     USING (place), CAST(entry->>'posting_on' AS date) AS posting
     ORDER BY seq
    RETURNING ledger_seq, entry_id
  )
  SELECT array_agg(entry_id ORDER BY ledger_seq) INTO entry_ids FROM made;
  INSERT INTO tieout.journal_line
  SELECT posted.entry_id, line.line_no, line.account, line.debit_minor, line.credit_minor,
         coalesce(line.memo, ''), coalesce(line.dimensions, '{}'), line.source_line_ref
    FROM unnest(entry_ids) WITH ORDINALITY AS posted(entry_id, nth)
    JOIN (SELECT place, row_number() OVER (ORDER BY place) AS nth
            FROM unnest(fresh)) AS one USING (nth)
    JOIN unnest(contents) WITH ORDINALITY AS given(entry, place) USING (place),
         jsonb_to_recordset(entry->'lines') AS line(
           line_no integer, account text, debit_minor bigint, credit_minor bigint, memo text,
           dimensions jsonb, source_line_ref text);
END $$;

-- Posts a batch in its order and says where each entry stands: one canonical text a line of
-- `batch`. The same key with the same text gives the entry that is there; with another text it is
-- refused. A reversal and what it reverses do not come in one batch: the original is posted first.
CREATE FUNCTION tieout.post_entries(batch text, of_run bigint) RETURNS TABLE (
  posted_id bigint, posted_no text, posted_seq bigint, posted_hash text, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET work_mem = '64MB' AS $$
DECLARE
  texts text[] := string_to_array(batch, E'\n');
  contents jsonb[] := texts::jsonb[];
  staged tieout.staged_entry[] := tieout.staged_entries(texts, contents);
  fresh tieout.staged_entry[];
  one record;
BEGIN
  PERFORM tieout.lock_ledger();
  fresh := tieout.unposted(staged);
  IF fresh IS NOT NULL THEN
    PERFORM tieout.insert_entries(fresh, texts, contents, of_run);
  END IF;
  FOR one IN
    SELECT given.idempotency_key AS key, given.content_hash AS given_hash, posted.entry_id,
           posted.document_no, posted.ledger_seq, posted.content_hash, made.place IS NOT NULL AS made
      FROM unnest(staged) AS given
     CROSS JOIN LATERAL (SELECT * FROM tieout.journal_entry AS journal
                          WHERE journal.idempotency_key = given.idempotency_key LIMIT 1) AS posted
      LEFT JOIN unnest(fresh) AS made ON made.place = given.place
     ORDER BY given.place
  LOOP
    IF one.given_hash <> one.content_hash THEN
      PERFORM tieout.fail('TO002', format(
        'Entry %s was posted as %s with other content: expected the same entry, found hash %s '
        'instead of %s; reverse the posted one and give the new one its own key.', one.key,
        one.document_no, left(one.given_hash, 12), left(one.content_hash, 12)));
    END IF;
    posted_id := one.entry_id;
    posted_no := one.document_no;
    posted_seq := one.ledger_seq;
    posted_hash := one.content_hash;
    is_new := one.made;
    RETURN NEXT;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION tieout.post_entries(text, bigint),
  tieout.staged_entries(text[], jsonb[]), tieout.unposted(tieout.staged_entry[]),
  tieout.insert_entries(tieout.staged_entry[], text[], jsonb[], bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.post_entries(text, bigint) TO t_worker;
