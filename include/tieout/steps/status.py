"""Status: what a period, its policies and its runs look like now, as plain values to show."""

from decimal import Decimal
from typing import Any

from tieout.core.money import format_units, from_decimal
from tieout.core.period import parse_period
from tieout.reconciliation.bridge import bridge_json
from tieout.reports.tieout_statement import statement_json
from tieout.steps import evidence, month_lines
from tieout.steps.context import Context
from tieout.steps.inputs import accounts
from tieout.store import (
    audit,
    findings,
    journal,
    periods,
    publications,
    reopenings,
    signoffs,
)
from tieout.store import policies as policy_store
from tieout.store.session import Tx


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
                    "voided_because": one.voided_because,
                }
                for one in signoffs.listing(tx, period)
            ],
            **_past(tx, period),
        }


def _past(tx: Tx, period: str) -> dict[str, Any]:
    """How often the month was closed and reopened, whether it is locked, and what flags it."""
    known = periods.find(tx, period)
    return {
        "is_locked": known.is_locked if known else False,
        "closes": [
            {
                "close_no": one.close_no,
                "content_hash": one.content_hash,
                "closed_by": one.closed_by,
                "closed_at": one.closed_at.isoformat(),
            }
            for one in reopenings.closes(tx, period)
        ],
        "flags": [one.reason for one in reopenings.flags(tx, period)],
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
            for kind in (
                *policy_store.KINDS,
                *policy_store.named(tx, policy_store.LOOKUP_PREFIX),
                *policy_store.named(tx, policy_store.ERP_PREFIX),
            )
            for one in policy_store.versions(tx, kind)
        ]


def statement(context: Context, *, period: str, entity: str | None = None) -> dict[str, Any]:
    """The tie-out statement with its bridges, findings and where the result was published.

    With `entity`, the rows are the accounts that this one is billed for, the figures what it bears.

    Raises:
        NotReadyError: the month has not been reconciled yet, or the books are those of one entity.
        UnknownSubjectError: there is no such entity.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        found = evidence.load(context, tx, month)
        published = publications.head(tx, period)
        return {
            **statement_json(found.statement(entity)),
            "content_hash": found.content_hash(),
            "bridges": [bridge_json(one) for one in found.statement_inputs(entity).bridges],
            "ledger_seq": journal.ledger_seq(tx),
            "audit_events": audit.head(tx)[0],
            "findings": {
                f"{severity} {kind}": count
                for (severity, kind), count in sorted(findings.counts(tx, period).items())
            },
            "publication": published.files if published else None,
        }


def ledger_lines(
    context: Context, *, period: str, basis: str = "reported", as_of: int | None = None
) -> list[dict[str, Any]]:
    """The ledger lines of a period, largest amount first, money as text.

    `basis` is `reported` (as closed and published; of an open month as it stands) or `restated`
    (with all rules that were applied since). `as_of` is a ledger sequence: what was known then.

    Raises:
        UsageError: another basis.
        UnknownSubjectError: nothing was published of the period at that sequence.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        lines = month_lines.lines(context, tx, month, basis=basis, as_of=as_of)
    rows = [
        {**row, "billed_cost": format_units(from_decimal(row["billed_cost"]))}
        for row in lines.to_pylist()
    ]
    return sorted(rows, key=lambda row: (-abs(Decimal(row["billed_cost"])), row["ledger_line_id"]))


def registered_providers(context: Context, *, period: str) -> tuple[str, ...]:
    """Providers with a registered account, in order of name."""
    with context.store.transaction() as tx:
        return tuple(sorted({one.provider for one in accounts(tx, parse_period(period))}))
