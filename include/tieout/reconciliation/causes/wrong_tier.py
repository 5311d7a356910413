"""Wrong service tier: the same tokens stand under one tier here and under another there."""

from collections.abc import Iterator

from tieout.reconciliation.breaks import Break, Case, Key, grouped
from tieout.reconciliation.cases import PROVISIONED
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 130
SENTENCE = (
    "Tokens were estimated in another service tier than they were billed in ({rows} charges)."
)

_TWO = 2


def find(case: Case) -> Iterator[Explanation]:
    """Two tiers of one model, day and token kind, of which one has too much what the other lacks.

    Where a tier has rows on both sides, both must pay the same for one token; a discount that the
    provider shows would be another cause of the same amount.
    """
    metered = [one for one in case.breaks if one.key.kind and one.key.tier != PROVISIONED]
    for breaks in grouped(metered, _without_tier):
        if (
            len(breaks) == _TWO
            and _moved(breaks)
            and all(_is_consistent(case, one) for one in breaks)
        ):
            for one in breaks:
                other = breaks[one is breaks[0]]
                yield whole("wrong_tier", one, remark=f"the other tier is {other.key.tier}")


def _without_tier(key: Key) -> Key:
    return key._replace(tier=None)


def _moved(breaks: tuple[Break, ...]) -> bool:
    added = [one.added_quantity for one in breaks]
    moved = [one for one in added if one]
    return len(moved) == _TWO and sum(moved) == 0


def _is_consistent(case: Case, found: Break) -> bool:
    if found.is_discounted:
        return False
    return not (found.earlier and found.later) or case.is_same_price(found)
