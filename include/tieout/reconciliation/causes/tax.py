"""Tax: charged on top, never part of an estimate or a usage report."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Case
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 10
SENTENCE = "Tax ({rows} charges)."


def find(case: Case) -> Iterator[Explanation]:
    """All charges of the category Tax."""
    yield from (whole("tax", one) for one in case.breaks if one.key.category == "Tax")
