"""A kept preview as tables: which money moves from where to where, the largest moves, the months.

Owns sums over a preview's own content (see `rule_preview`); amounts are exact Decimals.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tieout.core.money import to_decimal, to_units

NOBODY = "(unallocated)"
Months = Sequence[Mapping[str, Any]]


def matrix(months: Months) -> list[dict[str, Any]]:
    """Money by initiative before and after, over all months, the largest first.

    Charges before pools are shared; what keeps its initiative is left out.
    """
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for month in months:
        for move in month["moves"]:
            own = move["dimensions"].get("initiative")
            if own is None:
                continue
            key = (own["from"] or NOBODY, own["to"] or NOBODY)
            units, charges = sums.get(key, (0, 0))
            sums[key] = (units + to_units(move["amount"]), charges + move["charges"])
    return [
        {"from": before, "to": after, "amount": to_decimal(units), "charges": charges}
        for (before, after), (units, charges) in sorted(
            sums.items(), key=lambda pair: (-abs(pair[1][0]), pair[0])
        )
    ]


def largest(months: Months, most: int) -> list[dict[str, Any]]:
    """The largest moves of all months, one row a dimension that changes."""
    moves = [(month["period"], move) for month in months for move in month["moves"]]
    moves.sort(key=lambda pair: (-abs(to_units(pair[1]["amount"])), pair[0]))
    return [
        {
            "period": period,
            "dimension": dimension,
            **{name: own[name] or "" for name in ("from", "to", "rule_before", "rule_after")},
            "amount": Decimal(move["amount"]),
            "charges": move["charges"],
        }
        for period, move in moves[:most]
        for dimension, own in move["dimensions"].items()
    ]


def touched(months: Months) -> list[dict[str, Any]]:
    """Each month: its state, what moves in it, and the reclassifications of a closed one."""
    return [
        {
            "period": month["period"],
            "state": month["state"],
            "charges": sum(move["charges"] for move in month["moves"]),
            "entries": len(month["reclass"]),
            "reclassified": to_decimal(sum(to_units(one["moved"]) for one in month["reclass"])),
            "posting_on": ", ".join(sorted({one["posting_on"] for one in month["reclass"]})),
        }
        for month in months
    ]


def pl_lines(months: Months) -> list[dict[str, Any]]:
    """What each P&L line is before and after, month by month."""
    return [
        {
            "period": month["period"],
            "line": one["value"],
            **{name: Decimal(one[name]) for name in ("before", "after", "change")},
        }
        for month in months
        for one in month["pl_lines"]
    ]
