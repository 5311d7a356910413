"""Missing log: the provider billed usage that we never metered."""

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction

from tieout.reconciliation.breaks import Break, Case, Key, Tie, grouped
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 180
SENTENCE = "Usage was billed that our log lacks ({rows} charges)."

_PER_MILLE = 1000


def find(case: Case) -> Iterator[Explanation]:
    """Billed tokens beyond the logged ones at the price that the same series has elsewhere.

    Only where the log has too little everywhere: a series that has too much on another day or in
    another tier was moved, not lost. The remark says how much of the series the log covers.
    """
    metered = [one for one in case.breaks if one.key.kind]
    for moved in grouped(metered, _any_day_and_tier):
        added = [one.added_quantity for one in moved]
        if all(quantity is not None and quantity >= 0 for quantity in added):
            lacking = [one for one, quantity in zip(moved, added, strict=True) if quantity]
            for breaks in grouped(lacking, _series):
                yield from _missing(case, breaks)


def _any_day_and_tier(key: Key) -> Key:
    return key._replace(day=date.min, tier=None)


def _series(key: Key) -> Key:
    return key.series


def _missing(case: Case, breaks: Sequence[Break]) -> Iterator[Explanation]:
    ties = case.ties.get(breaks[0].key.series, ())
    price = _price(ties, breaks)
    coverage = _coverage(ties, breaks)
    for one in breaks:
        if one.earlier:
            is_proven = case.is_same_price(one)
        else:
            is_proven = price is not None and _is_at(case, one, price)
        if is_proven:
            yield whole("missing_log", one, remark=f"the log covers {coverage} % of the series")


def _price(ties: Sequence[Tie], breaks: Sequence[Break]) -> Fraction | None:
    """What one costs where both sides have it; None when they never have."""
    known = [(tie.units, tie.quantity) for tie in ties]
    known += [(one.earlier_units, one.earlier_quantity) for one in breaks if one.earlier]
    quantity = sum((counted for _, counted in known if counted), Fraction(0))
    return sum(units for units, counted in known if counted) / quantity if quantity else None


def _is_at(case: Case, found: Break, price: Fraction) -> bool:
    """The price is an average of rounded rows, so it may be off by as much as one of them."""
    gap = abs(price * (found.later_quantity or 0) - found.later_units)
    return gap <= case.slack(found)


def _coverage(ties: Sequence[Tie], breaks: Sequence[Break]) -> str:
    agreed = sum((tie.quantity for tie in ties if tie.quantity), Fraction(0))
    logged = sum((one.earlier_quantity or Fraction(0) for one in breaks), agreed)
    billed = sum((one.later_quantity or Fraction(0) for one in breaks), agreed)
    tenths = int(logged * _PER_MILLE / billed) if billed else 0
    return f"{tenths // 10}.{tenths % 10}"
