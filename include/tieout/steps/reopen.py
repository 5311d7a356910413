"""Reopen: one controller asks, another person approves; or a month is locked for good.

Owns no rule about who may: `close.states` says what a request needs, and the database decides again
from the person's duties and the object's own history. A worker that calls this is refused.
"""

from typing import Any, Literal

from tieout import log as logs
from tieout.close.states import (
    PeriodState,
    ReopenRequest,
    check_request,
    lock_for_good,
    reopen,
)
from tieout.core.errors import UnknownSubjectError
from tieout.core.period import parse_period
from tieout.steps import close_inputs, evidence
from tieout.steps.context import Context, StepResult
from tieout.store import audit, periods, reopenings
from tieout.store.session import Tx

log = logs.get("reopen")


def ask(context: Context, *, new: reopenings.NewReopening, person: str) -> StepResult:
    """Ask for a reopening as a controller; nothing moves before another person approves.

    Raises:
        SegregationError: the person is no controller.
        StateError: the month is not closed, or reason, scope or time are not given.
    """
    parse_period(new.period)
    check_request(_request(new, person), now=context.now())
    with context.store.transaction(actor=person) as tx:
        number = reopenings.request(tx, new)
        facts = {
            "reopening": str(number),
            "reason_code": new.reason_code,
            "scope": sorted(new.scope),
            "expires_at": new.expires_at.isoformat(),
        }
        audit.record(tx, "reopening_requested", new.period, facts, why=new.remark)
    log.info("reopening_requested", period=new.period, reopening=number)
    return StepResult(
        step="reopen", subject=new.period, status="done", summary={"reopening": number}
    )


def approve(context: Context, *, reopening: int, person: str) -> StepResult:
    """Reopen the month as another person than the one who asked; flags later closed months.

    Raises:
        SegregationError: the same person, or no controller or approver.
        StateError: the month is not closed any more, is locked, or the time has passed.
        UnknownSubjectError: nobody asked.
    """
    with context.store.transaction(actor=person) as tx:
        asked = reopenings.get(tx, reopening)
        if asked is None:
            raise UnknownSubjectError(
                f"Nobody asked for reopening {reopening}: see `tieout reopenings PERIOD`."
            )
        known = periods.find(tx, asked.period)
        moved = reopen(
            _state(known), _request(asked, asked.requested_by), approver=person, now=context.now()
        )
        reopenings.approve(tx, reopening)
        facts = {"reopening": str(reopening), "people": list(moved.people)}
        audit.record(tx, "period_reopened", asked.period, facts, why=moved.reason or "")
    log.info("period_reopened", period=asked.period, reopening=reopening)
    return StepResult(
        step="reopen", subject=asked.period, status="done", summary={"state": moved.end}
    )


def lock(context: Context, *, period: str, person: str, remark: str) -> StepResult:
    """Lock a closed month for good, as a controller; nothing leads back.

    Raises:
        SegregationError: the person is no controller.
        StateError: the month or one before it is not closed, or no reason is given.
    """
    parse_period(period)
    with context.store.transaction(actor=person) as tx:
        known = periods.find(tx, period)
        if known is not None and known.is_locked:
            return _locked(period, "unchanged")
        lock_for_good(_state(known), person=person, reason=remark)
        reopenings.lock(tx, period, remark)
        audit.record(tx, "period_locked", period, {}, why=remark)
    log.info("period_locked", period=period)
    return _locked(period, "done")


def listing(context: Context, *, period: str) -> dict[str, Any]:
    """Who asked for and approved which reopening, what was closed when, what flags the month."""
    parse_period(period)
    with context.store.transaction() as tx:
        return {
            "period": period,
            "reopenings": [_shown(one) for one in reopenings.listing(tx, period)],
            "closes": [
                {
                    "close_no": one.close_no,
                    "content_hash": one.content_hash,
                    "closed_seq": one.closed_seq,
                    "closed_by": one.closed_by,
                    "closed_at": one.closed_at.isoformat(),
                }
                for one in reopenings.closes(tx, period)
            ],
            "flags": [one.reason for one in reopenings.flags(tx, period)],
            "difference": _difference(context, tx, period),
        }


def _difference(context: Context, tx: Tx, period: str) -> dict[str, Any] | None:
    """What a reopened month says otherwise than its last close; None of any other month."""
    if periods.state(tx, period) != "reopened":
        return None
    return close_inputs.difference(tx, evidence.load(context, tx, parse_period(period)))


def _state(known: periods.AccountingPeriod | None) -> PeriodState:
    if known is None:
        return "open"
    return "locked" if known.is_locked else known.state


def _request(asked: reopenings.NewReopening | reopenings.Reopening, person: str) -> ReopenRequest:
    return ReopenRequest(
        person=person,
        automation=person.startswith("service:"),
        reason_code=asked.reason_code,
        remark=asked.remark,
        scope=tuple(asked.scope),
        expires_at=asked.expires_at,
    )


def _shown(one: reopenings.Reopening) -> dict[str, Any]:
    return {
        "reopening": one.reopening_id,
        "reason_code": one.reason_code,
        "remark": one.remark,
        "scope": list(one.scope),
        "expires_at": one.expires_at.isoformat(),
        "requested_by": one.requested_by,
        "requested_at": one.requested_at.isoformat(),
        "approved_by": one.approved_by,
        "approved_at": one.approved_at.isoformat() if one.approved_at else None,
    }


def _locked(period: str, status: Literal["done", "unchanged"]) -> StepResult:
    return StepResult(step="reopen", subject=period, status=status, summary={"state": "locked"})
