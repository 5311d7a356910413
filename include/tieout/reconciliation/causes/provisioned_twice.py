"""Provisioned capacity charged twice: paid by the hour, and counted by tokens or hours again."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case, Row
from tieout.reconciliation.cases import PROVISIONED
from tieout.reconciliation.causes.base import Explanation, whole
from tieout.reconciliation.repeats import fitting_repeats

RANK = 120
SENTENCE = "Provisioned capacity is paid by the hour and was charged again ({rows} charges)."


def find(case: Case) -> Iterator[Explanation]:
    """Tokens priced where the provider bills only capacity, or the same hours of capacity twice.

    Tokens through provisioned capacity make no token charge: estimated ones without any, on a model
    and day with capacity charges, are what was charged twice.
    """
    for one in case.breaks:
        capacity = case.capacity.get(one.key.family, ())
        if one.key.tier == PROVISIONED and one.later:
            yield from _repeated_hours(case, one)
        elif one.key.kind and one.earlier and not one.later and capacity:
            yield whole("provisioned_twice", one, witnesses=capacity)


def _repeated_hours(case: Case, found: Break) -> Iterator[Explanation]:
    def fits(rest: tuple[Row, ...]) -> bool:
        return case.is_near(
            found.earlier_units, Break(key=found.key, earlier=found.earlier, later=rest)
        )

    repeats = fitting_repeats(found.later, fits)
    if repeats:
        yield Explanation(
            cause="provisioned_twice",
            key=found.key,
            rows=repeats.rows,
            witnesses=repeats.originals,
        )
