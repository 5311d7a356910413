"""Duplicate usage log: the same usage was logged, and so estimated, more than once."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case, Row, quantity_of
from tieout.reconciliation.causes.base import Explanation
from tieout.reconciliation.repeats import fitting_repeats

RANK = 70
SENTENCE = "Usage that was logged more than once ({rows} estimated charges)."


def find(case: Case) -> Iterator[Explanation]:
    """Repeated estimated charges without which the quantities agree (without any: the costs).

    A repetition has the same hours, quantity, cost and attributes. Two equal calls that the
    provider counts as two are none.
    """
    for one in case.breaks:
        repeats = _repeats(case, one)
        if repeats:
            yield repeats


def _repeats(case: Case, found: Break) -> Explanation | None:
    def fits(rest: tuple[Row, ...]) -> bool:
        counted = found.later_quantity
        if counted is None:
            return case.is_near(sum(row.units for row in rest), found)
        return quantity_of(rest) == counted

    repeats = fitting_repeats(found.earlier, fits) if found.later else None
    if repeats is None:
        return None
    return Explanation(
        cause="duplicate_log", key=found.key, rows=repeats.rows, witnesses=repeats.originals
    )
