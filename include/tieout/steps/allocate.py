"""Allocate: cost pools go to initiatives in proportion to a driver; a certificate proves it.

Owns the drivers of this stage and the certificate; the shares are `allocation`'s.
"""

from fractions import Fraction
from typing import Any

import pyarrow as pa

from tieout import log as logs
from tieout.allocation.allocate import allocate
from tieout.allocation.parse import parse_pools
from tieout.core.money import format_units, from_decimal
from tieout.core.period import parse_period
from tieout.focus.columns import AI_SERVICE_CATEGORY
from tieout.rules.register import parse_initiatives
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import latest_outputs, policy
from tieout.steps.outputs import begin, done_before, result, start_run
from tieout.store import allocations, audit

METHOD_VERSION = "1"
SHOWN = ("line_count", "pooled")
POOL_PREFIX = "pool:"
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
        rules, initiatives = policy(tx, "allocation", month), policy(tx, "initiatives", month)
        reads = [METHOD_VERSION, direct["sha256"], rules.sha256, initiatives.sha256]
        work = begin(context, "allocate", subject, reads=reads)
        if found := done_before(tx, work):
            return result(work, "unchanged", found.outputs, SHOWN)
        lines = context.lake.get_table(direct["path"], direct["sha256"])
        allocated, certificate = allocate(
            lines,
            pools=parse_pools(rules.body, name=rules.label),
            drivers={"token_spend": token_spend(lines)},
            initiatives={
                initiative.initiative_id: initiative
                for initiative in parse_initiatives(initiatives.body, name=initiatives.label)
            },
        )
        certificate.check()
        stored = context.lake.put_table(allocated, f"ledger/period={month}")
        outputs: dict[str, Any] = {
            "lines": {"path": stored.path, "sha256": stored.sha256},
            "line_count": allocated.num_rows,
            "pooled": format_units(certificate.total_in_units),
            "policies": [rules.label, initiatives.label],
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
            shares=allocations.shares_of(allocated),
        )
        audit.record(tx, "pools_allocated", subject, {**outputs, "run": run_made.run_id})
    log.info("allocated", period=period, stage=stage, lines=allocated.num_rows)
    return result(work, "done", outputs, SHOWN)


def token_spend(lines: pa.Table) -> dict[str, Fraction | int]:
    """Driver: direct AI usage spend of each initiative in units; pools and unallocated left out."""
    spend: dict[str, Fraction | int] = {}
    wanted = ["initiative", "service_category", "charge_category", "billed_cost"]
    for row in lines.select(wanted).to_pylist():
        initiative = row["initiative"]
        if initiative is None or initiative.startswith(POOL_PREFIX):
            continue
        if row["service_category"] == AI_SERVICE_CATEGORY and row["charge_category"] == "Usage":
            spend[initiative] = spend.get(initiative, 0) + from_decimal(row["billed_cost"])
    return spend
