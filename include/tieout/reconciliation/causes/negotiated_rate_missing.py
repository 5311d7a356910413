"""Negotiated rate missing on the bill: we estimated the contract's rate, they bill list price."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 155
SENTENCE = "Billed at the list price, without the contract's rate ({rows} charges): claim it back."


def find(case: Case) -> Iterator[Explanation]:
    """Equal quantities, an estimate below its own list cost, and a bill of exactly that list cost.

    A report that counts nothing (only costs) is judged by the cost alone.
    """
    for one in case.breaks:
        if one.may_be_same_quantity and _is_list_price(case, one):
            yield whole("negotiated_rate_missing", one)


def _is_list_price(case: Case, found: Break) -> bool:
    listed = [row.list_units for row in found.earlier if row.list_units is not None]
    is_discounted = any(row.list_units not in {None, row.units} for row in found.earlier)
    gap = abs(found.later_units - sum(listed))
    return is_discounted and len(listed) == len(found.earlier) and 2 * gap <= case.slack(found)
