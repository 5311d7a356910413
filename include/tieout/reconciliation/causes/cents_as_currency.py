"""Cents read as currency: one side is exactly a hundred times the other."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 80
SENTENCE = "Cents were read as whole currency, or the other way round ({rows} charges)."

_CENTS = 100


def find(case: Case) -> Iterator[Explanation]:
    """Equal quantities, and one cost a hundred times the other."""
    for one in case.breaks:
        if one.is_same_quantity and _is_hundredfold(case, one):
            yield whole("cents_as_currency", one)


def _is_hundredfold(case: Case, found: Break) -> bool:
    more = case.is_near(found.earlier_units * _CENTS, found, factor=_CENTS)
    slack = _CENTS * case.slack(found)
    return more or 2 * abs(found.later_units * _CENTS - found.earlier_units) <= slack
