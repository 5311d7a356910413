"""The journal: a month's entries, and one entry with its lines and its place in the audit log.

Owns what the two pages say; everything on them `steps.journal_views` reads.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from tieout.core.money import minor_digits
from tieout.steps import journal_views
from tieout.web.api import Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.table import Cell, Column, Row, Table
from tieout.web.view import QueryError

router = APIRouter()
DocumentNo = Annotated[str, Path(pattern=r"^\d{4}-[a-z_]{1,40}-\d{6,12}$")]
_HONOURS: Final = frozenset({"as_of", "where"})
_BATCH: Final = 1_000


@router.get("/{period}/journal")
def entries(period: Period, desk: AtDesk) -> Response:
    """A month's entries, the newest first."""
    asked = desk.view()
    desk.month(period)
    if asked.sort:
        raise QueryError("The journal is in the order of the ledger: take the key sort out.")
    position = desk.position("entries")
    behind = int(str(position[0])) if position else None
    found = _read(desk, period, behind=behind, limit=asked.size)
    return desk.show(
        Page(
            name="ledger",
            period=period,
            headline=_headline(desk, period, found),
            template="ledger/journal.html",
            tables=(_entries_table(desk, period, found, is_first=behind is None),),
            values={
                "types": sorted({one["journal_type"] for one in found["rows"]}),
                "unapplied": found["ignored"],
            },
            crumbs=(
                Crumb(title=f"Statement {period}", link=desk.link(f"/ledger/{period}", where=())),
                Crumb(title="Journal"),
            ),
            honours=_HONOURS,
            as_of=asked.as_of and min(asked.as_of, desk.standing.ledger_seq),
        )
    )


@router.get("/{period}/entry/{document_no}")
def entry(period: Period, document_no: DocumentNo, desk: AtDesk) -> Response:
    """One entry with all that it is made of."""
    desk.view()
    desk.month(period)
    found = journal_views.entry(desk.context, document_no=document_no)
    amount = desk.money(found["debit"], found["currency"], digits=_digits(found))
    balances = found["debit"] == found["credit"]
    return desk.show(
        Page(
            name="ledger",
            period=period,
            headline=f"{found['document_no']} moves {amount} and "
            f"{'balances' if balances else 'does not balance'}: {found['description']}.",
            template="ledger/entry.html",
            tables=(desk.paged(_entry_lines(desk, found)),),
            values={"one": found},
            crumbs=(
                Crumb(title=f"Statement {period}", link=desk.link(f"/ledger/{period}", where=())),
                Crumb(title="Journal", link=desk.link(f"/ledger/{period}/journal", where=())),
                Crumb(title=document_no, amount=amount),
            ),
        )
    )


def _read(desk: Desk, period: str, *, behind: int | None, limit: int) -> dict[str, Any]:
    asked = desk.view()
    return journal_views.listing(
        desk.context,
        period=period,
        where=asked.where,
        as_of=asked.as_of,
        behind=behind,
        limit=limit,
    )


def _headline(desk: Desk, period: str, found: Mapping[str, Any]) -> str:
    totals = found["totals"]
    if not totals:
        return f"Nothing is posted in {period} or for it."
    parts = [
        f"{one['entries']:,} {'entry' if one['entries'] == 1 else 'entries'} of "
        f"{desk.money(one['debit'], one['currency'])}"
        for one in totals
    ]
    balanced = all(one["debit"] == one["credit"] for one in totals)
    said = "debits equal credits" if balanced else "debits and credits differ"
    return f"Posted in {period} or for it: {', '.join(parts)}; {said}."


def _entries_table(desk: Desk, period: str, found: Mapping[str, Any], *, is_first: bool) -> Table:
    following = found["following"]
    is_whole = is_first and following is None

    def every() -> list[Row]:
        rows: list[Row] = []
        behind: int | None = None
        while True:
            got = _read(desk, period, behind=behind, limit=_BATCH)
            rows += [_entry_row(desk, period, one) for one in got["rows"]]
            behind = got["following"]
            if behind is None:
                return rows

    return Table(
        name="entries",
        caption="Journal entries",
        columns=(
            Column(name="entry", title="Entry"),
            Column(name="posted", title="Posted on", kind="date"),
            Column(name="period", title="In", kind="id"),
            Column(name="service", title="For", kind="id"),
            Column(name="type", title="Type"),
            Column(name="provider", title="Provider"),
            Column(name="reversal", title="Reversal"),
            Column(name="unit", title="Currency", kind="id"),
            Column(name="debit", title="Debit", kind="money"),
            Column(name="credit", title="Credit", kind="money"),
        ),
        rows=[_entry_row(desk, period, one) for one in found["rows"]],
        empty="No entry fits: take a filter away, or choose a later sequence.",
        every=None if is_whole else every,
        following=None if following is None else (following,),
    )


def _entry_row(desk: Desk, period: str, one: Mapping[str, Any]) -> Row:
    return {
        "entry": Cell(
            value=one["document_no"],
            link=_entry(desk, period, one["document_no"]),
            note=one["description"],
        ),
        "posted": one["posting_on"],
        "period": one["period"],
        "service": one["service_period"],
        "type": one["journal_type"].replace("_", " "),
        "provider": one["provider"],
        "reversal": _reversal(desk, period, one),
        "unit": one["currency"],
        "debit": one["debit"],
        "credit": one["credit"],
    }


def _reversal(desk: Desk, period: str, one: Mapping[str, Any]) -> Cell | None:
    """What an entry reverses, or what reversed it; both at once there is not."""
    number = one["reverses"] or one["reversed_by"]
    if not number:
        return None
    word = "reverses" if one["reverses"] else "reversed by"
    return Cell(value=f"{word} {number}", link=_entry(desk, period, number))


def _entry(desk: Desk, period: str, document_no: str) -> str:
    return desk.link(f"/ledger/{period}/entry/{document_no}", where=())


def _entry_lines(desk: Desk, found: Mapping[str, Any]) -> Table:
    digits, unit = _digits(found), found["currency"]
    money = [
        Column(name=name, title=name.capitalize(), kind="money", unit=unit, digits=digits)
        for name in ("debit", "credit")
    ]
    return Table(
        name="lines",
        caption="Lines",
        columns=(
            Column(name="line", title="Line", kind="count"),
            Column(name="account", title="Account", kind="id", sorts=True),
            Column(name="memo", title="Memo"),
            Column(name="dimensions", title="Dimensions", kind="list"),
            *money,
        ),
        rows=[
            {
                "line": one["line_no"],
                "account": one["account"],
                "memo": Cell(value=one["memo"], link=_ledger_lines(desk, found, one)),
                "dimensions": tuple(
                    f"{name.replace('_', ' ')}: {value}"
                    for name, value in one["dimensions"].items()
                    if value is not None
                ),
                "debit": one["debit"] or None,
                "credit": one["credit"] or None,
            }
            for one in found["lines"]
        ],
        total={"line": None, "memo": "Total", "debit": found["debit"], "credit": found["credit"]},
    )


def _ledger_lines(desk: Desk, found: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """The ledger lines that a journal line carries; control accounts carry none."""
    if not one["source_line_ref"] or desk.standing.month(found["service_period"]) is None:
        return ""
    values = {**one["dimensions"], "billing_account_id": found["billing_account_id"]}
    where = [("account", one["account"])]
    where += [(name, "(none)" if value is None else str(value)) for name, value in values.items()]
    return desk.link(f"/ledger/{found['service_period']}/lines", where=tuple(where))


def _digits(found: Mapping[str, Any]) -> int:
    return minor_digits(found["currency"])
