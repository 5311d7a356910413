-- Checkpoints: what the audit log came to at a size. The copies that count are outside, see anchors.

CREATE TABLE tieout.checkpoint (
  size bigint PRIMARY KEY CHECK (size >= 0),
  body text NOT NULL CHECK (split_part(body, E'\n', 2) = size::text),
  anchors jsonb NOT NULL CHECK (jsonb_typeof(anchors) = 'array'),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user
);

-- A signature may come later than its checkpoint: workers, who publish, need not hold the key.
CREATE TABLE tieout.checkpoint_signature (
  size bigint NOT NULL REFERENCES tieout.checkpoint,
  verifier_key text NOT NULL CHECK (verifier_key ~ '^[^+[:space:]]+\+[0-9a-f]{8}\+\S+$'),
  line text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  PRIMARY KEY (size, verifier_key)
);

-- Appends many events in their order: one lock, one walk of the chain, one change of the head.
CREATE FUNCTION tieout.append_events(event_texts text[], OUT first_seq bigint, OUT last_seq bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  last_link tieout.head;
  acting text := tieout.current_actor();
  at_now text := tieout.utc_text(now());
  event_text text;
  link bytea;
  links bytea[] := '{}';
  walked integer := 0;
  lie text;
BEGIN
  SELECT format('%s, %s, %s', event.actor, event.login, event.at) INTO lie
    FROM unnest(event_texts) AS given,
         json_to_record(given::json) AS event (schema text, actor text, login text, at text,
                                               action text, subject text)
   WHERE event.schema IS DISTINCT FROM 'tieout.audit/1' OR event.actor IS DISTINCT FROM acting
      OR event.login IS DISTINCT FROM session_user::text OR event.at IS DISTINCT FROM at_now
      OR coalesce(event.action, '') = '' OR coalesce(event.subject, '') = ''
   LIMIT 1;
  IF lie IS NOT NULL THEN
    PERFORM tieout.fail('TO002', format(
      'The audit event names %s: expected actor %s, login %s and time %s of this transaction, an '
      'action and a subject.', lie, acting, session_user, at_now));
  END IF;
  SELECT * INTO last_link FROM tieout.head FOR UPDATE;
  link := last_link.event_hash;
  FOREACH event_text IN ARRAY event_texts LOOP
    link := sha256(link || sha256('\x00'::bytea || convert_to(event_text, 'UTF8')));
    walked := walked + 1;
    links[walked] := link;
  END LOOP;
  INSERT INTO tieout.audit_event (seq, prev_hash, hash, canonical, actor, action, subject)
  SELECT last_link.event_seq + place,
         lag(chained, 1, last_link.event_hash) OVER (ORDER BY place), chained, given,
         acting, event.action, event.subject
    FROM unnest(event_texts, links) WITH ORDINALITY AS linked (given, chained, place),
         json_to_record(given::json) AS event (action text, subject text)
   ORDER BY place;
  first_seq := last_link.event_seq + 1;
  last_seq := last_link.event_seq + cardinality(event_texts);
  UPDATE tieout.head SET event_seq = last_seq, event_hash = link;
END $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['checkpoint', 'checkpoint_signature'] LOOP
    EXECUTE format('CREATE TRIGGER no_delete BEFORE DELETE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON tieout.%I FOR EACH STATEMENT '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('CREATE TRIGGER no_update BEFORE UPDATE ON tieout.%I FOR EACH ROW '
                   'EXECUTE FUNCTION tieout.refuse_change()', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_delete', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_truncate', name);
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ALWAYS TRIGGER no_update', name);
  END LOOP;
END $$;

REVOKE ALL ON tieout.checkpoint, tieout.checkpoint_signature FROM PUBLIC;
GRANT SELECT ON tieout.checkpoint, tieout.checkpoint_signature TO t_worker, t_web, t_reader;
GRANT INSERT (size, body, anchors) ON tieout.checkpoint TO t_worker, t_web;
GRANT INSERT (size, verifier_key, line) ON tieout.checkpoint_signature TO t_worker, t_web;
REVOKE EXECUTE ON FUNCTION tieout.append_events(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.append_events(text[]) TO t_worker, t_web;
