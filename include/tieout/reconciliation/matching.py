"""Match two figures row by row in fixed passes: what agrees, what nearly does, what is open.

Owns the automatic passes. It never searches for rows that happen to add up: rows belong together
by equal keys only. What a person decides is applied by `match_decisions`.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tieout.focus.coded import coded, codes_of
from tieout.reconciliation.compare import units_of
from tieout.reconciliation.match_decisions import decide
from tieout.reconciliation.match_sides import Side
from tieout.reconciliation.match_values import (
    Decision,
    Match,
    Matching,
    Member,
    Pass,
    Shape,
    Verdict,
)
from tieout.reconciliation.row_numbers import Units, exact, numbered

Within = Callable[[int, int], bool]
_Places = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
# Values of millions of rows are made as the tuples that they are, without a call of Python each.
_MEMBER = partial(tuple.__new__, Member)
_MATCH = partial(tuple.__new__, Match)


class _Rows:
    """A side in the order of its ids, and which of its rows are still open."""

    def __init__(self, side: Side, passes: Sequence[Pass]) -> None:
        keys = {name for one in passes for name in (*one.keys, *one.required)}
        read = side.rows.select(["member_id", "amount", *sorted(keys)])
        self.table = read.take(pc.sort_indices(read["member_id"])).combine_chunks()
        units = units_of(self.table["amount"])
        ids = self.table["member_id"].to_pylist()
        self.members: list[Member] = list(map(_MEMBER, zip(ids, units, strict=True)))
        self.total_units = sum(units)
        self.units: Units = exact(units)
        self.step_units = side.step_units if side.step_units > 1 else 0
        self.is_open: _Flags = np.ones(len(units), bool)

    def open_members(self) -> tuple[Member, ...]:
        """What no confirmed match holds, ordered by id."""
        return tuple([self.members[place] for place in np.flatnonzero(self.is_open).tolist()])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One side's open rows by group: places (row numbers) in group order, where groups start."""

    rows: _Rows
    places: _Places
    starts: _Places

    def sums(self, groups: _Places) -> Units:
        """Units of each of these groups."""
        running = np.concatenate([[0], np.cumsum(self.rows.units[self.places])])
        sums: Units = running[self.starts[groups + 1]] - running[self.starts[groups]]
        return sums

    def counts(self, groups: _Places) -> _Places:
        """Rows of each of these groups."""
        counts: _Places = self.starts[groups + 1] - self.starts[groups]
        return counts

    def members(self, groups: _Places) -> list[tuple[Member, ...]]:
        """The rows of each of these groups, by id; they are no longer open."""
        starts, ends = self.starts[groups], self.starts[groups + 1]
        known = self.rows.members
        found: list[tuple[Member, ...]]
        if np.all(ends - starts == 1):
            found = [(known[place],) for place in self.places[starts].tolist()]
        else:
            places = self.places.tolist()
            bounds = zip(starts.tolist(), ends.tolist(), strict=True)
            found = [tuple([known[place] for place in places[start:end]]) for start, end in bounds]
        taken = np.zeros(len(self.starts) - 1, bool)
        taken[groups] = True
        self.rows.is_open[self.places[np.repeat(taken, np.diff(self.starts))]] = False
        return found


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
    with _uncollected():
        found = _matched(
            _Rows(earlier, passes),
            _Rows(later, passes),
            passes,
            within,
            names=(earlier.name, later.name),
        )
        return decide(found, decisions)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looks for cycles: a month makes millions of values at once, and none of them has one.

    The collector would walk all of them again and again; it took a third of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _matched(
    first: _Rows,
    second: _Rows,
    passes: Sequence[Pass],
    within: Within | None,
    *,
    names: tuple[str, str],
) -> Matching:
    records: list[Match] = []
    for one in passes:
        if first.is_open.any() and second.is_open.any():
            records += _confirmed(one, first, second)
    left = first.open_members(), second.open_members()
    if within is not None:
        for one in passes if left[0] and left[1] else ():
            records += _suggested(one, first, second, within)
    return Matching(
        earlier_name=names[0],
        later_name=names[1],
        records=tuple(records),
        open_earlier=left[0],
        open_later=left[1],
        earlier_units=first.total_units,
        later_units=second.total_units,
    )


def _confirmed(one: Pass, first: _Rows, second: _Rows) -> list[Match]:
    earlier, later, groups = _grouped(one, first, second)
    gaps = np.abs(later.sums(groups) - earlier.sums(groups))
    allowed = earlier.counts(groups) * first.step_units + later.counts(groups) * second.step_units
    return _records(one, earlier, later, groups[2 * gaps <= allowed], decision="confirmed")


def _suggested(one: Pass, first: _Rows, second: _Rows, within: Within) -> list[Match]:
    earlier, later, groups = _grouped(one, first, second)
    sums = zip(earlier.sums(groups).tolist(), later.sums(groups).tolist(), strict=True)
    near = np.array([within(after - before, before) for before, after in sums], bool)
    return _records(one, earlier, later, groups[near], decision="suggested")


def _grouped(one: Pass, first: _Rows, second: _Rows) -> tuple[_Part, _Part, _Places]:
    """Open rows by equal keys, and the groups of the pass's shape by their first earlier id."""
    places = _partakers(first, one), _partakers(second, one)
    tables = first.table.select(one.keys), second.table.select(one.keys)
    taken = pa.concat_tables([_at(tables[side], places[side]) for side in (0, 1)])
    codes = numbered([coded(column) for column in taken.columns])
    split, groups = len(places[0]), int(codes.max(initial=-1)) + 1
    halves = codes[:split], codes[split:]
    counts = [np.bincount(half, minlength=groups).astype(np.int64) for half in halves]
    earlier, later = (
        _Part(
            rows=rows,
            places=place[np.argsort(half, kind="stable")],
            starts=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        )
        for rows, place, half, count in zip((first, second), places, halves, counts, strict=True)
    )
    return earlier, later, np.flatnonzero(_has_shape(one.shape, counts[0], counts[1]))


def _at(table: pa.Table, places: _Places) -> pa.Table:
    return table if len(places) == table.num_rows else table.take(pa.array(places))


def _partakers(rows: _Rows, one: Pass) -> _Places:
    takes_part = rows.is_open
    for name in one.required:
        takes_part = takes_part & rows.table[name].is_valid().to_numpy(zero_copy_only=False)
    return np.flatnonzero(takes_part)


def _has_shape(shape: Shape, earlier: _Places, later: _Places) -> _Flags:
    shaped: _Flags = (earlier > 0) & (later > 0)
    if shape in {"1:1", "n:1"}:
        shaped &= earlier == 1
    if shape in {"1:1", "1:n"}:
        shaped &= later == 1
    return shaped


def _records(
    one: Pass, earlier: _Part, later: _Part, groups: _Places, *, decision: Verdict
) -> list[Match]:
    """These groups as records; their rows are no longer open for the passes that follow."""
    heads = earlier.places[earlier.starts[groups]]
    keys = zip(*(_named(name, earlier.rows.table[name], heads) for name in one.keys), strict=True)
    members = earlier.members(groups), later.members(groups)
    same = [repeat(text) for text in (decision, None, None, None)]
    return list(map(_MATCH, zip(repeat(one.name), keys, *members, *same)))


def _named(name: str, column: pa.ChunkedArray, places: _Places) -> list[tuple[str, str | None]]:
    """The column's name with its text at each place; equal pairs are one pair."""
    codes = coded(column.take(pa.array(places)))
    pairs = [(name, text) for text in codes.dictionary.to_pylist()]
    if len(pairs) == 1 and not codes.null_count:
        return pairs * len(places)
    pairs.append((name, None))
    return [pairs[code] for code in codes_of(codes).tolist()]
