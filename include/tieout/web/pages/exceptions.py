"""Exceptions of a month on the reconciliation's pages: the queue, one of them, what people decide.

Owns table, page and forms; who may decide is the database's business.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Path
from pydantic import Field
from starlette.responses import Response

from tieout.core.errors import UnknownSubjectError
from tieout.steps import exceptions
from tieout.web.api import Period
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.forms import PageForm, Reason
from tieout.web.table import Cell, Column, State, Table, Tone

router = APIRouter()
ExceptionId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Values = Mapping[str, Any]
_TONES: Final[Mapping[str, Tone]] = {
    "open": "warn",
    "assigned": "wait",
    "explained": "wait",
    "accepted": "good",
    "acceptance lapsed": "warn",
    "resolved": "good",
}


class Assignment(PageForm):
    """Who takes care of it, and until when."""

    owner: str = Field(min_length=1, max_length=200)
    due_on: date
    reason: Reason


class Explanation(PageForm):
    """Why it is so."""

    reason: Reason


class Acceptance(PageForm):
    """The last day of an acceptance."""

    expires_on: date
    reason: Reason


class Resolution(PageForm):
    """What settled it: an entry, or the reason alone."""

    entry_no: str = Field(default="", max_length=200)
    reason: Reason


def listed(desk: Desk, period: str) -> Sequence[Values]:
    """The month's exceptions that are not resolved, oldest first."""
    found: Sequence[Values] = desk.kept(
        f"exceptions {period}", lambda: exceptions.listing(desk.context, period=period)
    )
    return found


def table(desk: Desk, period: str, found: Sequence[Values]) -> Table:
    """The queue, or a part of it."""
    return Table(
        name="exceptions",
        caption="Exceptions",
        columns=(
            Column(name="subject", title="About"),
            Column(name="state", title="State", kind="state"),
            Column(name="message", title="What is wrong"),
            Column(name="amount", title="Amount", kind="money"),
            Column(name="currency", title="Currency"),
            Column(name="blocks", title="Blocks"),
            Column(name="age", title="Age, days", kind="count"),
            Column(name="owner", title="Owner"),
            Column(name="due_on", title="Due", kind="date"),
            Column(name="expires_on", title="Accepted until", kind="date"),
        ),
        rows=[_row(desk, period, one) for one in found],
        empty="No exception is open.",
    )


@router.get("/{period}/exception/{exception}")
def one_exception(period: Period, exception: ExceptionId, desk: AtDesk) -> Response:
    """One exception, its history, and what a person can decide about it."""
    desk.view()
    desk.month(period)
    found = desk.kept(
        f"exception {exception}", lambda: exceptions.one(desk.context, exception=exception)
    )
    if found["period"] != period:
        raise UnknownSubjectError(
            f"Exception {exception[:12]} is of {found['period']}: expected one of {period}."
        )
    return desk.show(
        Page(
            name="reconciliation",
            period=period,
            headline=found["message"],
            template="reconciliation/exception.html",
            tables=(_history(found),),
            values={
                "found": found,
                "state": State(found["state"], _TONES[found["state"]]),
                "amount": desk.money(Decimal(found["amount"]), found["currency"]),
                "act": desk.link(f"/reconciliation/{period}/exception/{exception}"),
            },
            crumbs=(
                Crumb(
                    title=f"Reconciliation {period}",
                    link=desk.link(f"/reconciliation/{period}"),
                ),
                Crumb(title=found["subject"]),
            ),
        )
    )


@router.post("/{period}/exception/{exception}/assign")
def assign(
    period: Period, exception: ExceptionId, desk: AtDesk, form: Annotated[Assignment, Form()]
) -> Response:
    """Give it an owner and a day."""

    def decision() -> None:
        exceptions.assign(
            desk.context,
            exception=exception,
            person=desk.person,
            owner=form.owner,
            due_on=form.due_on,
            remark=form.reason,
        )

    return desk.decide(form, decision, then=_back(desk, period, exception))


@router.post("/{period}/exception/{exception}/explain")
def explain(
    period: Period, exception: ExceptionId, desk: AtDesk, form: Annotated[Explanation, Form()]
) -> Response:
    """Say why it is so."""

    def decision() -> None:
        exceptions.explain(
            desk.context, exception=exception, person=desk.person, remark=form.reason
        )

    return desk.decide(form, decision, then=_back(desk, period, exception))


@router.post("/{period}/exception/{exception}/accept")
def accept(
    period: Period, exception: ExceptionId, desk: AtDesk, form: Annotated[Acceptance, Form()]
) -> Response:
    """Accept what another person explained, for a time."""

    def decision() -> None:
        exceptions.accept(
            desk.context,
            exception=exception,
            person=desk.person,
            expires_on=form.expires_on,
            remark=form.reason,
        )

    return desk.decide(form, decision, then=_back(desk, period, exception))


@router.post("/{period}/exception/{exception}/resolve")
def resolve(
    period: Period, exception: ExceptionId, desk: AtDesk, form: Annotated[Resolution, Form()]
) -> Response:
    """Say that it is settled."""

    def decision() -> None:
        exceptions.resolve(
            desk.context,
            exception=exception,
            person=desk.person,
            entry_no=form.entry_no or None,
            remark=form.reason,
        )

    return desk.decide(form, decision, then=_back(desk, period, exception))


def _back(desk: Desk, period: str, exception: str) -> str:
    return desk.link(f"/reconciliation/{period}/exception/{exception}")


def _row(desk: Desk, period: str, one: Values) -> dict[str, Any]:
    return {
        "subject": Cell(
            value=one["subject"],
            link=_back(desk, period, one["exception_id"]),
            note=one["kind"].replace("_", " "),
        ),
        "state": State(one["state"], _TONES[one["state"]]),
        "message": one["message"],
        "amount": Decimal(one["amount"]),
        "currency": one["currency"],
        "blocks": "yes" if one["blocks"] else "no",
        "age": one["age_days"],
        "owner": one["owner"],
        "due_on": date.fromisoformat(one["due_on"]) if one["due_on"] else None,
        "expires_on": date.fromisoformat(one["expires_on"]) if one["expires_on"] else None,
    }


def _history(found: Values) -> Table:
    return Table(
        name="history",
        caption="What happened to it",
        columns=(
            Column(name="at", title="When", kind="id"),
            Column(name="state", title="State", kind="state"),
            Column(name="actor", title="Who"),
            Column(name="remark", title="Why"),
            Column(name="owner", title="Owner"),
            Column(name="due_on", title="Due", kind="id"),
            Column(name="expires_on", title="Accepted until", kind="id"),
            Column(name="entry_no", title="Entry", kind="id"),
        ),
        rows=[
            {
                **{
                    name: one[name]
                    for name in ("actor", "remark", "owner", "due_on", "expires_on", "entry_no")
                },
                "at": f"{one['at'][:16].replace('T', ' ')} UTC",
                "state": State(one["state"], _TONES.get(one["state"], "off")),
            }
            for one in found["history"]
        ],
    )
