-- Who may only read or administer, and the confirmation that a decision needs beside its log-in.

ALTER TABLE tieout.person DROP CONSTRAINT person_duties_check;
ALTER TABLE tieout.person ADD CONSTRAINT person_duties_check CHECK (duties <@ ARRAY[
  'reader', 'preparer', 'approver', 'controller', 'auditor', 'administrator']);

-- One number, given to one person for one act on one content; the number itself is never kept.
CREATE TABLE tieout.confirmation (
  nonce_sha256 text PRIMARY KEY CHECK (nonce_sha256 ~ '^[0-9a-f]{64}$'),
  person_id text NOT NULL,
  act text NOT NULL CHECK (act ~ '^[a-z_]{1,40}$'),
  subject text NOT NULL CHECK (subject <> ''),
  content_hash text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
  logged_in_at timestamptz NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '10 minutes',
  login text NOT NULL DEFAULT session_user
);

CREATE TABLE tieout.confirmation_use (
  nonce_sha256 text PRIMARY KEY REFERENCES tieout.confirmation,
  used_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user
);

-- Gives the person of this transaction a number for ten minutes; gives its end.
CREATE FUNCTION tieout.issue_confirmation(nonce text, what text, about text, content text,
  since timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  person text := tieout.deciding_person_of(ARRAY['preparer', 'approver', 'controller']);
  ends timestamptz;
BEGIN
  INSERT INTO tieout.confirmation (nonce_sha256, person_id, act, subject, content_hash,
                                   logged_in_at)
  VALUES (nonce, person, what, about, content, since) RETURNING expires_at INTO ends;
  RETURN ends;
END $$;

-- Takes the number for exactly that act and content, once; whoever else brings it is refused.
CREATE FUNCTION tieout.use_confirmation(nonce text, what text, about text, content text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  kept tieout.confirmation;
BEGIN
  SELECT * INTO kept FROM tieout.confirmation WHERE nonce_sha256 = nonce;
  IF kept.person_id IS DISTINCT FROM tieout.current_actor() THEN
    PERFORM tieout.fail('TO009', format(
      'This confirmation was never given to %s: ask for one and confirm again.',
      tieout.current_actor()));
  ELSIF (kept.act, kept.subject, kept.content_hash) IS DISTINCT FROM (what, about, content) THEN
    PERFORM tieout.fail('TO009', format(
      'This confirmation is for %s %s with content %s, found %s %s with content %s: read it again '
      'and confirm that.', kept.act, kept.subject, left(kept.content_hash, 12), what, about,
      left(content, 12)));
  ELSIF kept.expires_at <= now() THEN
    PERFORM tieout.fail('TO009', format(
      'This confirmation ended at %s: read it again and confirm again.',
      tieout.utc_text(kept.expires_at)));
  END IF;
  INSERT INTO tieout.confirmation_use (nonce_sha256) VALUES (nonce) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    PERFORM tieout.fail('TO009',
      'This confirmation was used before: read it again and confirm again.');
  END IF;
END $$;
