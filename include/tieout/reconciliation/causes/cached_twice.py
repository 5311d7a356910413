"""Cached tokens counted twice: once as cached, and once more inside the input."""

from collections.abc import Iterator
from fractions import Fraction

from tieout.reconciliation.breaks import Break, Case
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 150
SENTENCE = "Cached tokens were also estimated as plain input ({rows} charges)."

# OpenAI's input includes them, Anthropic's does not; mixing the two counts them twice
_COUNTED_AGAIN = (("cached_input",), ("cached_input", "cache_write", "cache_write_1h"))


def find(case: Case) -> Iterator[Explanation]:
    """Input tokens that are too many by exactly the day's cached tokens, at the same price."""
    for one in case.breaks:
        added = one.added_quantity
        if one.key.kind == "input" and added and added < 0 and case.is_same_price(one):
            cached = [_cached(case, one, kinds) for kinds in _COUNTED_AGAIN]
            witnesses = next((ids for quantity, ids in cached if quantity == -added), None)
            if witnesses:
                yield whole("cached_twice", one, witnesses=witnesses)


def _cached(case: Case, found: Break, kinds: tuple[str, ...]) -> tuple[Fraction, list[str]]:
    """Tokens of these kinds on which both sides agree, and a line id of each."""
    ties = [case.tie(found.key._replace(kind=kind)) for kind in kinds]
    known = [tie for tie in ties if tie and tie.quantity]
    return (
        sum((tie.quantity for tie in known if tie.quantity), Fraction(0)),
        [tie.line_id for tie in known],
    )
