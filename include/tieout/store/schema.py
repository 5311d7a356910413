"""The tables as SQLAlchemy sees them. `migrations/versions` makes them; a test compares the two.

Amounts are numeric(28,12) in the billing currency; columns that the database fills by itself
(identities, recorded_at, recorded_by, login) are listed only where somebody reads them.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from tieout.focus.ledger_columns import LEDGER_SCHEMA

AMOUNT = sa.Numeric(28, 12)
INSTANT = sa.DateTime(timezone=True)
TEXTS = ARRAY(sa.Text)

metadata = sa.MetaData(schema="tieout")

_LEDGER_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "billed_cost": AMOUNT,
    "charge_count": sa.BigInteger(),
}

period = sa.Table(
    "period",
    metadata,
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("state", sa.Text),
    sa.Column("opened_at", INSTANT),
    sa.Column("closed_at", INSTANT),
    sa.Column("closed_seq", sa.BigInteger),
    sa.Column("content_hash", sa.Text),
)

head = sa.Table(
    "head",
    metadata,
    sa.Column("ledger_seq", sa.BigInteger),
    sa.Column("event_seq", sa.BigInteger),
    sa.Column("event_hash", sa.LargeBinary),
)

person = sa.Table(
    "person",
    metadata,
    sa.Column("person_seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("person_id", sa.Text),
    sa.Column("display_name", sa.Text),
    sa.Column("duties", TEXTS),
)

document = sa.Table(
    "document",
    metadata,
    sa.Column("document_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("sha256", sa.Text),
    sa.Column("provider", sa.Text),
    sa.Column("billing_account_id", sa.Text),
    sa.Column("period", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("media_type", sa.Text),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("request", JSONB),
    sa.Column("fetched_at", INSTANT),
    sa.Column("lake_path", sa.Text),
)

snapshot = sa.Table(
    "snapshot",
    metadata,
    sa.Column("snapshot_id", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text),
    sa.Column("billing_account_id", sa.Text),
    sa.Column("period", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("version", sa.Integer),
    sa.Column("content_sha256", sa.Text),
    sa.Column("document_sha256s", TEXTS),
    sa.Column("through_on", sa.Date),
    sa.Column("fetched_at", INSTANT),
)

charge_file = sa.Table(
    "charge_file",
    metadata,
    sa.Column("charge_file_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("snapshot_id", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("file_sha256", sa.Text),
    sa.Column("lake_path", sa.Text),
    sa.Column("rows_in", sa.BigInteger),
    sa.Column("rows_out", sa.BigInteger),
    sa.Column("rows_bad", sa.BigInteger),
    sa.Column("source_total", sa.Text),
    sa.Column("loaded_amount", AMOUNT),
    sa.Column("method_version", sa.Text),
)

coverage = sa.Table(
    "coverage",
    metadata,
    sa.Column("coverage_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("provider", sa.Text),
    sa.Column("billing_account_id", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("day", sa.Date),
    sa.Column("snapshot_id", sa.Text),
    sa.Column("rows", sa.BigInteger),
    sa.Column("seen_at", INSTANT),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("run_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("step", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("input_key", sa.Text),
    sa.Column("outputs", JSONB),
    sa.Column("code_version", sa.Text),
    sa.Column("started_at", INSTANT),
    sa.Column("finished_at", INSTANT),
    sa.Column("supersedes", sa.BigInteger),
)

finding = sa.Table(
    "finding",
    metadata,
    sa.Column("finding_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("run_id", sa.BigInteger),
    sa.Column("fingerprint", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("severity", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("amount", AMOUNT),
    sa.Column("currency", sa.Text),
    sa.Column("source_document", sa.Text),
    sa.Column("source_row", sa.Integer),
)

policy = sa.Table(
    "policy",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("sha256", sa.Text),
    sa.Column("body", sa.Text),
    sa.Column("valid_from", sa.Date),
    sa.Column("proposed_by", sa.Text),
    sa.Column("proposed_at", INSTANT),
)

policy_approval = sa.Table(
    "policy_approval",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("approved_by", sa.Text),
    sa.Column("approved_at", INSTANT),
)

preview = sa.Table(
    "preview",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text),
    sa.Column("version", sa.Integer),
    sa.Column("first_period", sa.Text),
    sa.Column("last_period", sa.Text),
    sa.Column("canonical", sa.Text),
    sa.Column("recorded_at", INSTANT),
    sa.Column("recorded_by", sa.Text),
)

preview_approval = sa.Table(
    "preview_approval",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("approved_by", sa.Text),
    sa.Column("approved_at", INSTANT),
)

restatement = sa.Table(
    "restatement",
    metadata,
    sa.Column("restatement_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("run_id", sa.BigInteger),
    sa.Column("preview_sha256", sa.Text),
    sa.Column("ledger_seq", sa.BigInteger),
    sa.Column("lines_sha256", sa.Text),
    sa.Column("total_amount", AMOUNT),
    sa.Column("files", JSONB),
    sa.Column("rule_versions", JSONB),
    sa.Column("recorded_at", INSTANT),
    sa.Column("recorded_by", sa.Text),
)

journal_entry = sa.Table(
    "journal_entry",
    metadata,
    sa.Column("entry_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("ledger_seq", sa.BigInteger),
    sa.Column("document_no", sa.Text),
    sa.Column("period", sa.Text),
    sa.Column("currency", sa.Text),
    sa.Column("run_id", sa.BigInteger),
    sa.Column("canonical", sa.Text),
    sa.Column("content_hash", sa.Text),
    sa.Column("recorded_at", INSTANT),
    sa.Column("recorded_by", sa.Text),
)

journal_line = sa.Table(
    "journal_line",
    metadata,
    sa.Column("entry_id", sa.BigInteger, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True),
    sa.Column("account", sa.Text),
    sa.Column("debit_minor", sa.BigInteger),
    sa.Column("credit_minor", sa.BigInteger),
)

allocation = sa.Table(
    "allocation",
    metadata,
    sa.Column("run_id", sa.BigInteger, primary_key=True),
    sa.Column("certificate", JSONB),
)

allocation_pool = sa.Table(
    "allocation_pool",
    metadata,
    sa.Column("run_id", sa.BigInteger, primary_key=True),
    sa.Column("pool_id", sa.Text, primary_key=True),
    sa.Column("amount", AMOUNT),
)

allocation_share = sa.Table(
    "allocation_share",
    metadata,
    sa.Column("run_id", sa.BigInteger, primary_key=True),
    sa.Column("pool_id", sa.Text),
    sa.Column("pool_line_id", sa.Text),
    sa.Column("ledger_line_id", sa.Text, primary_key=True),
    sa.Column("initiative", sa.Text),
    sa.Column("amount", AMOUNT),
)

reconciliation_bridge = sa.Table(
    "reconciliation_bridge",
    metadata,
    sa.Column("run_id", sa.BigInteger, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("billing_account_id", sa.Text, primary_key=True),
    sa.Column("section", sa.Text, primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("currency", sa.Text),
    sa.Column("start_label", sa.Text),
    sa.Column("start_amount", AMOUNT),
    sa.Column("end_label", sa.Text),
    sa.Column("end_amount", AMOUNT),
    sa.Column("unexplained_amount", AMOUNT),
)

reconciliation_line = sa.Table(
    "reconciliation_line",
    metadata,
    sa.Column("run_id", sa.BigInteger, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("billing_account_id", sa.Text, primary_key=True),
    sa.Column("section", sa.Text, primary_key=True),
    sa.Column("line_no", sa.Integer, primary_key=True),
    sa.Column("component", sa.Text),
    sa.Column("cause", sa.Text),
    sa.Column("amount", AMOUNT),
    sa.Column("evidence", TEXTS),
)

close_request = sa.Table(
    "close_request",
    metadata,
    sa.Column("close_request_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("content_hash", sa.Text),
    sa.Column("checks", JSONB),
    sa.Column("ledger_seq", sa.BigInteger),
    sa.Column("requested_at", INSTANT),
    sa.Column("requested_by", sa.Text),
)

signoff = sa.Table(
    "signoff",
    metadata,
    sa.Column("signoff_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("duty", sa.Text),
    sa.Column("person_id", sa.Text),
    sa.Column("content_hash", sa.Text),
    sa.Column("comment", sa.Text),
    sa.Column("signed_at", INSTANT),
)

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("publication_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("run_id", sa.BigInteger),
    sa.Column("content_hash", sa.Text),
    sa.Column("ledger_seq", sa.BigInteger),
    sa.Column("line_count", sa.Integer),
    sa.Column("total_amount", AMOUNT),
    sa.Column("files", JSONB),
    sa.Column("rule_versions", JSONB),
    sa.Column("published_at", INSTANT),
)

ledger_line = sa.Table(
    "ledger_line",
    metadata,
    sa.Column("publication_id", sa.BigInteger, primary_key=True),
    *(sa.Column(name, _LEDGER_TYPES.get(name, sa.Text())) for name in LEDGER_SCHEMA.names),
    sa.Column("transaction_currency", sa.Text()),
    sa.Column("transaction_cost", _LEDGER_TYPES["billed_cost"]),
)

intake = sa.Table(
    "intake",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("origin", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("media_type", sa.Text),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("lake_path", sa.Text),
    sa.Column("evidence_sha256", sa.Text),
    sa.Column("evidence_name", sa.Text),
    sa.Column("evidence_path", sa.Text),
)

intake_event = sa.Table(
    "intake_event",
    metadata,
    sa.Column("intake_event_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("sha256", sa.Text),
    sa.Column("event", sa.Text),
    sa.Column("provider", sa.Text),
    sa.Column("billing_account_id", sa.Text),
    sa.Column("period", sa.Text),
    sa.Column("format", sa.Text),
    sa.Column("identities", TEXTS),
    sa.Column("problem", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("recorded_at", INSTANT),
    sa.Column("recorded_by", sa.Text),
)

intake_approval = sa.Table(
    "intake_approval",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("approved_by", sa.Text),
    sa.Column("approved_at", INSTANT),
)

# a view: kept out of the metadata, whose members are tables
intake_state = sa.table(
    "v_intake",
    *(
        sa.column(name, sa.Text)
        for name in (
            "sha256", "origin", "name", "media_type", "lake_path", "format", "evidence_sha256",
            "evidence_name", "evidence_path", "author", "provider", "billing_account_id", "period",
            "problem", "reason", "approved_by", "state",
        )
    ),
    sa.column("size_bytes", sa.BigInteger),
    sa.column("identities", TEXTS),
    sa.column("received_at", INSTANT),
    sa.column("approved_at", INSTANT),
    schema="tieout",
)  # fmt: skip

audit_event = sa.Table(
    "audit_event",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("prev_hash", sa.LargeBinary),
    sa.Column("hash", sa.LargeBinary),
    sa.Column("canonical", sa.Text),
    sa.Column("actor", sa.Text),
    sa.Column("action", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("login", sa.Text),
    sa.Column("recorded_at", INSTANT),
)
