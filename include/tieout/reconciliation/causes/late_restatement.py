"""Late restatement: the provider changed a day after its draft, which agreed with us."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 100
SENTENCE = "The provider restated what it had reported before ({rows} charges)."


def find(case: Case) -> Iterator[Explanation]:
    """Keys on which the provider's own draft agrees with the earlier figure.

    Usage that neither of them had is late usage. Where the earlier figure is the draft itself, it
    is every change that no cause before has explained.
    """
    draft = case.known.draft
    if draft is None:
        return
    is_draft = draft.equals(case.earlier)
    for one in case.breaks:
        if is_draft or _draft_agrees(case, one):
            yield whole("late_restatement", one)


def _draft_agrees(case: Case, found: Break) -> bool:
    draft = case.draft_units.get(found.key)
    if draft is None or not found.earlier:
        is_late = draft is None and not found.earlier and found.key.day in case.draft_days
        return is_late and found.key.category == "Usage"
    return 2 * abs(draft - found.earlier_units) <= case.known.step_units + len(found.earlier)
