"""The finance API of the close: checklist, exceptions, movements, reopenings, overrides.

It decides nothing itself. The person is always the one who is logged in; no request names another.
"""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tieout.steps import close, exceptions, reopen, reviewing
from tieout.store.reopenings import NewReopening
from tieout.web import airflow_log, step_up
from tieout.web.api import web_context
from tieout.web.auth import Person

router = APIRouter(prefix="/api")
_MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
Period = Annotated[str, Path(pattern=_MONTH)]
Exception_ = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Remark = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]


class Said(BaseModel):
    """One sentence that says why."""

    model_config = ConfigDict(extra="forbid")

    remark: Remark


class Assignment(Said):
    """Who takes care of an exception, and until when."""

    owner: str = Field(min_length=1, max_length=200)
    due_on: date


class Acceptance(Said):
    """The last day of an acceptance."""

    expires_on: date


class Resolution(Said):
    """The entry that settles an exception, if an entry does."""

    entry_no: str | None = Field(default=None, max_length=200)


class Explanation(Said):
    """Why an initiative moved on an account."""

    subject: str = Field(min_length=1, max_length=400)


class ReopeningRequest(Said):
    """Why a month is to be reopened, for which journal types, until when."""

    reason_code: Literal[
        "error_correction", "late_document", "restatement", "audit_adjustment", "other"
    ]
    scope: list[Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]] = Field(
        min_length=1, max_length=20
    )
    expires_at: AwareDatetime
    confirmation: step_up.Confirmation


class Locking(Said):
    """Why a month is locked for good."""

    confirmation: step_up.Confirmation


@router.get("/periods/{period}/checklist")
def checklist(period: Period) -> list[dict[str, Any]]:
    """Who does what by when, the result of each check, and what it looked at."""
    return close.checklist(web_context(), period=period)


@router.get("/exceptions")
def queue(
    period: Annotated[str | None, Query(pattern=_MONTH)] = None, resolved: bool = False
) -> list[dict[str, Any]]:
    """The exceptions queue, oldest first."""
    return exceptions.listing(web_context(), period=period, resolved=resolved)


@router.get("/exceptions/{exception}")
def one_exception(exception: Exception_) -> dict[str, Any]:
    """One exception with every change of its state."""
    return exceptions.one(web_context(), exception=exception)


@router.post("/exceptions/{exception}/assignment", status_code=201)
def assign(exception: Exception_, body: Assignment, person: Person) -> dict[str, Any]:
    """Give an exception an owner and a day."""
    return exceptions.assign(
        web_context(),
        exception=exception,
        person=person,
        owner=body.owner,
        due_on=body.due_on,
        remark=body.remark,
    ).summary


@router.post("/exceptions/{exception}/explanation", status_code=201)
def explain(exception: Exception_, body: Said, person: Person) -> dict[str, Any]:
    """Say why it is so, as the person who is logged in."""
    return exceptions.explain(
        web_context(), exception=exception, person=person, remark=body.remark
    ).summary


@router.post("/exceptions/{exception}/acceptance", status_code=201)
def accept(exception: Exception_, body: Acceptance, person: Person) -> dict[str, Any]:
    """Accept what another person explained, for a time."""
    return exceptions.accept(
        web_context(),
        exception=exception,
        person=person,
        expires_on=body.expires_on,
        remark=body.remark,
    ).summary


@router.post("/exceptions/{exception}/resolution", status_code=201)
def resolve(exception: Exception_, body: Resolution, person: Person) -> dict[str, Any]:
    """Say that it is settled, and by which entry."""
    return exceptions.resolve(
        web_context(),
        exception=exception,
        person=person,
        entry_no=body.entry_no,
        remark=body.remark,
    ).summary


@router.get("/periods/{period}/movements")
def movements(period: Period) -> dict[str, Any]:
    """What moved against the month before, and what nobody has explained yet."""
    return reviewing.movements(web_context(), period=period)


@router.post("/periods/{period}/movements/explanations", status_code=201)
def explain_movement(period: Period, body: Explanation, person: Person) -> dict[str, Any]:
    """Say why something moved, for exactly the figures of now."""
    return reviewing.explain_movement(
        web_context(), period=period, subject=body.subject, person=person, remark=body.remark
    ).summary


@router.post("/periods/{period}/overrides/review", status_code=201)
def review_overrides(period: Period, body: Said, person: Person) -> dict[str, Any]:
    """Say that every act that overrides a control was looked at."""
    return reviewing.review_overrides(
        web_context(), period=period, person=person, remark=body.remark
    ).summary


@router.get("/periods/{period}/reopenings")
def reopenings(period: Period) -> dict[str, Any]:
    """Who reopened a month and why, every close of it, what differs from the last one."""
    return reopen.listing(web_context(), period=period)


@router.post("/periods/{period}/reopenings", status_code=201)
def ask_reopening(period: Period, body: ReopeningRequest, person: Person) -> dict[str, Any]:
    """Ask for a reopening as a controller; another person approves it."""
    step_up.confirm(web_context(), body.confirmation, person=person, act="reopen", subject=period)
    new = NewReopening(
        period=period,
        reason_code=body.reason_code,
        remark=body.remark,
        scope=tuple(body.scope),
        expires_at=body.expires_at,
    )
    return reopen.ask(web_context(), new=new, person=person).summary


@router.post("/reopenings/{reopening}/approval", status_code=201)
def approve_reopening(
    reopening: Annotated[int, Path(ge=1, le=10**15)], body: step_up.Confirmed, person: Person
) -> dict[str, Any]:
    """Reopen a month as the second person."""
    step_up.confirm(
        web_context(),
        body.confirmation,
        person=person,
        act="approve_reopening",
        subject=str(reopening),
    )
    return reopen.approve(web_context(), reopening=reopening, person=person).summary


@router.post("/periods/{period}/lock", status_code=201)
def lock(period: Period, body: Locking, person: Person) -> dict[str, Any]:
    """Lock a closed month for good, as a controller."""
    step_up.confirm(web_context(), body.confirmation, person=person, act="lock", subject=period)
    return reopen.lock(web_context(), period=period, person=person, remark=body.remark).summary


@router.post("/controls/airflow", status_code=201)
async def copy_airflow_events(request: Request, person: Person) -> dict[str, Any]:
    """Copy Airflow's event log on from where it was left, read as the person who is logged in."""
    return (await airflow_log.copy(web_context(), request.headers, person=person)).summary
