"""The finance API: read a period and its policies, sign, approve, match. It decides nothing itself.

The person is always the one who is logged in; no request can name another.
"""

from functools import cache
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool

from tieout.config import connection_from_environment, load_settings, utc_now
from tieout.steps import (
    erp_export,
    matches,
    matching,
    papers,
    preview,
    review,
    sign,
    status,
)
from tieout.steps.context import Context, make_web
from tieout.store.policies import parse_kind
from tieout.web import airflow_log, step_up
from tieout.web.auth import LoggedInAt, Person

router = APIRouter(prefix="/api")
_MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
Period = Annotated[str, Path(pattern=_MONTH)]
MonthText = Annotated[str, Query(pattern=_MONTH)]
Document = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
Target = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,59}$")]


class SignOff(BaseModel):
    """What a person signs: the duty, and the content hash of exactly what was read."""

    model_config = ConfigDict(extra="forbid")

    duty: Literal["preparer", "controller"]
    content_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    comment: str = Field(default="", max_length=2000)
    confirmation: step_up.Confirmation


class Acknowledgement(BaseModel):
    """The number under which the ledger outside keeps what it imported."""

    model_config = ConfigDict(extra="forbid")

    reference: str = Field(pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$", max_length=200)


class MatchDecision(BaseModel):
    """What a person decided: accept or reject a suggestion, match by hand, take a match apart.

    `confirm`, `reject` and `unmatch` name a match; `match` names open rows of both sides.
    """

    model_config = ConfigDict(extra="forbid")

    provider: str = Field(max_length=200)
    billing_account_id: str = Field(max_length=200)
    section: Literal["estimate_to_report", "draft_to_final", "report_to_invoice"]
    kind: Literal["confirm", "reject", "match", "unmatch"]
    match_id: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    earlier_ids: list[str] = Field(default=[], max_length=10_000)
    later_ids: list[str] = Field(default=[], max_length=10_000)
    reason: str = Field(min_length=1, max_length=2000)

    @model_validator(mode="after")
    def names_what_is_decided(self) -> Self:
        """A match by hand has rows of both sides, every other decision the id of a match."""
        by_hand = bool(self.earlier_ids and self.later_ids and self.match_id is None)
        by_id = bool(self.match_id and not self.earlier_ids and not self.later_ids)
        if not (by_hand if self.kind == "match" else by_id):
            raise ValueError(
                "expected earlier_ids and later_ids to match, or a match_id for anything else"
            )
        return self


@router.get("/periods/{period}")
def period_status(period: Period) -> dict[str, Any]:
    """State, request for signature, checks and signatures of a period."""
    return status.period_status(web_context(), period=period)


@router.post("/confirmations", status_code=201)
def ask_confirmation(
    body: step_up.Wish, person: Person, logged_in_at: LoggedInAt
) -> dict[str, str]:
    """Give the person who is logged in a number for one decision: once, within ten minutes."""
    return step_up.issue(
        web_context(),
        person=person,
        act=body.act,
        subject=body.subject,
        logged_in_at=logged_in_at,
    )


@router.post("/periods/{period}/sign-offs", status_code=201)
async def sign_period(
    period: Period, body: SignOff, person: Person, request: Request
) -> dict[str, Any]:
    """Record the signature of the person who is logged in.

    The controller's closes the month: Airflow's event log is copied first, and whatever overrides a
    control in it must have been reviewed.
    """
    made = web_context()
    if body.duty == "controller":
        await airflow_log.require_reviewed(made, request.headers, person=person, period=period)
    return await run_in_threadpool(_sign, made, period, body, person)


@router.get("/periods/{period}/matches")
def period_matches(period: Period) -> dict[str, Any]:
    """Each pair of figures: sums, passes, open rows, and the records that concern a person."""
    return matches.listing(web_context(), period=period)


@router.get("/periods/{period}/causes")
def period_causes(period: Period) -> list[dict[str, Any]]:
    """Why the figures of each account differ, with the lines that prove it."""
    return matches.causes(web_context(), period=period)


@router.post("/periods/{period}/matches/decisions", status_code=201)
def decide_matches(
    period: Period,
    body: Annotated[list[MatchDecision], Body(min_length=1, max_length=1000)],
    person: Person,
) -> dict[str, Any]:
    """Record what the person who is logged in decided; the next matching applies it."""
    return matching.decide(
        web_context(),
        period=period,
        person=person,
        decisions=[one.model_dump() for one in body],
    ).summary


@router.get("/policies")
def policies() -> list[dict[str, Any]]:
    """All versions of rules, registers, pools, charts and accounts, with who approved them."""
    return status.policies(web_context())


@router.post("/policies/{kind}/{version}/approval", status_code=201)
def approve_policy(
    kind: str, version: Version, body: step_up.Confirmed, person: Person
) -> dict[str, Any]:
    """Approve a proposed policy as the person who is logged in."""
    known = parse_kind(kind)
    step_up.confirm(
        web_context(),
        body.confirmation,
        person=person,
        act="approve_policy",
        subject=f"{known}@{version}",
    )
    return sign.approve_policy(web_context(), kind=known, version=version, person=person).summary


@router.get("/documents")
def documents() -> list[dict[str, Any]]:
    """What waits for a person: queued documents and typed figures that nobody approved yet."""
    return papers.listing(web_context())


@router.post("/documents/{document}/approval", status_code=201)
def approve_document(document: Document, person: Person) -> dict[str, Any]:
    """Approve typed figures, by their whole id, as the person who is logged in."""
    return review.approve(web_context(), document=document, person=person).summary


@router.get("/previews")
def previews() -> list[dict[str, Any]]:
    """What was previewed, newest first, and what of it is approved."""
    return preview.listing(web_context())


@router.get("/previews/{sha256}")
def one_preview(sha256: Document) -> dict[str, Any]:
    """What a policy would move in past months: by dimension, P&L line, month and rule."""
    return preview.show(web_context(), preview=sha256)


@router.post("/previews/{sha256}/approval", status_code=201)
def approve_preview(sha256: Document, body: step_up.Confirmed, person: Person) -> dict[str, Any]:
    """Approve exactly this preview, and its policy, as the person who is logged in."""
    step_up.confirm(
        web_context(), body.confirmation, person=person, act="approve_preview", subject=sha256
    )
    return sign.approve_preview(web_context(), preview=sha256, person=person).summary


@router.get("/exports")
def exports(period: Annotated[str | None, Query(pattern=_MONTH)] = None) -> list[dict[str, Any]]:
    """Import files that were given to ledgers outside, and who says that they were taken."""
    return erp_export.listing(web_context(), period=period)


@router.post("/exports/{target}/{sha256}/acknowledgement", status_code=201)
def acknowledge_export(
    target: Target, sha256: Document, body: Acknowledgement, person: Person
) -> dict[str, Any]:
    """Keep the word of the person who is logged in that a ledger took a file."""
    return erp_export.acknowledge(
        web_context(), export=f"{target}/{sha256}", reference=body.reference, person=person
    ).summary


def _sign(made: Context, period: str, body: SignOff, person: str) -> dict[str, Any]:
    step_up.confirm(
        made,
        body.confirmation,
        person=person,
        act="sign",
        subject=period,
        content_hash=body.content_hash,
    )
    return sign.run(
        made,
        period=period,
        person=person,
        duty=body.duty,
        content_hash=body.content_hash,
        comment=body.comment,
    ).summary


@cache
def web_context() -> Context:
    """One context for the process: its login alone may record a person's decision."""
    return make_web(settings=load_settings(), connection=connection_from_environment, now=utc_now)
