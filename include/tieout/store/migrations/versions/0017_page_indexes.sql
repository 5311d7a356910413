-- What the pages ask for: a month's lines by amount or initiative, the entries behind a line, and the
-- audit log by who and what.

CREATE INDEX ledger_line_by_amount
  ON tieout.ledger_line (publication_id, billed_cost DESC, ledger_line_id);
CREATE INDEX ledger_line_of_initiative ON tieout.ledger_line (publication_id, initiative);
CREATE INDEX journal_entry_of_service
  ON tieout.journal_entry (service_period, provider, billing_account_id);
CREATE INDEX audit_event_of_actor ON tieout.audit_event (actor, seq);
CREATE INDEX audit_event_of_action ON tieout.audit_event (action, seq);
