-- Import files for ledgers outside: which entries are in which file, and what the ledger has taken.

-- A target (format, header, codes of one ledger) is a policy, each a kind of its own named after it.
DO $$
DECLARE
  known text;
BEGIN
  SELECT pg_get_expr(conbin, conrelid) INTO known FROM pg_constraint
   WHERE conrelid = 'tieout.policy'::regclass AND conname = 'policy_kind_check';
  ALTER TABLE tieout.policy DROP CONSTRAINT policy_kind_check;
  EXECUTE format('ALTER TABLE tieout.policy ADD CONSTRAINT policy_kind_check CHECK (%s '
                 'OR kind ~ %L)', known, '^erp:[a-z][a-z0-9_-]{0,59}$');
END $$;

CREATE TABLE tieout.erp_export (
  target text NOT NULL,
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  period text NOT NULL REFERENCES tieout.period,
  name text NOT NULL CHECK (name <> ''),
  lake_path text NOT NULL,
  line_count integer NOT NULL CHECK (line_count >= 2),
  policy_kind text NOT NULL,
  policy_version integer NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  recorded_by text NOT NULL DEFAULT tieout.current_actor(),
  login text NOT NULL DEFAULT session_user,
  PRIMARY KEY (target, sha256),
  FOREIGN KEY (policy_kind, policy_version) REFERENCES tieout.policy_approval,
  CHECK (policy_kind = 'erp:' || target)
);
CREATE INDEX erp_export_of_period ON tieout.erp_export (period, target);

CREATE TABLE tieout.erp_export_entry (
  target text NOT NULL,
  sha256 text NOT NULL,
  document_no text NOT NULL REFERENCES tieout.journal_entry (document_no),
  PRIMARY KEY (target, sha256, document_no),
  FOREIGN KEY (target, sha256) REFERENCES tieout.erp_export
);
CREATE INDEX erp_export_entry_of_document ON tieout.erp_export_entry (target, document_no);

-- A person's word that the other ledger has taken the file, under the ledger's own reference.
CREATE TABLE tieout.erp_acknowledgement (
  target text NOT NULL,
  sha256 text NOT NULL,
  reference text NOT NULL CHECK (btrim(reference) <> '' AND length(reference) <= 200),
  acknowledged_by text NOT NULL,
  acknowledged_at timestamptz NOT NULL DEFAULT now(),
  login text NOT NULL DEFAULT session_user,
  PRIMARY KEY (target, sha256),
  FOREIGN KEY (target, sha256) REFERENCES tieout.erp_export
);

CREATE VIEW tieout.v_erp_export AS
  SELECT export.target, export.sha256, export.period, export.name, export.lake_path,
         export.line_count, export.policy_version, export.recorded_at, export.recorded_by,
         ARRAY(SELECT entry.document_no FROM tieout.erp_export_entry AS entry
                WHERE (entry.target, entry.sha256) = (export.target, export.sha256)
                ORDER BY entry.document_no COLLATE "C") AS document_nos,
         taken.reference, taken.acknowledged_by, taken.acknowledged_at
    FROM tieout.erp_export AS export
    LEFT JOIN tieout.erp_acknowledgement AS taken USING (target, sha256);

-- The first entry of these that the ledger has taken with another file; NULL if none.
CREATE FUNCTION tieout.taken_before(of_target text, numbers text[], file_sha text,
  OUT document_no text, OUT reference text, OUT person text)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT entry.document_no, taken.reference, taken.acknowledged_by
    FROM tieout.erp_export_entry AS entry
    JOIN tieout.erp_acknowledgement AS taken USING (target, sha256)
   WHERE entry.target = of_target AND entry.document_no = ANY (numbers)
     AND entry.sha256 <> file_sha
   ORDER BY entry.document_no COLLATE "C" LIMIT 1
$$;

-- Remembers a file and its entries. Export and acknowledgement of a target wait for each other.
CREATE FUNCTION tieout.record_export(of_target text, file_sha text, month text, file_name text,
  path text, lines integer, version integer, numbers text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  taken record;
  stranger text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tieout/erp/' || of_target, 0));
  SELECT * INTO taken FROM tieout.taken_before(of_target, numbers, file_sha);
  IF taken.document_no IS NOT NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Entry %s was taken by %s as %s (acknowledged by %s): an import again would double it; '
      'export only what is outstanding.', taken.document_no, of_target, taken.reference,
      taken.person));
  END IF;
  SELECT document INTO stranger FROM unnest(numbers) AS document
   WHERE NOT EXISTS (SELECT FROM tieout.journal_entry AS entry
                      WHERE entry.document_no = document AND entry.period = month)
   ORDER BY document COLLATE "C" LIMIT 1;
  IF stranger IS NOT NULL OR cardinality(numbers) = 0 THEN
    PERFORM tieout.fail('TO008', format(
      'Expected entries that were posted in %s, found %s: nothing was recorded.', month,
      coalesce(stranger, 'none')));
  END IF;
  INSERT INTO tieout.erp_export (target, sha256, period, name, lake_path, line_count, policy_kind,
                                 policy_version)
  VALUES (of_target, file_sha, month, file_name, path, lines, 'erp:' || of_target, version)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO tieout.erp_export_entry (target, sha256, document_no)
  SELECT of_target, file_sha, document FROM unnest(numbers) AS document;
  RETURN true;
END $$;

CREATE FUNCTION tieout.acknowledge_export(of_target text, file_sha text, their_reference text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  actor text := tieout.current_actor();
  held text[];
  earlier tieout.erp_acknowledgement;
  taken record;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('tieout/erp/' || of_target, 0));
  SELECT duties INTO held FROM tieout.person
   WHERE person_id = actor ORDER BY person_seq DESC LIMIT 1;
  IF held IS NULL OR NOT held && ARRAY['preparer', 'approver', 'controller'] THEN
    PERFORM tieout.fail('TO004', format(
      'Expected a known person with a duty in the close to acknowledge, found %s: who imported '
      'the file says so.', actor));
  END IF;
  IF NOT EXISTS (SELECT FROM tieout.erp_export
                  WHERE target = of_target AND sha256 = file_sha) THEN
    PERFORM tieout.fail('TO008', format(
      'There is no export %s for %s to acknowledge: export it first.', left(file_sha, 12),
      of_target));
  END IF;
  SELECT * INTO earlier FROM tieout.erp_acknowledgement
   WHERE target = of_target AND sha256 = file_sha;
  IF earlier.reference = their_reference THEN RETURN false; END IF;
  IF earlier.reference IS NOT NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Export %s was acknowledged by %s as %s, found %s: one of the two is another import; '
      'reverse it in %s.', left(file_sha, 12), earlier.acknowledged_by, earlier.reference,
      their_reference, of_target));
  END IF;
  SELECT found.* INTO taken
    FROM tieout.taken_before(of_target, ARRAY(
           SELECT document_no FROM tieout.erp_export_entry
            WHERE target = of_target AND sha256 = file_sha), file_sha) AS found;
  IF taken.document_no IS NOT NULL THEN
    PERFORM tieout.fail('TO005', format(
      'Entry %s of export %s was taken with another file as %s (acknowledged by %s): if both '
      'were imported it is there twice; reverse one in %s.', taken.document_no,
      left(file_sha, 12), taken.reference, taken.person, of_target));
  END IF;
  INSERT INTO tieout.erp_acknowledgement (target, sha256, reference, acknowledged_by)
  VALUES (of_target, file_sha, their_reference, actor);
  RETURN true;
END $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['erp_export', 'erp_export_entry', 'erp_acknowledgement'] LOOP
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

REVOKE ALL ON tieout.erp_export, tieout.erp_export_entry, tieout.erp_acknowledgement,
  tieout.v_erp_export FROM PUBLIC;
GRANT SELECT ON tieout.erp_export, tieout.erp_export_entry, tieout.erp_acknowledgement,
  tieout.v_erp_export TO t_worker, t_web, t_reader;
REVOKE EXECUTE ON FUNCTION tieout.taken_before(text, text[], text),
  tieout.record_export(text, text, text, text, text, integer, integer, text[]),
  tieout.acknowledge_export(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  tieout.record_export(text, text, text, text, text, integer, integer, text[]) TO t_worker;
GRANT EXECUTE ON FUNCTION tieout.acknowledge_export(text, text, text) TO t_worker, t_web;
