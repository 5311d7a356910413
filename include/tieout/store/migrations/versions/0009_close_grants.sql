-- Facts stay, workers propose, people decide: for everything that 0009 adds.

-- A signature counts only while the acceptances that the checklist went by do.
CREATE OR REPLACE FUNCTION tieout.require_signable(month text, content text)
RETURNS tieout.close_request
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  newest tieout.close_request := tieout.newest_request(month);
  failed text;
BEGIN
  IF newest.close_request_id IS NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Nobody has asked to close %s: run the close step first.', month));
  ELSIF newest.content_hash <> content THEN
    PERFORM tieout.fail('TO005', format(
      'The content of %s has changed: expected a signature for %s, found %s; read it again.',
      month, left(newest.content_hash, 12), left(content, 12)));
  ELSIF tieout.last_entry_seq(month) > newest.ledger_seq THEN
    PERFORM tieout.fail('TO005', format(
      'Entries were posted to %s after the close was asked for: run the close step again.',
      month));
  END IF;
  SELECT string_agg(result->>'check_id', ', ') INTO failed
    FROM jsonb_array_elements(newest.checks) AS result
   WHERE (result->>'blocking')::boolean AND NOT (result->>'passed')::boolean;
  IF failed IS NOT NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Blocking checks of %s have failed: %s; resolve them and run the close step again.',
      month, failed));
  END IF;
  SELECT string_agg(kind || ' ' || subject, ', ' ORDER BY exception_id) INTO failed
    FROM tieout.v_exception
   WHERE period = month AND severity = 'blocking' AND state <> 'resolved' AND NOT accepted;
  IF failed IS NOT NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Blocking exceptions of %s are open, or are accepted no longer: %s; settle them and run the '
      'close step again.', month, left(failed, 300)));
  END IF;
  RETURN newest;
END $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['period_close', 'reopening', 'reopening_approval', 'period_flag',
      'signoff_void', 'exception', 'exception_seen', 'exception_event', 'close_review',
      'airflow_event'] LOOP
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
REVOKE ALL ON tieout.v_exception, tieout.v_signoff FROM PUBLIC;
GRANT SELECT ON tieout.v_exception, tieout.v_signoff TO t_worker, t_web, t_reader;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tieout FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.note_exceptions(text, jsonb) TO t_worker;
GRANT EXECUTE ON FUNCTION tieout.request_reopening(text, text, text, text[], timestamptz),
  tieout.approve_reopening(bigint), tieout.lock_period_for_good(text, text),
  tieout.assign_exception(text, text, date, text), tieout.explain_exception(text, text),
  tieout.accept_exception(text, date, text), tieout.resolve_exception(text, text, text),
  tieout.record_review(text, text, text, text, text),
  tieout.mirror_airflow_events(jsonb, bigint) TO t_web;
