"""Pools of a month as given policies see them: the drivers measured, the pools shared out.

Owns no storage and no choice of policies: the steps that allocate, preview and reapply all compute
here, so that what was previewed is what is posted.
"""

from collections.abc import Sequence
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

from tieout.allocation.allocate import allocate
from tieout.allocation.base import Weights
from tieout.allocation.certificate import Certificate
from tieout.allocation.drivers import DriverValue, drivers_of, parse_drivers
from tieout.allocation.misfits import misfits, missing_drivers, redefined, strange_targets
from tieout.allocation.parse import parse_pools
from tieout.allocation.pool import Pool
from tieout.core.money import from_decimal
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY
from tieout.ledger.foreign_lines import with_own_amounts
from tieout.rules.register import POOL_PREFIX
from tieout.steps.views import Used, register
from tieout.store.policies import Policy, PolicyKind

DRIVERS = ("direct_cost", "token_spend")  # measured on the month's own lines
ALLOCATING: tuple[PolicyKind, ...] = ("allocation", "initiatives")
OPTIONAL: tuple[PolicyKind, ...] = ("drivers",)


def allocated(lines: pa.Table, month: Period, used: Used) -> tuple[pa.Table, Certificate]:
    """Direct lines with their pools split, and the certificate that it conserves.

    Raises:
        ConservationError: the shares do not add up to the pools.
    """
    pools = used["allocation"]
    made, certificate = allocate(
        lines,
        pools=parse_pools(pools.body, name=pools.label),
        drivers=_drivers(lines, month, used.get("drivers")),
        initiatives=register(used),
        on=month.start_on,
    )
    certificate.check()
    return with_own_amounts(made, lines), certificate


def table_misfits(
    values: Sequence[DriverValue], *, initiatives: Sequence[str] | None, pools: Sequence[Pool]
) -> list[str]:
    """What keeps a driver table from being proposed, one sentence each.

    `initiatives` are the ids of the register, None while there is none; `pools` those in force,
    which must go on finding the drivers that they name.
    """
    found = redefined(values, DRIVERS)
    if initiatives is not None:
        ids = [pool.pool_id for pool in pools]
        found += strange_targets(values, initiatives=initiatives, pools=ids)
    return found + missing_drivers(pools, {*DRIVERS, *(one.driver for one in values)})


def pool_misfits(
    pools: Sequence[Pool], *, initiatives: Sequence[str], table: Policy | None
) -> list[str]:
    """What keeps an allocation file from being proposed, one sentence each.

    `table` is the driver table in force.
    """
    named = {one.driver for one in _values(table)}
    return misfits(pools, initiatives=initiatives, drivers={*DRIVERS, *named})


def _drivers(lines: pa.Table, month: Period, table: Policy | None) -> dict[str, Weights]:
    """All drivers by name: those of the table, and those measured, which no table may redefine."""
    stated = drivers_of(_values(table), month)
    return {**stated, "token_spend": token_spend(lines), "direct_cost": direct_cost(lines)}


def _values(table: Policy | None) -> tuple[DriverValue, ...]:
    return parse_drivers(table.body, name=table.label) if table else ()


def token_spend(lines: pa.Table) -> dict[str, Fraction | int]:
    """Driver: direct AI usage spend of each initiative in units; pools and unallocated left out."""
    is_ai = pc.equal(lines["service_category"], AI_SERVICE_CATEGORY)
    return _by_initiative(lines.filter(pc.and_(is_ai, pc.equal(lines["charge_category"], "Usage"))))


def direct_cost(lines: pa.Table) -> dict[str, Fraction | int]:
    """Driver: all direct cost before tax of each initiative in units; pools left out."""
    return _by_initiative(lines.filter(pc.not_equal(lines["charge_category"], "Tax")))


def _by_initiative(lines: pa.Table) -> dict[str, Fraction | int]:
    is_pool = pc.starts_with(lines["initiative"], POOL_PREFIX)  # null where nobody decided
    own = lines.filter(pc.invert(is_pool))
    sums = own.group_by("initiative").aggregate([("billed_cost", "sum")])
    pairs = zip(sums["initiative"].to_pylist(), sums["billed_cost_sum"].to_pylist(), strict=True)
    return {initiative: from_decimal(cost) for initiative, cost in pairs}
