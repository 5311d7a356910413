"""Batch discount missing: batch work was estimated at the full price."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 140
SENTENCE = "Batch work was estimated without the batch discount of one half ({rows} charges)."

# OpenAI and Anthropic bill batch at half the standard price (November 2026)
_HALF = 2


def find(case: Case) -> Iterator[Explanation]:
    """Batch charges of equal quantity at exactly half of what was estimated.

    Not where the provider itself lists the estimated price: then it is a negotiated rate.
    """
    for one in case.breaks:
        if one.key.tier == "batch" and one.is_same_quantity and _is_half(case, one):
            yield whole("batch_discount", one)


def _is_half(case: Case, found: Break) -> bool:
    listed = sum(row.list_units or 0 for row in found.later)
    gap = abs(_HALF * found.later_units - found.earlier_units)
    is_half = 2 * gap <= _HALF * case.slack(found)
    return is_half and listed != found.earlier_units
