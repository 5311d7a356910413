"""The engine against a sum that a person could follow: equal to the last of twelve decimals."""

from collections import defaultdict
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.core.errors import ConservationError
from tieout.engine import duckdb as engine
from tieout.engine.duckdb import join_and_sum

MONEY = pa.decimal128(28, 12)
CHARGES = pa.schema([("attr_id", pa.int64()), ("service", pa.string()), ("cost", MONEY)])
ASSIGNMENT = pa.schema([("attr_id", pa.int64()), ("initiative", pa.string())])
KEYS = ("initiative", "service")
Row = tuple[int | None, str | None, Decimal]
NAMES = st.none() | st.sampled_from(["", "chat", "Chat", "Ж", "a'b", 'a"b', "\x00x", "😀"])
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(min_value=1, max_value=4),
        NAMES,
        st.decimals(min_value=-(10**15), max_value=10**15, places=12),
    ),
    max_size=30,
)
CLASSES = st.dictionaries(st.integers(min_value=1, max_value=4), NAMES, max_size=4)


def _charges(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(CHARGES.names, row, strict=True)) for row in rows], CHARGES
    )


def _assignment(classes: dict[int, str | None]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"attr_id": key, "initiative": value} for key, value in classes.items()], ASSIGNMENT
    )


def _sums(rows: list[Row], classes: dict[int, str | None]) -> list[dict[str, Any]]:
    return list(
        join_and_sum(_charges(rows), _assignment(classes), keys=KEYS, amount="cost").to_pylist()
    )


def _by_hand(rows: list[Row], classes: dict[int, str | None]) -> list[dict[str, Any]]:
    groups: dict[tuple[str | None, str | None], list[Decimal]] = defaultdict(list)
    for attr_id, service, cost in rows:
        groups[classes.get(attr_id) if attr_id else None, service].append(cost)

    def nulls_last(key: tuple[str | None, str | None]) -> list[tuple[bool, bytes]]:
        return [(part is None, (part or "").encode()) for part in key]

    with localcontext() as exact:
        exact.prec = 60
        return [
            {
                "initiative": key[0],
                "service": key[1],
                "cost": sum(groups[key], Decimal(0)),
                "charge_count": len(groups[key]),
            }
            for key in sorted(groups, key=nulls_last)
        ]


@settings(max_examples=20)
@given(rows=ROWS, classes=CLASSES)
def test_it_is_equal_to_a_sum_by_hand(rows: list[Row], classes: dict[int, str | None]) -> None:
    assert _sums(rows, classes) == _by_hand(rows, classes)


@settings(max_examples=10)
@given(data=st.data(), rows=ROWS, classes=CLASSES)
def test_the_order_of_rows_does_not_matter(
    data: st.DataObject, rows: list[Row], classes: dict[int, str | None]
) -> None:
    shuffled = data.draw(st.permutations(rows))
    turned = dict(reversed(classes.items()))
    left = join_and_sum(_charges(rows), _assignment(classes), keys=KEYS, amount="cost")
    right = join_and_sum(_charges(shuffled), _assignment(turned), keys=KEYS, amount="cost")
    assert left.equals(right)


def test_no_decimal_is_lost_over_many_rows() -> None:
    tenth = Decimal("0.100000000001")
    (found,) = _sums([(1, "chat", tenth)] * 100_000, {1: "support"})
    assert found["cost"] == Decimal("10000.000000100000")
    assert found["charge_count"] == 100_000


def test_a_charge_without_a_class_keeps_null_keys() -> None:
    one = Decimal(1)
    assert _sums([(1, None, one), (9, None, one), (None, "chat", one)], {1: "support"}) == [
        {"initiative": "support", "service": None, "cost": one, "charge_count": 1},
        {"initiative": None, "service": "chat", "cost": one, "charge_count": 1},
        {"initiative": None, "service": None, "cost": one, "charge_count": 1},
    ]


def test_a_class_of_no_charge_makes_no_group() -> None:
    assert _sums([(1, "chat", Decimal(1))], {1: "support", 2: "search"}) == [
        {"initiative": "support", "service": "chat", "cost": Decimal(1), "charge_count": 1}
    ]


def test_nothing_sums_to_an_empty_table_of_the_same_types() -> None:
    found = join_and_sum(_charges([]), _assignment({}), keys=KEYS, amount="cost")
    assert found.num_rows == 0
    assert [(field.name, field.type) for field in found.schema] == [
        ("initiative", pa.string()),
        ("service", pa.string()),
        ("cost", MONEY),
        ("charge_count", pa.int64()),
    ]


def test_two_classes_of_one_tuple_are_refused_because_charges_would_count_twice() -> None:
    twice = pa.concat_tables([_assignment({1: "support"}), _assignment({1: "search"})])
    with pytest.raises(ConservationError, match="counts 2 charges, expected 1"):
        join_and_sum(_charges([(1, "chat", Decimal(1))]), twice, keys=KEYS, amount="cost")


def test_a_sum_that_does_not_fit_is_an_error_and_no_other_number() -> None:
    most = Decimal(10**15) * 9
    with pytest.raises(duckdb.ConversionException):
        _sums([(1, "chat", most), (1, "chat", most)], {1: "support"})


def test_a_column_may_have_any_name() -> None:
    name = 'app"; DROP TABLE charges; --'
    charges = _charges([(1, "chat", Decimal(1))]).rename_columns(["attr_id", name, "cost"])
    found = join_and_sum(charges, _assignment({1: "support"}), keys=[name], amount="cost")
    assert found.column(name).to_pylist() == ["chat"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "COPY (SELECT 1) TO '{file}.out'",
        "ATTACH '{file}.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    ],
)
def test_the_engine_reaches_nothing_outside_its_tables(tmp_path: Path, statement: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("password\nhunter2\n")
    with (
        duckdb.connect(":memory:", config=engine._SETTINGS) as connection,
        pytest.raises(duckdb.Error, match=r"disabled|locked|permission|Permission"),
    ):
        connection.sql(statement.format(file=file)).fetchall()
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
