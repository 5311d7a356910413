"""Match two figures row by row in fixed passes: what agrees, what nearly does, what is open.

Owns the automatic passes. It never searches for rows that happen to add up: rows belong together
by equal keys only. What a person decides is applied by `match_decisions`.
"""

from collections.abc import Callable, Sequence

import numpy as np

from tieout.reconciliation.match_decisions import decide
from tieout.reconciliation.match_found import Block, Records
from tieout.reconciliation.match_groups import Places, Rows, Texts, coded_keys, grouped
from tieout.reconciliation.match_sides import Side
from tieout.reconciliation.match_values import Decision, Matching, Pass

Within = Callable[[int, int], bool]


def match(
    earlier: Side,
    later: Side,
    *,
    passes: Sequence[Pass],
    within: Within | None = None,
    decisions: Sequence[Decision] = (),
) -> Matching:
    """Match the rows of two sides; nothing is applied anywhere, so every call is a dry run.

    A group is confirmed when its sums agree: exactly, or within half a step for each row of a side
    that is printed in steps. Groups that are open after all passes go through them once more, and
    where `within(difference_units, earlier_units)` holds they are suggested, never applied.
    `decisions` come last, in their order. The order of rows changes nothing.

    Raises:
        ConservationError: a side has one id twice.
    """
    rows = Rows(earlier), Rows(later)
    names = {name for one in passes for name in (*one.keys, *one.required)}
    texts = coded_keys((earlier, later), rows, names)
    blocks = [
        _confirmed(one, rows, texts)
        for one in passes
        if rows[0].is_open.any() and rows[1].is_open.any()
    ]
    left = rows[0].open_members(), rows[1].open_members()
    if within is not None and left[0] and left[1]:
        blocks += [_suggested(one, rows, texts, within) for one in passes]
    found = Matching(
        earlier_name=earlier.name,
        later_name=later.name,
        records=Records(blocks, rows),
        open_earlier=left[0],
        open_later=left[1],
        earlier_units=rows[0].total_units,
        later_units=rows[1].total_units,
    )
    return decide(found, decisions)


def _confirmed(one: Pass, rows: tuple[Rows, Rows], texts: dict[str, Texts]) -> Block:
    """The groups that agree; their rows are no longer open for the passes that follow."""
    earlier, later, groups = grouped(one, rows, texts)
    gaps = np.abs(later.sums(groups) - earlier.sums(groups))
    allowed = (
        earlier.counts(groups) * rows[0].step_units + later.counts(groups) * rows[1].step_units
    )
    agreed: Places = groups[2 * gaps <= allowed]
    for part in (earlier, later):
        part.rows.is_open[part.places_of(agreed)] = False
    return Block(
        one=one, earlier=earlier, later=later, groups=agreed, texts=texts, decision="confirmed"
    )


def _suggested(
    one: Pass, rows: tuple[Rows, Rows], texts: dict[str, Texts], within: Within
) -> Block:
    """The groups that nearly agree and that no pass before has asked about."""
    earlier, later, groups = grouped(one, rows, texts)
    sums = zip(earlier.sums(groups).tolist(), later.sums(groups).tolist(), strict=True)
    near = np.array([within(after - before, before) for before, after in sums], bool)
    asked: Places = groups[near]
    for part in (earlier, later):
        part.rows.is_open[part.places_of(asked)] = False
    return Block(
        one=one, earlier=earlier, later=later, groups=asked, texts=texts, decision="suggested"
    )
