"""Credit: what the provider gave back (refund, service level, rebate)."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Case
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 30
SENTENCE = "Credits and refunds ({rows} charges)."


def find(case: Case) -> Iterator[Explanation]:
    """All charges of the category Credit that are not promotional."""
    yield from (whole("credit", one) for one in case.breaks if one.key.category == "Credit")
