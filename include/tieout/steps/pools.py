"""Pools of a month as given policies see them: the drivers measured, the pools shared out.

Owns no storage and no choice of policies: the steps that allocate, preview and reapply all compute
here, so that what was previewed is what is posted.
"""

from fractions import Fraction

import pyarrow as pa

from tieout.allocation.allocate import allocate
from tieout.allocation.certificate import Certificate
from tieout.allocation.parse import parse_pools
from tieout.core.money import from_decimal
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY
from tieout.rules.register import POOL_PREFIX
from tieout.steps.views import Used, register
from tieout.store.policies import PolicyKind

DRIVERS = ("direct_cost", "token_spend")  # measured on the month's own lines
ALLOCATING: tuple[PolicyKind, ...] = ("allocation", "initiatives")


def allocated(lines: pa.Table, month: Period, used: Used) -> tuple[pa.Table, Certificate]:
    """Direct lines with their pools split, and the certificate that it conserves.

    Raises:
        ConservationError: the shares do not add up to the pools.
    """
    pools = used["allocation"]
    made, certificate = allocate(
        lines,
        pools=parse_pools(pools.body, name=pools.label),
        drivers={"token_spend": token_spend(lines), "direct_cost": direct_cost(lines)},
        initiatives=register(used),
        on=month.start_on,
    )
    certificate.check()
    return made, certificate


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


def direct_cost(lines: pa.Table) -> dict[str, Fraction | int]:
    """Driver: all direct cost before tax of each initiative in units; pools left out."""
    spend: dict[str, Fraction | int] = {}
    for row in lines.select(["initiative", "charge_category", "billed_cost"]).to_pylist():
        initiative = row["initiative"]
        if initiative is None or initiative.startswith(POOL_PREFIX):
            continue
        if row["charge_category"] != "Tax":
            spend[initiative] = spend.get(initiative, 0) + from_decimal(row["billed_cost"])
    return spend
