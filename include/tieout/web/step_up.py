"""Step-up: a decision needs a fresh log-in, a typed word and a number given for exactly it.

Owns which content each act is about, and how a person is asked to log in or to confirm again. Who
may decide, and whether a number holds, is the database's business. Other pages in Airflow share our
origin: a stolen session alone must not be able to sign.

Rules: RFC 9470 (the challenge that names the age of the log-in), OWASP ASVS 5.0 V7.5.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tieout.audit.canonical import canonical_hash
from tieout.config import wall_clock
from tieout.core.errors import ConfirmationError, NotReadyError, StateError, UnknownSubjectError
from tieout.core.ids import sha256_hex
from tieout.core.period import parse_period
from tieout.steps.context import Context
from tieout.store import confirmations, periods, policies, previews, reopenings, signoffs
from tieout.store.confirmations import Claim
from tieout.store.session import Tx

FRESH_FOR: Final = timedelta(minutes=10)
LOG_IN: Final = "/auth/login"
CHALLENGE: Final = (
    'Bearer error="insufficient_user_authentication", '
    'error_description="A more recent log-in is needed", '
    f'max_age="{int(FRESH_FOR.total_seconds())}"'
)
_AHEAD: Final = timedelta(seconds=30)  # clocks of two servers differ
_TYPED: Final = 12

Act = Literal["sign", "reopen", "approve_reopening", "lock", "approve_policy", "approve_preview"]
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_SUBJECTS: Mapping[Act, re.Pattern[str]] = {
    "sign": _MONTH,
    "reopen": _MONTH,
    "lock": _MONTH,
    "approve_reopening": re.compile(r"[1-9][0-9]{0,15}"),
    "approve_policy": re.compile(r"[a-z_]{1,40}(:[a-z0-9_-]{1,60})?@[1-9][0-9]{0,8}"),
    "approve_preview": re.compile(r"[0-9a-f]{64}"),
}


class LogInAgainError(Exception):
    """The log-in is older than `FRESH_FOR`, or nobody knows how old it is."""


class Confirmation(BaseModel):
    """The number that was given for this decision, and the word that the person typed for it."""

    model_config = ConfigDict(extra="forbid")

    nonce: str = Field(pattern=r"^[A-Za-z0-9_-]{43}$")
    typed: str = Field(min_length=1, max_length=120)


class Confirmed(BaseModel):
    """A decision that says nothing but that it is confirmed."""

    model_config = ConfigDict(extra="forbid")

    confirmation: Confirmation


class Wish(BaseModel):
    """What a person is about to decide.

    `subject` is the month of `sign`, `reopen` and `lock`, the number of `approve_reopening`, a
    label such as `chart@2` of `approve_policy`, the whole id of `approve_preview`.
    """

    model_config = ConfigDict(extra="forbid")

    act: Act
    subject: str = Field(max_length=120)

    @model_validator(mode="after")
    def names_what_the_act_is_about(self) -> Self:
        """Each act has its own kind of subject."""
        if not _SUBJECTS[self.act].fullmatch(self.subject):
            raise ValueError(f"expected the subject of {self.act} as {_SUBJECTS[self.act].pattern}")
        return self


def require_fresh(logged_in_at: datetime | None) -> datetime:
    """The instant of a log-in that is young enough to decide with.

    Raises:
        LogInAgainError: it is older than ten minutes, unknown, or ahead of our clock.
    """
    now = wall_clock()
    if logged_in_at is None or not now - FRESH_FOR <= logged_in_at <= now + _AHEAD:
        raise LogInAgainError
    return logged_in_at


def issue(
    context: Context, *, person: str, act: Act, subject: str, logged_in_at: datetime | None
) -> dict[str, str]:
    """Give a person a number for one decision: what to type, what content it is for, its end.

    Raises:
        LogInAgainError: the log-in is not fresh.
        UnknownSubjectError, NotReadyError: there is nothing to decide.
        SegregationError: the person has no duty in the close.
    """
    since = require_fresh(logged_in_at)
    nonce = secrets.token_urlsafe(32)
    with context.store.transaction(actor=person) as tx:
        claim = claimed(tx, act, subject)
        ends = confirmations.issue(tx, sha256_hex(nonce.encode()), claim, logged_in_at=since)
    return {
        "nonce": nonce,
        "act": act,
        "subject": subject,
        "type_this": word(claim),
        "content_hash": claim.content_hash,
        "expires_at": ends.isoformat(),
    }


def confirm(
    context: Context,
    confirmation: Confirmation,
    *,
    person: str,
    act: Act,
    subject: str,
    content_hash: str | None = None,
) -> None:
    """Use a confirmation up for one decision; it is gone even if the decision is refused later.

    `content_hash` is what the person says to have read; without it, what is there now counts.

    Raises:
        ConfirmationError: the typed word or the number is not the one for this decision.
    """
    nonce = sha256_hex(confirmation.nonce.encode())
    with context.store.transaction(actor=person) as tx:
        claim = Claim(
            act=act,
            subject=subject,
            content_hash=content_hash or claimed(tx, act, subject).content_hash,
        )
        if confirmation.typed != word(claim):
            raise ConfirmationError(
                f"Expected {word(claim)!r} to be typed to confirm, found something else: type it "
                "as it is shown."
            )
        confirmations.use(tx, nonce, claim)


def confirm_typed(
    context: Context,
    typed: str,
    *,
    person: str,
    act: Act,
    subject: str,
    logged_in_at: datetime | None,
    content_hash: str | None = None,
) -> None:
    """Confirm what a form decides: its own token was shown to this person and is sent once.

    Raises: as `issue` and `confirm`.
        StateError: what is there now is not what the form showed.
    """
    given = issue(context, person=person, act=act, subject=subject, logged_in_at=logged_in_at)
    if content_hash not in (None, given["content_hash"]):
        raise StateError(
            f"The content of {subject} has moved since this page was shown: expected "
            f"{content_hash}, found {given['content_hash']}; read it again and sign what is there."
        )
    confirmation = Confirmation(nonce=given["nonce"], typed=typed)
    confirm(
        context,
        confirmation,
        person=person,
        act=act,
        subject=subject,
        content_hash=content_hash,
    )


def claimed(tx: Tx, act: Act, subject: str) -> Claim:
    """What an act would decide about as things stand now.

    Raises:
        UnknownSubjectError, NotReadyError: there is nothing to decide.
    """
    return Claim(act=act, subject=subject, content_hash=_CONTENT[act](tx, subject))


def word(claim: Claim) -> str:
    """What a person types to confirm: the subject, of a long id its beginning."""
    return claim.subject[:_TYPED] if claim.act == "approve_preview" else claim.subject


def problem(sentence: str, code: Literal["log_in_again", "confirm_again"]) -> dict[str, Any]:
    """The body of a refusal that a page can mend: where to log in, or that it must ask again."""
    shown = {"error": sentence, "code": code}
    return shown | ({"log_in": LOG_IN} if code == "log_in_again" else {})


def _policy(tx: Tx, subject: str) -> str:
    return policies.by_label(tx, subject).sha256


def _preview(tx: Tx, subject: str) -> str:
    return previews.get(tx, subject).sha256


def _request(tx: Tx, subject: str) -> str:
    known = reopenings.get(tx, int(subject))
    if known is None:
        raise UnknownSubjectError(
            f"Nobody asked for reopening {subject}: see `tieout reopenings PERIOD`."
        )
    return canonical_hash(
        {
            "reopening": subject,
            "period": known.period,
            "reason_code": known.reason_code,
            "remark": known.remark,
            "scope": sorted(known.scope),
            "expires_at": known.expires_at.isoformat(),
            "requested_by": known.requested_by,
        }
    )


def _asked(tx: Tx, subject: str) -> str:
    asked = signoffs.latest_request(tx, str(parse_period(subject)))
    if asked is None:
        raise NotReadyError(f"Nobody has asked to close {subject}: run the close step first.")
    return asked.content_hash


def _closed(tx: Tx, subject: str) -> str:
    known = periods.find(tx, str(parse_period(subject)))
    if known is None or known.content_hash is None:
        raise NotReadyError(f"Period {subject} is not closed: there is nothing to reopen or lock.")
    return known.content_hash


_CONTENT: Mapping[Act, Callable[[Tx, str], str]] = {
    "sign": _asked,
    "reopen": _closed,
    "lock": _closed,
    "approve_reopening": _request,
    "approve_policy": _policy,
    "approve_preview": _preview,
}
