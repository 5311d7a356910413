-- Four eyes: a worker asks for the close, a preparer and another person sign the same content.

CREATE TABLE tieout.close_request (
  close_request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period text NOT NULL REFERENCES tieout.period,
  content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
  checks jsonb NOT NULL CHECK (jsonb_typeof(checks) = 'array'),
  ledger_seq bigint NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  requested_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user
);
CREATE INDEX close_request_newest ON tieout.close_request (period, close_request_id DESC);

CREATE TABLE tieout.signoff (
  signoff_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  period text NOT NULL REFERENCES tieout.period,
  duty text NOT NULL CHECK (duty IN ('preparer', 'controller')),
  person_id text NOT NULL,
  content_hash text NOT NULL,
  close_request_id bigint NOT NULL REFERENCES tieout.close_request,
  comment text NOT NULL,
  signed_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user,
  UNIQUE (period, duty, person_id, content_hash)
);

CREATE FUNCTION tieout.newest_request(month text) RETURNS tieout.close_request
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT * FROM tieout.close_request WHERE period = month
   ORDER BY close_request_id DESC LIMIT 1
$$;

CREATE FUNCTION tieout.last_entry_seq(month text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT coalesce(max(ledger_seq), 0) FROM tieout.journal_entry WHERE period = month
$$;

-- Locks the month for a decision and gives its state.
CREATE FUNCTION tieout.lock_period(month text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE found_state text;
BEGIN
  PERFORM tieout.lock_ledger();
  SELECT state INTO found_state FROM tieout.period WHERE period = month FOR UPDATE;
  IF found_state IS NULL THEN
    PERFORM tieout.fail('TO008', format('There is no period %s: open it first.', month));
  ELSIF found_state = 'closed' THEN
    PERFORM tieout.fail('TO001', format('Period %s is closed already.', month));
  END IF;
  RETURN found_state;
END $$;

-- Proposes the close. Another content than before voids the signatures given so far.
CREATE FUNCTION tieout.request_close(month text, content text, results jsonb)
RETURNS tieout.close_request
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE newest tieout.close_request;
BEGIN
  PERFORM tieout.lock_period(month);
  newest := tieout.newest_request(month);
  IF newest.content_hash = content AND newest.checks = results
     AND newest.ledger_seq >= tieout.last_entry_seq(month) THEN
    RETURN newest;
  END IF;
  INSERT INTO tieout.close_request (period, content_hash, checks, ledger_seq)
  SELECT month, content, results, ledger_seq FROM tieout.head
  RETURNING * INTO newest;
  RETURN newest;
END $$;

-- The request that a signature is for; refuses old content, later entries and failed checks.
CREATE FUNCTION tieout.require_signable(month text, content text) RETURNS tieout.close_request
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
  RETURN newest;
END $$;

-- Writes the signature of the person of this transaction. One person never signs twice over.
CREATE FUNCTION tieout.record_signoff(month text, signing text, content text, remark text)
RETURNS text
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
       SELECT FROM tieout.signoff
        WHERE period = month AND duty = 'preparer' AND content_hash = content) THEN
    PERFORM tieout.fail('TO005', format(
      'No preparer has signed this content of %s: the preparer signs first.', month));
  END IF;
  INSERT INTO tieout.signoff (period, duty, person_id, content_hash, close_request_id, comment)
  VALUES (month, signing, person, content, request.close_request_id, remark)
  ON CONFLICT DO NOTHING;
  IF signing = 'preparer' AND found_state = 'open' THEN
    UPDATE tieout.period SET state = 'soft_closed' WHERE period = month;
    INSERT INTO tieout.period_event (period, state, reason)
    VALUES (month, 'soft_closed', 'preparer signed');
    RETURN 'soft_closed';
  END IF;
  RETURN found_state;
END $$;

-- Closes the month for good: both signatures on the newest content, by two people, in order.
CREATE FUNCTION tieout.close_period(month text, content text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person('controller');
  found_state text := tieout.lock_period(month);
  earlier text;
BEGIN
  PERFORM tieout.require_signable(month, content);
  IF found_state <> 'soft_closed' THEN
    PERFORM tieout.fail('TO005', format(
      'Period %s is %s: expected soft_closed; the preparer signs first.', month, found_state));
  END IF;
  SELECT min(period) INTO earlier FROM tieout.period WHERE period < month AND state <> 'closed';
  IF earlier IS NOT NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Period %s is not closed: periods close in order, close it before %s.', earlier, month));
  END IF;
  IF NOT EXISTS (
       SELECT FROM tieout.signoff AS mine JOIN tieout.signoff AS theirs USING (period, content_hash)
        WHERE period = month AND content_hash = content
          AND mine.duty = 'controller' AND mine.person_id = person
          AND theirs.duty = 'preparer' AND theirs.person_id <> person) THEN
    PERFORM tieout.fail('TO004', format(
      'Closing %s needs the signatures of a preparer and of you as another person: sign first.',
      month));
  END IF;
  UPDATE tieout.period SET state = 'closed', closed_at = now(), content_hash = content,
         closed_seq = tieout.next_ledger_seq()
   WHERE period = month;
  INSERT INTO tieout.period_event (period, state, reason)
  VALUES (month, 'closed', 'controller signed ' || content);
  RETURN 'closed';
END $$;

-- Back from soft-closed to open, with a reason; the content will change, so signatures lapse then.
CREATE FUNCTION tieout.return_to_open(month text, remark text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM tieout.deciding_person('preparer');
  IF tieout.lock_period(month) = 'soft_closed' THEN
    IF btrim(remark) = '' THEN
      PERFORM tieout.fail('TO005', format('Returning %s to open needs a reason.', month));
    END IF;
    UPDATE tieout.period SET state = 'open' WHERE period = month;
    INSERT INTO tieout.period_event (period, state, reason) VALUES (month, 'open', remark);
  END IF;
  RETURN 'open';
END $$;
