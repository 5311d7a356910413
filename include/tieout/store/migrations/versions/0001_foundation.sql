-- The ground: errors, the actor, the one lock that orders the ledger, periods, people.

-- Raise one of our own conditions; the store turns each code into one exception class.
CREATE FUNCTION tieout.fail(code text, message text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message;
END $$;

-- Who acts: the name given for this transaction, else the login itself.
CREATE FUNCTION tieout.current_actor() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT coalesce(nullif(current_setting('tieout.actor', true), ''), 'service:' || session_user)
$$;

CREATE FUNCTION tieout.utc_text(at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

CREATE FUNCTION tieout.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'TO006', MESSAGE = format(
    '%s of %s refused: its rows are facts and stay as they are; add a correcting row instead.',
    tg_op, tg_table_name);
END $$;

-- One row: the last number of the ledger and the last link of the audit chain. Everything that
-- takes a number locks it until commit, so the order of numbers is the order of commits.
CREATE TABLE tieout.head (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  ledger_seq bigint NOT NULL DEFAULT 0,
  event_seq bigint NOT NULL DEFAULT 0,
  event_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);
INSERT INTO tieout.head DEFAULT VALUES;

CREATE FUNCTION tieout.lock_ledger() RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT FROM tieout.head FOR UPDATE
$$;

CREATE FUNCTION tieout.next_ledger_seq() RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog AS $$
  UPDATE tieout.head SET ledger_seq = ledger_seq + 1 RETURNING ledger_seq
$$;

-- The state of a month is the only fact that changes in place; period_event keeps its history.
CREATE TABLE tieout.period (
  period text PRIMARY KEY CHECK (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'soft_closed', 'closed')),
  opened_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz,
  closed_seq bigint,
  content_hash text,
  CHECK ((state = 'closed') = (closed_at IS NOT NULL AND closed_seq IS NOT NULL
                               AND content_hash IS NOT NULL))
);

CREATE TABLE tieout.period_event (
  period_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period text NOT NULL REFERENCES tieout.period,
  state text NOT NULL,
  reason text NOT NULL,
  actor text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  recorded_at timestamptz NOT NULL DEFAULT now()
);

-- Opens a month for entries. A month before a closed one stays shut: it would rewrite the past.
CREATE FUNCTION tieout.open_period(month text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE found_state text;
BEGIN
  SELECT state INTO found_state FROM tieout.period WHERE period = month;
  IF found_state IS NOT NULL THEN RETURN found_state; END IF;
  PERFORM tieout.lock_ledger();
  IF EXISTS (SELECT FROM tieout.period WHERE period > month AND state = 'closed') THEN
    PERFORM tieout.fail('TO001', format(
      'Cannot open %s: a later period is closed; post to an open period.', month));
  END IF;
  INSERT INTO tieout.period (period) VALUES (month) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    INSERT INTO tieout.period_event (period, state, reason) VALUES (month, 'open', 'opened');
  END IF;
  RETURN (SELECT state FROM tieout.period WHERE period = month);
END $$;

-- People are loaded by the deployer; the newest row of a person counts.
CREATE TABLE tieout.person (
  person_seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person_id text NOT NULL CHECK (person_id <> '' AND person_id NOT LIKE 'service:%'),
  display_name text NOT NULL CHECK (display_name <> ''),
  duties text[] NOT NULL CHECK (
    duties <@ ARRAY['preparer', 'approver', 'controller', 'auditor']),
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT session_user
);
CREATE INDEX person_newest ON tieout.person (person_id, person_seq DESC);

-- The person who decides in this transaction; refuses a service and a person without the duty.
CREATE FUNCTION tieout.deciding_person(duty text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
  actor text := tieout.current_actor();
  held text[];
BEGIN
  SELECT duties INTO held FROM tieout.person
   WHERE person_id = actor ORDER BY person_seq DESC LIMIT 1;
  IF held IS NULL THEN
    PERFORM tieout.fail('TO004', format(
      'Expected a known person to decide, found %s: people decide, services propose; '
      'ask the administrator to add the person.', actor));
  END IF;
  IF duty <> ALL (held) THEN
    PERFORM tieout.fail('TO004', format(
      'Expected a person with the duty %s, found %s who holds %s.', duty, actor,
      coalesce(nullif(array_to_string(held, ', '), ''), 'none')));
  END IF;
  RETURN actor;
END $$;
