"""Reconciliation: does it tie? The accounts of a month, why one differs, the charges behind it.

Owns what the pages say and in which order. Figures, bridges and causes come from the steps; the
queue of exceptions has a module of its own.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form
from pydantic import Field
from starlette.responses import Response

from tieout.core.errors import NotReadyError, UnknownSubjectError
from tieout.publish.charts import Bar, Chart, waterfall
from tieout.publish.money_text import percent
from tieout.steps import matches, matching, tie_out
from tieout.web.api import Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.forms import PageForm, Reason
from tieout.web.pages import exceptions, match_tables, tie_words
from tieout.web.table import Cell, Column, State, Table, Unknown

router = APIRouter(prefix="/reconciliation")
router.include_router(exceptions.router)
_CHAIN: Final = ("estimate_to_report", "draft_to_final", "report_to_invoice")
Values = Mapping[str, Any]


class Decision(PageForm):
    """What a person decides by form about one match."""

    section: Literal["estimate_to_report", "draft_to_final", "report_to_invoice"]
    kind: Literal["confirm", "reject", "unmatch"]
    match_id: str = Field(pattern=r"^[0-9a-f]{64}$")
    reason: Reason


@router.get("/{period}")
def month(period: Period, desk: AtDesk) -> Response:
    """Whether the accounts of a month tie."""
    desk.view()
    desk.month(period)
    found, waits_for = _overview(desk, period)
    open_queue = exceptions.listed(desk, period)
    return desk.show(
        Page(
            name="reconciliation",
            period=period,
            headline=tie_words.of_month(period, found["accounts"], waits_for, desk.money),
            template="reconciliation/month.html",
            tables=(
                desk.paged(_accounts(desk, period, found, open_queue)),
                exceptions.table(desk, period, open_queue),
            ),
            values={"waits_for": waits_for, "before": _before(desk, period)},
        )
    )


@router.get("/{period}/account/{account:path}")
def one_account(period: Period, account: str, desk: AtDesk) -> Response:
    """Why the last figure of an account is not its first."""
    desk.view()
    desk.month(period)
    found = _account(desk, period, account)
    sections = _sections(desk, period, account)
    pairs = [one for one in _pairs(desk, period)["pairs"] if one["account"] == account]
    tables = [_causes(desk, period, account, one) for one in sections]
    own = [one for one in exceptions.listed(desk, period) if account in one["subject"]]
    return desk.show(
        Page(
            name="reconciliation",
            period=period,
            headline=tie_words.of_account(period, found, _told(sections), desk.money),
            template="reconciliation/account.html",
            tables=(
                *tables,
                match_tables.suggested(pairs),
                match_tables.matched(pairs),
                exceptions.table(desk, period, own),
            ),
            values={
                "found": found,
                "bridges": [
                    {
                        "section": one,
                        "table": table.name,
                        "chart": _chart(desk, period, account, one),
                    }
                    for one, table in zip(sections, tables, strict=True)
                ],
                "asked": match_tables.asked(pairs),
                "pending": _pairs(desk, period)["pending"],
                "act": desk.link(f"/reconciliation/{period}/matches/{quote(account)}"),
                "amounts": {
                    name: None if found[name] is None else Decimal(found[name])
                    for name in ("first", "reported", "last", "difference", "unexplained")
                },
            },
            crumbs=(_start(desk, period), Crumb(title=account)),
        )
    )


@router.get("/{period}/rows/{section}/{key}/{account:path}")
def rows(period: Period, section: str, key: str, account: str, desk: AtDesk) -> Response:
    """The charges and documents behind one cause."""
    desk.view()
    desk.month(period)
    found = _cause(desk, period, account, section=section, key=key)
    behind = desk.kept(
        f"rows {period} {account} {section} {key}",
        lambda: tie_out.rows_behind(
            desk.context, period=period, account=account, section=section, ids=found["ids"]
        ),
    )
    unit = found["currency"]
    amount = desk.money(Decimal(found["amount"]), unit)
    back = desk.link(f"/reconciliation/{period}/account/{quote(account)}")
    return desk.show(
        Page(
            name="reconciliation",
            period=period,
            headline=f"{tie_words.cause(found['cause'])}: {amount}. {found['sentence']}",
            template="reconciliation/rows.html",
            tables=(
                desk.paged(match_tables.charges(desk, period, behind, unit)),
                match_tables.papers(desk, period, behind),
            ),
            values={
                "others": behind["others"],
                "is_whole": Decimal(behind["total"]) == Decimal(found["amount"]),
                "total": desk.money(Decimal(behind["total"]), unit),
                "amount": amount,
            },
            crumbs=(
                _start(desk, period),
                Crumb(title=account, link=back),
                Crumb(title=tie_words.SECTIONS[section], link=f"{back}#{section}"),
                Crumb(title=tie_words.cause(found["cause"]), amount=amount),
            ),
        )
    )


@router.post("/{period}/matches/{account:path}")
def decide(
    period: Period, account: str, desk: AtDesk, form: Annotated[Decision, Form()]
) -> Response:
    """Accept or reject a suggested match, or take one apart, as whoever is logged in."""
    provider, _, billing_account_id = account.partition("/")
    one = {
        "provider": provider,
        "billing_account_id": billing_account_id,
        **form.model_dump(include={"section", "kind", "match_id", "reason"}),
        "earlier_ids": [],
        "later_ids": [],
    }

    def decision() -> None:
        matching.decide(desk.context, period=period, person=desk.person, decisions=[one])

    then = desk.link(f"/reconciliation/{period}/account/{quote(account)}")
    return desk.decide(form, decision, then=f"{then}#suggested")


def _before(desk: Desk, period: str) -> tuple[str, str] | None:
    """Name and address of the month before, which is there when this one is not reconciled yet."""
    known = [one.period for one in desk.standing.months if one.period < period]
    if not known:
        return None
    return tie_words.month_name(known[-1]), desk.link(f"/reconciliation/{known[-1]}")


def _overview(desk: Desk, period: str) -> tuple[Values, str]:
    def made() -> tuple[Values, str]:
        try:
            return tie_out.overview(desk.context, period=period), ""
        except NotReadyError as error:
            return {"accounts": [], "total": None}, str(error)

    found: tuple[Values, str] = desk.kept(f"tie-out {period}", made)
    return found


def _account(desk: Desk, period: str, account: str) -> Values:
    known, waits_for = _overview(desk, period)
    if waits_for:
        raise NotReadyError(waits_for)
    for one in known["accounts"]:
        if one["account"] == account:
            found: Values = one
            return found
    raise UnknownSubjectError(
        f"No account {account[:60]!r} was reconciled in {period}: expected one of "
        f"{', '.join(one['account'] for one in known['accounts'])}."
    )


def _pairs(desk: Desk, period: str) -> Values:
    """What was matched; nothing before the matching has run."""

    def made() -> Values:
        try:
            return matches.listing(desk.context, period=period)
        except NotReadyError:
            return {"pairs": [], "pending": 0}

    found: Values = desk.kept(f"matches {period}", made)
    return found


def _proven(desk: Desk, period: str) -> Sequence[Values]:
    def made() -> Sequence[Values]:
        try:
            return matches.causes(desk.context, period=period)
        except NotReadyError:
            return ()

    found: Sequence[Values] = desk.kept(f"causes {period}", made)
    return found


def _sections(desk: Desk, period: str, account: str) -> list[Values]:
    """The account's bridges, each with its causes: as the matching proved them, else as they are.

    A line has `key` (its place in the address), `ids` (what its evidence names) and `rows`.
    """
    bridges: list[Values] = desk.kept(
        f"bridges {period} {account}",
        lambda: tie_out.bridges(desk.context, period=period, account=account),
    )
    proven = [one for one in _proven(desk, period) if one["account"] == account]
    return [{**one, "lines": tie_words.lines(one, proven)} for one in bridges]


def _cause(desk: Desk, period: str, account: str, *, section: str, key: str) -> Values:
    _account(desk, period, account)
    for one in _sections(desk, period, account):
        for line in one["lines"]:
            if (one["section"], line["key"]) == (section, key):
                return {**line, "currency": one["currency"]}
    raise UnknownSubjectError(
        f"{account} has no cause {key[:40]!r} in {section[:40]!r} of {period}: go back to its "
        "account and open it from there."
    )


def _told(sections: Sequence[Values]) -> list[Values]:
    """The causes of the way from the first figure to the last, for the headline."""
    chain = [one for one in sections if one["section"] in _CHAIN]
    first = [one for one in chain if one["section"] != "report_to_invoice"][:1]
    billed = [one for one in chain if one["section"] == "report_to_invoice"]
    return [line for one in (*first, *billed) for line in one["lines"]]


def _accounts(desk: Desk, period: str, found: Values, waiting: Sequence[Values]) -> Table:
    units = {one["currency"] for one in found["accounts"]}
    unit = units.pop() if len(units) == 1 else ""
    names = ("difference", "explained", "unexplained")
    total = found["total"] and {name: Decimal(found["total"][name]) for name in names}
    return Table(
        name="accounts",
        caption="Estimate, report and invoice of each account",
        columns=(
            Column(name="account", title="Account", sorts=True),
            Column(name="state", title="Ties", kind="state", sorts=True),
            Column(name="first", title="Estimate", kind="money", unit=unit, sorts=True),
            Column(name="reported", title="Report", kind="money", unit=unit, sorts=True),
            Column(name="last", title="Invoice", kind="money", unit=unit, sorts=True),
            *(
                Column(name=name, title=name.capitalize(), kind="money", unit=unit, sorts=True)
                for name in names
            ),
            *(() if unit else (Column(name="currency", title="Currency"),)),
            Column(name="age", title="Open for, days", kind="count", sorts=True),
        ),
        rows=[_account_row(desk, period, one, waiting) for one in found["accounts"]],
        total=total and {"account": "Total", **total},
        empty="Nothing is reconciled yet: the month is reconciled when its reports are final.",
    )


def _account_row(desk: Desk, period: str, one: Values, waiting: Sequence[Values]) -> dict[str, Any]:
    page = desk.link(f"/reconciliation/{period}/account/{quote(one['account'])}")
    ages = [each["age_days"] for each in waiting if one["account"] in each["subject"]]
    word, tone = tie_words.state(one)
    later = "credit drawn" if one["mode"] == "prepaid" else ""
    return {
        "account": Cell(value=one["name"], link=page, note=one["account"]),
        "state": State(word, tone),
        "first": Cell(
            value=Decimal(one["first"]), link=page, note=tie_words.first(one["first_label"])
        ),
        "reported": Cell(value=Decimal(one["reported"]), link=page),
        "last": Unknown("No invoice of the month has been read yet.")
        if one["last"] is None
        else Cell(value=Decimal(one["last"]), link=page, note=later),
        **{
            name: Cell(value=Decimal(one[name]), link=page)
            for name in ("difference", "explained", "unexplained")
        },
        "currency": one["currency"],
        "age": max(ages, default=None),
    }


def _causes(desk: Desk, period: str, account: str, one: Values) -> Table:
    unit, start = one["currency"], Decimal(one["start"])
    return Table(
        name=one["section"],
        caption=tie_words.SECTIONS[one["section"]],
        columns=(
            Column(name="cause", title="Cause"),
            Column(name="amount", title="Amount", kind="money", unit=unit),
            Column(name="share", title=f"Of the {tie_words.start(one['start_label'])}", kind="id"),
            Column(name="sentence", title="Why"),
            Column(name="rows", title="Evidence"),
        ),
        rows=[
            {
                "cause": Cell(value=tie_words.cause(line["cause"]), link=link),
                "amount": Cell(value=Decimal(line["amount"]), link=link),
                "share": percent(Decimal(line["amount"]), start),
                "sentence": line["sentence"],
                "rows": Cell(value=line["rows"], link=link),
            }
            for line in one["lines"]
            for link in [_address(desk, period, account, one["section"], line)]
        ],
        total={"cause": "Difference", "amount": Decimal(one["difference"])},
        empty=f"{one['start_label']} and {one['end_label']} are equal.",
    )


def _chart(desk: Desk, period: str, account: str, one: Values) -> Chart | None:
    """The bridge as a waterfall; None where both ends are equal."""
    if not one["lines"]:
        return None
    bars = [
        Bar(label=one["start_label"], amount=Decimal(one["start"]), is_total=True),
        *(
            Bar(
                label=tie_words.cause(line["cause"]),
                amount=Decimal(line["amount"]),
                link=_address(desk, period, account, one["section"], line),
            )
            for line in one["lines"]
        ),
        Bar(label=one["end_label"], amount=Decimal(one["end"]), is_total=True),
    ]
    title = tie_words.SECTIONS[one["section"]]
    return waterfall(f"chart-{one['section']}", title, bars, unit=one["currency"])


def _address(desk: Desk, period: str, account: str, section: str, line: Values) -> str:
    """Where the rows behind a cause are; nothing stands behind what nobody explains."""
    if not line["ids"]:
        return ""
    return desk.link(f"/reconciliation/{period}/rows/{section}/{line['key']}/{quote(account)}")


def _start(desk: Desk, period: str) -> Crumb:
    return Crumb(title=f"Reconciliation {period}", link=desk.link(f"/reconciliation/{period}"))
