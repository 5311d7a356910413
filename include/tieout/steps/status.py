"""Status: what a period, its policies and its runs look like now, as plain values to show."""

from decimal import Decimal
from typing import Any

from tieout.core.money import format_units, from_decimal
from tieout.core.period import parse_period
from tieout.reconciliation.bridge import bridge_json
from tieout.reports.tieout_statement import statement_json
from tieout.steps import evidence
from tieout.steps.context import Context
from tieout.steps.inputs import accounts
from tieout.store import audit, findings, journal, periods, publications, signoffs
from tieout.store import policies as policy_store


def period_status(context: Context, *, period: str) -> dict[str, Any]:
    """State, the request for signature, its checks and the signatures of a period."""
    parse_period(period)
    with context.store.transaction() as tx:
        asked = signoffs.latest_request(tx, period)
        return {
            "period": period,
            "state": periods.state(tx, period),
            "content_hash": asked.content_hash if asked else None,
            "checks": asked.checks if asked else [],
            "sign_offs": [
                {
                    "duty": one.duty,
                    "person_id": one.person_id,
                    "content_hash": one.content_hash,
                    "comment": one.comment,
                    "signed_at": one.signed_at.isoformat(),
                    "is_current": one.is_current,
                }
                for one in signoffs.listing(tx, period)
            ],
        }


def policies(context: Context) -> list[dict[str, Any]]:
    """All policy versions, newest first within each kind."""
    with context.store.transaction() as tx:
        return [
            {
                "kind": one.kind,
                "version": one.version,
                "sha256": one.sha256,
                "valid_from": one.valid_from.isoformat(),
                "proposed_by": one.proposed_by,
                "approved_by": one.approved_by,
            }
            for kind in (*evidence.POLICY_KINDS, *evidence.OPTIONAL_POLICIES)
            for one in policy_store.versions(tx, kind)
        ]


def statement(context: Context, *, period: str) -> dict[str, Any]:
    """The tie-out statement with its bridges, findings and where the result was published.

    Raises:
        NotReadyError: the month has not been reconciled yet.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        found = evidence.load(context, tx, month)
        published = publications.head(tx, period)
        return {
            **statement_json(found.statement()),
            "content_hash": found.content_hash(),
            "bridges": reconciliation_json(found),
            "ledger_seq": journal.ledger_seq(tx),
            "audit_events": audit.head(tx)[0],
            "findings": {
                f"{severity} {kind}": count
                for (severity, kind), count in sorted(findings.counts(tx, period).items())
            },
            "publication": published.files if published else None,
        }


def reconciliation_json(found: evidence.MonthEvidence) -> list[dict[str, Any]]:
    """The bridges of a period as plain values."""
    return [bridge_json(bridge) for bridge in found.bridges]


def ledger_lines(context: Context, *, period: str) -> list[dict[str, Any]]:
    """The ledger lines of a period as they stand, largest amount first, money as text."""
    month = parse_period(period)
    with context.store.transaction() as tx:
        lines = evidence.load(context, tx, month).lines
    rows = [
        {**row, "billed_cost": format_units(from_decimal(row["billed_cost"]))}
        for row in lines.to_pylist()
    ]
    return sorted(rows, key=lambda row: (-abs(Decimal(row["billed_cost"])), row["ledger_line_id"]))


def registered_providers(context: Context, *, period: str) -> tuple[str, ...]:
    """Providers with a registered account, in order of name."""
    with context.store.transaction() as tx:
        return tuple(sorted({one.provider for one in accounts(tx, parse_period(period))}))
