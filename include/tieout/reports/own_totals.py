"""Ledger lines added up by the dimensions that a rule file has of its own. Owns that sum only."""

import pyarrow as pa

from tieout.core.money import from_decimal
from tieout.focus.ledger_columns import OWN_DIMENSIONS
from tieout.rules.own_dimensions import own_of


def own_totals(lines: pa.Table) -> dict[str, dict[str | None, int]]:
    """Units of 1e-12 by class (None: not decided) for each own dimension of the lines, by name.

    Every dimension adds up to all lines; without own dimensions there is nothing to add up.
    """
    sums = lines.group_by(OWN_DIMENSIONS).aggregate([("billed_cost", "sum")])
    known = [own_of(text) for text in sums[OWN_DIMENSIONS].to_pylist()]
    units = [from_decimal(cost) for cost in sums["billed_cost_sum"].to_pylist()]
    found: dict[str, dict[str | None, int]] = {
        name: {} for name in sorted({name for own in known for name in own})
    }
    for own, amount in zip(known, units, strict=True):
        for name, totals in found.items():
            totals[own.get(name)] = totals.get(own.get(name), 0) + amount
    return found
