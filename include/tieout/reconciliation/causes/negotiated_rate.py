"""Negotiated rate missing: we estimated the list price, the provider bills the contract's."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 160
SENTENCE = "Estimated at the list price, billed at the negotiated rate ({rows} charges)."


def find(case: Case) -> Iterator[Explanation]:
    """Equal quantities, and a list cost on every billed charge that adds up to the estimate.

    A report that counts nothing (only costs) is judged by its list cost alone.
    """
    for one in case.breaks:
        if one.may_be_same_quantity and _is_list_price(case, one):
            yield whole("negotiated_rate", one)


def _is_list_price(case: Case, found: Break) -> bool:
    listed = [row.list_units for row in found.later if row.list_units is not None]
    gap = abs(sum(listed) - found.earlier_units)
    return len(listed) == len(found.later) and 2 * gap <= case.slack(found)
