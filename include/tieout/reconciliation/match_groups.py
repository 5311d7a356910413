"""Rows of two sides as numbers: their texts coded once, and grouped by equal keys for each pass.

Owns which rows are open and the groups of a pass; decides about no group.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tieout.focus.coded import Codes, coded, codes_of
from tieout.reconciliation.compare import units_of
from tieout.reconciliation.match_sides import Side
from tieout.reconciliation.match_values import Member, Pass, Shape
from tieout.reconciliation.row_numbers import Units, exact, numbered_codes

Places = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_PREFIX = 8  # bytes of an id that one machine word holds


class Rows:
    """A side in the order of its ids, and which of its rows are still open."""

    def __init__(self, side: Side) -> None:
        order = _sorted_places(side.rows["member_id"])
        self.order = order
        self.ids: pa.Array = side.rows["member_id"].combine_chunks().take(pa.array(order))
        units = units_of(side.rows["amount"])
        self.total_units = sum(units)
        self.units: Units = exact(units)[order]
        self.step_units = side.step_units if side.step_units > 1 else 0
        self.is_open: _Flags = np.ones(len(units), bool)

    @cached_property
    def repeated_id(self) -> str | None:
        """The first id that stands on two rows."""
        again = self.ids[1:].filter(pc.equal(self.ids[1:], self.ids[:-1]))
        return again[0].as_py() if len(again) else None

    def members(self, places: Places) -> Iterator[Member]:
        """The rows at these places, in their order."""
        ids = self.ids.take(pa.array(places)).to_pylist()
        return map(Member, ids, self.units[places].tolist())

    def open_members(self) -> tuple[Member, ...]:
        """What no confirmed match holds, ordered by id."""
        return tuple(self.members(np.flatnonzero(self.is_open)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One key column of both sides over one dictionary; codes in the order of `Rows`, -1 null."""

    dictionary: pa.Array
    codes: tuple[Codes, Codes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One side's open rows by group: places (row numbers) in group order, where groups start."""

    rows: Rows
    places: Places
    starts: Places

    def sums(self, groups: Places) -> Units:
        """Units of each of these groups."""
        running = np.concatenate([[0], np.cumsum(self.rows.units[self.places])])
        sums: Units = running[self.starts[groups + 1]] - running[self.starts[groups]]
        return sums

    def counts(self, groups: Places) -> Places:
        """Rows of each of these groups."""
        counts: Places = self.starts[groups + 1] - self.starts[groups]
        return counts

    def places_of(self, groups: Places) -> Places:
        """The rows of these groups, group by group; ascending groups are expected."""
        wanted = np.zeros(len(self.starts) - 1, bool)
        wanted[groups] = True
        places: Places = self.places[np.repeat(wanted, np.diff(self.starts))]
        return places


def coded_keys(sides: Sequence[Side], rows: Sequence[Rows], names: set[str]) -> dict[str, Texts]:
    """These columns of both sides, each text replaced by its number, once for all passes."""
    found = {}
    split = len(rows[0].ids)
    for name in names:
        column = coded(pa.chunked_array([one.rows[name].combine_chunks() for one in sides]))
        codes = codes_of(column)
        found[name] = Texts(
            dictionary=column.dictionary,
            codes=(codes[:split][rows[0].order], codes[split:][rows[1].order]),
        )
    return found


def grouped(
    one: Pass, rows: tuple[Rows, Rows], texts: dict[str, Texts]
) -> tuple[Part, Part, Places]:
    """Open rows by equal keys, and the groups of the pass's shape by their first earlier id."""
    places = tuple(_partakers(one, side, rows[side], texts) for side in (0, 1))
    if not all(map(len, places)):
        none = np.zeros(0, np.int64)
        empty = [Part(rows=side, places=none, starts=np.zeros(1, np.int64)) for side in rows]
        return empty[0], empty[1], none
    codes = numbered_codes(
        (
            len(texts[name].dictionary),
            np.concatenate([texts[name].codes[side][places[side]] for side in (0, 1)]),
        )
        for name in one.keys
    )
    split, groups = len(places[0]), int(codes.max()) + 1
    halves = codes[:split], codes[split:]
    counts = [np.bincount(half, minlength=groups).astype(np.int64) for half in halves]
    earlier, later = (
        Part(
            rows=side,
            places=place[np.argsort(half, kind="stable")],
            starts=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        )
        for side, place, half, count in zip(rows, places, halves, counts, strict=True)
    )
    return earlier, later, np.flatnonzero(_has_shape(one.shape, counts[0], counts[1]))


def _partakers(one: Pass, side: int, rows: Rows, texts: dict[str, Texts]) -> Places:
    takes_part = rows.is_open
    for name in one.required:
        takes_part = takes_part & (texts[name].codes[side] >= 0)
    return np.flatnonzero(takes_part)


def _has_shape(shape: Shape, earlier: Places, later: Places) -> _Flags:
    shaped: _Flags = (earlier > 0) & (later > 0)
    if shape in {"1:1", "n:1"}:
        shaped &= earlier == 1
    if shape in {"1:1", "1:n"}:
        shaped &= later == 1
    return shaped


def _sorted_places(ids: pa.ChunkedArray) -> Places:
    """The row numbers in the order of the ids' bytes; equal ids keep their order.

    Ids are mostly hashes of one length: their first eight bytes as a number sort ten times as fast
    as texts do, and only rows that agree in them are sorted by their texts.
    """
    whole = ids.combine_chunks()
    widths = pc.min_max(pc.binary_length(whole)).as_py()
    width = widths["min"] or 0
    if not _PREFIX <= width == widths["max"]:
        return _sorted_by_text(whole)
    start = int(np.frombuffer(whole.buffers()[1], np.int32)[whole.offset])
    letters = np.frombuffer(whole.buffers()[2], np.uint8, len(whole) * width, start)
    first = np.ascontiguousarray(letters.reshape(len(whole), width)[:, :_PREFIX])
    words = first.view(">u8").ravel().astype(np.uint64)
    order: Places = np.argsort(words, kind="stable")
    same = words[order[1:]] == words[order[:-1]]
    tied = np.append(same, False) | np.append(False, same)
    if tied.any():
        order[tied] = order[tied][_sorted_by_text(whole.take(pa.array(order[tied])))]
    return order


def _sorted_by_text(ids: pa.Array) -> Places:
    order: Places = pc.sort_indices(ids).to_numpy().astype(np.int64)
    return order
