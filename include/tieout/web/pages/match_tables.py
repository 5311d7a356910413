"""Tables of the matching: suggestions, passes, and the charges and documents behind a cause.

Owns columns and words; what was matched comes from the steps.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tieout.web.desk import Desk
from tieout.web.pages import tie_words
from tieout.web.table import Cell, Column, State, Table

Values = Mapping[str, Any]


def suggested(pairs: Sequence[Values]) -> Table:
    """Matches that a person is asked about or has decided."""
    return Table(
        name="suggested",
        caption="Suggested matches",
        columns=(
            Column(name="match", title="Match", kind="id"),
            Column(name="figures", title="Between"),
            Column(name="earlier", title="Earlier rows", kind="list"),
            Column(name="later", title="Later rows", kind="list"),
            Column(name="difference", title="Difference", kind="money"),
            Column(name="state", title="State", kind="state"),
            Column(name="person", title="Who"),
            Column(name="reason", title="Why"),
        ),
        rows=[
            {
                "match": one["match_id"],
                "figures": tie_words.SECTIONS[pair["section"]],
                "earlier": tuple(f"{row['row'][:12]} {row['amount']}" for row in one["earlier"]),
                "later": tuple(f"{row['row'][:12]} {row['amount']}" for row in one["later"]),
                "difference": Decimal(one["difference"]),
                "state": State("waits", "wait") if one["waiting"] else State(one["decision"]),
                "person": one["person"],
                "reason": one["reason"],
            }
            for pair in pairs
            for one in pair["records"]
        ],
        empty="Nothing is suggested: every row is matched by equal keys, or named by a cause.",
    )


def asked(pairs: Sequence[Values]) -> list[Values]:
    """What a person can decide now: suggestions that wait, and confirmed ones to take apart.

    `kinds` are the decisions that a match allows.
    """
    return [
        {
            **one,
            "section": pair["section"],
            "kinds": ("confirm", "reject") if one["waiting"] else ("unmatch",),
        }
        for pair in pairs
        for one in pair["records"]
        if one["waiting"] or (one["decision"] == "confirmed" and one["person"])
    ]


def matched(pairs: Sequence[Values]) -> Table:
    """What each pass made of a pair of figures, and what is left."""
    return Table(
        name="matched",
        caption="What the matching did",
        columns=(
            Column(name="figures", title="Between"),
            Column(name="passes", title="Matches by pass", kind="list"),
            Column(name="suggested", title="Suggested", kind="count"),
            Column(name="explained", title="Rows named by a cause", kind="count"),
            Column(name="open", title="Rows open to a person", kind="count"),
        ),
        rows=[
            {
                "figures": tie_words.SECTIONS[one["section"]],
                "passes": tuple(f"{name}: {count}" for name, count in one["passes"].items()),
                "suggested": one["suggested_count"],
                "explained": one["explained_earlier_count"] + one["explained_later_count"],
                "open": one["open_earlier_count"] + one["open_later_count"],
            }
            for one in pairs
        ],
        empty="The account is not matched yet.",
    )


def charges(desk: Desk, period: str, behind: Values, unit: str) -> Table:
    """Charges as they count in the difference, each with document and row."""
    return Table(
        name="charges",
        caption="Charges behind it",
        columns=(
            Column(name="charge", title="Charge", kind="id"),
            Column(name="day", title="Day", kind="date", sorts=True),
            Column(name="description", title="What", sorts=True),
            Column(name="sub_account", title="Sub-account", sorts=True),
            Column(name="quantity", title="Quantity", kind="id"),
            Column(name="figure", title="Figure", kind="id", sorts=True),
            Column(name="amount", title="Counts as", kind="money", unit=unit, sorts=True),
            Column(name="document", title="Document", sorts=True),
            Column(name="row", title="Row", kind="count"),
        ),
        rows=[
            {
                "charge": one["line_id"],
                "day": one["day"],
                "description": one["description"],
                "sub_account": one["sub_account"],
                "quantity": _quantity(one),
                "figure": one["figure"],
                "amount": Decimal(one["amount"]),
                "document": _document(
                    desk, period, one["document"], one["document_name"], row=one["row"]
                ),
                "row": one["row"],
            }
            for one in behind["rows"]
        ],
        total={"charge": "Total", "amount": Decimal(behind["total"])},
        empty="No single charge stands behind this; the documents below do.",
    )


def papers(desk: Desk, period: str, behind: Values) -> Table:
    """Documents that are evidence themselves."""
    return Table(
        name="papers",
        caption="Documents behind it",
        columns=(
            Column(name="document", title="Document"),
            Column(name="sha256", title="SHA-256", kind="id"),
            Column(name="fetched_at", title="Fetched", kind="id"),
        ),
        rows=[
            {
                "document": _document(desk, period, one["sha256"], one["name"]),
                "sha256": one["sha256"],
                "fetched_at": f"{one['fetched_at']:%Y-%m-%d %H:%M} UTC",
            }
            for one in behind["documents"]
        ],
        empty="No document is named besides those of the charges.",
    )


def _document(desk: Desk, period: str, sha256: str, name: str, *, row: int | None = None) -> Cell:
    """A document by its name; with a row it opens at what that row became."""
    link = desk.link(
        f"/documents/{period}/document/{sha256}", row=None if row is None else str(row)
    )
    return Cell(value=name or sha256[:12], link=link if name else "")


def _quantity(one: Values) -> str:
    if one["quantity"] is None:
        return ""
    return f"{one['quantity'].normalize():,f} {one['unit'] or ''}".strip()
