"""The charges of a month as rules need them: a row for each attribute tuple and stretch of days.

Owns the cube that is kept beside the charges and everything that is computed from it: which row of
an assignment a charge has, sums by class, and what moves between two assignments. It is made once,
when the charges are classified; every later question about rules reads it instead of the charges.

A month cube has `attr_id`, ATTRIBUTES, `segment_on` (date32: the first day of the stretch; within a
stretch no rule changes), `charge_count` and `billed_cost` (DECIMAL(28,12)), ordered by stretch and
`attr_id`. An assignment has `attr_id`, classes, and `segment_on` where there are several stretches.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import ConservationError
from tieout.core.ids import attribute_key
from tieout.engine.base import STARTED, Engine, days_of
from tieout.engine.class_ids import number_classes
from tieout.engine.cube import coded_attributes, make_cube
from tieout.engine.exact_sums import Numbers, no_sums
from tieout.focus.columns import ATTRIBUTES, attributes_of

SEGMENT = "segment_on"
MEASURES = ("charge_count", "billed_cost")
Days: TypeAlias = tuple[date, date]  # first and last day of the charges, both inclusive


def month_cube(charges: pa.Table, cuts: Collection[date]) -> pa.Table:
    """Sum charges (CHARGE_SCHEMA) by attribute tuple and stretch; `cuts` are first days of one."""
    first, last = days_of(charges)
    starts = stretches(cuts, (first, last))
    if len(starts) == 1:
        return _whole_cube([_cube(charges, first)], charges)
    days = charges[STARTED].cast(pa.date32())
    numbers = pa.array(_numbers_of(days, starts))
    parts = [
        _cube(charges.filter(pc.equal(numbers, number)), start)
        for number, start in enumerate(starts)
    ]
    return _whole_cube(parts, charges)


def month_cube_of_files(engine: Engine, paths: Sequence[str], cuts: Collection[date]) -> pa.Table:
    """The same of charges in files that a chosen engine reads."""
    attributes = engine.distinct_attributes(paths, ATTRIBUTES)
    ids = attributes.select(["attr_id"])
    starts = stretches(cuts, engine.days(paths))
    parts = []
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        days = None if len(starts) == 1 else (start, end)
        sums = engine.join_and_sum(paths, ids, keys=("attr_id",), amount="billed_cost", days=days)
        own = attributes.take(pc.index_in(sums["attr_id"], ids["attr_id"].combine_chunks()))
        parts.append(_dated(own, start, sums))
    return _coded(pa.concat_tables(parts))


def stretches(cuts: Collection[date], days: Days) -> list[date]:
    """First days of the stretches that charges of these days fall into, in order."""
    first, last = days
    return [first, *sorted(cut for cut in set(cuts) if first < cut <= last)]


def is_current(cube: pa.Table) -> bool:
    """Whether a kept cube has today's ATTRIBUTES and ids over them; if not, make it anew."""
    if cube.column_names != ["attr_id", *ATTRIBUTES, SEGMENT, *MEASURES]:
        return False
    rows = cube.slice(0, 1).to_pylist()
    return all(row["attr_id"] == attribute_key(row[name] for name in ATTRIBUTES) for row in rows)


def on_day(cube: pa.Table, day: date) -> pa.Table:
    """A cube without cuts as if all its charges were of this day."""
    place = cube.column_names.index(SEGMENT)
    return cube.set_column(place, SEGMENT, pa.array([day] * cube.num_rows, pa.date32()))


def segments_of(table: pa.Table) -> list[date]:
    """The stretches of a cube or an assignment in order; none: it has one, without a name."""
    if SEGMENT not in table.column_names:
        return []
    found: list[date] = table[SEGMENT].unique().sort().to_pylist()
    return found


def of_segment(table: pa.Table, start: date) -> pa.Table:
    """The rows of one stretch."""
    return table.filter(pc.equal(table[SEGMENT], start))


def places(ids: pa.ChunkedArray, days: pa.ChunkedArray, assignment: pa.Table) -> pa.Array:
    """For each attribute id and its day the row of the assignment; null where it has none.

    A day before the first stretch counts as its first, a day after the last as its last.
    """
    starts = segments_of(assignment)
    own = assignment["attr_id"].combine_chunks()
    if not starts:
        return _whole(pc.index_in(ids, own))
    distinct = own.unique()
    known = _codes(own, distinct) * len(starts) + _numbers_of(assignment[SEGMENT], starts)
    wanted = _codes(ids, distinct)
    asked = np.where(wanted < 0, -1, wanted * len(starts) + _numbers_of(days, starts))
    return _whole(pc.index_in(pa.array(asked), pa.array(known)))


def with_classes(cube: pa.Table, assignment: pa.Table, *, prefix: str = "") -> pa.Table:
    """The cube's segment and measures, and beside them the classes of each row.

    Raises:
        ConservationError: a tuple has no class.
    """
    found = places(cube["attr_id"], cube[SEGMENT], assignment)
    if found.null_count:
        raise ConservationError(
            f"{found.null_count} of {cube.num_rows} attribute tuples have no class: expected one "
            "for every charge; nothing was summed. Classify the month again."
        )
    for name in assignment.column_names:
        if name not in {"attr_id", SEGMENT}:
            cube = cube.append_column(f"{prefix}{name}", assignment[name].take(found))
    return cube


def class_sums(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Rows with MEASURES summed by `keys` (texts): keys, `billed_cost`, `charge_count`.

    Ordered by the keys, texts by bytes and null last; the same as `duckdb.join_and_sum` gives.
    """
    if not rows.num_rows:
        return rows.select([*keys, "billed_cost", "charge_count"])
    numbered = rows.select(list(keys)).add_column(0, "attr_id", pa.array(np.arange(rows.num_rows)))
    legend, (classes,) = number_classes([numbered], keys)
    sums = no_sums(legend.num_rows)
    groups = classes["class_id"].to_numpy().astype(np.int64)
    counts = rows["charge_count"].to_numpy()
    sums.add(groups, counts, rows["billed_cost"].combine_chunks())
    amounts = sums.amounts(np.arange(legend.num_rows))
    texts = {key: legend[key].cast(pa.string()) for key in keys}
    return pa.table({**texts, "billed_cost": amounts, "charge_count": sums.counts})


def _cube(charges: pa.Table, start: date) -> pa.Table:
    return _dated(attributes_of(charges), start, make_cube(charges))


def _whole_cube(parts: Sequence[pa.Table], charges: pa.Table) -> pa.Table:
    """The parts as one cube, which must hold every charge once.

    Raises:
        ConservationError: it does not.
    """
    cube = _coded(pa.concat_tables(parts))
    found = pc.sum(cube["charge_count"]).as_py() or 0, pc.sum(cube["billed_cost"]).as_py()
    expected = charges.num_rows, pc.sum(charges["billed_cost"]).as_py()
    if found != expected:
        raise ConservationError(
            f"The sums by attributes hold {found[0]} charges of {found[1]}: expected {expected[0]} "
            f"of {expected[1]}; nothing was classified, report the charges file."
        )
    return cube


def _coded(cube: pa.Table) -> pa.Table:
    """The cube with repeated texts as codes, as one chunk."""
    attributes = coded_attributes(cube.select(["attr_id", *ATTRIBUTES]))
    for name in (SEGMENT, *MEASURES):
        attributes = attributes.append_column(name, cube[name])
    return attributes.combine_chunks()


def _dated(attributes: pa.Table, start: date, sums: pa.Table) -> pa.Table:
    """Attributes and sums, both of the same tuples in the same order, as one stretch of a cube."""
    table = attributes.append_column(SEGMENT, pa.array([start] * attributes.num_rows, pa.date32()))
    for name in MEASURES:
        table = table.append_column(name, sums[name])
    return table


def _numbers_of(days: pa.ChunkedArray, starts: Sequence[date]) -> Numbers:
    firsts = np.array(starts, dtype="datetime64[D]")
    dates = pc.cast(days, pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]")
    numbers: Numbers = np.maximum(np.searchsorted(firsts, dates, side="right") - 1, 0)
    return numbers.astype(np.int64)


def _codes(ids: pa.Array | pa.ChunkedArray, distinct: pa.Array) -> Numbers:
    """The place of each id among the distinct ones, -1 for others."""
    found: Numbers = _whole(pc.index_in(ids, distinct)).fill_null(-1).to_numpy().astype(np.int64)
    return found


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
