-- What people reviewed for the checklist, and the acts in Airflow that override a control.

-- A person's word about figures or a list; `digest` names exactly what was seen. Other figures ask
-- for another word.
CREATE TABLE tieout.close_review (
  review_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period text NOT NULL REFERENCES tieout.period,
  kind text NOT NULL CHECK (kind IN ('flux', 'controls')),
  subject text NOT NULL CHECK (subject <> ''),
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
  remark text NOT NULL CHECK (btrim(remark) <> '' AND length(remark) <= 2000),
  reviewed_by text NOT NULL,
  reviewed_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user
);
CREATE INDEX close_review_of_period ON tieout.close_review (period, kind, review_id);

-- A movement is explained by whoever prepares; overrides are reviewed by whoever approves.
CREATE FUNCTION tieout.record_review(month text, what text, about text, seen text, why text)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person_of(CASE what
    WHEN 'flux' THEN ARRAY['preparer', 'controller'] ELSE ARRAY['approver', 'controller'] END);
  made bigint;
BEGIN
  PERFORM tieout.lock_period(month);
  INSERT INTO tieout.close_review (period, kind, subject, digest, remark, reviewed_by)
  VALUES (month, what, about, seen, why, person) RETURNING review_id INTO made;
  RETURN made;
END $$;

-- Airflow's event log as it was read through its API, in the order of its ids. A missing id is a row
-- of its own, for somebody may have purged it.
CREATE TABLE tieout.airflow_event (
  airflow_id bigint PRIMARY KEY,
  happened_at timestamptz,
  actor text NOT NULL,
  action text NOT NULL CHECK (action <> ''),
  object text NOT NULL,
  overrides boolean NOT NULL,
  mirrored_by text NOT NULL DEFAULT tieout.current_actor(),
  mirrored_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user,
  CHECK ((action = 'missing') = (happened_at IS NULL)),
  CHECK (action <> 'missing' OR overrides)
);

-- Takes the next events, in order and without a hole: ids up to `upto` that nobody brings are kept
-- as missing. Gives how many rows are new.
CREATE FUNCTION tieout.mirror_airflow_events(events jsonb, upto bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  last_known bigint;
  first_new bigint;
  made bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tieout/airflow-events', 0));
  SELECT max(airflow_id) INTO last_known FROM tieout.airflow_event;
  SELECT min((event->>'airflow_id')::bigint) INTO first_new
    FROM jsonb_array_elements(events) AS event;
  INSERT INTO tieout.airflow_event (airflow_id, happened_at, actor, action, object, overrides)
  SELECT at, (event->>'happened_at')::timestamptz, coalesce(event->>'actor', 'unknown'),
         coalesce(event->>'action', 'missing'), coalesce(event->>'object', ''),
         coalesce((event->>'overrides')::boolean, true)
    FROM generate_series(coalesce(last_known + 1, first_new), upto) AS at
    LEFT JOIN jsonb_array_elements(events) AS event ON (event->>'airflow_id')::bigint = at
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS made = ROW_COUNT;
  RETURN made;
END $$;
