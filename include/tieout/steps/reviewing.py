"""Reviewing: a person explains a movement or has seen the overrides of controls of a month.

Owns which figures a word is about: exactly those that the checklist shows now. Recorded by the API
server's own database login; a worker is refused.
"""

from typing import Any

from tieout import log as logs
from tieout.core.errors import NotReadyError, UnknownSubjectError
from tieout.core.period import parse_period
from tieout.steps import close_inputs, evidence
from tieout.steps.context import Context, StepResult
from tieout.store import audit, reviews
from tieout.store.session import Tx

log = logs.get("reviewing")


def movements(context: Context, *, period: str) -> dict[str, Any]:
    """What moved against the month before, what is beyond the threshold, what is explained."""
    month = parse_period(period)
    with context.store.transaction() as tx:
        found = close_inputs.flux(tx, evidence.load(context, tx, month))
        limits = close_inputs.limits(tx, month)
    if found is None:
        return {"period": period, "before": None, "threshold": limits.name, "movements": []}
    beyond = found.beyond(limits.flux)
    return {
        "period": period,
        "before": found.before,
        "threshold": limits.name,
        "movements": [
            {
                "subject": one.subject,
                "figures": one.shown(),
                "beyond": one in beyond,
                "explained": one.digest in found.explained,
            }
            for one in found.moves
        ],
    }


def explain_movement(
    context: Context, *, period: str, subject: str, person: str, remark: str
) -> StepResult:
    """Say why an initiative moved on an account; holds for exactly the figures of now.

    Raises:
        UnknownSubjectError: nothing of that name moved.
        SegregationError: the person is neither preparer nor controller.
    """
    month = parse_period(period)
    with context.store.transaction(actor=person) as tx:
        found = close_inputs.flux(tx, evidence.load(context, tx, month))
        move = next((one for one in (found.moves if found else ()) if one.subject == subject), None)
        if move is None:
            raise UnknownSubjectError(
                f"Nothing called {subject[:120]!r} moved in {period}: expected a subject such as "
                "`copilot on openai/org-1`; see `tieout movements PERIOD`."
            )
        return _record(tx, period, reviews.FLUX, subject, digest=move.digest, remark=remark)


def review_overrides(context: Context, *, period: str, person: str, remark: str) -> StepResult:
    """Say that every act that overrides a control was looked at; one more asks for another word.

    Raises:
        NotReadyError: Airflow's event log has never been read.
        SegregationError: the person is neither approver nor controller.
    """
    month = parse_period(period)
    with context.store.transaction(actor=person) as tx:
        found = close_inputs.controls(tx, month)
        if found is None:
            raise NotReadyError(
                "Airflow's event log has never been read: POST /tieout/api/controls/airflow first."
            )
        return _record(tx, period, reviews.CONTROLS, "airflow", digest=found.digest, remark=remark)


def _record(
    tx: Tx, period: str, kind: str, subject: str, *, digest: str, remark: str
) -> StepResult:
    new = reviews.NewReview(period=period, kind=kind, subject=subject, digest=digest, remark=remark)
    reviews.record(tx, new)
    facts = {"kind": kind, "subject": subject, "digest": digest}
    audit.record(tx, "reviewed", period, facts, why=remark)
    log.info("reviewed", period=period, kind=kind)
    return StepResult(
        step="reviewing", subject=period, status="done", summary={"kind": kind, "about": subject}
    )
