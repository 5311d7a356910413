-- Sums of published lines by what pages group them by, made by the insert of the lines itself: nobody
-- may write them, and a page of a million lines reads some thousand rows.

CREATE TABLE tieout.ledger_sum (
  publication_id bigint NOT NULL REFERENCES tieout.publication,
  names text NOT NULL,
  key text[] NOT NULL,
  amount numeric(28,12) NOT NULL,
  line_count bigint NOT NULL CHECK (line_count > 0)
);
CREATE INDEX ledger_sum_by_names ON tieout.ledger_sum (publication_id, names);
COMMENT ON TABLE tieout.ledger_sum IS
  'Billed cost and number of a publication''s lines with the same values (key) of columns (names).';

-- Which columns together. Each column alone; the two that decide an account, beside what is looked
-- at most; what initiatives cost by part; and two wide ones for conditions.
CREATE FUNCTION tieout.ledger_sum_names() RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT unnest(ARRAY['provider', 'billing_account_id', 'sub_account_id', 'sub_account_name',
    'service_name', 'service_category', 'charge_category', 'invoice_id', 'pool_id'])
  UNION ALL
  SELECT one || rule FROM unnest(ARRAY['initiative', 'cost_center', 'pl_category', 'product_line',
    'environment', 'project']) AS one, unnest(ARRAY['', '_rule']) AS rule
  UNION ALL SELECT unnest(ARRAY['provider,pl_category', 'initiative,charge_category',
    'initiative,cost_center', 'initiative,environment', 'cost_center,environment'])
  UNION ALL
  SELECT 'provider,pl_category,' || one FROM unnest(ARRAY['charge_category', 'service_category',
    'environment', 'product_line', 'pool_id', 'billing_account_id', 'cost_center', 'service_name',
    'initiative']) AS one
  UNION ALL SELECT 'initiative,charge_category,service_category,pool_id'
  UNION ALL SELECT 'provider,pl_category,environment,service_name'
  UNION ALL SELECT 'provider,initiative,cost_center,pl_category,product_line,environment'
$$;

-- Sums of one publication, and by each dimension of its own that its lines have.
CREATE FUNCTION tieout.sum_publication(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  names text;
  columns text;
BEGIN
  FOR names, columns IN
    SELECT one, (SELECT string_agg(quote_ident(name), ', ' ORDER BY place)
                   FROM unnest(string_to_array(one, ',')) WITH ORDINALITY AS part(name, place))
      FROM tieout.ledger_sum_names() AS one
    UNION ALL
    SELECT one, format('own_dimensions::jsonb ->> %L', one)
      FROM (SELECT DISTINCT jsonb_object_keys(own_dimensions::jsonb) AS one
              FROM tieout.ledger_line
             WHERE publication_id = id AND own_dimensions IS NOT NULL) AS own
     WHERE one NOT IN (SELECT tieout.ledger_sum_names())
  LOOP
    EXECUTE format(
      'INSERT INTO tieout.ledger_sum (publication_id, names, key, amount, line_count) '
      'SELECT $1, %L, ARRAY[%s], sum(billed_cost), count(*) FROM tieout.ledger_line '
      'WHERE publication_id = $1 GROUP BY %s', names, columns, columns) USING id;
  END LOOP;
END $$;

-- The lines of a publication come in one statement: check_publication refuses any other.
CREATE FUNCTION tieout.sum_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.sum_publication(touched.publication_id)
     FROM (SELECT DISTINCT publication_id FROM added) AS touched;
  RETURN NULL;
END $$;
CREATE TRIGGER sums_of_lines AFTER INSERT ON tieout.ledger_line
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tieout.sum_lines();
ALTER TABLE tieout.ledger_line ENABLE ALWAYS TRIGGER sums_of_lines;

SELECT tieout.sum_publication(publication_id) FROM tieout.publication ORDER BY publication_id;

DO $$
DECLARE
  act text;
BEGIN
  FOREACH act IN ARRAY ARRAY['update', 'delete', 'truncate'] LOOP
    EXECUTE format(
      'CREATE TRIGGER %I BEFORE %s ON tieout.ledger_sum FOR EACH %s '
      'EXECUTE FUNCTION tieout.refuse_change()',
      'no_' || act, act, CASE act WHEN 'truncate' THEN 'STATEMENT' ELSE 'ROW' END);
    EXECUTE format('ALTER TABLE tieout.ledger_sum ENABLE ALWAYS TRIGGER %I', 'no_' || act);
  END LOOP;
END $$;
REVOKE ALL ON tieout.ledger_sum FROM PUBLIC;
GRANT SELECT ON tieout.ledger_sum TO t_worker, t_web, t_reader;
REVOKE ALL ON FUNCTION tieout.ledger_sum_names(), tieout.sum_publication(bigint),
  tieout.sum_lines() FROM PUBLIC;

-- Which entries cite a document.
CREATE INDEX journal_entry_citing ON tieout.journal_entry USING gin (source_refs);
