"""Period states and who may move them: open → soft_closed → closed, by two different people.

Owns the rules; the store enforces them again and records the decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tieout.close.checklist import Check
from tieout.core.errors import NotReadyError, SegregationError, StateError

PeriodState = Literal["open", "soft_closed", "closed"]
Duty = Literal["preparer", "controller"]


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
    """The controller signs after the preparer, over the same content: soft_closed → closed.

    Raises:
        StateError: the period is not soft-closed.
        NotReadyError: a blocking check fails, or the content changed after a signature.
        SegregationError: one person holds both duties, or an automation signs.
    """
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
        start="soft_closed",
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
