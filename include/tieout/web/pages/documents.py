"""Documents: what came in? Days of each account, invoices, one document beside its pictures.

Owns what the pages say and in which order; what a document says and became comes from the steps.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form
from starlette.responses import Response

from tieout.core.errors import NotReadyError
from tieout.steps import arrived, completeness, papers, review
from tieout.web.api import Document, Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.forms import PageForm
from tieout.web.pages import document_forms, document_parts, tie_words
from tieout.web.table import Cell, Column, State, Table, Tone, Unknown
from tieout.web.words import counted

router = APIRouter(prefix="/documents")
router.include_router(document_forms.router)
Values = Mapping[str, Any]
_STATES: Final[Mapping[str, tuple[str, Tone]]] = {
    "read": ("read", "good"),
    "accepted": ("read", "good"),
    "approved": ("typed and approved", "good"),
    "missing": ("missing", "block"),
    "queued": ("in review", "warn"),
    "proposed": ("waits for approval", "wait"),
    "received": ("received", "wait"),
    "attachment": ("belongs to another", "off"),
    "replaced": ("replaced", "off"),
    "rejected": ("rejected", "off"),
}


class Approval(PageForm):
    """The word of a second person that typed figures are what the paper says."""


@router.get("/{period}")
def month(period: Period, desk: AtDesk) -> Response:
    """What came in for a month."""
    desk.view()
    desk.month(period)
    days, listed, waits_for = _month(desk, period)
    queue: Sequence[Values] = desk.kept(
        f"papers {period}", lambda: papers.listing(desk.context, period=period)
    )
    return desk.show(
        Page(
            name="documents",
            period=period,
            headline=_headline(period, days, listed, queue, waits_for),
            template="documents/month.html",
            tables=(
                desk.paged(_documents(desk, period, listed)),
                _queue(desk, period, queue),
                document_parts.table(days),
            ),
            values={
                "waits_for": waits_for,
                "calendar": document_parts.calendar(days),
                "legend": [(symbol, word) for word, (symbol, _) in document_parts.DAYS.items()],
            },
        )
    )


@router.get("/{period}/document/{document}")
def one_document(period: Period, document: Document, desk: AtDesk) -> Response:
    """One document: its pages beside what was read of it, and what it became."""
    row = desk.view("row").own.get("row", "")
    desk.month(period)
    found: Values = desk.kept(
        f"document {period} {document}",
        lambda: arrived.show(desk.context, period=period, document=document),
    )
    lines = [line for one in found["says"] for line in one["lines"]]
    paper = found["evidence"] or document
    seen: Values = desk.kept(
        f"places {document} {len(lines)}",
        lambda: arrived.places(
            desk.context, document=paper, texts=[line["description"] for line in lines]
        ),
    )
    name, proof = f"/api/documents/{document}", f"/api/documents/{paper}"
    says = document_parts.said(found, seen)
    return desk.show(
        Page(
            name="documents",
            period=period,
            headline=_told(found, desk),
            template="documents/document.html",
            tables=(
                desk.paged(_charges(found, row)),
                *(one["table"] for one in says),
                _entries(found),
            ),
            values={
                "found": found,
                "pages": document_parts.pages(found, seen, f"{desk.root}{proof}"),
                "problem": seen["problem"],
                "says": says,
                "file": f"{desk.root}{name}/file",
                "proof": f"{desk.root}{proof}/file" if found["evidence"] else "",
                "typed": [
                    {**one, "link": _link(desk, period, one["document"])} for one in found["typed"]
                ],
                "state": _STATES.get(found["state"]),
                "row": row,
                "acts": document_forms.acts(desk, period, found),
                "most": arrived.MOST_CHARGES,
                "act": desk.link(f"/documents/{period}/document/{document}/approve"),
            },
            crumbs=(
                Crumb(title=f"Documents {period}", link=desk.link(f"/documents/{period}")),
                Crumb(title=found["name"]),
            ),
        )
    )


@router.post("/{period}/document/{document}/approve")
def approve(
    period: Period, document: Document, desk: AtDesk, form: Annotated[Approval, Form()]
) -> Response:
    """Approve typed figures as another person than who typed them."""

    def decision() -> None:
        review.approve(desk.context, document=document, person=desk.person)

    return desk.decide(form, decision, then=desk.link(f"/documents/{period}/document/{document}"))


def _month(desk: Desk, period: str) -> tuple[Sequence[Values], Sequence[Values], str]:
    """Days, documents, or what both wait for."""

    def made() -> tuple[Sequence[Values], Sequence[Values], str]:
        try:
            days = completeness.run(desk.context, period=period)["days"]
            return days, arrived.listing(desk.context, period=period), ""
        except NotReadyError as error:
            return (), (), str(error)

    found: tuple[Sequence[Values], Sequence[Values], str] = desk.kept(f"arrived {period}", made)
    return found


def _headline(
    period: str,
    days: Sequence[Values],
    listed: Sequence[Values],
    queue: Sequence[Values],
    waits_for: str,
) -> str:
    name = tie_words.month_name(period)
    if waits_for:
        return f"Nothing is expected of {name} yet."
    holes = sum(document_parts.kind(one) == "missing" for one in days)
    missing = [one["account"] for one in listed if one["state"] == "missing"]
    wrong = [counted(holes, "day has no data", "days have no data")] if holes else []
    wrong += [f"no invoice of {', '.join(missing)} has been read"] if missing else []
    waits = counted(len(queue), "document waits for a person", "documents wait for a person")
    wrong += [waits] if queue else []
    if wrong:
        return f"{name} is not complete: {'; '.join(wrong)}."
    bills = sum(one["kind"] is not None for one in listed)
    if any(document_parts.kind(one) == "to come" for one in days):
        return f"{name} is complete so far: every day that is over is here, with {bills} documents."
    return f"{name} is complete: every day of every account and {bills} documents are here."


def _documents(desk: Desk, period: str, listed: Sequence[Values]) -> Table:
    return Table(
        name="documents",
        caption="Invoices, receipts and credit notes",
        columns=(
            Column(name="name", title="Document", sorts=True),
            Column(name="account", title="Account", sorts=True),
            Column(name="state", title="State", kind="state", sorts=True),
            Column(name="kind", title="Kind", sorts=True),
            Column(name="issued_on", title="Issued", kind="date", sorts=True),
            Column(name="due_on", title="Due", kind="date", sorts=True),
            Column(name="total", title="Total", kind="money", sorts=True),
            Column(name="currency", title="Currency"),
            Column(name="document", title="SHA-256", kind="id"),
        ),
        rows=[
            {
                **{name: one[name] for name in ("account", "issued_on", "due_on", "currency")},
                "name": Cell(value=one["name"], link=_link(desk, period, one["document"])),
                "state": State(*_STATES[one["state"]]),
                "kind": (one["kind"] or "").replace("_", " ") or None,
                "total": Cell(value=_total(one), link=_link(desk, period, one["document"])),
                "document": one["document"] or None,
            }
            for one in listed
        ],
        empty="No billing document of the month has come yet.",
    )


def _total(one: Values) -> Decimal | Unknown | None:
    if one["total"] is not None:
        return Decimal(one["total"])
    return None if one["state"] == "attachment" else Unknown("Nothing has been read of it yet.")


def _queue(desk: Desk, period: str, queue: Sequence[Values]) -> Table:
    return Table(
        name="queue",
        caption="Review: what waits for a person",
        columns=(
            Column(name="name", title="Document"),
            Column(name="state", title="State", kind="state"),
            Column(name="problem", title="Problem"),
            Column(name="reason", title="Why"),
            Column(name="author", title="From"),
            Column(name="at", title="Received", kind="id"),
        ),
        rows=[
            {
                "name": Cell(
                    value=one["name"],
                    link=_link(desk, period, one["document"]),
                    note=f"{one['provider'] or '?'}/{one['billing_account_id'] or '?'}",
                ),
                "state": State(*_STATES[one["state"]]),
                "problem": (one["problem"] or "").replace("_", " "),
                "reason": one["reason"],
                "author": one["author"],
                "at": document_parts.moment(one["received_at"]),
            }
            for one in queue
        ],
        empty="Nothing waits: every document that came was read.",
    )


def _charges(found: Values, row: str) -> Table:
    shown = [one for one in found["charges"] if row in ("", str(one["row"]))]
    units = {one["currency"] for one in found["charges"]}
    return Table(
        name="charges",
        caption="Charges read from it",
        columns=(
            Column(name="row", title="Row", kind="count", sorts=True),
            Column(name="day", title="Day", kind="date", sorts=True),
            Column(name="description", title="What", sorts=True),
            Column(name="category", title="Category", sorts=True),
            Column(name="sub_account", title="Sub-account", sorts=True),
            Column(
                name="amount",
                title="Amount",
                kind="money",
                unit=units.pop() if len(units) == 1 else "",
                sorts=True,
            ),
            Column(name="charge", title="Charge", kind="id"),
        ),
        rows=[
            {
                **{
                    name: one[name]
                    for name in ("row", "day", "description", "category", "sub_account")
                },
                "amount": Decimal(one["amount"]),
                "charge": one["line_id"],
            }
            for one in shown
        ],
        empty="No charge was read from it: it bills, confirms or describes what others report.",
    )


def _entries(found: Values) -> Table:
    return Table(
        name="entries",
        caption="Entries that stand on it",
        columns=(
            Column(name="entry", title="Entry"),
            Column(name="description", title="What"),
            Column(name="amount", title="Amount", kind="money"),
            Column(name="currency", title="Currency"),
        ),
        rows=[
            {
                "entry": one["document_no"],
                "description": one["description"],
                "amount": Decimal(one["amount"]),
                "currency": one["currency"],
            }
            for one in found["entries"]
        ],
        empty="No entry names it.",
    )


def _told(found: Values, desk: Desk) -> str:
    says = found["says"]
    if len(says) == 1:
        (one,) = says
        ties = "does not add up: " + "; ".join(one["gaps"]) if one["gaps"] else "adds up"
        total = desk.money(Decimal(one["total"]), one["currency"])
        kind = one["kind"].replace("_", " ").capitalize()
        return f"{kind} {one['number']} of {one['seller']} over {total} {ties}."
    if says:
        numbers = ", ".join(one["number"] for one in says)
        return f"{found['name']} holds {len(says)} documents: {numbers}."
    if found["charge_count"]:
        return f"{found['name']} became {found['charge_count']:,} charges of {found['account']}."
    state = _STATES.get(found["state"], ("", "off"))[0]
    return f"{found['name']}: {state}." if state else f"{found['name']} bills nothing by itself."


def _link(desk: Desk, period: str, document: str) -> str:
    return desk.link(f"/documents/{period}/document/{document}") if document else ""
