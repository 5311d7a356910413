-- Facts stay, and every login may do only its own part.

DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'tieout'
               AND tablename NOT IN ('alembic_version') LOOP
    EXECUTE format('CREATE TRIGGER no_delete BEFORE DELETE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON tieout.%I FOR EACH STATEMENT '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_delete', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_truncate', name);
    CONTINUE WHEN name IN ('head', 'period', 'journal_counter');
    EXECUTE format('CREATE TRIGGER no_update BEFORE UPDATE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_update', name);
  END LOOP;
END $$;

-- The checks that add up hold for a session that switches ordinary triggers off, too.
ALTER TABLE tieout.journal_entry ENABLE ALWAYS TRIGGER balance_at_commit;
ALTER TABLE tieout.journal_line ENABLE ALWAYS TRIGGER balance_of_lines;
ALTER TABLE tieout.allocation_pool ENABLE ALWAYS TRIGGER pool_at_commit;
ALTER TABLE tieout.allocation_share ENABLE ALWAYS TRIGGER pool_of_shares;
ALTER TABLE tieout.reconciliation_bridge ENABLE ALWAYS TRIGGER bridge_at_commit;
ALTER TABLE tieout.reconciliation_line ENABLE ALWAYS TRIGGER bridge_of_lines;
ALTER TABLE tieout.publication ENABLE ALWAYS TRIGGER lines_at_commit;
ALTER TABLE tieout.ledger_line ENABLE ALWAYS TRIGGER publication_of_lines;

ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE ALL ON SCHEMA tieout FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA tieout FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tieout FROM PUBLIC;

GRANT USAGE ON SCHEMA tieout TO t_worker, t_web, t_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA tieout TO t_worker, t_web, t_reader;
GRANT EXECUTE ON FUNCTION tieout.current_actor(), tieout.utc_text(timestamptz)
  TO t_worker, t_web;
GRANT EXECUTE ON FUNCTION tieout.ledger_as_of(bigint) TO t_worker, t_web, t_reader;

-- A worker adds facts, but never says itself when and by whom they were recorded.
DO $$
DECLARE
  fact text;
  columns text;
BEGIN
  FOREACH fact IN ARRAY ARRAY['document', 'snapshot', 'charge_file', 'coverage', 'run', 'finding',
      'policy', 'allocation', 'allocation_pool', 'allocation_share', 'reconciliation_bridge',
      'reconciliation_line', 'ledger_line'] LOOP
    SELECT string_agg(quote_ident(column_name), ', ') INTO columns
      FROM information_schema.columns
     WHERE table_schema = 'tieout' AND table_name = fact AND is_identity = 'NO'
       AND column_name NOT IN ('recorded_at', 'recorded_by', 'proposed_at', 'proposed_by', 'login');
    EXECUTE format('GRANT INSERT (%s) ON tieout.%I TO t_worker', columns, fact);
    IF fact = 'policy' THEN
      EXECUTE format('GRANT INSERT (%s) ON tieout.policy TO t_web', columns);
    END IF;
  END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION tieout.open_period(text), tieout.post_entry(text, bigint),
  tieout.request_close(text, text, jsonb),
  tieout.publish_period(text, bigint, text, integer, numeric, jsonb, jsonb),
  tieout.append_event(text) TO t_worker;

-- Decisions belong to the pages, where a person has signed in; no worker can make one.
GRANT EXECUTE ON FUNCTION tieout.approve_policy(text, integer),
  tieout.record_signoff(text, text, text, text), tieout.close_period(text, text),
  tieout.return_to_open(text, text), tieout.append_event(text) TO t_web;
