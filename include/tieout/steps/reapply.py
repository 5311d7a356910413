"""Reapply: an approved preview becomes true, to the last unit, or nothing happens.

Closed months are not rewritten: each gets a restated view beside the reported one, and its
difference is posted as reclassifications in the earliest open month. Open months are checked here
and take the policy, which the approval put in force, with the ordinary steps.
"""

import json
from dataclasses import dataclass
from typing import Any

from tieout import log as logs
from tieout.core.errors import NotReadyError
from tieout.core.finding import Finding
from tieout.core.money import from_decimal
from tieout.core.period import Period, parse_period
from tieout.reports.rule_preview import month_json
from tieout.steps import booking, past
from tieout.steps.context import Context, StepResult, Summary
from tieout.steps.fiscal import dated
from tieout.steps.inputs import STAGES, chart
from tieout.steps.outputs import begin, start_run
from tieout.store import (
    audit,
    findings,
    journal,
    periods,
    policies,
    previews,
    restated,
    runs,
)
from tieout.store.session import Tx

log = logs.get("reapply")


def open_stages(context: Context, *, preview: str) -> list[tuple[str, str]]:
    """Months and stages of a preview that the ordinary steps have to compute again."""
    with context.store.transaction() as tx:
        found = previews.get(tx, preview)
        return [
            (one["period"], stage)
            for one in json.loads(found.canonical)["months"]
            for stage in STAGES
            if periods.state(tx, one["period"]) != "closed"
            and runs.latest(tx, "allocate", f"{one['period']}/{stage}") is not None
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What one closed month became."""

    is_new: bool
    entries: int


def run(context: Context, *, preview: str, person: str | None = None) -> StepResult:
    """Apply what an approved preview showed; run again, it changes nothing.

    Raises:
        NotReadyError: nobody approved it, or the months are no longer what it was made from.
        ConservationError: lines come to another total.
    """
    with context.store.transaction(actor=person) as tx:
        found = previews.get(tx, preview)
        if found.approved_by is None:
            raise NotReadyError(
                f"Preview {found.sha256[:12]} is not approved: expected another person than the "
                "proposer to approve it before it is applied."
            )
        runs.hold(tx, "reapply", "past")  # one after another: each begins where the last ended
        runs.hold(tx, "post", "journal")
        policy = policies.get(tx, found.kind, found.version)
        shown = {one["period"]: one for one in json.loads(found.canonical)["months"]}
        made = [
            _recomputed(context, tx, parse_period(period), policy, one)
            for period, one in sorted(shown.items())
        ]
        done = [
            _restate(context, tx, found, one)
            for one in made
            if one.change.state == "closed" and not _stands(one)
        ]
        is_new = any(one.is_new or one.entries for one in done)
        summary: Summary = {
            "policy": policy.label,
            "closed": len(done),
            "restated": sum(one.is_new for one in done),
            "entries": sum(one.entries for one in done),
            "open": ", ".join(one.change.period for one in made if one.change.state != "closed"),
            "ledger_seq": journal.ledger_seq(tx),
        }
        if is_new:
            audit.record(tx, "policy_reapplied", found.sha256, dict(summary))
    log.info("reapplied", preview=found.sha256, **summary)
    return StepResult(
        step="reapply",
        subject=found.sha256[:12],
        status="done" if is_new else "unchanged",
        summary=summary,
    )


def _recomputed(
    context: Context, tx: Tx, month: Period, policy: policies.Policy, shown: dict[str, Any]
) -> past.Past:
    """The month once more; it must be what was approved, and begin where the preview began."""
    made = past.recompute(context, tx, month, policy)
    if made is not None and _stands(made):
        return made  # applied before, or nothing to apply
    if made is None or made.change.after_sha256 != shown["after_sha256"]:
        raise NotReadyError(
            f"{month} would not become what the preview showed: expected lines "
            f"{shown['after_sha256'][:12]}, found "
            f"{made.change.after_sha256[:12] if made else 'none'}; make a new preview and have it "
            "approved."
        )
    again = month_json(made.change, chart=chart(tx, month))
    if _essence(again) != _essence(shown):
        raise NotReadyError(
            f"{month} is no longer what the preview began with: expected lines "
            f"{shown['before_sha256'][:12]} and its entries, found "
            f"{made.change.before_sha256[:12]}; make a new preview and have it approved."
        )
    return made


def _stands(made: past.Past) -> bool:
    """Whether the month is what the policy makes of it, in lines and in the journal."""
    return made.change.before_sha256 == made.change.after_sha256 and not made.change.reclass


def _essence(month: dict[str, Any]) -> dict[str, Any]:
    """All that was approved; in which open month it is posted may have changed since."""
    entries = [{**one, "posting_on": None} for one in month["reclass"]]
    return {**month, "reclass": entries, "state": None}


def _restate(context: Context, tx: Tx, preview: previews.Preview, made: past.Past) -> _Done:
    month = made.change.period
    assignment = context.lake.put_table(made.made.assignment, f"assignments/period={month}")
    direct = context.lake.put_table(made.made.lines, f"lines/period={month}")
    lines = context.lake.put_table(made.change.after, f"ledger/period={month}")
    files: dict[str, Any] = {
        "lines": {"path": lines.path, "sha256": lines.sha256},
        "direct": {"path": direct.path, "sha256": direct.sha256},
        "assignment": {"path": assignment.path, "sha256": assignment.sha256},
        "charges": list(made.charges),
        "certificate": made.certificate.certificate_json(),
    }
    labels = {str(kind): one.label for kind, one in made.used.items()}
    own = begin(context, "reapply", f"{month}/restated", reads=[preview.sha256, lines.sha256])
    kept = start_run(context, tx, own, outputs={**files, "policies": sorted(labels.values())})
    _, is_new = restated.add(
        tx,
        restated.NewRestatement(
            period=month,
            run_id=kept.run_id,
            preview_sha256=preview.sha256,
            lines_sha256=lines.sha256,
            total_units=sum(
                from_decimal(one) for one in made.change.after["billed_cost"].to_pylist()
            ),
            files=files,
            rule_versions=labels,
        ),
    )
    problems: list[Finding] = [wrong for one in made.postings for wrong in one.findings]
    entries = dated(tx, [one.entry for one in made.postings if one.entry is not None])
    at = booking.post_all(tx, entries)
    new = sum(one.is_new for one in at)
    if new:
        findings.add_all(tx, kept.run_id, problems)
        booking.record(tx, month, entries, at, {"preview": preview.sha256})
    return _Done(is_new=is_new, entries=new)
