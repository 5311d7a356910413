"""The sheet of the allocation: what every initiative bears, and out of which pools.

Owns which figure is re-added from which, as `workbook_books` does for the books.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Final

from tieout.core.money import SCALE, format_units, to_decimal
from tieout.publish.sheets import (
    Block,
    Cell,
    Column,
    Formula,
    Page,
    added,
    money_column,
    rounded,
    tied,
)
from tieout.reports.dossier import Dossier

NOBODY: Final = "not decided"


def allocation(dossier: Dossier) -> Page:
    """Pools, what every initiative bears of them and directly, and that nothing was lost."""
    mark = dossier.certificate.get("hash", "no pool was shared out")
    return Page(
        name="Allocation",
        title=f"Allocation {dossier.period}, {dossier.currency}",
        note=f"Certificate of conservation: {mark}",
        blocks=(_initiatives(dossier), _pools(dossier), _shares(dossier), _conserved(dossier)),
    )


def _initiatives(dossier: Dossier) -> Block:
    """What every initiative bears, from the shares below."""
    digits = dossier.digits
    names = _initiative_numbers(dossier)
    sums: dict[str, dict[bool, int]] = {name: {True: 0, False: 0} for name in names}
    for one in dossier.shares:
        sums[one.initiative or NOBODY][one.pool_id is None] += one.units
    rows: list[dict[str, Cell]] = []
    for name, number in names.items():
        direct, shared = (rounded(to_decimal(sums[name][own]), digits) for own in (True, False))
        part = "SUMIFS(share_amount,share_initiative_no,[no],share_pool_no,{0})"
        rows.append(
            {
                "initiative": name,
                "direct": Formula(text=f"ROUND({part.format(0)},{digits})", value=direct),
                "shared": Formula(
                    text=f"ROUND({part.format(chr(34) + '>0' + chr(34))},{digits})", value=shared
                ),
                "total": Formula(text="[direct]+[shared]", value=direct + shared),
                "no": number,
            }
        )
    kinds = ("direct", "shared", "total")
    return Block(
        name="initiative",
        title="What every initiative bears",
        columns=(
            Column(name="initiative", title="Initiative", width=26),
            Column(name="about", title=""),
            Column(name="direct", title="Charged directly", kind="money"),
            Column(name="shared", title="Out of pools", kind="money"),
            Column(name="total", title="Total", kind="money"),
            Column(name="no", title="", kind="key"),
        ),
        rows=rows,
        total={
            "initiative": "Total",
            **{k: added(k, [row[k] for row in rows], digits) for k in kinds},
        },
    )


def _pools(dossier: Dossier) -> Block:
    names = ("own", "received", "to_initiatives", "to_pools", "held", "out")
    rows: list[dict[str, Cell]] = []
    for one in dossier.certificate.get("pools", ()):
        units = {
            "own": int(one["amount_in_units"]),
            "received": int(one["received_units"]),
            "to_initiatives": int(one["to_initiatives_units"]),
            "to_pools": sum(int(sent) for sent in one["to_pools"].values()),
            "held": int(one["held_units"]),
            "out": int(one["amount_out_units"]),
        }
        given = units["to_initiatives"] + units["to_pools"] + units["held"]
        rows.append(
            {
                "pool": one["pool_id"],
                "method": f"{one['method']} {one['driver'] or ''}".strip(),
                **{name: to_decimal(value) for name, value in units.items()},
                "tie": tied(
                    "[own]+[received]",
                    "[to_initiatives]+[to_pools]+[held]",
                    holds=units["own"] + units["received"] == given,
                ),
                "weights": "; ".join(
                    f"{key} {_ratio(text)}" for key, text in one["weights"].items()
                ),
            }
        )
    total = {name: added(name, [row[name] for row in rows], dossier.digits) for name in names}
    whole: dict[str, Cell] = {"pool": "Total", **total}
    whole["tie"] = tied("[own]", "[out]", holds=total["own"].value == total["out"].value)
    return Block(
        name="pool",
        title="Pools: what went in, what came out",
        columns=(
            Column(name="pool", title="Pool"),
            Column(name="method", title="Method and driver", width=26),
            *(money_column(name) for name in names),
            Column(name="tie", title="Check", kind="tie"),
            Column(name="weights", title="Weights", kind="long"),
        ),
        rows=rows,
        total=whole if rows else {},
    )


def _shares(dossier: Dossier) -> Block:
    pools = {
        one["pool_id"]: at for at, one in enumerate(dossier.certificate.get("pools", ()), start=1)
    }
    initiatives = _initiative_numbers(dossier)
    rows: list[dict[str, Cell]] = [
        {
            "initiative": one.initiative or NOBODY,
            "pool": one.pool_id or "charged directly",
            "lines": one.lines,
            "provider": one.provider,
            "amount": to_decimal(one.units),
            "no": initiatives[one.initiative or NOBODY],
            "exact": format_units(one.units, SCALE),
            "initiative_no": initiatives[one.initiative or NOBODY],
            "pool_no": pools.get(one.pool_id, len(pools) + 1) if one.pool_id else 0,
        }
        for one in dossier.shares
    ]
    return Block(
        name="share",
        title="Shares by initiative, pool and provider",
        columns=(
            Column(name="initiative", title="Initiative"),
            Column(name="pool", title="Pool"),
            Column(name="provider", title="Provider", kind="id"),
            Column(name="lines", title="Ledger lines", kind="count"),
            Column(name="amount", title="Amount", kind="money"),
            Column(name="initiative_no", title="", kind="key"),
            Column(name="pool_no", title="", kind="key"),
            Column(name="exact", title="Exact amount", kind="exact"),
        ),
        rows=rows,
        total={
            "initiative": "Total",
            "amount": added("amount", [row["amount"] for row in rows], dossier.digits),
        },
    )


def _conserved(dossier: Dossier) -> Block:
    """The whole ledger before and after, and what the sheet adds up to."""
    found, digits = dossier.certificate, dossier.digits
    shares = sum(one.units for one in dossier.shares)
    rows: list[dict[str, Cell]] = []
    for title, before, after in (
        ("Pools together", found.get("total_in_units", 0), found.get("total_out_units", 0)),
        (
            "Whole ledger",
            found.get("ledger_in_units", shares),
            found.get("ledger_out_units", shares),
        ),
    ):
        rows.append(
            {
                "what": title,
                "before": to_decimal(int(before)),
                "after": to_decimal(int(after)),
                "tie": tied("[before]", "[after]", holds=int(before) == int(after)),
            }
        )
    after = int(found.get("ledger_out_units", shares))
    rows.append(
        {
            "what": "Shares of this sheet",
            "before": to_decimal(after),
            "after": Formula(
                text=f"ROUND(SUM(share_amount),{digits})", value=rounded(to_decimal(shares), digits)
            ),
            "tie": tied(f"ROUND([before],{digits})", "[after]", holds=after == shares),
        }
    )
    return Block(
        name="conserved",
        title="Conservation",
        columns=(
            Column(name="what", title="What"),
            Column(name="about", title=""),
            Column(name="before", title="Before", kind="money"),
            Column(name="after", title="After", kind="money"),
            Column(name="tie", title="Check", kind="tie"),
        ),
        rows=rows,
    )


def _initiative_numbers(dossier: Dossier) -> dict[str, int]:
    names = sorted({one.initiative or NOBODY for one in dossier.shares})
    return {name: at for at, name in enumerate(names, start=1)}


def _ratio(text: str) -> str:
    """A weight for people: four decimals, or what it is if it is whole."""
    value = Fraction(text)
    return (
        str(value)
        if value.denominator == 1
        else f"{Decimal(value.numerator) / value.denominator:.4f}"
    )
