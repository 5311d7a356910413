"""Currency: one side shows an amount of another currency as if it were of this one."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case, Row
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 90
SENTENCE = "An amount of another currency was taken for one of this currency ({rows} charges)."


def find(case: Case) -> Iterator[Explanation]:
    """Equal quantities, and costs that a known exchange rate turns into each other.

    The provider's own cost in its pricing currency proves it too, when that is another currency.
    """
    for one in case.breaks:
        rate = _rate(case, one) if one.is_same_quantity else None
        if rate:
            yield whole("currency", one, remark=rate)


def _rate(case: Case, found: Break) -> str | None:
    for name, rate in sorted(case.known.rates.items()):
        if case.is_near(found.earlier_units * rate, found, factor=rate):
            return f"at {name}"
    priced = [_priced_units(row) for row in found.later]
    own = sum(units for units in priced if units is not None)
    gap = abs(own - found.earlier_units)
    is_own = None not in priced and 2 * gap <= case.slack(found)
    return "the amount in the pricing currency" if is_own else None


def _priced_units(row: Row) -> int | None:
    """The cost in the pricing currency, when that is another one."""
    other = row.charge["pricing_currency"] not in {None, row.charge["billing_currency"]}
    return row.pricing_units if other else None
