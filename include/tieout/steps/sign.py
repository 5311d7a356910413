"""Sign: a person's decision, recorded by the API server's own database login and nobody else's.

Owns no rule about who may sign: the database function decides, from the person's duties and the
object's own history. A worker that calls this is refused by the database.
"""

from typing import Literal

from tieout import log as logs
from tieout.core.errors import UsageError
from tieout.core.period import parse_period
from tieout.steps.context import Context, StepResult
from tieout.store import audit, policies, previews, signoffs

DUTIES = ("preparer", "controller")
log = logs.get("sign")


def run(
    context: Context, *, period: str, person: str, duty: str, content_hash: str, comment: str
) -> StepResult:
    """Record one signature; the preparer's soft-closes the period, the controller's closes it.

    Raises:
        SegregationError: the person lacks the duty, or signed as preparer before.
        NotReadyError: nothing is up for signature, or with another content hash.
    """
    parse_period(period)
    if duty not in DUTIES:
        raise UsageError(f"Expected a duty of {', '.join(DUTIES)}, found {duty[:40]!r}.")
    chosen: Literal["preparer", "controller"] = "preparer" if duty == "preparer" else "controller"
    with context.store.transaction(actor=person) as tx:
        state = signoffs.record(tx, period, chosen, content_hash, comment=comment)
        audit.record(
            tx,
            "period_signed",
            period,
            {"duty": duty, "content_hash": content_hash, "state": state},
            why=comment,
        )
    log.info("signed", period=period, duty=duty, state=state)
    return StepResult(step="sign", subject=period, status="done", summary={"state": state})


def approve_policy(
    context: Context, *, kind: policies.PolicyKind, version: int, person: str
) -> StepResult:
    """Approve a proposed policy version as another person than its author.

    Raises:
        SegregationError: the person proposed it, or has no approver's duty.
        UnknownSubjectError: there is no such version.
    """
    with context.store.transaction(actor=person) as tx:
        approved = policies.approve(tx, kind, version)
        audit.record(
            tx, "policy_approved", approved.label, {"sha256": approved.sha256, "kind": kind}
        )
    log.info("policy_approved", kind=kind, version=version)
    return StepResult(
        step="sign", subject=approved.label, status="done", summary={"approved_by": person}
    )


def approve_preview(context: Context, *, preview: str, person: str) -> StepResult:
    """Approve exactly what a preview shows, and with it its policy; `reapply` then applies it.

    Raises:
        SegregationError: the person proposed the policy, or has no approver's duty.
        UnknownSubjectError: there is no such preview.
    """
    with context.store.transaction(actor=person) as tx:
        approved = previews.approve(tx, previews.get(tx, preview).sha256)
        label = f"{approved.kind}@{approved.version}"
        facts = {"policy": label, "periods": [approved.first_period, approved.last_period]}
        audit.record(tx, "preview_approved", approved.sha256, facts)
    log.info("preview_approved", preview=approved.sha256, policy=label)
    return StepResult(
        step="sign",
        subject=approved.sha256[:12],
        status="done",
        summary={"approved_by": person, "policy": label},
    )
