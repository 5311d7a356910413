"""Commitment amortisation: one figure spreads a commitment over its term, the other bills it."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 60
SENTENCE = (
    "A commitment is spread over its term on one side and billed on the other ({rows} charges)."
)


def find(case: Case) -> Iterator[Explanation]:
    """Charges under a commitment whose effective cost on one side is the billed cost on the other.

    A purchase that only one side has proves itself when its own effective cost is zero.
    """
    for one in case.breaks:
        if _is_committed(one) and _is_amortised(one):
            yield whole("commitment_amortisation", one)


def _is_committed(found: Break) -> bool:
    return all(row.charge["commitment_discount_id"] for row in found.later or found.earlier)


def _is_amortised(found: Break) -> bool:
    later = sum(row.effective_units for row in found.later)
    earlier = sum(row.effective_units for row in found.earlier)
    if found.earlier and found.later:
        return later == found.earlier_units or earlier == found.later_units
    return found.key.category == "Purchase" and earlier == later == 0
