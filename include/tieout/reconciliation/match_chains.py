"""Three figures in a row: two matchings that share the middle figure, joined through its rows.

Owns the joining. AI: own estimate, provider's report, invoice; cloud: draft, final data, invoice.
"""

from dataclasses import dataclass
from typing import Literal

from tieout.core.errors import ConservationError
from tieout.reconciliation.match_values import Match, Matching, Member

ChainState = Literal["tied", "first_open", "second_open", "open"]
_Row = tuple[int, Member]  # which of the three figures, and the row of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Rows of three figures that hang together through standing matches.

    `tied`: every row of the middle figure is matched both ways. `first_open`: some are not matched
    with the first figure, `second_open`: with the last, `open`: neither way. A row of an outer
    figure without a match is a chain of its own, open on its side.
    """

    state: ChainState
    first: tuple[Member, ...]
    middle: tuple[Member, ...]
    last: tuple[Member, ...]
    match_ids: tuple[str, ...]


def chains(first: Matching, second: Matching) -> tuple[Chain, ...]:
    """Join two matchings; each row of the three figures is in exactly one chain.

    A chain is as small as the matches allow. Ordered by the first row of the middle figure, then
    of the first, then of the last.

    Raises:
        ConservationError: the middle rows of the two matchings differ.
    """
    _refuse_other_middle(first, second)
    links = [(0, one) for one in first.standing] + [(1, one) for one in second.standing]
    parents: dict[_Row, _Row] = {}
    for at, one in links:
        rows = _rows(at, one)
        for row in rows:
            _join(parents, rows[0], row)
    gaps = _gaps(first, second)
    for row in gaps:
        _join(parents, row, row)
    groups: dict[_Row, list[_Row]] = {}
    for row in sorted(parents):
        groups.setdefault(_root(parents, row), []).append(row)
    ids: dict[_Row, list[str]] = {root: [] for root in groups}
    for at, one in links:
        ids[_root(parents, _rows(at, one)[0])].append(one.match_id)
    made = [_chain(rows, gaps, ids[root]) for root, rows in groups.items()]
    return tuple(sorted(made, key=lambda one: (one.middle[:1], one.first[:1], one.last[:1])))


def _refuse_other_middle(first: Matching, second: Matching) -> None:
    ends = _sides(first)[1], _sides(second)[0]
    if ends[0] != ends[1]:
        raise ConservationError(
            f"Cannot join {first.earlier_name} to {second.later_name}: expected both matchings to "
            f"hold the same rows of the {first.later_name}, found {len(ends[0])} and "
            f"{len(ends[1])}, or other amounts; match both from one version of it."
        )


def _sides(matching: Matching) -> tuple[set[Member], set[Member]]:
    standing = matching.standing
    earlier = {member for one in standing for member in one.earlier}
    later = {member for one in standing for member in one.later}
    return earlier.union(matching.open_earlier), later.union(matching.open_later)


def _rows(at: int, one: Match) -> list[_Row]:
    return [(at, row) for row in one.earlier] + [(at + 1, row) for row in one.later]


def _gaps(first: Matching, second: Matching) -> dict[_Row, set[int]]:
    """Rows without a match, and between which figures (0: first and middle, 1: middle and last)."""
    found: dict[_Row, set[int]] = {}
    for at, matching in enumerate((first, second)):
        for row in matching.open_earlier:
            found.setdefault((at, row), set()).add(at)
        for row in matching.open_later:
            found.setdefault((at + 1, row), set()).add(at)
    return found


def _join(parents: dict[_Row, _Row], one: _Row, other: _Row) -> None:
    roots = sorted((_root(parents, one), _root(parents, other)))
    parents[roots[1]] = roots[0]


def _root(parents: dict[_Row, _Row], row: _Row) -> _Row:
    parent = parents.setdefault(row, row)
    while parent != row:
        parents[row] = parents[parent]  # halve the way for those who ask next
        row, parent = parent, parents[parent]
    return row


def _chain(rows: list[_Row], gaps: dict[_Row, set[int]], match_ids: list[str]) -> Chain:
    missing = frozenset(gap for row in rows for gap in gaps.get(row, ()))
    states: dict[frozenset[int], ChainState] = {
        frozenset(): "tied",
        frozenset({0}): "first_open",
        frozenset({1}): "second_open",
        frozenset({0, 1}): "open",
    }
    first, middle, last = (
        tuple(member for figure, member in rows if figure == wanted) for wanted in range(3)
    )
    return Chain(
        state=states[missing],
        first=first,
        middle=middle,
        last=last,
        match_ids=tuple(sorted(match_ids)),
    )
