"""Parts of the Documents pages: the calendar of days, what a paper says, the pictures of its pages.

Owns their columns, symbols and places; what came in and what it says comes from the steps.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from tieout.web.table import Cell, Column, State, Table, Tone

Values = Mapping[str, Any]
# what a day of an account is: word, symbol of the calendar, tone
DAYS: Final[Mapping[str, tuple[str, Tone]]] = {
    "received": ("✓", "good"),
    "replaced": ("↻", "good"),
    "missing": ("✕", "block"),
    "to come": ("·", "off"),
}


def kind(day: Values) -> str:
    """What a day of an account is: a key of DAYS."""
    if day["received"]:
        return "replaced" if day["version"] > 1 else "received"
    return "missing" if day["expected"] else "to come"


def calendar(days: Sequence[Values]) -> list[dict[str, Any]]:
    """One row an account, one cell a day: symbol, word, and what the tooltip says."""
    rows: dict[str, list[Values]] = {}
    for one in days:
        word = kind(one)
        told = f"{one['day']}: {word}"
        if one["received"]:
            told += f", {one['rows']} rows, version {one['version']}"
        cell = {"number": int(one["day"][-2:]), "word": word, "told": told}
        rows.setdefault(one["account"], []).append(
            {**cell, "symbol": DAYS[word][0], "tone": DAYS[word][1]}
        )
    return [{"account": account, "days": cells} for account, cells in rows.items()]


def table(days: Sequence[Values]) -> Table:
    """The same as the calendar, a line for each day of each account."""
    return Table(
        name="days",
        caption="Days",
        columns=(
            Column(name="account", title="Account"),
            Column(name="day", title="Day", kind="date"),
            Column(name="state", title="State", kind="state"),
            Column(name="rows", title="Rows", kind="count"),
            Column(name="version", title="Version", kind="count"),
            Column(name="refreshed", title="Fetched", kind="id"),
            Column(name="content", title="SHA-256", kind="id"),
        ),
        rows=[
            {
                "account": one["account"],
                "day": date.fromisoformat(one["day"]),
                "state": State(kind(one), DAYS[kind(one)][1]),
                "rows": one["rows"],
                "version": one["version"],
                "refreshed": moment(one["refreshed_at"]),
                "content": one["content_sha256"],
            }
            for one in days
        ],
        empty="No account is registered for the month.",
    )


def said(found: Values, seen: Values) -> list[dict[str, Any]]:
    """What was read of each document in the file: printed sums, and its lines as a table."""
    places = iter(enumerate(seen["boxes"]))
    amounts = ("subtotal", "credit", "tax", "total", "lines_total")
    return [
        {
            **one,
            **{name: Decimal(one[name]) for name in amounts},
            "table": _lines(one, number, list(islice(places, len(one["lines"])))),
        }
        for number, one in enumerate(found["says"], start=1)
    ]


def _lines(one: Values, number: int, places: Sequence[tuple[int, Any]]) -> Table:
    """The lines of a document; a line that was found on a page leads to its box."""
    return Table(
        name="lines" if number == 1 else f"lines_{number}",
        caption=f"Lines of {one['number']}",
        columns=(
            Column(name="line", title="Line", kind="id"),
            Column(name="description", title="What"),
            Column(name="quantity", title="Quantity", kind="id"),
            Column(name="unit_price", title="Unit price", kind="id"),
            Column(name="amount", title="Amount", kind="money", unit=one["currency"]),
        ),
        rows=[
            {
                **{name: line[name] for name in ("description", "quantity", "unit_price")},
                "line": Cell(value=str(count), link=f"#box-{at}" if place else ""),
                "amount": Decimal(line["amount"]),
            }
            for count, (line, (at, place)) in enumerate(
                zip(one["lines"], places, strict=True), start=1
            )
        ],
        total={"line": "Sum", "amount": Decimal(one["lines_total"])},
        empty="It has no lines.",
    )


def pages(found: Values, seen: Values, root: str) -> list[dict[str, Any]]:
    """Each page with its size, its picture, and the boxes of the lines that are printed on it."""
    lines = [line for one in found["says"] for line in one["lines"]]
    return [
        {
            **page,
            "number": number,
            "picture": f"{root}/pages/{number}",
            "boxes": [
                {**box, "id": f"box-{at}", "told": lines[at]["description"]}
                for at, box in enumerate(seen["boxes"])
                if box and box["page"] == number
            ],
        }
        for number, page in enumerate(seen["pages"], start=1)
    ]


def moment(text: str | None) -> str | None:
    """A moment to the minute, with its zone."""
    return f"{text[:16].replace('T', ' ')} UTC" if text else None
