"""The cube against sums by hand: nothing lost, nothing counted twice, order without meaning."""

import io
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.core.errors import ConservationError
from tieout.engine.cube import (
    coded_attributes,
    make_cube,
    make_daily_cube,
    moves,
    of_days,
    pack,
    sum_by_class,
)
from tieout.focus.columns import MONEY, TIMESTAMP

Charge = tuple[int, Decimal]

IDS = st.sampled_from([-(2**63), -7, 0, 3, 2**63 - 1])
AMOUNTS = st.decimals(min_value=-(10**14), max_value=10**14, places=12)
CHARGES = st.lists(st.tuples(IDS, AMOUNTS), max_size=30)
MONTHS = st.dictionaries(st.sampled_from(["2026-01", "2026-02", "2026-03"]), CHARGES)
CLASSES = st.fixed_dictionaries({key: st.integers(0, 2) for key in (-(2**63), -7, 0, 3, 2**63 - 1)})


def _charges(rows: list[Charge]) -> pa.Table:
    ids, costs = [row[0] for row in rows], [row[1] for row in rows]
    return pa.table({"attr_id": pa.array(ids, pa.int64()), "billed_cost": pa.array(costs, MONEY)})


def _classes(classes: dict[int, int]) -> pa.Table:
    return pa.table(
        {
            "attr_id": pa.array(list(classes), pa.int64()),
            "class_id": pa.array(list(classes.values()), pa.int32()),
        }
    )


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.to_pylist()]


def _by_hand(months: dict[str, list[Charge]], classes: dict[int, int]) -> list[tuple[Any, ...]]:
    found: dict[tuple[str, int], list[Decimal]] = defaultdict(list)
    for period, rows in months.items():
        for attr_id, cost in rows:
            found[period, classes[attr_id]].append(cost)
    with localcontext() as exact:
        exact.prec = 60
        return [(*key, len(found[key]), sum(found[key], Decimal(0))) for key in sorted(found)]


@given(rows=CHARGES)
def test_a_cube_is_the_sum_by_hand(rows: list[Charge]) -> None:
    found = _by_hand({"": rows}, {attr_id: attr_id for attr_id, _ in rows})
    assert _rows(make_cube(_charges(rows))) == [row[1:] for row in found]


@given(data=st.data(), months=MONTHS, classes=CLASSES)
def test_sums_by_class_are_those_by_hand_in_any_order_of_cubes_and_rows(
    data: st.DataObject, months: dict[str, list[Charge]], classes: dict[int, int]
) -> None:
    cubes = [(period, make_cube(_charges(rows))) for period, rows in months.items()]
    shuffled = [
        (
            period,
            cube.take(data.draw(st.permutations(range(cube.num_rows)))) if cube.num_rows else cube,
        )
        for period, cube in data.draw(st.permutations(cubes))
    ]
    expected = _by_hand(months, classes)
    assert _rows(sum_by_class(cubes, _classes(classes))) == expected
    assert _rows(sum_by_class(shuffled, _classes(dict(reversed(classes.items()))))) == expected


@given(months=MONTHS, old=CLASSES, new=CLASSES)
def test_the_old_ledger_with_the_moves_is_the_new_one(
    months: dict[str, list[Charge]], old: dict[int, int], new: dict[int, int]
) -> None:
    cubes = [(period, make_cube(_charges(rows))) for period, rows in months.items()]
    changed = [key for key in old if old[key] != new[key]]
    ledger: dict[tuple[str, int], list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    found = moves(
        cubes,
        _classes({key: old[key] for key in changed}),
        _classes({key: new[key] for key in reversed(changed)}),
    )
    with localcontext() as exact:
        exact.prec = 60
        for period, one, count, cost in _rows(sum_by_class(cubes, _classes(old))):
            ledger[period, one] = [count, cost]
        for period, source, target, count, cost in _rows(found):
            assert source != target
            for end, sign in ((source, -1), (target, 1)):
                line = ledger[period, end]
                ledger[period, end] = [line[0] + sign * count, line[1] + sign * cost]
    moved = [(*key, *line) for key, line in sorted(ledger.items()) if line[0]]
    assert moved == _rows(sum_by_class(cubes, _classes(new)))
    assert found.equals(moves(cubes, _classes(old), _classes(new)))


@settings(max_examples=20)
@given(rows=CHARGES, classes=CLASSES, start=st.integers(1, 31), end=st.integers(1, 31))
def test_the_days_of_a_daily_cube_are_the_cube_of_their_charges(
    rows: list[Charge], classes: dict[int, int], start: int, end: int
) -> None:
    days = [1 + place % 31 for place in range(len(rows))]
    times = [datetime(2026, 10, day, 23, 59, tzinfo=UTC) for day in days]
    charges = _charges(rows).append_column("charge_period_start", pa.array(times, TIMESTAMP))
    daily = make_daily_cube(charges)
    kept = [row for row, day in zip(rows, days, strict=True) if start <= day < end]
    part = of_days(daily, date(2026, 10, start), date(2026, 10, end))
    assert part.equals(make_cube(_charges(kept)))
    assert of_days(daily, date(2026, 10, 1), date(2026, 11, 1)).equals(make_cube(_charges(rows)))
    assert _rows(sum_by_class([("2026-10", daily)], _classes(classes))) == _by_hand(
        {"2026-10": rows}, classes
    )


def test_a_daily_cube_has_a_row_for_each_tuple_and_day_in_order() -> None:
    rows = [(2, Decimal(1)), (1, Decimal(2)), (2, Decimal(4)), (2, Decimal(8))]
    times = [datetime(2026, 10, day, tzinfo=UTC) for day in (3, 2, 1, 3)]
    charges = _charges(rows).append_column("charge_period_start", pa.array(times, TIMESTAMP))
    daily = make_daily_cube(charges)
    assert _rows(daily) == [
        (1, date(2026, 10, 2), 1, Decimal(2)),
        (2, date(2026, 10, 1), 1, Decimal(4)),
        (2, date(2026, 10, 3), 2, Decimal(9)),
    ]
    move = moves([("2026-10", daily)], _classes({2: 0}), _classes({2: 1}))
    assert _rows(move) == [("2026-10", 0, 1, 3, Decimal(13))]


def test_a_period_may_come_in_several_cubes() -> None:
    one = make_cube(_charges([(1, Decimal("0.1")), (1, Decimal("0.2"))]))
    two = make_cube(_charges([(1, Decimal("0.000000000001"))]))
    found = sum_by_class([("2026-01", one), ("2026-01", two)], _classes({1: 7, 2: 8}))
    assert _rows(found) == [("2026-01", 7, 3, Decimal("0.300000000001"))]


def test_a_group_that_sums_to_zero_stays_a_line() -> None:
    cube = make_cube(_charges([(1, Decimal(5)), (2, Decimal(-5))]))
    found = sum_by_class([("2026-01", cube)], _classes({1: 0, 2: 0}))
    assert _rows(found) == [("2026-01", 0, 2, Decimal(0))]


def test_files_read_as_the_tables_they_hold() -> None:
    cube = make_cube(_charges([(1, Decimal("1.5")), (2, Decimal("-2.25"))]))
    sink = io.BytesIO()
    pq.write_table(cube, sink)
    classes, other = _classes({1: 0, 2: 1}), _classes({1: 1, 2: 1})
    expected = sum_by_class([("2026-01", cube)], classes)
    for content in (pack(cube), sink.getvalue()):
        assert sum_by_class([("2026-01", content)], classes).equals(expected)
        assert _rows(moves([("2026-01", content)], classes, other)) == [
            ("2026-01", 0, 1, 1, Decimal("1.5"))
        ]
    assert pack(cube) == pack(pa.concat_tables([cube.slice(0, 1), cube.slice(1)]))


def test_nothing_sums_to_an_empty_table_of_the_same_types() -> None:
    empty, nobody = make_cube(_charges([])), _classes({})
    types = [pa.int64(), MONEY]
    assert empty.schema.types == [pa.int64(), *types]
    for cubes in ([], [("2026-01", empty)]):
        found = sum_by_class(cubes, nobody)
        assert (found.num_rows, found.schema.types) == (0, [pa.string(), pa.int32(), *types])
        found = moves(cubes, nobody, nobody)
        assert found.schema.types == [pa.string(), pa.int32(), pa.int32(), *types]


def test_a_charge_without_a_class_is_refused_with_its_tuple_and_period() -> None:
    cube = make_cube(_charges([(1, Decimal(1)), (2, Decimal(1)), (9, Decimal(1))]))
    with pytest.raises(ConservationError, match="2 attribute tuples of 2026-01 have no class, 2"):
        sum_by_class([("2026-01", cube)], _classes({1: 0}))
    with pytest.raises(ConservationError, match="3 attribute tuples"):
        sum_by_class([("2026-01", cube)], _classes({}))


def test_a_tuple_with_two_classes_is_refused() -> None:
    cube = make_cube(_charges([(1, Decimal(1))]))
    twice = pa.concat_tables([_classes({1: 0}), _classes({1: 1})])
    with pytest.raises(ConservationError, match="Attribute tuple 1 has two classes"):
        sum_by_class([("2026-01", cube)], twice)
    with pytest.raises(ConservationError, match="Attribute tuple 1 has two classes"):
        moves([("2026-01", cube)], twice, twice)


def test_moves_between_different_tuples_are_refused() -> None:
    with pytest.raises(ConservationError, match="name 1 attribute tuples and the new ones 2"):
        moves([], _classes({1: 0}), _classes({1: 0, 2: 0}))


@pytest.mark.parametrize("name", ["attr_id", "charge_count", "billed_cost"])
def test_a_row_without_a_figure_is_refused(name: str) -> None:
    cube = make_cube(_charges([(1, Decimal(1))]))
    place = cube.column_names.index(name)
    broken = cube.set_column(place, name, pa.nulls(1, cube.schema.field(name).type))
    with pytest.raises(ConservationError, match=f"1 rows have no {name}"):
        sum_by_class([("2026-01", broken)], _classes({1: 0}))


def test_a_coded_dictionary_holds_the_same_texts_and_codes_only_what_repeats() -> None:
    attributes = pa.table(
        {
            "attr_id": pa.array([1, 2, 3, 4]),
            "provider": ["aws", "aws", None, "gcp"],
            "resource_id": ["a", "b", "c", "d"],
            "x_model": pa.nulls(4, pa.string()),
        }
    )
    found = coded_attributes(attributes)
    assert found.cast(attributes.schema).equals(attributes)
    assert [str(field.type)[:10] for field in found.schema] == [
        *("int64", "dictionary", "string", "dictionary")
    ]
