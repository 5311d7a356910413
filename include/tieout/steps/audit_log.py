"""Audit log: walk the chain of events from the first to the last and say where it breaks."""

from tieout.audit import chain
from tieout.core.errors import IntegrityError
from tieout.steps.context import Context, StepResult
from tieout.store import audit


def verify(context: Context) -> StepResult:
    """Recompute every hash of the log.

    Raises:
        IntegrityError: an event was changed, removed, inserted or moved; names the first.
    """
    events: list[audit.AuditEvent] = []
    with context.store.transaction() as tx:
        while more := audit.events(tx, after_seq=len(events)):
            events += more
        seq, head = audit.head(tx)
    bad = chain.first_bad(event.link() for event in events)
    if bad is not None:
        raise IntegrityError(
            f"The audit log breaks at event {bad} of {seq}: expected the hash that follows from "
            "the event before it; compare with the last checkpoint outside the database."
        )
    if len(events) != seq:
        raise IntegrityError(
            f"The audit log has {len(events)} events, its head says {seq}: events are missing at "
            "the end; compare with the last checkpoint outside the database."
        )
    return StepResult(
        step="audit", subject="audit log", status="done", summary={"events": seq, "head": head}
    )
