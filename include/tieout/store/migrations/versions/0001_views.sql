-- What a reader's tool may build on: names here stay; tables behind them may change.

CREATE VIEW tieout.v_ledger AS
  SELECT publication.ledger_seq, publication.published_at, line.*
    FROM tieout.ledger_line AS line
    JOIN (SELECT DISTINCT ON (period) publication_id, ledger_seq, published_at
            FROM tieout.publication ORDER BY period, ledger_seq DESC) AS publication
   USING (publication_id);

CREATE VIEW tieout.v_journal AS
  SELECT entry.ledger_seq, entry.document_no, entry.journal_type, entry.period, entry.posting_on,
         entry.document_on, entry.service_period, entry.currency, entry.provider,
         entry.billing_account_id, entry.description, line.line_no, line.account, line.debit_minor, line.credit_minor,
         line.memo, line.dimensions->>'initiative' AS initiative,
         line.dimensions->>'cost_center' AS cost_center,
         line.dimensions->>'pl_category' AS pl_category,
         line.dimensions->>'product_line' AS product_line,
         line.dimensions->>'environment' AS environment, line.dimensions->>'project' AS project,
         line.source_line_ref, entry.rule_version, entry.run_id, entry.adjustment_kind,
         reversed.document_no AS reverses_document_no, entry.content_hash, entry.recorded_at,
         entry.recorded_by
    FROM tieout.journal_entry AS entry
    JOIN tieout.journal_line AS line USING (entry_id)
    LEFT JOIN tieout.journal_entry AS reversed ON reversed.entry_id = entry.reverses_entry_id;

CREATE VIEW tieout.v_trial_balance AS
  SELECT entry.period, entry.currency, line.account, sum(line.debit_minor) AS debit_minor,
         sum(line.credit_minor) AS credit_minor,
         sum(line.debit_minor - line.credit_minor) AS balance_minor
    FROM tieout.journal_entry AS entry JOIN tieout.journal_line AS line USING (entry_id)
   GROUP BY entry.period, entry.currency, line.account;

-- Newest run per period, account and section; line 0 of a bridge is what nobody explains.
CREATE VIEW tieout.v_reconciliation AS
  WITH bridge AS (
    SELECT DISTINCT ON (period, provider, billing_account_id, section) *
      FROM tieout.reconciliation_bridge
     ORDER BY period, provider, billing_account_id, section, run_id DESC)
  SELECT bridge.period, provider, billing_account_id, section, currency, start_label, start_amount,
         end_label, end_amount, line.line_no, line.component, line.cause, line.amount,
         line.evidence, run_id
    FROM bridge JOIN tieout.reconciliation_line AS line
   USING (run_id, provider, billing_account_id, section)
  UNION ALL
  SELECT period, provider, billing_account_id, section, currency, start_label, start_amount, end_label,
         end_amount, 0, 'unexplained', 'unexplained', unexplained_amount, '{}', run_id
    FROM bridge;

CREATE VIEW tieout.v_allocation AS
  SELECT run.subject, share.run_id, share.pool_id, pool.amount AS pool_amount, share.pool_line_id,
         share.ledger_line_id, share.initiative, share.amount
    FROM tieout.allocation_share AS share
    JOIN tieout.allocation_pool AS pool USING (run_id, pool_id)
    JOIN tieout.run USING (run_id);
