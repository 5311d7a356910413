"""How every step ends: one run, its findings and one audit event, in the step's transaction.

Owns idempotence: a step whose newest run had the same inputs has nothing to do, and going back to
earlier inputs is a new run, never an old one come alive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.steps.context import Context, StepResult
from tieout.store import audit, findings, runs
from tieout.store.session import Tx

INPUTS = "inputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One piece of a step's work: what it is about and a key made of everything it reads."""

    step: str
    subject: str
    input_key: str
    started_at: datetime


def begin(context: Context, step: str, subject: str, *, reads: Sequence[str | int]) -> Work:
    """Name the work; `reads` are the hashes and versions of all inputs, the method's among them."""
    return Work(
        step=step,
        subject=subject,
        input_key=content_key([step, *reads]),
        started_at=context.now(),
    )


def done_before(tx: Tx, work: Work) -> runs.Run | None:
    """The newest run of this subject, if it had exactly these inputs.

    Whoever asks holds the work until the end of the transaction, so two at once do it once.
    """
    runs.hold(tx, work.step, work.subject)
    latest = runs.latest(tx, work.step, work.subject)
    return latest if latest and latest.outputs.get(INPUTS) == work.input_key else None


def finish(
    context: Context,
    tx: Tx,
    work: Work,
    *,
    outputs: dict[str, Any],
    action: str,
    found: Sequence[Finding] = (),
) -> runs.Run:
    """Record the run, its findings and the audit event; the last thing a step does."""
    recorded = start_run(context, tx, work, outputs=outputs)
    findings.add_all(tx, recorded.run_id, found)
    facts = {**recorded.outputs, "run": recorded.run_id, "findings": len(found)}
    audit.record(tx, action, work.subject, facts)
    return recorded


def start_run(context: Context, tx: Tx, work: Work, *, outputs: dict[str, Any]) -> runs.Run:
    """Record only the run, for a step that hangs further rows on its id before it finishes."""
    latest = runs.latest(tx, work.step, work.subject)
    again = runs.find(tx, work.step, work.subject, work.input_key) is not None
    key = content_key([work.input_key, latest.run_id]) if again and latest else work.input_key
    return runs.record(
        tx,
        runs.NewRun(
            step=work.step,
            subject=work.subject,
            input_key=key,
            outputs={**outputs, INPUTS: work.input_key},
            code_version=context.code_version,
            started_at=work.started_at,
            finished_at=context.now(),
        ),
    )


def result(
    work: Work,
    status: Literal["done", "unchanged"],
    outputs: Mapping[str, Any],
    shown: Sequence[str] = (),
) -> StepResult:
    """The report of the work, with the named outputs."""
    summary = {key: outputs[key] for key in shown if key in outputs}
    return StepResult(step=work.step, subject=work.subject, status=status, summary=summary)
