"""Explain: the way from a published figure back to rows and hashes of the provider's documents.

Owns the path, not the words of any screen: ledger line → allocation share → classification → charge
→ document, each link by stored key.
"""

from typing import Any

import pyarrow as pa

from tieout.core.errors import UnknownSubjectError, UsageError
from tieout.core.money import format_units, from_decimal, from_minor, minor_digits
from tieout.core.period import parse_period
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.ledger.sides import sides
from tieout.rules.own_dimensions import classes_of
from tieout.steps import behind, evidence
from tieout.steps.approvals import approvals
from tieout.steps.context import Context
from tieout.steps.inputs import latest_outputs
from tieout.store import documents
from tieout.store.session import Tx

LEAST_PREFIX = 6
MOST_CHARGES = 20


def run(context: Context, *, period: str, line: str) -> dict[str, Any]:
    """Everything behind one ledger line; `line` is its id or the first characters of it.

    Raises:
        UnknownSubjectError: no line of the period has that id, or several begin like it.
        HashMismatchError: a document behind the line no longer has its bytes.
    """
    month = parse_period(period)
    if len(line) < LEAST_PREFIX:
        raise UsageError(f"Give at least {LEAST_PREFIX} characters of the ledger line's id.")
    with context.store.transaction() as tx:
        found = evidence.load(context, tx, month)
        row = _line(found.lines, line, period)
        classified = latest_outputs(tx, "classify", f"{period}/final")
        direct = with_own_dimensions(
            context.lake.get_table(classified["lines"]["path"], classified["lines"]["sha256"])
        )
        source = _line(direct, row["pool_line_id"], period) if row["pool_line_id"] else row
        charges = behind.charges_of(context, classified, source)
        return {
            "ledger_line": _shown(row),
            "allocation": _allocation(found, row, source) if row["pool_line_id"] else None,
            "classification": {
                dimension: {"value": value, "rule": rule, "policies": classified["policies"]}
                for dimension, (value, rule) in classes_of(source).items()
            },
            "approvals": approvals(tx, classified["policies"]),
            "journal": _journal(found, row),
            "charges_total": format_units(
                sum(from_decimal(charge["billed_cost"]) for charge in charges)
            ),
            "charge_count": len(charges),
            "charges": [_charge(context, tx, charge) for charge in charges[:MOST_CHARGES]],
        }


def _line(lines: pa.Table, wanted: str, period: str) -> dict[str, Any]:
    ids = lines.column("ledger_line_id").to_pylist()
    places = [place for place, line_id in enumerate(ids) if line_id.startswith(wanted)]
    if len(places) != 1:
        raise UnknownSubjectError(
            f"{len(places)} ledger lines of {period} begin with {wanted[:64]!r}: expected one; "
            f"list them with `tieout lines {period}`."
        )
    row: dict[str, Any] = lines.slice(places[0], 1).to_pylist()[0]
    return row


def _allocation(
    found: evidence.MonthEvidence, row: dict[str, Any], source: dict[str, Any]
) -> dict[str, Any]:
    pools = [
        pool for pool in found.certificate.get("pools", []) if pool["pool_id"] == row["pool_id"]
    ]
    return {
        "pool": row["pool_id"],
        "share": format_units(from_decimal(row["billed_cost"])),
        "of": format_units(from_decimal(source["billed_cost"])),
        "certificate": pools[0] if pools else None,
    }


def _journal(found: evidence.MonthEvidence, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The journal lines that carry this ledger line: same account and dimensions.

    Cost that a pool passes on has three: on the sender, out of it and into its receiver.
    """
    places = sides(row, found.chart)
    own = (row["period"], row["provider"], row["billing_account_id"])
    return [
        {
            "entry": entry.journal_type,
            "posting_on": entry.posting_on.isoformat(),
            "account": line.account,
            "amount": format_units(
                from_minor(line.amount_minor, minor_digits(entry.currency)),
                minor_digits(entry.currency),
            ),
        }
        for entry in found.entries
        if (entry.service_period, entry.provider, entry.billing_account_id) == own
        for line in entry.lines
        if any(
            line.account == place.account
            and all(
                place.dimensions.get(name, value) == value
                for name, value in line.dimensions.items()
            )
            for place in places
        )
    ]


def _charge(context: Context, tx: Tx, charge: dict[str, Any]) -> dict[str, Any]:
    """One charge with the provider's document, whose bytes are verified on the way."""
    stored = documents.get(tx, charge["source_document"])
    if stored:
        context.lake.get(stored[0].lake_path, stored[0].sha256)
    return {
        "line_id": charge["line_id"],
        "charge_period_start": charge["charge_period_start"].isoformat(),
        "description": charge["charge_description"],
        "billed_cost": format_units(from_decimal(charge["billed_cost"])),
        "document": stored[0].name if stored else None,
        "document_sha256": charge["source_document"],
        "row": charge["source_row"],
        "request": stored[0].request if stored else None,
        "fetched_at": stored[0].fetched_at.isoformat() if stored else None,
        "verified": bool(stored),
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "billed_cost": format_units(from_decimal(row["billed_cost"]))}
