"""Price change in the month: agreed up to a day, and from it on another price for everything."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from tieout.reconciliation.breaks import Break, Case, Key, Tie, grouped
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 170
SENTENCE = "The price changed within the month, the rate card did not ({rows} charges)."

_FEWEST = 2


def find(case: Case) -> Iterator[Explanation]:
    """A series that agrees before a day and never after, at one old and one new price throughout.

    At least two days at the new price: a single dear day is no price change.
    """
    for breaks in grouped(case.breaks, _series):
        before = case.ties.get(breaks[0].key.series, ())
        if (
            len(breaks) >= _FEWEST
            and _is_before(before, breaks)
            and _has_one_price(case, breaks, before)
        ):
            since = breaks[0].key.day.isoformat()
            for one in breaks:
                yield whole("price_change", one, remark=f"since {since}")


def _series(key: Key) -> Key:
    return key.series


def _is_before(ties: Sequence[Tie], breaks: Sequence[Break]) -> bool:
    return bool(ties) and max(tie.key.day for tie in ties) < breaks[0].key.day


def _has_one_price(case: Case, breaks: Sequence[Break], before: Sequence[Tie]) -> bool:
    """Whether all breaks leave the same old price for the same new one."""
    counted = [one.later_quantity for one in breaks if one.is_same_quantity and one.later_quantity]
    tokens = sum((tie.quantity for tie in before if tie.quantity), Fraction(0))
    if len(counted) < len(breaks) or not tokens or any(one.is_discounted for one in breaks):
        return False
    old = sum(tie.units for tie in before) / tokens
    new = sum(one.later_units for one in breaks) / sum(counted, Fraction(0))
    return all(
        _is_at(case, one.earlier_units, quantity * old, one)
        and _is_at(case, one.later_units, quantity * new, one)
        for one, quantity in zip(breaks, counted, strict=True)
    )


def _is_at(case: Case, units: int, expected: Fraction, found: Break) -> bool:
    """A price that is an average of rounded rows is itself off by as much as one of them."""
    return abs(units - expected) <= case.slack(found)
