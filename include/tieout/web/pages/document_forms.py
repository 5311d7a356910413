"""Correct and reject a document by form: what was read, to be typed over, and what becomes of it.

Owns the fields and how they become the file of typed figures; what may be decided when is the
business of the review.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Form
from pydantic import Field
from starlette.responses import Response

from tieout.core.errors import (
    DocumentUnreadableError,
    MoneyFormatError,
    RuleFileError,
    UsageError,
)
from tieout.core.money import parse_decimal
from tieout.steps import review
from tieout.steps.match import Given
from tieout.web.api import Document, Period
from tieout.web.desk import AtDesk, Desk
from tieout.web.forms import PageForm, Reason

router = APIRouter()
Values = Mapping[str, Any]
MOST_LINES: Final = 150  # more of them do not fit what one form may carry
BLANK_LINES: Final = 3
KINDS: Final = ("invoice", "receipt", "credit_note")
_REQUIRED: Final = ("kind", "number", "seller", "bill_to", "currency", "issued_on")
_AMOUNTS: Final = ("subtotal", "total")
_OPTIONAL: Final = ("due_on", "service_start", "service_end", "credit", "tax", "corrects")
_LINE: Final = ("description", "quantity", "unit_price", "amount")
# name, label, type of the field: as they stand in the form
FIELDS: Final = (
    ("number", "Number", "text"),
    ("seller", "Seller", "text"),
    ("bill_to", "Billed to", "text"),
    ("currency", "Currency", "text"),
    ("issued_on", "Issued", "date"),
    ("due_on", "Due", "date"),
    ("service_start", "Service from", "date"),
    ("service_end", "Service to", "date"),
    ("corrects", "Corrects number", "text"),
    ("subtotal", "Subtotal", "amount"),
    ("credit", "Credit", "amount"),
    ("tax", "Tax", "amount"),
    ("total", "Total", "amount"),
)
_Text = Annotated[str, Field(max_length=400)]
_Cells = Annotated[list[_Text], Field(max_length=MOST_LINES + BLANK_LINES)]
_Short = Annotated[str, Field(max_length=40)]
_Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


class Correction(PageForm):
    """What a person reads on the paper; the lines come as one list a column, empty ones fall out.

    `counts_for` is the month, `account` such as `openai/org-1` where the paper does not say it.
    """

    kind: Literal["invoice", "receipt", "credit_note"]
    number: _Text = ""
    seller: _Text = ""
    bill_to: _Text = ""
    currency: _Short = ""
    issued_on: _Short = ""
    due_on: _Short = ""
    service_start: _Short = ""
    service_end: _Short = ""
    corrects: _Text = ""
    subtotal: _Short = ""
    credit: _Short = ""
    tax: _Short = ""
    total: _Short = ""
    description: _Cells = Field(default=[])
    quantity: _Cells = Field(default=[])
    unit_price: _Cells = Field(default=[])
    amount: _Cells = Field(default=[])
    counts_for: _Month
    account: _Text = ""
    reason: Reason


class Rejection(PageForm):
    """Why a document is set aside."""

    reason: Reason


@router.post("/{period}/document/{document}/correct")
def correct(
    period: Period, document: Document, desk: AtDesk, form: Annotated[Correction, Form()]
) -> Response:
    """Propose other figures for a document as the person who is logged in."""

    def decision() -> None:
        provider, _, account = form.account.strip().partition("/")
        typed = review.Typed(
            name="The form",
            content=typed_figures(form),
            given=Given(provider=provider or None, account=account or None, period=form.counts_for),
            person=desk.person,
            reason=form.reason,
        )
        try:
            review.correct_on_page(desk.context, document=document, typed=typed)
        except (RuleFileError, DocumentUnreadableError) as error:
            raise UsageError(str(error)) from error

    return desk.decide(form, decision, then=desk.link(f"/documents/{period}") + "#queue")


@router.post("/{period}/document/{document}/reject")
def reject(
    period: Period, document: Document, desk: AtDesk, form: Annotated[Rejection, Form()]
) -> Response:
    """Set a document aside, or refuse proposed figures, as the person who is logged in."""

    def decision() -> None:
        review.reject_on_page(
            desk.context, document=document, person=desk.person, reason=form.reason
        )

    return desk.decide(form, decision, then=desk.link(f"/documents/{period}/document/{document}"))


def typed_figures(form: Correction) -> bytes:
    """The form as the file of typed figures that the review reads.

    Raises:
        UsageError: a column of the lines is longer than another.
    """
    given = form.model_dump()
    columns = [given[name] for name in _LINE]
    if len({len(one) for one in columns}) != 1:
        raise UsageError(
            "The lines of the form do not fit together: expected as many amounts as descriptions; "
            "open the page again and type them there."
        )
    rows = [dict(zip(_LINE, row, strict=True)) for row in zip(*columns, strict=True)]
    lines = [
        {name: text for name, text in row.items() if text.strip() or name in _NEEDED_IN_A_LINE}
        for row in rows
        if any(text.strip() for text in row.values())
    ]
    known = {name: given[name] for name in (*_REQUIRED, *_AMOUNTS)}
    known |= {name: given[name] for name in _OPTIONAL if given[name].strip()}
    return json.dumps({**known, "lines": lines}, ensure_ascii=False, indent=1).encode()


_NEEDED_IN_A_LINE: Final = frozenset({"description", "amount"})


def acts(desk: Desk, period: str, found: Values) -> dict[str, Any]:
    """Which forms the page of a document shows, and what stands in their fields.

    `correct` is None where nothing can be corrected by form; `why_not` says why nothing at all can.
    """
    is_open = found["state"] == "queued" or desk.month(period).state not in ("closed", "locked")
    is_paper = found["kind"] in ("billing_document", "handed in")
    stands = is_paper and found["state"] not in ("replaced", "rejected")
    why_not = ""
    if is_paper and not is_open:
        why_not = f"{period} is closed: what corrects this is entered in the open month."
    return {
        "correct": _fields(period, found) if stands and is_open and _fits(found) else None,
        "by_command": stands and is_open and found["state"] != "proposed" and not _fits(found),
        "reject": stands and is_open and found["state"] != "approved",
        "why_not": why_not if stands else "",
        "link": desk.link(f"/documents/{period}/document/{found['document']}"),
    }


def _fits(found: Values) -> bool:
    """One document, and not more lines than a form may carry; proposed figures are rejected."""
    lines = sum(len(one["lines"]) for one in found["says"])
    return found["state"] != "proposed" and len(found["says"]) <= 1 and lines <= MOST_LINES


def _fields(period: str, found: Values) -> dict[str, Any]:
    one: Values = next(iter(found["says"]), {})
    lines: Sequence[Values] = one.get("lines", ())
    blank = dict.fromkeys(_LINE, "")
    account = found["account"]
    return {
        "kind": one.get("kind", "invoice"),
        "kinds": KINDS,
        "fields": [
            {"name": name, "label": label, "type": kind, "value": one.get(name) or ""}
            for name, label, kind in FIELDS
        ],
        "lines": [
            *(_line(line) for line in lines),
            *(blank for _ in range(BLANK_LINES)),
        ],
        "counts_for": period,
        "account": "" if "?" in account else account,
    }


def _line(line: Values) -> dict[str, str]:
    """A line as it was read; a quantity with its unit is no number, and typed figures take none."""
    numbers = {name: _number(line[name] or "") for name in ("quantity", "unit_price")}
    return {"description": line["description"], **numbers, "amount": line["amount"]}


def _number(text: str) -> str:
    try:
        parse_decimal(text)
    except MoneyFormatError:
        return ""
    return text
