"""Initiatives: what did it really cost, and who says so?

Owns what the pages say and in which order. Every figure comes from `steps.initiatives`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from tieout.core.errors import NotReadyError
from tieout.publish.charts import Bar, stacked
from tieout.steps import initiatives
from tieout.web import elsewhere
from tieout.web.api import Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.pages.initiative_tables import (
    PARTS,
    behind_tables,
    months_table,
    overview_tables,
)
from tieout.web.pages.waiting import not_yet
from tieout.web.table import Cell, Column, Row, Table, totals

router = APIRouter(prefix="/initiatives")
_HONOURS: Final = frozenset({"as_of", "basis"})
_MOST_MONTHS: Final = 12
_MOST_BARS: Final = 5
_DRAFTED: Final = {
    "provider": "provider",
    "sub_account": "sub_account_id",
    "service": "service_name",
}
InitiativeId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]


@router.get("/{period}")
def month(period: Period, desk: AtDesk) -> Response:
    """All initiatives of a month, the dearest first."""
    desk.view()
    desk.month(period)
    try:
        found = _overview(desk, period)
    except NotReadyError as error:
        return not_yet(desk, "initiatives", period, str(error))
    return desk.show(
        Page(
            name="initiatives",
            period=period,
            headline=_headline(desk, period, found),
            template="initiatives/month.html",
            tables=overview_tables(desk, period, found),
            values={
                "chart": _all_months(desk, found),
                "backlog": desk.link(f"/initiatives/{period}/(unallocated)"),
            },
            honours=_HONOURS,
            as_of=desk.view().as_of,
            note=_note(desk, period),
        )
    )


@router.get("/{period}/(unallocated)")
def unallocated(period: Period, desk: AtDesk) -> Response:
    """What no rule gave an initiative, the largest first."""
    view = desk.view()
    desk.month(period)
    found = desk.kept(
        f"backlog {period} {view.basis} {view.as_of}",
        lambda: initiatives.backlog(
            desk.context, period=period, basis=view.basis, as_of=view.as_of
        ),
    )
    unit = found["currency"]
    headline = f"Every charge of {period} has an initiative: nothing is unallocated."
    if found["rows"]:
        headline = (
            f"{desk.money(found['total'], unit)} of {period} is unallocated: no rule gives these "
            "charges an initiative."
        )
    return desk.show(
        Page(
            name="initiatives",
            period=period,
            headline=headline,
            template="initiatives/unallocated.html",
            tables=(desk.paged(_backlog(found), lambda row: _drafting(desk, period, row)),),
            crumbs=_crumbs(desk, period, "Unallocated", desk.money(found["total"], unit)),
            honours=_HONOURS,
            as_of=view.as_of,
            note=_note(desk, period),
        )
    )


@router.get("/{period}/{initiative}")
def one(period: Period, initiative: InitiativeId, desk: AtDesk) -> Response:
    """What one initiative cost, month by month, and who says so."""
    view = desk.view()
    desk.month(period)
    behind = desk.kept(
        f"behind {period} {initiative} {view.basis} {view.as_of}",
        lambda: initiatives.behind(
            desk.context,
            period=period,
            initiative=initiative,
            basis=view.basis,
            as_of=view.as_of,
        ),
    )
    found = _overview(desk, period, only=initiative)
    (row,) = found["rows"]
    unit = found["currency"]
    now = row["by_month"][period]
    return desk.show(
        Page(
            name="initiatives",
            period=period,
            headline=_cost_sentence(desk, period, row, unit),
            template="initiatives/one.html",
            tables=(
                months_table(desk, period, row, unit),
                *behind_tables(desk, period, behind, unit),
            ),
            values={
                "chart": _parts_chart(desk, row, unit),
                "row": row,
                "says": _says(behind),
            },
            crumbs=_crumbs(desk, period, row["name"] or initiative, desk.money(now["total"], unit)),
            honours=_HONOURS,
            as_of=view.as_of,
            note=_note(desk, period),
        )
    )


def _overview(desk: Desk, period: str, *, only: str | None = None) -> dict[str, Any]:
    view = desk.view()
    months = [one.period for one in desk.standing.months if one.period <= period][-_MOST_MONTHS:]
    found: dict[str, Any] = desk.kept(
        f"initiatives {period} {view.basis} {view.as_of} {only}",
        lambda: initiatives.overview(
            desk.context,
            period=period,
            months=months,
            basis=view.basis,
            as_of=view.as_of,
            only=only,
        ),
    )
    return found


def _note(desk: Desk, period: str) -> str:
    is_closed = desk.month(period).state in ("closed", "locked")
    return "" if is_closed else "Not closed yet."


def _headline(desk: Desk, period: str, found: Mapping[str, Any]) -> str:
    unit = found["currency"]
    own = [row for row in found["rows"] if row["initiative"] != initiatives.NOBODY]
    first = next((row for row in own if row["by_month"][period]["total"]), None)
    if first is None:
        return f"No initiative has any cost in {period}."
    count = sum(bool(row["by_month"][period]["total"]) for row in own)
    dearest = first["name"] or first["initiative"]
    left = found["unallocated"]
    rest = f"{desk.money(left, unit)} is unallocated" if left else "nothing is unallocated"
    return (
        f"{count} initiatives bear {desk.money(found['borne'], unit)} of {period}, most of it "
        f"{dearest} with {desk.money(first['by_month'][period]['total'], unit)}; {rest}."
    )


def _cost_sentence(desk: Desk, period: str, row: Mapping[str, Any], unit: str) -> str:
    now = row["by_month"][period]
    pieces = [
        f"{desk.money(now[part], unit)} {title.lower().replace('ai', 'AI')}"
        for part, title in PARTS.items()
        if now[part]
    ]
    name = row["name"] or row["initiative"]
    if not pieces:
        return f"{name} cost nothing in {period}."
    whole = desk.money(now["total"], unit)
    return f"{name} really cost {whole} in {period}: {', '.join(pieces)}."


def _says(behind: Mapping[str, Any]) -> str:
    people = sorted({one["approved_by"] for one in behind["policies"] if one["approved_by"]})
    counts = (
        (len(behind["rules"]), "rule"),
        (len(behind["pools"]), "pool"),
        (len(behind["documents"]), "document"),
    )
    words = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts]
    approved = f"; the policies were approved by {', '.join(people)}" if people else ""
    return f"{', '.join(words)}{approved}."


def _all_months(desk: Desk, found: Mapping[str, Any]) -> Any:
    """The dearest initiatives each month, the rest in one."""
    first, rest = found["rows"][:_MOST_BARS], found["rows"][_MOST_BARS:]
    months = []
    for month in found["months"]:
        bars = [
            Bar(
                label=row["name"] or row["initiative"],
                amount=row["by_month"][month]["total"],
                link=desk.link(f"/initiatives/{month}/{row['initiative']}"),
            )
            for row in first
            if row["by_month"][month]["total"] and not row["initiative"].startswith("pool:")
        ]
        left = sum((row["by_month"][month]["total"] for row in rest), Decimal(0))
        if left:
            bars.append(
                Bar(label=f"{len(rest)} others", amount=left, link=desk.here() + "#initiatives")
            )
        months.append((month, bars))
    if not any(bars for _, bars in months):
        return None
    title = "Cost of initiatives by month, before tax"
    return stacked("cost", title, months, unit=found["currency"])


def _parts_chart(desk: Desk, row: Mapping[str, Any], unit: str) -> Any:
    months = [
        (
            month,
            [
                Bar(
                    label=title,
                    amount=own[part],
                    link=desk.link(f"/initiatives/{month}/{row['initiative']}"),
                )
                for part, title in PARTS.items()
                if own[part]
            ],
        )
        for month, own in row["by_month"].items()
    ]
    if not any(bars for _, bars in months):
        return None
    return stacked("parts", f"What {row['initiative']} cost, before tax", months, unit=unit)


def _backlog(found: Mapping[str, Any]) -> Table:
    unit = found["currency"]
    rows = [_backlog_row(row) for row in found["rows"]]
    return Table(
        name="unallocated",
        caption="Charges without an initiative, the largest first",
        columns=(
            Column(name="from", title="From", sorts=True),
            Column(name="service", title="Service", sorts=True),
            Column(name="category", title="Category", sorts=True),
            Column(name="charges", title="Charges", kind="count", sorts=True),
            Column(name="amount", title="Amount", kind="money", unit=unit, sorts=True),
            Column(name="share", title="Of all", kind="money", unit="%", digits=1),
            Column(name="act", title="What to do"),
        ),
        rows=rows,
        total={"from": "Total", **totals(rows, ["amount"])},
        empty="Every charge has an initiative.",
    )


def _backlog_row(row: Mapping[str, Any]) -> Row:
    account = row["sub_account_name"] or row["sub_account_id"] or row["billing_account_id"]
    return {
        "from": Cell(value=row["provider"], note=account or ""),
        "service": row["service_name"] or "",
        "category": row["charge_category"] or "",
        "charges": row["charges"],
        "amount": row["amount"],
        "share": row["share"],
        "act": "Make a rule from these rows",
        "asked": {key: row[name] for key, name in _DRAFTED.items() if row[name]},
    }


def _drafting(desk: Desk, period: str, row: Row) -> Row:
    """The row with the way to the rule editor."""
    link = elsewhere.draft(desk, period, **row["asked"])
    return {**row, "act": Cell(value=row["act"], link=link)}


def _crumbs(desk: Desk, period: str, title: str, amount: str) -> tuple[Crumb, ...]:
    return (
        Crumb(title="Initiatives", link=desk.link(f"/initiatives/{period}")),
        Crumb(title=title, amount=amount),
    )
