-- Commitments: contracts are approved data, and the journal keeps what is left and what is owed.

DO $$
DECLARE
  known text;
BEGIN
  SELECT pg_get_expr(conbin, conrelid) INTO known FROM pg_constraint
   WHERE conrelid = 'tieout.policy'::regclass AND conname = 'policy_kind_check';
  ALTER TABLE tieout.policy DROP CONSTRAINT policy_kind_check;
  EXECUTE format('ALTER TABLE tieout.policy ADD CONSTRAINT policy_kind_check CHECK (%s '
                 'OR kind IN (''commitments'', ''contract_rates''))', known);
END $$;

INSERT INTO tieout.journal_type VALUES ('commitment', false), ('shortfall', false);
