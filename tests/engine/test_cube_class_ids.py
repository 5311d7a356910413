"""Numbers of classes: the same keys get the same number, whoever asks and in which order."""

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

import tieout.engine.class_ids as module
from tieout.engine.class_ids import number_classes

KEYS = ("provider", "initiative")
TEXTS = st.sampled_from([None, "a", "b", "ä", "Z", "zz", ""])
ROWS = st.lists(st.tuples(TEXTS, TEXTS), max_size=12)


def _assignment(rows: list[tuple[str | None, str | None]], *, coded: bool = False) -> pa.Table:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in (0, 1)]
    if coded:
        columns = [column.dictionary_encode() for column in columns]
    ids = pa.array(range(len(rows)), pa.int64())
    return pa.table({"attr_id": ids, "provider": columns[0], "initiative": columns[1]})


def _texts(legend: pa.Table, classes: pa.Table) -> list[tuple[Any, ...]]:
    rows = legend.select(KEYS).take(classes.column("class_id"))
    return [tuple(row.values()) for row in rows.to_pylist()]


def _order(keys: tuple[str | None, ...]) -> list[tuple[bool, bytes]]:
    return [(key is None, (key or "").encode()) for key in keys]


@given(one=ROWS, two=ROWS)
def test_classes_of_two_assignments_share_a_legend_in_the_order_of_the_keys(
    one: list[tuple[str | None, str | None]], two: list[tuple[str | None, str | None]]
) -> None:
    assignments = [_assignment(one, coded=True), _assignment(two)]
    legend, (first, second) = number_classes(assignments, KEYS)
    assert _texts(legend, first) == one
    assert _texts(legend, second) == two
    assert legend.column("class_id").to_pylist() == list(range(len({*one, *two})))
    keys = [tuple(row.values()) for row in legend.select(KEYS).to_pylist()]
    assert keys == sorted({*one, *two}, key=_order)
    assert first.column("attr_id").to_pylist() == list(range(len(one)))


@given(rows=ROWS)
def test_keys_that_outgrow_a_machine_word_are_numbered_alike(
    rows: list[tuple[str | None, str | None]],
) -> None:
    expected = number_classes([_assignment(rows)], KEYS)[0]
    before = module._WORD
    try:
        module._WORD = 3
        found, (classes,) = number_classes([_assignment(rows)], KEYS)
    finally:
        module._WORD = before
    assert found.equals(expected)
    assert _texts(found, classes) == rows


def test_types_are_those_the_cube_asks_for() -> None:
    legend, (classes,) = number_classes([_assignment([("aws", None)])], KEYS)
    assert classes.schema.types == [pa.int64(), pa.int32()]
    assert legend.schema.types[0] == pa.int32()
    assert legend.to_pylist() == [{"class_id": 0, "provider": "aws", "initiative": None}]
