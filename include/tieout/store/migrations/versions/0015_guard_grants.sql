-- What was confirmed and seen stays; each login may do only its own part.

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['confirmation', 'confirmation_use', 'connection_seen'] LOOP
    EXECUTE format('CREATE TRIGGER no_delete BEFORE DELETE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON tieout.%I FOR EACH STATEMENT '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_update BEFORE UPDATE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_delete', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_truncate', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_update', name);
    EXECUTE format('REVOKE ALL ON tieout.%I FROM PUBLIC', name);
    EXECUTE format('GRANT SELECT ON tieout.%I TO t_worker, t_web, t_reader', name);
  END LOOP;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tieout FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  tieout.issue_confirmation(text, text, text, text, timestamptz),
  tieout.use_confirmation(text, text, text, text) TO t_web;
GRANT INSERT (provider, billing_account_id, fingerprint, place, period, seen_at)
  ON tieout.connection_seen TO t_worker;
