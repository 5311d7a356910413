"""The roll-forwards on the page Close, as tables. Every figure comes from the step."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tieout.steps import rollforwards
from tieout.web.desk import Desk
from tieout.web.table import Column, State, Table, totals


def read(desk: Desk, period: str) -> dict[str, Any]:
    """The roll-forwards of a month, as the step gives them."""
    found: dict[str, Any] = desk.kept(
        f"rollforwards {period}", lambda: rollforwards.run(desk.context, period=period)
    )
    return found


def tables(rolls: Mapping[str, Any]) -> tuple[Table, ...]:
    """Accrued liabilities, prepaid balances and their ties; nothing before they were computed."""
    if not rolls:
        return ()
    return (_accrued(rolls), _prepaid(rolls), _ties(rolls))


def _accrued(rolls: Mapping[str, Any]) -> Table:
    unit = rolls["currency"]
    rows = rolls["accrued"]
    fixed = (
        "provider",
        "billing_account_id",
        "currency",
        "service_period",
        "opening",
        "closing",
        "entries",
    )
    moves = list(dict.fromkeys(name for row in rows for name in row if name not in fixed))
    money = [
        Column(name=name, title=name.replace("_", " ").capitalize(), kind="money", unit=unit)
        for name in ("opening", *moves, "closing")
    ]
    shown = [
        {
            "account": f"{row['provider']}/{row['billing_account_id']}",
            "month": row["service_period"],
            **{one.name: Decimal(row[one.name]) for one in money},
        }
        for row in rows
    ]
    return Table(
        name="accrued",
        caption="Accrued liabilities, from opening to closing",
        columns=(
            Column(name="account", title="Account"),
            Column(name="month", title="For", kind="id"),
            *money,
        ),
        rows=shown,
        total={"account": "Total", **totals(shown, [one.name for one in money])},
        empty="Nothing is accrued.",
    )


def _prepaid(rolls: Mapping[str, Any]) -> Table:
    unit = rolls["currency"]
    rows = rolls["prepaid"]
    moves = list(dict.fromkeys(name for row in rows for name in row["movements"]))
    names = ("opening", *moves, "closing")
    shown = [
        {
            "account": f"{row['provider']}/{row['billing_account_id']}",
            "what": row["what"],
            "opening": Decimal(row["opening"]),
            **{name: Decimal(amount) for name, amount in row["movements"].items()},
            "closing": Decimal(row["closing"]),
        }
        for row in rows
    ]
    return Table(
        name="prepaid",
        caption="Prepaid credit and fees, from opening to closing",
        columns=(
            Column(name="account", title="Account"),
            Column(name="what", title="What"),
            *(
                Column(
                    name=name, title=name.replace("_", " ").capitalize(), kind="money", unit=unit
                )
                for name in names
            ),
        ),
        rows=shown,
        total={"account": "Total", **totals(shown, names)},
        empty="Nothing is prepaid.",
    )


def _ties(rolls: Mapping[str, Any]) -> Table:
    unit = rolls["currency"]
    return Table(
        name="ties",
        caption="Each balance as three sources have it",
        columns=(
            Column(name="subject", title="Balance"),
            Column(name="what", title="What"),
            Column(name="rolled", title="Rolled forward", kind="money", unit=unit),
            Column(name="ledger", title="In the books", kind="money", unit=unit),
            Column(name="open", title="Still open", kind="money", unit=unit),
            Column(name="state", title="Ties", kind="state"),
        ),
        rows=[
            {
                **{name: row[name] for name in ("subject", "what")},
                **{name: Decimal(row[name]) for name in ("rolled", "ledger", "open")},
                "state": State("ties", "good") if row["ties"] else State("out", "block"),
            }
            for row in rolls["ties"]
        ],
        empty="There is no balance to tie.",
    )
