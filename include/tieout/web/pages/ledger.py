"""Ledger: what is this number? A statement by any dimension, and the lines behind each figure.

Owns what the page says; figures come from `steps.ledger_views`. One ledger line is `ledger_line`'s,
the journal `journal`'s; their addresses stand below this page's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from tieout.publish.money_text import percent
from tieout.reports.line_tables import Place
from tieout.steps import ledger_views
from tieout.steps.ledger_views import Asked, Figure, LinesPage, Statement, StatementColumn
from tieout.steps.line_sources import ACCOUNT, NO_VALUE
from tieout.web.api import Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.pages import journal, ledger_line
from tieout.web.table import Cell, Column, Row, Table, Unknown
from tieout.web.view import QueryError

router = APIRouter(prefix="/ledger")
router.include_router(ledger_line.router)
router.include_router(journal.router)

HONOURS: Final = frozenset({"as_of", "basis", "where"})
_MONTHS, _MOST_MONTHS = 2, 12
_KINDS: Final[Mapping[str, str]] = {
    "published": "as reported",
    "restated": "as restated",
    "preliminary": "not closed yet",
}
# what people ask a statement for most; every other dimension is in the list behind them
_FIRST: Final = (
    ACCOUNT,
    "provider",
    "initiative",
    "cost_center",
    "pl_category",
    "product_line",
    "environment",
    "project",
)
_LINES: Final = (
    Column(name="line", title="Line", kind="id"),
    Column(name="provider", title="Provider"),
    Column(name="service", title="Service"),
    Column(name="account", title="Account", kind="id"),
    Column(name="initiative", title="Initiative"),
    Column(name="cost_center", title="Cost centre"),
    Column(name="environment", title="Environment"),
    Column(name="pool", title="Share of pool"),
    Column(name="charges", title="Charges", kind="count"),
)


@router.get("/{period}")
def statement(period: Period, desk: AtDesk) -> Response:
    """The statement of a month, beside the months before it or another sequence."""
    asked = desk.view("months", "against")
    desk.month(period)
    by = asked.by or (ACCOUNT,)
    months = _months(desk, period)
    against = _number(asked.own.get("against", ""), "against", most=10**15)
    name = f"statement {months} {by} {asked.where} {asked.basis} {asked.as_of} {against}"
    found: Statement = desk.kept(
        name,
        lambda: ledger_views.statement(
            desk.context,
            months=months,
            by=by,
            where=asked.where,
            basis=asked.basis,
            as_of=asked.as_of,
            against=against,
        ),
    )
    table = _statement_table(desk, found)
    total = (table.total or {}).get(_name(len(found.columns) - 1))
    return desk.show(
        Page(
            name="ledger",
            period=period,
            headline=_headline(desk, found, total),
            template="ledger/statement.html",
            tables=(desk.paged(table, lambda row: _linked(desk, found, row)),),
            values={
                "by": by,
                "unapplied": found.ignored,
                "first": [one for one in _FIRST if one in found.names],
                "others": [one for one in found.names if one not in (*_FIRST, "period")],
                "titles": _title,
                "months": len(months),
                "against": against,
                "restated": any(one.kind == "restated" for one in found.columns),
            },
            honours=HONOURS,
            as_of=_as_of(desk),
            note="" if found.columns[-1].kind != "preliminary" else "Not closed yet.",
        )
    )


@router.get("/{period}/lines")
def lines(period: Period, desk: AtDesk) -> Response:
    """The lines that a figure is made of, the largest first."""
    asked = desk.view()
    desk.month(period)
    if asked.sort not in ("", "amount", "-amount"):
        raise QueryError(f"The key sort of the address is {asked.sort!r}: expected amount.")
    position = desk.position("lines")
    behind = None
    if position is not None:
        behind = Place(amount=Decimal(str(position[0])), line_id=str(position[1]))
    smallest = asked.sort == "amount"
    found = ledger_views.lines(
        desk.context,
        _of_month(desk, period),
        behind=behind,
        smallest_first=smallest,
        limit=asked.size,
    )
    return desk.show(
        Page(
            name="ledger",
            period=period,
            headline=_lines_headline(desk, found),
            template="ledger/lines.html",
            tables=(_lines_table(desk, found, smallest_first=smallest, is_first=behind is None),),
            values={"unapplied": found.ignored},
            crumbs=(
                Crumb(title=f"Statement {period}", link=desk.link(f"/ledger/{period}", where=())),
                Crumb(title="Lines", amount=desk.money(found.total, found.currency)),
            ),
            honours=HONOURS,
            as_of=_as_of(desk),
            note="Not closed yet." if found.kind == "preliminary" else "",
        )
    )


def _as_of(desk: Desk) -> int | None:
    asked = desk.view().as_of
    return None if asked is None else min(asked, desk.standing.ledger_seq)


def _months(desk: Desk, period: str) -> list[str]:
    """The month and those before it that were opened, as many as were asked for."""
    asked = desk.view().own.get("months", "")
    count = _number(asked, "months", most=_MOST_MONTHS) or _MONTHS
    known = [one.period for one in desk.standing.months if one.period <= period]
    return known[-count:]


def _number(text: str, key: str, *, most: int) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= most:
        raise QueryError(
            f"The key {key} of the address is {text[:40]!r}: expected a number from 1 to {most}."
        )
    return int(text)


def _headline(desk: Desk, found: Statement, total: Decimal | None) -> str:
    last = found.columns[-1]
    if last.kind is None or total is None:
        return f"{last.period} has no ledger lines as of sequence {last.upto_seq:,}."
    said = f"{last.period} cost {desk.money(total, found.currency)}, {_KINDS[last.kind]}"
    before = _sum(found, len(found.columns) - 2) if len(found.columns) > 1 else None
    if before is None:
        return f"{said}."
    change = total - before
    if not change:
        return f"{said}, the same as {_words(found, len(found.columns) - 2)}."
    more = "more" if change > 0 else "less"
    amount = desk.money(abs(change), found.currency)
    return f"{said}: {amount} {more} than {_words(found, len(found.columns) - 2)}."


def _words(found: Statement, place: int) -> str:
    one, last = found.columns[place], found.columns[-1]
    return one.period if one.period != last.period else f"as of sequence {one.upto_seq:,}"


def _name(place: int) -> str:
    return f"column_{place}"


def _title(name: str) -> str:
    words = {"pl_category": "P&L category", "cost_center": "Cost centre", "pool_id": "Pool"}
    return words.get(name, name.replace("_", " ").capitalize())


def _statement_table(desk: Desk, found: Statement) -> Table:
    places = range(len(found.columns))
    columns = [Column(name=name, title=_title(name), sorts=True) for name in found.by]
    columns += [_money_column(found, place) for place in places]
    has_change = len(found.columns) > 1
    if has_change:
        columns.append(
            Column(name="change", title="Change", kind="money", unit=found.currency, sorts=True)
        )
        columns.append(Column(name="percent", title="Change in %", kind="id"))
    ordered = sorted(found.rows.items(), key=lambda one: (_largest_first(one[1]), str(one[0])))
    rows = [_statement_row(desk, found, key, figures) for key, figures in ordered]
    total: dict[str, Any] = {found.by[0]: "Total"}
    total |= {_name(place): one for place in places if (one := _sum(found, place)) is not None}
    return Table(
        name="statement",
        caption=f"Cost by {', '.join(_title(one).lower() for one in found.by)}",
        columns=tuple(columns),
        rows=rows,
        total=total | (_change(total, len(found.columns)) if has_change else {}),
        empty="No line fits: take a filter away, or choose a later sequence.",
    )


def _money_column(found: Statement, place: int) -> Column:
    one = found.columns[place]
    title = one.period
    if sum(other.period == one.period for other in found.columns) > 1:
        title = f"{one.period} at {one.upto_seq:,}"
    return Column(name=_name(place), title=title, kind="money", unit=found.currency, sorts=True)


def _largest_first(figures: Sequence[Figure | None]) -> tuple[Decimal, ...]:
    return tuple(-one.amount if one else Decimal(0) for one in reversed(figures))


def _statement_row(
    desk: Desk, found: Statement, key: Sequence[str | None], figures: Sequence[Figure | None]
) -> Row:
    """The row without the ways to its lines, which only the rows of a page need."""
    row: dict[str, Any] = {}
    for name, value in zip(found.by, key, strict=True):
        note = found.accounts.get(value or "", "") if name == ACCOUNT else ""
        row[name] = Cell(value=NO_VALUE if value is None else value, note=note)
    for place, (column, one) in enumerate(zip(found.columns, figures, strict=True)):
        row[_name(place)] = _figure(desk, found, column, one)
    return row | (_change(row, len(figures)) if len(figures) > 1 else {})


def _figure(desk: Desk, found: Statement, column: StatementColumn, one: Figure | None) -> Any:
    """The figure; one that was restated says what was reported."""
    if column.kind is None:
        return Unknown(f"{column.period} has no lines as of sequence {column.upto_seq}.")
    if one is None:
        return Decimal(0)
    note = ""
    if one.reported is not None:
        note = f"restated; reported {desk.money(one.reported, found.currency)}"
    return Cell(value=one.amount, note=note)


def _linked(desk: Desk, found: Statement, row: Row) -> Row:
    """The row, each figure with the way to its lines."""
    own = tuple((name, row[name].value) for name in found.by)
    where = tuple(dict.fromkeys((*desk.view().where, *own)))
    made = dict(row)
    for place, column in enumerate(found.columns):
        cell = row[_name(place)]
        if isinstance(cell, Cell):
            as_of = column.upto_seq if column.upto_seq != desk.standing.ledger_seq else None
            link = desk.link(f"/ledger/{column.period}/lines", where=where, as_of=as_of)
            made[_name(place)] = replace(cell, link=link)
    return made


def _change(row: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The last column less the one before it; unknown where one of them is."""
    before, now = (_amount(row.get(_name(count - back))) for back in (2, 1))
    if before is None or now is None:
        return {"change": Unknown("One of the two figures is not known.")}
    return {"change": now - before, "percent": percent(now - before, before)}


def _amount(cell: Any) -> Decimal | None:
    value = cell.value if isinstance(cell, Cell) else cell
    return value if isinstance(value, Decimal) else None


def _sum(found: Statement, place: int) -> Decimal | None:
    """The whole column; None where it has no figures."""
    if found.columns[place].kind is None:
        return None
    amounts = (one[place] for one in found.rows.values())
    return sum((one.amount for one in amounts if one is not None), Decimal(0))


def _of_month(desk: Desk, period: str) -> Asked:
    view = desk.view()
    return Asked(period=period, where=view.where, basis=view.basis, as_of=view.as_of)


def _lines_headline(desk: Desk, found: LinesPage) -> str:
    what = ", ".join(f"{_title(name).lower()} {value}" for name, value in desk.view().where)
    lines_ = "one line" if found.count == 1 else f"{found.count:,} lines"
    of = f" of {what}" if what else ""
    return (
        f"{found.period}{of} is {desk.money(found.total, found.currency)} in {lines_}, "
        f"{_KINDS[found.kind]}."
    )


def _lines_table(desk: Desk, found: LinesPage, *, smallest_first: bool, is_first: bool) -> Table:
    amount = Column(name="amount", title="Amount", kind="money", unit=found.currency, sorts=True)

    def every() -> list[Row]:
        rows = ledger_views.every_line(
            desk.context, _of_month(desk, found.period), smallest_first=smallest_first
        )
        return [_line_row(desk, row) for row in rows]

    following = found.following
    is_whole = is_first and following is None
    return Table(
        name="lines",
        caption="Ledger lines",
        columns=(*_LINES, amount),
        rows=[_line_row(desk, row) for row in found.rows],
        total={"line": "Total", "amount": found.total} if is_whole else None,
        empty="No line fits: take a filter away.",
        every=None if is_whole else every,
        following=(f"{following.amount:f}", following.line_id) if following else None,
    )


def _line_row(desk: Desk, row: Mapping[str, Any]) -> Row:
    line_id = row["ledger_line_id"]
    link = desk.link(f"/ledger/{row['period']}/line/{line_id}", where=())
    return {
        "line": Cell(value=line_id, link=link),
        "provider": row["provider"],
        "service": Cell(value=row["service_name"], note=row["sub_account_name"] or ""),
        "account": row[ACCOUNT],
        "initiative": NO_VALUE if row["initiative"] is None else row["initiative"],
        "cost_center": row["cost_center"],
        "environment": row["environment"],
        "pool": row["pool_id"],
        "charges": None if row["pool_id"] else row["charge_count"],
        "amount": Cell(value=row["billed_cost"], link=link),
    }
