-- The exceptions queue: what was found wrong keeps its identity and its age, whatever run finds it.

-- One problem of a month: its id is made of kind, subject and what is wrong, not of run or amount.
CREATE TABLE tieout.exception (
  exception_id text PRIMARY KEY CHECK (exception_id ~ '^[0-9a-f]{64}$'),
  period text NOT NULL REFERENCES tieout.period,
  type text NOT NULL CHECK (type <> ''),
  kind text NOT NULL CHECK (kind <> ''),
  subject text NOT NULL,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user
);
CREATE INDEX exception_of_period ON tieout.exception (period, exception_id);

-- What it looked like when it last changed; the newest row is at stake.
CREATE TABLE tieout.exception_seen (
  seen_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  exception_id text NOT NULL REFERENCES tieout.exception,
  severity text NOT NULL CHECK (severity IN ('info', 'warning', 'blocking')),
  message text NOT NULL,
  amount numeric(28,12) NOT NULL,
  currency text NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user
);
CREATE INDEX exception_seen_newest ON tieout.exception_seen (exception_id, seen_id DESC);

-- Every change of state is a row; the newest one is the state.
CREATE TABLE tieout.exception_event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  exception_id text NOT NULL REFERENCES tieout.exception,
  state text NOT NULL CHECK (state IN ('open', 'assigned', 'explained', 'accepted', 'resolved')),
  remark text NOT NULL CHECK (btrim(remark) <> '' AND length(remark) <= 2000),
  owner text,
  due_on date,
  expires_on date,
  accepted_amount numeric(28,12),
  entry_no text REFERENCES tieout.journal_entry (document_no),
  actor text NOT NULL DEFAULT tieout.current_actor(),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user,
  CHECK ((state = 'accepted') = (expires_on IS NOT NULL AND accepted_amount IS NOT NULL)),
  CHECK ((state = 'assigned') = (owner IS NOT NULL))
);
CREATE INDEX exception_event_newest ON tieout.exception_event (exception_id, event_id DESC);

-- Each exception as it is now. An acceptance holds to the end of its last day, for no more money
-- than was accepted.
CREATE VIEW tieout.v_exception AS
  SELECT exception.exception_id, period, type, kind, subject, first_seen_at,
         seen.severity, seen.message, seen.amount, seen.currency,
         latest.state, latest.remark, latest.actor, latest.recorded_at AS changed_at,
         assigned.owner, assigned.due_on, latest.expires_on, latest.entry_no,
         latest.state = 'accepted' AND latest.expires_on >= current_date
           AND abs(seen.amount) <= latest.accepted_amount AS accepted
    FROM tieout.exception
    JOIN LATERAL (SELECT * FROM tieout.exception_seen AS one
                   WHERE one.exception_id = exception.exception_id
                   ORDER BY seen_id DESC LIMIT 1) AS seen ON true
    JOIN LATERAL (SELECT * FROM tieout.exception_event AS one
                   WHERE one.exception_id = exception.exception_id
                   ORDER BY event_id DESC LIMIT 1) AS latest ON true
    LEFT JOIN LATERAL (SELECT one.owner, one.due_on FROM tieout.exception_event AS one
                        WHERE one.exception_id = exception.exception_id AND one.state = 'assigned'
                        ORDER BY event_id DESC LIMIT 1) AS assigned ON true;

-- Keeps what is found wrong now; what is not found any more is resolved. Gives the ids that are new.
CREATE FUNCTION tieout.note_exceptions(month text, problems jsonb) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  one jsonb;
  id text;
  before tieout.v_exception;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tieout/exceptions/' || month, 0));
  FOR one IN SELECT * FROM jsonb_array_elements(problems) LOOP
    id := one->>'exception_id';
    before := NULL;
    SELECT * INTO before FROM tieout.v_exception WHERE exception_id = id;
    IF before.exception_id IS NULL THEN
      INSERT INTO tieout.exception (exception_id, period, type, kind, subject)
      VALUES (id, month, one->>'type', one->>'kind', one->>'subject');
      RETURN NEXT id;
    END IF;
    IF before.exception_id IS NULL OR before.state = 'resolved' THEN
      INSERT INTO tieout.exception_event (exception_id, state, remark)
      VALUES (id, 'open', CASE WHEN before.exception_id IS NULL THEN 'Found.'
                               ELSE 'Found again.' END);
    END IF;
    IF (before.severity, before.message, before.amount, before.currency) IS DISTINCT FROM
       (one->>'severity', one->>'message', (one->>'amount')::numeric(28,12), one->>'currency') THEN
      INSERT INTO tieout.exception_seen (exception_id, severity, message, amount, currency)
      VALUES (id, one->>'severity', one->>'message', (one->>'amount')::numeric(28,12),
              one->>'currency');
    END IF;
  END LOOP;
  INSERT INTO tieout.exception_event (exception_id, state, remark)
  SELECT exception_id, 'resolved', 'Not found any more.' FROM tieout.v_exception
   WHERE period = month AND state <> 'resolved'
     AND NOT EXISTS (SELECT FROM jsonb_array_elements(problems) AS still
                      WHERE still->>'exception_id' = v_exception.exception_id);
END $$;

-- The exception that a person is about to change, locked against another person's change.
CREATE FUNCTION tieout.unresolved_exception(id text) RETURNS tieout.v_exception
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE found tieout.v_exception;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tieout/exceptions/' || period, 0))
     FROM tieout.exception WHERE exception_id = id;
  SELECT * INTO found FROM tieout.v_exception WHERE exception_id = id;
  IF found.exception_id IS NULL THEN
    PERFORM tieout.fail('TO008', format(
      'There is no exception %s: see `tieout exceptions`.', left(id, 12)));
  ELSIF found.state = 'resolved' THEN
    PERFORM tieout.fail('TO005', format(
      'Exception %s is resolved (%s): nothing is left to decide.', left(id, 12), found.remark));
  END IF;
  RETURN found;
END $$;

CREATE FUNCTION tieout.assign_exception(id text, to_person text, by_day date, why text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.deciding_person_of(ARRAY['preparer', 'approver', 'controller']);
  PERFORM tieout.unresolved_exception(id);
  IF NOT EXISTS (SELECT FROM tieout.person WHERE person_id = to_person) THEN
    PERFORM tieout.fail('TO008', format(
      'Expected a known person to own the exception, found %s.', to_person));
  END IF;
  INSERT INTO tieout.exception_event (exception_id, state, remark, owner, due_on)
  VALUES (id, 'assigned', why, to_person, by_day);
  RETURN 'assigned';
END $$;

CREATE FUNCTION tieout.explain_exception(id text, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.deciding_person_of(ARRAY['preparer', 'approver', 'controller']);
  PERFORM tieout.unresolved_exception(id);
  INSERT INTO tieout.exception_event (exception_id, state, remark) VALUES (id, 'explained', why);
  RETURN 'explained';
END $$;

-- Accepts for a while what another person has explained since it was found.
CREATE FUNCTION tieout.accept_exception(id text, until date, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person_of(ARRAY['approver', 'controller']);
  found tieout.v_exception := tieout.unresolved_exception(id);
  opened bigint;
BEGIN
  SELECT max(event_id) INTO opened FROM tieout.exception_event
   WHERE exception_id = id AND state = 'open';
  IF EXISTS (SELECT FROM tieout.exception_event
              WHERE exception_id = id AND state = 'explained' AND actor = person) THEN
    PERFORM tieout.fail('TO004', format(
      '%s explained exception %s: expected another person to accept it.', person, left(id, 12)));
  ELSIF NOT EXISTS (SELECT FROM tieout.exception_event
                     WHERE exception_id = id AND state = 'explained' AND event_id > opened) THEN
    PERFORM tieout.fail('TO005', format(
      'Nobody has explained exception %s: it is explained before it is accepted.', left(id, 12)));
  ELSIF until < current_date OR until > current_date + 366 THEN
    PERFORM tieout.fail('TO005', format(
      'Exception %s would be accepted until %s: expected a day from today on, within a year.',
      left(id, 12), until));
  END IF;
  INSERT INTO tieout.exception_event (exception_id, state, remark, expires_on, accepted_amount)
  VALUES (id, 'accepted', why, until, abs(found.amount));
  RETURN 'accepted';
END $$;

-- A person says that it is settled, by which entry; when it is found again it is open again.
CREATE FUNCTION tieout.resolve_exception(id text, by_entry text, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.deciding_person_of(ARRAY['preparer', 'approver', 'controller']);
  PERFORM tieout.unresolved_exception(id);
  IF by_entry IS NOT NULL AND NOT EXISTS (
       SELECT FROM tieout.journal_entry WHERE document_no = by_entry) THEN
    PERFORM tieout.fail('TO008', format('There is no entry %s that resolves it.', by_entry));
  END IF;
  INSERT INTO tieout.exception_event (exception_id, state, remark, entry_no)
  VALUES (id, 'resolved', why, by_entry);
  RETURN 'resolved';
END $$;
