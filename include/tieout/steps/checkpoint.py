"""Checkpoint: what the audit log comes to, signed where a key is held, with copies outside."""

from typing import Any

from tieout import log as logs
from tieout.core.errors import IntegrityError
from tieout.lake import anchors
from tieout.steps.anchoring import agree, anchor, keep
from tieout.steps.context import Context, StepResult
from tieout.store import audit, checkpoints

log = logs.get("checkpoint")


def make(context: Context) -> StepResult:
    """Keep a checkpoint of the log, sign those that have no signature of ours, copy all outside.

    Raises:
        IntegrityError: a kept or copied checkpoint does not agree with the log.
    """
    with context.store.transaction() as tx:
        size = audit.head(tx)[0]
        is_new = size not in {one.size for one in checkpoints.listing(tx)}
        made = keep(context, tx)
    copied = anchor(context)
    log.info("checkpoint_kept", size=made.size, signed=bool(made.signatures), copies=copied)
    return StepResult(
        step="checkpoint",
        subject="audit log",
        status="done" if is_new else "unchanged",
        summary={
            "events": made.size,
            "root": made.body.split("\n")[2],
            "signed_by": ", ".join(sorted(made.signatures)) or "nobody: no key is configured",
            "copies": copied,
        },
    )


def listing(context: Context) -> list[dict[str, Any]]:
    """All kept checkpoints as plain values, the smallest first."""
    with context.store.transaction() as tx:
        return [
            {
                "events": one.size,
                "root": one.body.split("\n")[2],
                "recorded_at": one.recorded_at.isoformat(),
                "signed_by": sorted(one.signatures),
                "anchors": [place["place"] for place in one.anchors],
            }
            for one in checkpoints.listing(tx)
        ]


def verify(context: Context) -> StepResult:
    """Compare the log with every checkpoint, as kept here and as copied outside.

    Raises:
        IntegrityError: names the checkpoint and what was cut or changed, or the copy that is gone.
    """
    with context.store.transaction() as tx:
        texts = [event.canonical for event in audit.whole_log(tx)]
        kept = checkpoints.listing(tx)
    copies = 0
    for one in kept:
        agree(f"the kept checkpoint of {one.size} events", one.body, texts)
        for place in one.anchors:
            copy = anchors.get(place)
            if copy is None:
                raise IntegrityError(
                    f"No checkpoint at {place['place']}: expected the copy of {one.size} events; "
                    "`tieout checkpoint make` writes what is missing, but ask who removed it."
                )
            agree(place["place"], copy, texts)
            copies += 1
    return StepResult(
        step="checkpoint",
        subject="audit log",
        status="done",
        summary={"events": len(texts), "checkpoints": len(kept), "copies": copies},
    )
