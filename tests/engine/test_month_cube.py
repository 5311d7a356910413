"""The cube of a month answers what its charges would: sums, classes and moves, by day."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges

from tieout.core.errors import ConservationError
from tieout.engine.base import days_of
from tieout.engine.cube import pack, unpack
from tieout.engine.duckdb import join_and_sum
from tieout.engine.in_process import InProcess
from tieout.engine.month_cube import (
    SEGMENT,
    class_sums,
    is_current,
    month_cube,
    month_cube_of_files,
    places,
    segments_of,
    stretches,
    with_classes,
)
from tieout.focus.columns import CHARGE_SCHEMA, attributes_of
from tieout.lake.files import Lake

NAMES = ("Ann", "Ben", None)
DAYS = [date(2026, 10, day) for day in range(1, 32)]
ROWS = st.lists(
    st.tuples(st.integers(1, 31), st.sampled_from(NAMES), st.integers(-(10**20), 10**20)),
    min_size=1,
    max_size=30,
)
CUTS = st.sets(st.sampled_from([date(2026, 9, 30), *DAYS, date(2026, 11, 5)]), max_size=4)
Rows = list[tuple[int, str | None, int]]


def table_of(rows: Rows) -> pa.Table:
    return charges(*(charge(day, units, sub_account_name=name) for day, name, units in rows))


def assignment_of(cube: pa.Table) -> pa.Table:
    """A class that tells which tuple and which stretch it was given for."""
    rows = cube.select(["attr_id", SEGMENT, "sub_account_name"]).to_pylist()
    classes = [f"{row['sub_account_name']} of {row[SEGMENT]}" for row in rows]
    return cube.select(["attr_id", SEGMENT]).append_column("owner", pa.array(classes))


@settings(max_examples=40)
@given(ROWS, CUTS)
def test_every_charge_is_summed_in_the_stretch_of_its_day(rows: Rows, cuts: set[date]) -> None:
    table = table_of(rows)
    cube = month_cube(table, cuts)
    starts = stretches(cuts, days_of(table))
    expected: Counter[tuple[date, str | None]] = Counter()
    counts: Counter[tuple[date, str | None]] = Counter()
    for day, name, units in rows:
        start = max(one for one in starts if one <= date(2026, 10, day))
        expected[start, name] += units
        counts[start, name] += 1
    found = {(row[SEGMENT], row["sub_account_name"]): row for row in cube.to_pylist()}
    assert {key: row["charge_count"] for key, row in found.items()} == dict(counts)
    assert {key: int(row["billed_cost"].scaleb(12)) for key, row in found.items()} == expected
    assert unpack(pack(cube)).equals(cube)
    assert is_current(cube)

    assignment = assignment_of(cube)
    keys = ("owner", "provider")
    sums = class_sums(with_classes(cube, assignment), keys)
    at = places(table["attr_id"], table["charge_period_start"].cast(pa.date32()), assignment)
    numbered = table.set_column(1, "attr_id", at.cast(pa.int64()))
    classes = assignment.select(["owner"]).add_column(
        0, "attr_id", pa.array(range(assignment.num_rows), pa.int64())
    )
    assert sums.equals(join_and_sum(numbered, classes, keys=keys, amount="billed_cost"))


@settings(max_examples=10)
@given(ROWS, ROWS, CUTS)
def test_files_give_the_cube_of_their_charges(
    tmp_path_factory: pytest.TempPathFactory, left: Rows, right: Rows, cuts: set[date]
) -> None:
    lake = Lake(tmp_path_factory.getbasetemp().as_uri())
    tables = [table_of(left), table_of(right)]
    root = str(tmp_path_factory.getbasetemp())
    paths = [f"{root}/{lake.put_table(one, 'charges').path}" for one in tables]
    own = month_cube(pa.concat_tables(tables), cuts)
    assert month_cube_of_files(InProcess(), paths, cuts).to_pylist() == own.to_pylist()


def test_no_charges_are_an_empty_cube(tmp_path: Path) -> None:
    nothing = CHARGE_SCHEMA.empty_table()
    cube = month_cube(nothing, {date(2026, 10, 3)})
    assert (cube.num_rows, segments_of(cube), is_current(cube)) == (0, [], True)
    assert class_sums(cube, ["provider"]).num_rows == 0
    stored = Lake(tmp_path.as_uri()).put_table(nothing, "charges")
    assert InProcess().days([str(tmp_path / stored.path)]) == (date.min, date.min)


def test_a_tuple_without_a_class_stops_the_sum() -> None:
    table = table_of([(1, "Ann", 5), (2, "Ben", 7)])
    cube = month_cube(table, ())
    with pytest.raises(ConservationError, match="1 of 2 attribute tuples have no class"):
        with_classes(cube, assignment_of(cube).slice(0, 1))


def test_a_day_outside_the_stretches_counts_as_the_nearest() -> None:
    table = table_of([(10, "Ann", 5), (20, "Ann", 7)])
    assignment = assignment_of(month_cube(table, {date(2026, 10, 15)}))
    ids = pa.chunked_array([pa.array([table["attr_id"][0].as_py()] * 3)])
    days = pa.chunked_array([pa.array([date(2026, 9, 1), date(2026, 10, 14), date(2026, 12, 1)])])
    assert places(ids, days, assignment).to_pylist() == [0, 0, 1]
    assert places(pa.chunked_array([[1, 2, 3]]), days, assignment).null_count == 3


def test_a_cube_of_other_columns_is_not_used() -> None:
    cube = month_cube(table_of([(1, "Ann", 5)]), ())
    assert not is_current(cube.drop_columns(["sku_id"]))
    wrong: dict[str, Any] = {"attr_id": pa.array([1], pa.int64())}
    assert not is_current(cube.set_column(0, "attr_id", wrong["attr_id"]))
    assert attributes_of(table_of([(1, "Ann", 5)])).num_rows == 1


def test_a_charge_of_the_last_second_belongs_to_its_utc_day() -> None:
    late = charge(9, "1")
    late["charge_period_start"] = datetime(2026, 10, 9, 23, 59, 59, tzinfo=UTC)
    cube = month_cube(charges(late, charge(10, "2")), {date(2026, 10, 10)})
    assert [row["billed_cost"] for row in cube.to_pylist()] == [Decimal(1), Decimal(2)]


def test_a_cube_that_lost_a_charge_stops_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of([(1, "Ann", 5), (2, "Ben", 7)])
    monkeypatch.setattr("tieout.engine.month_cube._coded", lambda cube: cube.slice(1))
    with pytest.raises(ConservationError, match=r"hold 1 charges of .*: expected 2 of"):
        month_cube(table, ())
