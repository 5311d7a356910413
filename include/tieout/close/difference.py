"""What a month's second close says otherwise than its first: for whoever signs a reopened month.

Owns the comparison of two sets of ledger lines; nothing is judged here.
"""

from dataclasses import dataclass

import pyarrow as pa

from tieout.core.money import format_units, from_decimal

_KEYS = ("provider", "billing_account_id", "initiative", "pl_category")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Cost of one account, initiative and P&L category that differs; units of 1e-12."""

    provider: str
    billing_account_id: str
    initiative: str | None
    pl_category: str | None
    before_units: int
    now_units: int


def difference(before: pa.Table, now: pa.Table) -> tuple[Changed, ...]:
    """What differs between two versions of a month's ledger lines (LEDGER_SCHEMA), by its keys.

    The sum of (now - before) over the result is the difference of the two totals.
    """
    then, today = _sums(before), _sums(now)
    found = (
        Changed(
            provider=key[0] or "",
            billing_account_id=key[1] or "",
            initiative=key[2],
            pl_category=key[3],
            before_units=then.get(key, 0),
            now_units=today.get(key, 0),
        )
        for key in sorted({*then, *today}, key=lambda key: tuple(one or "" for one in key))
    )
    return tuple(one for one in found if one.before_units != one.now_units)


def changed_json(changed: Changed) -> dict[str, str | None]:
    """Plain JSON values of a difference; amounts as text."""
    return {
        "account": f"{changed.provider}/{changed.billing_account_id}",
        "initiative": changed.initiative,
        "pl_category": changed.pl_category,
        "before": format_units(changed.before_units),
        "now": format_units(changed.now_units),
        "change": format_units(changed.now_units - changed.before_units),
    }


def _sums(lines: pa.Table) -> dict[tuple[str | None, ...], int]:
    sums = lines.select([*_KEYS, "billed_cost"]).group_by(list(_KEYS))
    rows = sums.aggregate([("billed_cost", "sum")]).to_pylist()
    return {tuple(row[key] for key in _KEYS): from_decimal(row["billed_cost_sum"]) for row in rows}
