"""Tables of the pages about allocation: pools, the matrix, shares, the certificate.

Owns columns and links of these tables. Every figure comes from `steps.pool_views`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from tieout.web import elsewhere
from tieout.web.desk import Desk
from tieout.web.table import Cell, Column, Row, State, Table, Unknown, totals

_MOST_COLUMNS: Final = 12
_BETWEEN: Final = "Other pools stand between: this pool's rate alone does not tell the amount."


def pools_table(desk: Desk, period: str, found: Mapping[str, Any]) -> Table:
    """All pools, the dearest first."""
    unit = found["currency"]
    ordered = sorted(found["pools"], key=lambda one: (-abs(one["amount"]), one["pool"]))
    rows = [
        {
            "pool": Cell(
                value=one["pool"],
                link=desk.link(f"/allocation/{period}/{one['pool']}"),
                note=one["description"],
            ),
            "amount": Cell(
                value=one["amount"], link=desk.link(f"/allocation/{period}/{one['pool']}")
            ),
            "driver": one["driver"].replace("_", " "),
            "method": one["method"].replace("_", " "),
            "receivers": one["receivers"],
            "held": one["held"],
            "worst": one["worst"],
            "owner": one["owner"],
            "state": _mark(one),
        }
        for one in ordered
    ]
    return Table(
        name="pools",
        caption="Pools",
        columns=(
            Column(name="pool", title="Pool", sorts=True),
            Column(name="amount", title="Amount", kind="money", unit=unit, sorts=True),
            Column(name="driver", title="Driver", sorts=True),
            Column(name="method", title="Method", sorts=True),
            Column(name="receivers", title="Receivers", kind="count", sorts=True),
            Column(name="held", title="Held", kind="money", unit=unit),
            Column(name="worst", title="Rounding below", kind="money", unit="10⁻¹²", digits=3),
            Column(name="owner", title="Owner", sorts=True),
            Column(name="state", title="Certificate", kind="state"),
        ),
        rows=rows,
        total={"pool": "Total", **totals(rows, ["amount", "held"])},
        empty="No allocation file has a pool: cost that nobody owns alone stays unallocated.",
    )


def matrix(desk: Desk, period: str, found: Mapping[str, Any]) -> Table:
    """Initiatives by pools, the dearest pools in columns of their own, the rest in one.

    As many of the dearest initiatives as a page has rows; a file has all of them.
    """
    sums: dict[str, Decimal] = {one["pool"]: one["amount"] for one in found["pools"]}
    pools = sorted(sums, key=lambda pool: (-abs(sums[pool]), pool))
    places = {pool: f"p{min(at, _MOST_COLUMNS)}" for at, pool in enumerate(pools)}
    titles = {f"p{at}": pool for at, pool in enumerate(pools[:_MOST_COLUMNS])}
    if len(pools) > _MOST_COLUMNS:
        titles[f"p{_MOST_COLUMNS}"] = f"{len(pools) - _MOST_COLUMNS} other pools"
    cells: dict[str, dict[str, Decimal]] = {}
    for one in found["flows"]:
        own = cells.setdefault(one["initiative"], {})
        place = places[one["pool"]]
        own[place] = own.get(place, Decimal(0)) + one["amount"]
    whole = {name: sum(own.values(), Decimal(0)) for name, own in cells.items()}
    links = {place: _of_pool(desk, period, pool, sums) for place, pool in titles.items()}
    dearest = sorted(whole, key=lambda name: (-whole[name], name))
    shown = dearest[: desk.view().size]
    is_cut = len(shown) < len(dearest)

    def every() -> list[Row]:
        return [{"initiative": name, **cells[name], "total": whole[name]} for name in dearest]

    rows = [
        {
            "initiative": Cell(value=name, link=elsewhere.initiative(desk, period, name)),
            **{one: Cell(value=amount, link=links[one]) for one, amount in cells[name].items()},
            "total": whole[name],
        }
        for name in shown
    ]
    return Table(
        name="matrix",
        caption=(
            "What each initiative bears of each pool, tax included"
            if not is_cut
            else f"What the {len(shown)} dearest of {len(dearest)} initiatives bear of each pool"
        ),
        columns=(
            Column(name="initiative", title="Initiative"),
            *(
                Column(name=place, title=title, kind="money", unit=found["currency"])
                for place, title in titles.items()
            ),
            Column(name="total", title="Total", kind="money", unit=found["currency"]),
        ),
        rows=rows,
        total=None if is_cut else {"initiative": "Total", **totals(rows, [*titles, "total"])},
        every=every if is_cut else None,
        empty="No pool gave anything to an initiative.",
    )


def shares_table(desk: Desk, period: str, found: Mapping[str, Any]) -> Table:
    """The receivers of one pool: quantity times rate, amount, and what rounding did."""
    unit = found["currency"]
    rows = [
        {
            "target": Cell(
                value=one["target"],
                link=elsewhere.target(desk, period, one["target"]),
            ),
            "quantity": one["quantity"],
            "share": one["share"],
            "exact": Unknown(_BETWEEN) if one["exact"] is None else one["exact"],
            "amount": one["amount"],
            "rounding": Unknown(_BETWEEN) if one["rounding"] is None else one["rounding"],
        }
        for one in found["shares"]
    ]
    driver = found["driver"].replace("_", " ") or "Weight"
    return Table(
        name="shares",
        caption="Who bears it",
        columns=(
            Column(name="target", title="Receiver", sorts=True),
            Column(
                name="quantity",
                title=driver.capitalize(),
                kind="money",
                unit=unit if found["is_money"] else "",
                sorts=True,
            ),
            Column(name="share", title="Share", kind="money", unit="%", digits=4, sorts=True),
            Column(name="exact", title="Quantity times rate", kind="money", unit=unit, digits=4),
            Column(name="amount", title="Amount", kind="money", unit=unit, sorts=True),
            Column(name="rounding", title="Rounding", kind="money", unit="10⁻¹²", digits=3),
        ),
        rows=rows,
        total={"target": "Total", **totals(rows, ["amount"])},
        empty="Nobody bears a share: the pool is held, or nothing was in it.",
    )


def certificate_table(desk: Desk, period: str, found: Mapping[str, Any]) -> Table:
    """In, out and difference of each pool; the total is measured by itself and must agree."""
    unit, sums = found["currency"], found["certificate"]["pools"]
    return Table(
        name="certificate",
        caption="What went in and what came out",
        columns=(
            Column(name="pool", title="Pool"),
            *(
                Column(name=name, title=title, kind="money", unit=unit, digits=12)
                for name, title in (("in", "In"), ("out", "Out"), ("difference", "Difference"))
            ),
            Column(name="lines_in", title="Lines in", kind="count"),
            Column(name="lines_out", title="Lines out", kind="count"),
            Column(name="charges", title="Charges", kind="count"),
            Column(name="state", title="Conserved", kind="state"),
        ),
        rows=[
            {
                "pool": Cell(
                    value=one["pool"], link=desk.link(f"/allocation/{period}/{one['pool']}")
                ),
                "in": one["amount"],
                "out": one["out"],
                "difference": one["difference"],
                **{name: one[name] for name in ("lines_in", "lines_out", "charges")},
                "state": _mark(one),
            }
            for one in found["pools"]
        ],
        total={"pool": "All pools", **sums},
        empty="There is no pool.",
    )


def levels_table(found: Mapping[str, Any]) -> Table:
    """The chain: own and received equals what went on, level by level."""
    unit = found["currency"]
    titles = {
        "own": "Own",
        "received": "Received",
        "to_initiatives": "To initiatives",
        "to_pools": "To pools",
        "held": "Held",
    }
    return Table(
        name="levels",
        caption="Level by level: own and received is what went on or is held",
        columns=(
            Column(name="level", title="Level", kind="id"),
            Column(name="pools", title="Pools", kind="list"),
            *(
                Column(name=name, title=title, kind="money", unit=unit)
                for name, title in titles.items()
            ),
        ),
        rows=[
            {**{name: one[name] for name in titles}, "level": str(one["level"])}
            | {"pools": tuple(one["pools"])}
            for one in found["certificate"]["levels"]
        ],
        empty="There is no pool.",
    )


def _mark(one: Mapping[str, Any]) -> State:
    if one["difference"]:
        return State("does not conserve", "block")
    return State("held", "wait") if one["state"] == "held" else State("conserves", "good")


def _of_pool(desk: Desk, period: str, pool: str, known: Mapping[str, object]) -> str:
    return desk.link(f"/allocation/{period}/{pool}") if pool in known else ""
