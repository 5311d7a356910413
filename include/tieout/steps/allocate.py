"""Allocate: cost pools go to initiatives in proportion to a driver; a certificate proves it.

Owns what is kept of a stage; the shares are computed in `pools`.
"""

from typing import Any

from tieout import log as logs
from tieout.core.money import format_units
from tieout.core.period import Period, parse_period
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import latest_outputs, optional_policy, policy, refuse_closed
from tieout.steps.outputs import begin, done_before, result, start_run
from tieout.steps.pools import ALLOCATING, OPTIONAL, allocated
from tieout.steps.views import Used
from tieout.store import allocations, audit
from tieout.store.session import Tx

METHOD_VERSION = "1"
SHOWN = ("line_count", "pooled")
log = logs.get("allocate")


def run(context: Context, *, period: str, stage: str) -> StepResult:
    """Split the pools among the classified lines of a stage.

    Raises:
        ConservationError: the shares do not add up to the pools; nothing is stored.
        NotReadyError: the stage has not been classified, or no allocation policy is approved.
    """
    month = parse_period(period)
    subject = f"{month}/{stage}"
    with context.store.transaction() as tx:
        direct = latest_outputs(tx, "classify", subject)["lines"]
        used = _policies_used(tx, month)
        reads = [METHOD_VERSION, direct["sha256"], *(one.sha256 for one in used.values())]
        work = begin(context, "allocate", subject, reads=reads)
        if found := done_before(tx, work):
            return result(work, "unchanged", found.outputs, SHOWN)
        refuse_closed(tx, month, "allocating it again")
        lines = with_own_dimensions(context.lake.get_table(direct["path"], direct["sha256"]))
        made, certificate = allocated(lines, month, used)
        stored = context.lake.put_table(made, f"ledger/period={month}")
        outputs: dict[str, Any] = {
            "lines": {"path": stored.path, "sha256": stored.sha256},
            "line_count": made.num_rows,
            "pooled": format_units(certificate.total_in_units),
            "policies": [one.label for one in used.values()],
        }
        run_made = start_run(context, tx, work, outputs=outputs)
        allocations.add(
            tx,
            run_made.run_id,
            certificate.certificate_json(),
            pool_totals={
                pool.pool_id: pool.amount_in_units
                for pool in certificate.pools
                if pool.state == "allocated"
            },
            shares=allocations.shares_of(made),
        )
        audit.record(tx, "pools_allocated", subject, {**outputs, "run": run_made.run_id})
    log.info("allocated", period=period, stage=stage, lines=made.num_rows)
    return result(work, "done", outputs, SHOWN)


def _policies_used(tx: Tx, month: Period) -> Used:
    """The pools, the register and, where one is approved, the driver table."""
    used = {kind: policy(tx, kind, month) for kind in ALLOCATING}
    stated = {kind: optional_policy(tx, kind, month) for kind in OPTIONAL}
    return used | {kind: found for kind, found in stated.items() if found is not None}
