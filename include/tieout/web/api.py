"""The finance API: read a period and its policies, sign, approve. It decides nothing itself.

The person is always the one who is logged in; no request can name another.
"""

from functools import cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from tieout.config import connection_from_environment, load_settings, utc_now
from tieout.steps import papers, preview, review, sign, status
from tieout.steps.context import Context, make_web
from tieout.store.policies import parse_kind
from tieout.web.auth import Person

router = APIRouter(prefix="/api")
Period = Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]

Document = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class SignOff(BaseModel):
    """What a person signs: the duty, and the content hash of exactly what was read."""

    model_config = ConfigDict(extra="forbid")

    duty: Literal["preparer", "controller"]
    content_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    comment: str = Field(default="", max_length=2000)


@router.get("/periods/{period}")
def period_status(period: Period) -> dict[str, Any]:
    """State, request for signature, checks and signatures of a period."""
    return status.period_status(web_context(), period=period)


@router.post("/periods/{period}/sign-offs", status_code=201)
def sign_period(period: Period, body: SignOff, person: Person) -> dict[str, Any]:
    """Record the signature of the person who is logged in."""
    return sign.run(
        web_context(),
        period=period,
        person=person,
        duty=body.duty,
        content_hash=body.content_hash,
        comment=body.comment,
    ).summary


@router.get("/policies")
def policies() -> list[dict[str, Any]]:
    """All versions of rules, registers, pools, charts and accounts, with who approved them."""
    return status.policies(web_context())


@router.post("/policies/{kind}/{version}/approval", status_code=201)
def approve_policy(
    kind: str, version: Annotated[int, Path(ge=1)], person: Person
) -> dict[str, Any]:
    """Approve a proposed policy as the person who is logged in."""
    known = parse_kind(kind)
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
def approve_preview(sha256: Document, person: Person) -> dict[str, Any]:
    """Approve exactly this preview, and its policy, as the person who is logged in."""
    return sign.approve_preview(web_context(), preview=sha256, person=person).summary


@cache
def web_context() -> Context:
    """One context for the process: its login alone may record a person's decision."""
    return make_web(settings=load_settings(), connection=connection_from_environment, now=utc_now)
