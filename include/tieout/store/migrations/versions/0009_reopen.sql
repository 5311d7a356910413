-- Who may reopen, post, sign, close and lock; every function locks the month it decides about.

-- The person who decides, holding one of these duties.
CREATE FUNCTION tieout.deciding_person_of(duties text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
  held text[];
  duty text;
BEGIN
  SELECT person.duties INTO held FROM tieout.person
   WHERE person_id = tieout.current_actor() ORDER BY person_seq DESC LIMIT 1;
  SELECT wanted INTO duty FROM unnest(duties) AS wanted WHERE wanted = ANY (held) LIMIT 1;
  RETURN tieout.deciding_person(coalesce(duty, array_to_string(duties, ' or ')));
END $$;

CREATE FUNCTION tieout.void_signoffs(month text, because text) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog AS $$
  WITH voided AS (
    INSERT INTO tieout.signoff_void (signoff_id, reason)
    SELECT signoff_id, because FROM tieout.signoff
     WHERE period = month
       AND NOT EXISTS (SELECT FROM tieout.signoff_void AS void
                        WHERE void.signoff_id = signoff.signoff_id)
    RETURNING signoff_id)
  SELECT coalesce(array_agg(DISTINCT person_id ORDER BY person_id), '{}')
    FROM tieout.signoff JOIN voided USING (signoff_id)
$$;

-- An entry that touches a month somebody has signed voids the signatures, for everybody to see. What
-- two people have closed stays as it was at its sequence.
CREATE FUNCTION tieout.void_on_posting() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  touched record;
  people text[];
BEGIN
  FOR touched IN
    SELECT month.period, min(added.document_no) AS first_no, count(DISTINCT entry_id) AS entries
      FROM added JOIN tieout.period AS month ON month.period IN (added.period, added.service_period)
     WHERE month.state NOT IN ('closed', 'locked')
     GROUP BY month.period ORDER BY month.period
  LOOP
    people := tieout.void_signoffs(touched.period, format(
      'Posted after the signature: %s (%s entries).', touched.first_no, touched.entries));
    CONTINUE WHEN cardinality(people) = 0;
    PERFORM tieout.append_event(format(
      '{"action":"signoffs_voided","actor":%s,"at":%s,"login":%s,"payload":{"document_no":%s,'
      '"people":%s},"schema":"tieout.audit/1","subject":%s,"why":"An entry was posted after the '
      'signature."}', to_json(tieout.current_actor()), to_json(tieout.utc_text(now())),
      to_json(session_user::text), to_json(touched.first_no), array_to_json(people),
      to_json(touched.period)));
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER void_on_posting AFTER INSERT ON tieout.journal_entry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tieout.void_on_posting();
ALTER TABLE tieout.journal_entry ENABLE ALWAYS TRIGGER void_on_posting;

CREATE OR REPLACE FUNCTION tieout.open_period(month text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE found_state text;
BEGIN
  SELECT state INTO found_state FROM tieout.period WHERE period = month;
  IF found_state IS NOT NULL THEN RETURN found_state; END IF;
  PERFORM tieout.lock_ledger();
  IF EXISTS (SELECT FROM tieout.period
              WHERE period > month AND state IN ('closed', 'reopened', 'locked')) THEN
    PERFORM tieout.fail('TO001', format(
      'Cannot open %s: a later period is closed; post to an open period.', month));
  END IF;
  INSERT INTO tieout.period (period) VALUES (month) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    INSERT INTO tieout.period_event (period, state, reason) VALUES (month, 'open', 'opened');
  END IF;
  RETURN (SELECT state FROM tieout.period WHERE period = month);
END $$;

CREATE OR REPLACE FUNCTION tieout.lock_period(month text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE found_state text;
BEGIN
  PERFORM tieout.lock_ledger();
  SELECT state INTO found_state FROM tieout.period WHERE period = month FOR UPDATE;
  IF found_state IS NULL THEN
    PERFORM tieout.fail('TO008', format('There is no period %s: open it first.', month));
  ELSIF found_state IN ('closed', 'locked') THEN
    PERFORM tieout.fail('TO001', format('Period %s is %s already.', month, found_state));
  END IF;
  RETURN found_state;
END $$;

-- The reopening that holds for a month, if it was approved.
CREATE FUNCTION tieout.approved_reopening(month text) RETURNS tieout.reopening
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT reopening.* FROM tieout.reopening JOIN tieout.reopening_approval USING (reopening_id)
   WHERE period = month ORDER BY reopening_id DESC LIMIT 1
$$;

CREATE FUNCTION tieout.require_in_scope(month text, entry_type text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
  holds tieout.reopening := tieout.approved_reopening(month);
BEGIN
  IF holds.expires_at <= now() THEN
    PERFORM tieout.fail('TO001', format(
      'The reopening of %s ended at %s: close it again, or ask for another one.', month,
      tieout.utc_text(holds.expires_at)));
  ELSIF entry_type <> ALL (holds.scope) THEN
    PERFORM tieout.fail('TO001', format(
      'Period %s was reopened for %s only, found journal type %s: post to an open period.', month,
      array_to_string(holds.scope, ', '), entry_type));
  END IF;
END $$;

CREATE OR REPLACE FUNCTION tieout.require_postable(month text, entry_type text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  found_state text;
  adjusts boolean;
BEGIN
  SELECT state INTO found_state FROM tieout.period WHERE period = month FOR SHARE;
  SELECT adjusts_soft_closed INTO adjusts FROM tieout.journal_type
   WHERE journal_type = entry_type;
  IF found_state IS NULL THEN
    PERFORM tieout.fail('TO001', format('Period %s is not open yet: open it first.', month));
  ELSIF adjusts IS NULL THEN
    PERFORM tieout.fail('TO003', format('There is no journal type %s.', entry_type));
  ELSIF found_state IN ('closed', 'locked') THEN
    PERFORM tieout.fail('TO001', format(
      'Period %s is %s: post the correction to an open period.', month, found_state));
  ELSIF found_state = 'reopened' THEN
    PERFORM tieout.require_in_scope(month, entry_type);
  ELSIF found_state = 'soft_closed' AND NOT adjusts THEN
    PERFORM tieout.fail('TO001', format(
      'Period %s is soft-closed and takes only adjustments, found journal type %s: return it to '
      'open, or post to the next period.', month, entry_type));
  END IF;
END $$;

-- Asked for before a reopening, a request does not count after it.
CREATE OR REPLACE FUNCTION tieout.newest_request(month text) RETURNS tieout.close_request
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT * FROM tieout.close_request
   WHERE period = month AND close_request_id > (
     SELECT coalesce(max(after_request_id), 0) FROM tieout.reopening_approval
       JOIN tieout.reopening USING (reopening_id) WHERE reopening.period = month)
   ORDER BY close_request_id DESC LIMIT 1
$$;

CREATE OR REPLACE FUNCTION tieout.record_signoff(month text, signing text, content text,
  remark text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person(signing);
  other text := CASE signing WHEN 'preparer' THEN 'controller' ELSE 'preparer' END;
  found_state text := tieout.lock_period(month);
  request tieout.close_request := tieout.require_signable(month, content);
BEGIN
  IF EXISTS (SELECT FROM tieout.signoff
              WHERE period = month AND duty = other AND person_id = person) THEN
    PERFORM tieout.fail('TO004', format(
      '%s signed %s as %s: expected another person as %s.', person, month, other, signing));
  END IF;
  IF signing = 'controller' AND NOT EXISTS (
       SELECT FROM tieout.v_signoff AS signed
        WHERE period = month AND duty = 'preparer' AND content_hash = content AND stands) THEN
    PERFORM tieout.fail('TO005', format(
      'No preparer has signed this content of %s: the preparer signs first.', month));
  END IF;
  IF NOT EXISTS (SELECT FROM tieout.v_signoff
                  WHERE (period, duty, person_id, content_hash) = (month, signing, person, content)
                    AND stands) THEN
    INSERT INTO tieout.signoff (period, duty, person_id, content_hash, close_request_id, comment)
    VALUES (month, signing, person, content, request.close_request_id, remark);
  END IF;
  IF signing = 'preparer' AND found_state = 'open' THEN
    UPDATE tieout.period SET state = 'soft_closed' WHERE period = month;
    INSERT INTO tieout.period_event (period, state, reason)
    VALUES (month, 'soft_closed', 'preparer signed');
    RETURN 'soft_closed';
  END IF;
  RETURN found_state;
END $$;

CREATE OR REPLACE FUNCTION tieout.close_period(month text, content text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person('controller');
  found_state text := tieout.lock_period(month);
  earlier text;
  made tieout.period;
BEGIN
  PERFORM tieout.require_signable(month, content);
  IF found_state NOT IN ('soft_closed', 'reopened') THEN
    PERFORM tieout.fail('TO005', format(
      'Period %s is %s: expected soft_closed; the preparer signs first.', month, found_state));
  END IF;
  SELECT min(period) INTO earlier FROM tieout.period
   WHERE period < month AND state NOT IN ('closed', 'locked');
  IF earlier IS NOT NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Period %s is not closed: periods close in order, close it before %s.', earlier, month));
  END IF;
  IF NOT EXISTS (
       SELECT FROM tieout.v_signoff AS mine
         JOIN tieout.v_signoff AS theirs USING (period, content_hash)
        WHERE period = month AND content_hash = content AND mine.stands AND theirs.stands
          AND mine.duty = 'controller' AND mine.person_id = person
          AND theirs.duty = 'preparer' AND theirs.person_id <> person) THEN
    PERFORM tieout.fail('TO004', format(
      'Closing %s needs the signatures of a preparer and of you as another person: sign first.',
      month));
  END IF;
  UPDATE tieout.period SET state = 'closed', closed_at = now(), content_hash = content,
         closed_seq = tieout.next_ledger_seq()
   WHERE period = month RETURNING * INTO made;
  INSERT INTO tieout.period_close (period, close_no, content_hash, closed_seq, closed_at)
  SELECT month, coalesce(max(close_no), 0) + 1, content, made.closed_seq, made.closed_at
    FROM tieout.period_close WHERE period = month;
  INSERT INTO tieout.period_event (period, state, reason)
  VALUES (month, 'closed', 'controller signed ' || content);
  RETURN 'closed';
END $$;

-- One controller asks; nothing moves before another person approves.
CREATE FUNCTION tieout.request_reopening(month text, code text, why text, types text[],
  until timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person('controller');
  found_state text;
  unknown text;
  made bigint;
BEGIN
  SELECT state INTO found_state FROM tieout.period WHERE period = month FOR SHARE;
  IF found_state IS DISTINCT FROM 'closed' THEN
    PERFORM tieout.fail('TO005', format(
      'Period %s is %s: only a closed period is reopened.', month,
      coalesce(found_state, 'not open yet')));
  END IF;
  SELECT one INTO unknown FROM unnest(types) AS one
   WHERE NOT EXISTS (SELECT FROM tieout.journal_type WHERE journal_type = one) LIMIT 1;
  IF unknown IS NOT NULL OR cardinality(types) = 0 THEN
    PERFORM tieout.fail('TO008', format(
      'Expected the journal types that may enter %s, found %s: name at least one known type.',
      month, coalesce(unknown, 'none')));
  ELSIF until <= now() OR until > now() + interval '31 days' THEN
    PERFORM tieout.fail('TO005', format(
      'The reopening of %s would end at %s: expected a time from now on, at most 31 days ahead.',
      month, tieout.utc_text(until)));
  END IF;
  INSERT INTO tieout.reopening (period, reason_code, remark, scope, expires_at, requested_by)
  VALUES (month, code, why, types, until, person) RETURNING reopening_id INTO made;
  RETURN made;
END $$;

-- The second person reopens the month: signatures are void, later closed months are flagged.
CREATE FUNCTION tieout.approve_reopening(id bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person_of(ARRAY['controller', 'approver']);
  asked tieout.reopening;
  month tieout.period;
BEGIN
  SELECT * INTO asked FROM tieout.reopening WHERE reopening_id = id;
  IF asked.reopening_id IS NULL THEN
    PERFORM tieout.fail('TO008', format('Nobody asked for reopening %s: ask for one first.', id));
  ELSIF asked.requested_by = person THEN
    PERFORM tieout.fail('TO004', format(
      '%s asked for the reopening of %s: expected another person to approve it.', person,
      asked.period));
  END IF;
  PERFORM tieout.lock_ledger();
  SELECT * INTO month FROM tieout.period WHERE period = asked.period FOR UPDATE;
  IF month.state <> 'closed' OR asked.requested_at < month.closed_at THEN
    PERFORM tieout.fail('TO005', format(
      'Reopening %s of %s does not hold any more: the period is %s, or was closed after it was '
      'asked for; ask for another one.', id, asked.period, month.state));
  ELSIF asked.expires_at <= now() THEN
    PERFORM tieout.fail('TO005', format(
      'Reopening %s of %s ended at %s before it was approved: ask for another one.', id,
      asked.period, tieout.utc_text(asked.expires_at)));
  END IF;
  INSERT INTO tieout.reopening_approval (reopening_id, after_request_id, approved_by)
  SELECT id, coalesce(max(close_request_id), 0), person
    FROM tieout.close_request WHERE period = asked.period;
  PERFORM tieout.void_signoffs(asked.period, format('Reopened by %s and %s.', asked.requested_by,
                                                    person));
  INSERT INTO tieout.period_flag (period, reopening_id, reason)
  SELECT period, id, format('Opening balance may change: %s was reopened.', asked.period)
    FROM tieout.period WHERE period > asked.period AND state IN ('closed', 'locked');
  UPDATE tieout.period
     SET state = 'reopened', closed_at = NULL, closed_seq = NULL, content_hash = NULL
   WHERE period = asked.period;
  INSERT INTO tieout.period_event (period, state, reason)
  VALUES (asked.period, 'reopened', format('%s: %s', asked.reason_code, asked.remark));
  RETURN 'reopened';
END $$;

-- The year is audited or filed: nothing leads back.
CREATE FUNCTION tieout.lock_period_for_good(month text, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person('controller');
  found_state text;
  earlier text;
BEGIN
  PERFORM tieout.lock_ledger();
  SELECT state INTO found_state FROM tieout.period WHERE period = month FOR UPDATE;
  IF found_state = 'locked' THEN RETURN 'locked'; END IF;
  SELECT min(period) INTO earlier FROM tieout.period
   WHERE period < month AND state NOT IN ('closed', 'locked');
  IF found_state IS DISTINCT FROM 'closed' OR earlier IS NOT NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Period %s is %s: expected it and all before it to be closed before it is locked.',
      coalesce(earlier, month),
      coalesce((SELECT state FROM tieout.period WHERE period = coalesce(earlier, month)),
               'not open yet')));
  ELSIF btrim(why) = '' THEN
    PERFORM tieout.fail('TO005', format('Locking %s needs a reason: say why.', month));
  END IF;
  UPDATE tieout.period SET state = 'locked' WHERE period = month;
  INSERT INTO tieout.period_event (period, state, reason) VALUES (month, 'locked', why);
  RETURN 'locked';
END $$;

-- A locked month is a closed one to whoever publishes it or shows it restated.
DO $$
BEGIN
  EXECUTE replace(pg_get_functiondef('tieout.publish_period'::regproc),
    'signed.state IS DISTINCT FROM ''closed''',
    'coalesce(signed.state, '''') NOT IN (''closed'', ''locked'')');
  EXECUTE replace(pg_get_functiondef('tieout.restate_period'::regproc),
    'found_state IS DISTINCT FROM ''closed''',
    'coalesce(found_state, '''') NOT IN (''closed'', ''locked'')');
END $$;
