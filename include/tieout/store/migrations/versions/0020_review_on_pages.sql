-- What a person says on the pages about a document. The pages' login writes no row of the review
-- itself: it calls these, and the person is the one of the transaction.

-- A document of the review as it stands, for the person who decides; one that was only fetched so
-- far comes into the review now. The lock is the one that every change of the queue takes.
CREATE FUNCTION tieout.review_document(paper text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  shown tieout.v_intake;
BEGIN
  PERFORM tieout.deciding_person_of(ARRAY['preparer', 'approver', 'controller']);
  PERFORM pg_advisory_xact_lock(hashtextextended('tieout/receive/intake', 0));
  INSERT INTO tieout.intake (sha256, origin, name, media_type, size_bytes, lake_path)
  SELECT sha256, 'fetched', name, media_type, size_bytes, lake_path FROM tieout.document
   WHERE sha256 = paper AND kind = 'billing_document' ORDER BY document_id DESC LIMIT 1
  ON CONFLICT DO NOTHING;
  IF FOUND THEN
    INSERT INTO tieout.intake_event (sha256, event, provider, billing_account_id, period,
                                     identities, reason)
    SELECT sha256, 'received', provider, billing_account_id, period, '{}',
           'Fetched; a person looks at it.'
      FROM tieout.document
     WHERE sha256 = paper AND kind = 'billing_document' ORDER BY document_id DESC LIMIT 1;
  END IF;
  SELECT * INTO shown FROM tieout.v_intake WHERE sha256 = paper;
  IF shown.sha256 IS NULL THEN
    PERFORM tieout.fail('TO008', format(
      'No billing document %s was received: give the whole id of one.', left(paper, 12)));
  ELSIF shown.state <> 'queued'
        AND EXISTS (SELECT FROM tieout.period WHERE period = shown.period AND state = 'closed') THEN
    PERFORM tieout.fail('TO001', format(
      'Document %s is part of %s, which is closed: expected one of an open month; enter what '
      'corrects it in the open month.', left(paper, 12), shown.period));
  END IF;
  RETURN shown.state;
END $$;

-- Keeps figures that the person of this transaction typed for a document; they are read instead of
-- it once another person approved them. `bears` are the documents in them.
CREATE FUNCTION tieout.correct_document(paper text, figures text, named text, size bigint,
  path text, seller text, account text, month text, bears text[], why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  state text := tieout.review_document(paper);
  other tieout.v_intake;
BEGIN
  SELECT * INTO other FROM tieout.v_intake
   WHERE evidence_sha256 = paper AND origin = 'corrected' AND v_intake.state <> 'rejected' LIMIT 1;
  IF state IN ('rejected', 'replaced') THEN
    PERFORM tieout.fail('TO005', format(
      'Document %s is %s: expected one that is still read; look at the review again.',
      left(paper, 12), state));
  ELSIF other.sha256 IS NOT NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Figures %s for document %s are %s: expected none; have them approved, reject or correct '
      'them.', left(other.sha256, 12), left(paper, 12), other.state));
  END IF;
  INSERT INTO tieout.intake (sha256, origin, name, media_type, size_bytes, lake_path,
                             evidence_sha256, evidence_name, evidence_path)
  SELECT figures, 'corrected', named, 'application/json', size, path, sha256, name, lake_path
    FROM tieout.intake WHERE sha256 = paper;
  INSERT INTO tieout.intake_event (sha256, event, provider, billing_account_id, period, format,
                                   identities, reason)
  VALUES (figures, 'corrected', seller, account, month, 'entered', bears, why);
END $$;

-- Sets a document aside for good, or refuses proposed figures, as the person of this transaction.
CREATE FUNCTION tieout.reject_document(paper text, why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  state text := tieout.review_document(paper);
BEGIN
  IF state = 'rejected' THEN
    RETURN;
  ELSIF state IN ('approved', 'replaced') THEN
    PERFORM tieout.fail('TO005', format(
      'Document %s is %s: expected one whose figures nobody approved; correct the approved figures '
      'instead.', left(paper, 12), state));
  END IF;
  INSERT INTO tieout.intake_event (sha256, event, provider, billing_account_id, period, format,
                                   identities, reason)
  SELECT sha256, 'rejected', provider, billing_account_id, period, format, identities, why
    FROM tieout.v_intake WHERE sha256 = paper;
END $$;

REVOKE ALL ON FUNCTION tieout.review_document(text),
  tieout.correct_document(text, text, text, bigint, text, text, text, text, text[], text),
  tieout.reject_document(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.review_document(text),
  tieout.correct_document(text, text, text, bigint, text, text, text, text, text[], text),
  tieout.reject_document(text, text) TO t_web;
