"""Period states and who may move them: open → soft_closed → closed → locked, closed → reopened.

Owns the rules: two different people close, two reopen, and what is locked stays. The store enforces
them again and records the decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tieout.close.checklist import Check
from tieout.core.errors import NotReadyError, SegregationError, StateError

PeriodState = Literal["open", "soft_closed", "closed", "reopened", "locked"]
Duty = Literal["preparer", "controller"]
REASONS = ("error_correction", "late_document", "restatement", "audit_adjustment", "other")
LONGEST_REOPENING = timedelta(days=31)
_ADJUSTMENTS = ("true_up", "reclass")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """One identity's signature over the content of a close.

    `person` is the stable id from the identity provider, not a display name; `content_hash` is
    what the person saw.
    """

    person: str
    duty: Duty
    automation: bool
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A permitted move; recording it is the caller's business."""

    start: PeriodState
    end: PeriodState
    people: tuple[str, ...]
    content_hash: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenRequest:
    """What one controller asks for: why, which journal types may enter, until when (aware)."""

    person: str
    automation: bool
    reason_code: str
    remark: str
    scope: tuple[str, ...]
    expires_at: datetime


def soft_close(
    state: PeriodState, *, preparer: SignOff, checks: Sequence[Check], content_hash: str
) -> Transition:
    """The preparer signs: open → soft_closed.

    Raises:
        StateError: the period is not open.
        NotReadyError: a blocking check fails, or the signature is of other content.
        SegregationError: an automation, or another duty than preparer, signs.
    """
    _expect(state, "open", action="soft-close")
    _ready(checks)
    _signed(preparer, duty="preparer", content_hash=content_hash)
    return Transition(
        start="open", end="soft_closed", people=(preparer.person,), content_hash=content_hash
    )


def close(
    state: PeriodState,
    *,
    preparer: SignOff,
    controller: SignOff,
    checks: Sequence[Check],
    content_hash: str,
) -> Transition:
    """The controller signs after the preparer, over the same content; closes a reopened month too.

    Raises:
        StateError: the period is neither soft-closed nor reopened.
        NotReadyError: a blocking check fails, or the content changed after a signature.
        SegregationError: one person holds both duties, or an automation signs.
    """
    if state != "reopened":
        _expect(state, "soft_closed", action="close")
    _ready(checks)
    _signed(preparer, duty="preparer", content_hash=content_hash)
    _signed(controller, duty="controller", content_hash=content_hash)
    if _same(preparer.person, controller.person):
        raise SegregationError(
            f"{controller.person} prepared this close and cannot approve it: "
            "ask another controller to sign."
        )
    return Transition(
        start=state,
        end="closed",
        people=(preparer.person, controller.person),
        content_hash=content_hash,
    )


def reopen_soft(state: PeriodState, *, person: str, reason: str) -> Transition:
    """Back to open before the controller signs, with a reason; a closed period stays closed.

    Raises:
        StateError: the period is not soft-closed, or no reason is given.
    """
    _expect(state, "soft_closed", action="open again")
    if not reason.strip():
        raise StateError("Opening a soft-closed period needs a reason: say why in one sentence.")
    return Transition(
        start="soft_closed", end="open", people=(person,), content_hash=None, reason=reason.strip()
    )


def reopen(
    state: PeriodState, request: ReopenRequest, *, approver: str, now: datetime
) -> Transition:
    """Another person approves what a controller asked for: closed → reopened.

    `approver` is a person's id; a service's begins with `service:`.

    Raises:
        StateError: the period is not closed, or is locked; reason, scope or time are not given.
        SegregationError: one person asks and approves, or an automation does either.
    """
    _expect(state, "closed", action="reopen")
    check_request(request, now=now)
    if approver.startswith("service:"):
        raise SegregationError(
            f"{approver} is an automation and may only propose: a person has to approve."
        )
    if _same(request.person, approver):
        raise SegregationError(
            f"{approver} asked for this reopening and cannot approve it: ask another person."
        )
    return Transition(
        start="closed",
        end="reopened",
        people=(request.person, approver),
        content_hash=None,
        reason=f"{request.reason_code}: {request.remark.strip()}",
    )


def check_request(request: ReopenRequest, *, now: datetime) -> None:
    """Whether a request says enough to be decided.

    Raises:
        StateError: reason, scope or time are not given, or the time is past or too far ahead.
        SegregationError: an automation asks.
    """
    if request.automation:
        raise SegregationError(
            f"{request.person} is an automation and may only propose: a controller has to ask."
        )
    if request.reason_code not in REASONS or not request.remark.strip():
        raise StateError(
            f"A reopening needs a reason of {', '.join(REASONS)} and a remark, found "
            f"{request.reason_code[:40]!r}: say why in one sentence."
        )
    if not request.scope:
        raise StateError("A reopening needs a scope: name the journal types that may enter.")
    if not now < request.expires_at <= now + LONGEST_REOPENING:
        raise StateError(
            f"A reopening ends within {LONGEST_REOPENING.days} days from now, found "
            f"{request.expires_at.isoformat()}: give another time."
        )


def lock_for_good(state: PeriodState, *, person: str, reason: str) -> Transition:
    """The year is audited or filed: closed → locked, and nothing leads back.

    Raises:
        StateError: the period is not closed, or no reason is given.
        SegregationError: an automation locks.
    """
    _expect(state, "closed", action="lock")
    if person.startswith("service:"):
        raise SegregationError(
            f"{person} is an automation and may only propose: a controller has to lock."
        )
    if not reason.strip():
        raise StateError("Locking a period needs a reason: say why in one sentence.")
    return Transition(
        start="closed", end="locked", people=(person,), content_hash=None, reason=reason.strip()
    )


def may_enter(
    state: PeriodState, journal_type: str, *, request: ReopenRequest | None, now: datetime
) -> bool:
    """Whether an entry of a type may be posted: to an open month, or inside a reopening.

    A soft-closed month takes adjustments only.
    """
    if state == "reopened":
        return request is not None and journal_type in request.scope and now < request.expires_at
    return state == "open" or (state == "soft_closed" and journal_type in _ADJUSTMENTS)


def _expect(state: PeriodState, wanted: PeriodState, *, action: str) -> None:
    if state != wanted:
        raise StateError(
            f"Cannot {action} the period: expected it to be {wanted}, found it {state}."
        )


def _ready(checks: Sequence[Check]) -> None:
    failed = [check.check_id for check in checks if check.blocking and not check.passed]
    if not checks or failed:
        found = ", ".join(failed) or "no check at all"
        raise NotReadyError(
            f"Expected every blocking check to pass, found open: {found}; "
            "see the checklist for what to do."
        )


def _signed(sign_off: SignOff, *, duty: Duty, content_hash: str) -> None:
    if sign_off.automation:
        raise SegregationError(
            f"{sign_off.person} is an automation and may only propose: a person has to sign."
        )
    if sign_off.duty != duty:
        raise SegregationError(
            f"Expected {sign_off.person} to sign as {duty}, found {sign_off.duty}."
        )
    if sign_off.content_hash != content_hash:
        raise NotReadyError(
            f"{sign_off.person} signed {sign_off.content_hash[:12]}, the close now has "
            f"{content_hash[:12]}: the content changed; sign again."
        )


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
