-- The audit log: canonical texts in a hash chain. The database checks what a text says of itself.

CREATE TABLE tieout.audit_event (
  seq bigint PRIMARY KEY,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL UNIQUE,
  canonical text NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  login text NOT NULL DEFAULT session_user,
  recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_event_of_subject ON tieout.audit_event (subject, seq);

CREATE FUNCTION tieout.append_event(event_text text) RETURNS tieout.audit_event
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  event json := event_text::json;
  last_link tieout.head;
  link bytea;
  appended tieout.audit_event;
BEGIN
  IF event->>'schema' IS DISTINCT FROM 'tieout.audit/1'
     OR event->>'actor' IS DISTINCT FROM tieout.current_actor()
     OR event->>'login' IS DISTINCT FROM session_user::text
     OR event->>'at' IS DISTINCT FROM tieout.utc_text(now())
     OR coalesce(event->>'action', '') = '' OR coalesce(event->>'subject', '') = '' THEN
    PERFORM tieout.fail('TO002', format(
      'The audit event names %s, %s, %s: expected actor %s, login %s and time %s of this '
      'transaction, an action and a subject.', event->>'actor', event->>'login', event->>'at',
      tieout.current_actor(), session_user, tieout.utc_text(now())));
  END IF;
  SELECT * INTO last_link FROM tieout.head FOR UPDATE;
  link := sha256(last_link.event_hash || sha256('\x00'::bytea || convert_to(event_text, 'UTF8')));
  INSERT INTO tieout.audit_event (seq, prev_hash, hash, canonical, actor, action, subject)
  VALUES (last_link.event_seq + 1, last_link.event_hash, link, event_text, event->>'actor',
          event->>'action', event->>'subject')
  RETURNING * INTO appended;
  UPDATE tieout.head SET event_seq = appended.seq, event_hash = appended.hash;
  RETURN appended;
END $$;
