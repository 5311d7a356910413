"""Exceptions: the queue of what is wrong, with age and owner; people assign, explain and accept.

Owns the queue's run and what is shown of it. Who may decide is the database's business; a worker
only says what is found now.
"""

from datetime import date
from typing import Any

from tieout import log as logs
from tieout.close.checks_rollforward import stale_accruals
from tieout.close.exceptions import ageing_bucket, problems
from tieout.close.limits import Limits
from tieout.core.errors import NotReadyError, UnknownSubjectError, UsageError
from tieout.core.money import format_units
from tieout.core.period import parse_period
from tieout.ledger.entry import entry_from_json
from tieout.steps import close_inputs, foreign
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import chart
from tieout.store import audit, exceptions, findings, journal, periods
from tieout.store.session import Tx

_SHORTEST_ID = 8
log = logs.get("exceptions")


def refresh(context: Context, *, period: str) -> StepResult:
    """Bring the queue of a month up to date with the findings of its newest runs.

    What is found again keeps its identity and age; what is not found any more is resolved. A rate
    that is missing once the month is over is found here, because the steps that need it stop.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        wrong = [one.finding for one in findings.for_period(tx, period)]
        if context.now().date() > month.last_on and (missing := foreign.missing_rates(tx, month)):
            periods.ensure(tx, period)  # the steps that would have made it stop for want of a rate
            wrong += missing
        if (agreed := _limits(tx, period)).stale_months is not None:
            posted = [entry_from_json(one) for one in journal.entries(tx)]
            books = chart(tx, month)
            wrong += stale_accruals(posted, chart=books, period=month, limits=agreed)
        found = problems(period, wrong)
        known = {one.exception_id: one for one in exceptions.listing(tx, period)}
        new = exceptions.note(tx, period, found) if found or known else []
        unresolved = [one for one in exceptions.listing(tx, period) if one.state != "resolved"]
        if new:
            audit.record(tx, "exceptions_found", period, {"exceptions": sorted(new)})
    log.info("exceptions", period=period, new=len(new), unresolved=len(unresolved))
    return StepResult(
        step="exceptions",
        subject=period,
        status="done" if new else "unchanged",
        summary={
            "new": len(new),
            "unresolved": len(unresolved),
            "blocking": sum(one.severity == "blocking" and not one.accepted for one in unresolved),
        },
    )


def listing(
    context: Context, *, period: str | None = None, resolved: bool = False
) -> list[dict[str, Any]]:
    """The queue of a month, or of all months, oldest first; resolved ones only when asked for."""
    if period is not None:
        parse_period(period)
    today = context.now().date()
    with context.store.transaction() as tx:
        found = [
            one for one in exceptions.listing(tx, period) if resolved or one.state != "resolved"
        ]
        limits = {month: _limits(tx, month) for month in {one.period for one in found}}
    return [_shown(one, today=today, limits=limits[one.period]) for one in found]


def one(context: Context, *, exception: str) -> dict[str, Any]:
    """One exception with every change of its state, by its id or the first characters of it.

    Raises:
        UnknownSubjectError: there is none, or several begin so.
    """
    with context.store.transaction() as tx:
        found = _find(tx, exception)
        shown = _shown(found, today=context.now().date(), limits=_limits(tx, found.period))
        history = [
            {
                "state": event.state,
                "remark": event.remark,
                "owner": event.owner,
                "due_on": event.due_on.isoformat() if event.due_on else None,
                "expires_on": event.expires_on.isoformat() if event.expires_on else None,
                "entry_no": event.entry_no,
                "actor": event.actor,
                "at": event.recorded_at.isoformat(),
            }
            for event in exceptions.history(tx, found.exception_id)
        ]
    return {**shown, "history": history}


def assign(
    context: Context, *, exception: str, person: str, owner: str, due_on: date, remark: str
) -> StepResult:
    """Give an exception an owner and a day.

    Raises:
        SegregationError: not the API server's login, or a person without a duty in the close.
        NotReadyError: the exception is resolved.
    """
    with context.store.transaction(actor=person) as tx:
        key = _find(tx, exception).exception_id
        exceptions.assign(tx, key, owner=owner, due_on=due_on, remark=remark)
        return _decided(tx, key, "assigned", remark, owner=owner, due_on=due_on.isoformat())


def explain(context: Context, *, exception: str, person: str, remark: str) -> StepResult:
    """Say why it is so; raises as `assign` does."""
    with context.store.transaction(actor=person) as tx:
        key = _find(tx, exception).exception_id
        exceptions.explain(tx, key, remark=remark)
        return _decided(tx, key, "explained", remark)


def accept(
    context: Context, *, exception: str, person: str, expires_on: date, remark: str
) -> StepResult:
    """Accept what another person explained, to the end of a day.

    Raises:
        SegregationError: the person explained it, or is no approver or controller.
        NotReadyError: nobody explained it, or the day is further ahead than the tolerances allow.
    """
    with context.store.transaction(actor=person) as tx:
        found = _find(tx, exception)
        longest = _limits(tx, found.period).acceptance_days
        if (expires_on - context.now().date()).days > longest:
            raise NotReadyError(
                f"An acceptance lasts at most {longest} days, found {expires_on}: choose an "
                "earlier day; it can be accepted again."
            )
        exceptions.accept(tx, found.exception_id, until=expires_on, remark=remark)
        facts = {"until": expires_on.isoformat(), "amount": format_units(found.amount_units)}
        return _decided(tx, found.exception_id, "accepted", remark, **facts)


def resolve(
    context: Context, *, exception: str, person: str, entry_no: str | None, remark: str
) -> StepResult:
    """Say that it is settled, and by which entry; raises as `assign` does."""
    with context.store.transaction(actor=person) as tx:
        key = _find(tx, exception).exception_id
        exceptions.resolve(tx, key, entry_no=entry_no, remark=remark)
        return _decided(tx, key, "resolved", remark, entry_no=entry_no or "")


def _decided(tx: Tx, key: str, state: str, remark: str, **facts: str) -> StepResult:
    audit.record(tx, f"exception_{state}", key, facts, why=remark)
    log.info("exception_decided", exception=key[:12], state=state)
    return StepResult(
        step="exceptions", subject=key[:12], status="done", summary={"state": state, **facts}
    )


def _find(tx: Tx, text: str) -> exceptions.StoredException:
    if len(text) < _SHORTEST_ID:
        raise UsageError(
            f"Expected at least {_SHORTEST_ID} characters of an exception's id, found {text!r}."
        )
    found = [one for one in exceptions.listing(tx) if one.exception_id.startswith(text)]
    if len(found) != 1:
        raise UnknownSubjectError(
            f"{len(found)} exceptions begin with {text[:64]}: expected one; see "
            "`tieout exceptions`."
        )
    return found[0]


def _limits(tx: Tx, period: str) -> Limits:
    return close_inputs.limits(tx, parse_period(period))


def _shown(found: exceptions.StoredException, *, today: date, limits: Limits) -> dict[str, Any]:
    age = (today - found.first_seen_at.date()).days
    lapsed = found.state == "accepted" and not found.accepted
    return {
        "exception_id": found.exception_id,
        "period": found.period,
        "type": found.type,
        "kind": found.kind,
        "subject": found.subject,
        "severity": found.severity,
        "blocks": found.severity == "blocking" and not found.accepted and found.state != "resolved",
        "amount": format_units(found.amount_units),
        "currency": found.currency,
        "message": found.message,
        "state": "acceptance lapsed" if lapsed else found.state,
        "first_seen_at": found.first_seen_at.isoformat(),
        "age_days": age,
        "bucket": ageing_bucket(age, limits.ageing_days),
        "owner": found.owner,
        "due_on": found.due_on.isoformat() if found.due_on else None,
        "expires_on": found.expires_on.isoformat() if found.expires_on else None,
        "entry_no": found.entry_no,
        "remark": found.remark,
    }
