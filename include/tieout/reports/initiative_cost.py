"""What initiatives cost, before tax: direct AI, direct cloud, shared, credits, and who decided it.

Owns the parts and their sums over ledger lines (LEDGER_SCHEMA); amounts are units of 1e-12. The
parts of all initiatives together are the net of the ledger, nothing is counted twice.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import from_decimal, round_half_even
from tieout.focus.columns import AI_SERVICE_CATEGORY
from tieout.reports.line_tables import Sum

PARTS: Final = ("direct_ai", "direct_cloud", "shared", "credits")
PARTED_BY: Final = ("initiative", "charge_category", "service_category", "pool_id")
TOTALED_BY: Final = ("initiative", "charge_category")
TAX: Final = "Tax"
GROUP: Final = (
    "provider",
    "billing_account_id",
    "sub_account_id",
    "sub_account_name",
    "service_name",
    "charge_category",
)
# columns of the lines that the backlog, and that what stands behind an initiative, is told by
_AMOUNTS: Final = ("billed_cost", "charge_count")
BACKLOG: Final = ("initiative", *GROUP, *_AMOUNTS)
BEHIND: Final = ("initiative", "initiative_rule", "pool_id", "charge_category", *_AMOUNTS)
Sums = dict[tuple[str | None, ...], int]


def before_tax(lines: pa.Table) -> pa.Table:
    """The lines that are cost: recoverable tax is none."""
    return lines.filter(pc.not_equal(lines["charge_category"], TAX))


def parts(sums: Iterable[Sum]) -> dict[str | None, dict[str, int]]:
    """Units of each of PARTS by initiative; None: nobody decided, `pool:x`: the pool holds it.

    `sums` of all lines are by PARTED_BY. A credit is a credit wherever it came from; of the rest,
    what came out of a pool is shared.
    """
    found: dict[str | None, dict[str, int]] = {}
    for one in sums:
        initiative, category, service, pool = one.key
        if category != TAX:
            own = found.setdefault(initiative, dict.fromkeys(PARTS, 0))
            own[_part(category, service, pool)] += one.units
    return found


def totals(sums: Iterable[Sum]) -> dict[str | None, int]:
    """Units of each initiative, all parts together; `sums` of all lines are by TOTALED_BY."""
    found: dict[str | None, int] = {}
    for one in sums:
        initiative, category = one.key
        if category != TAX:
            found[initiative] = found.get(initiative, 0) + one.units
    return found


def _part(category: str | None, service: str | None, pool: str | None) -> str:
    if category == "Credit":
        return "credits"
    if pool is not None:
        return "shared"
    return "direct_ai" if service == AI_SERVICE_CATEGORY else "direct_cloud"


def rules_of(lines: pa.Table, initiative: str) -> tuple[Sums, Sums]:
    """What each rule gave an initiative directly, and how many charges: by (rule,)."""
    own = of_initiative(lines, initiative)
    return _summed(own.filter(own["pool_id"].is_null()), ("initiative_rule",))


def pools_of(lines: pa.Table, initiative: str) -> Sums:
    """What an initiative bears of each pool: by (pool,)."""
    own = of_initiative(lines, initiative)
    return _summed(own.filter(own["pool_id"].is_valid()), ("pool_id",))[0]


def of_initiative(lines: pa.Table, initiative: str) -> pa.Table:
    """The cost lines of one initiative."""
    cost = before_tax(lines)
    return cost.filter(pc.equal(cost["initiative"], initiative))


def unallocated(lines: pa.Table) -> tuple[Sums, Sums]:
    """What no rule gave an initiative, and how many charges, by GROUP; the largest first."""
    cost = before_tax(lines)
    sums, counts = _summed(cost.filter(cost["initiative"].is_null()), GROUP)
    ordered = sorted(sums, key=lambda key: (-abs(sums[key]), str(key)))
    return {key: sums[key] for key in ordered}, counts


def percent(part: int, whole: int) -> Decimal | None:
    """A part in percent of a whole's size, to four places; None of nothing."""
    if not whole:
        return None
    return Decimal(round_half_even(Fraction(part * 10**6, abs(whole)))).scaleb(-4)


def _summed(lines: pa.Table, names: Sequence[str]) -> tuple[Sums, Sums]:
    grouped = lines.group_by(list(names)).aggregate(
        [("billed_cost", "sum"), ("charge_count", "sum")]
    )
    keys = list(zip(*(grouped[name].to_pylist() for name in names), strict=True))
    costs, counts = grouped["billed_cost_sum"].to_pylist(), grouped["charge_count_sum"].to_pylist()
    return (
        {key: from_decimal(cost) for key, cost in zip(keys, costs, strict=True)},
        dict(zip(keys, counts, strict=True)),
    )
