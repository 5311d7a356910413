"""Classes as integers."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tieout.rules.class_ids import class_ids

TEXTS = st.none() | st.sampled_from(["", "a", "b", "ü"])


def _table(rows: list[tuple[str | None, ...]]) -> pa.Table:
    names = ["initiative", "initiative_rule", "team"]
    columns = {
        name: pa.array([row[place] for row in rows], pa.string())
        for place, name in enumerate(names)
    }
    return pa.table({"attr_id": pa.array(range(len(rows)), pa.int64()), **columns})


def test_equal_tuples_share_a_number_in_order_of_appearance() -> None:
    numbers, classes = class_ids(
        _table([("a", "r1", None), ("b", "r1", None), ("a", "r1", None), ("a", "r2", None)])
    )
    assert numbers.type == pa.int32()
    assert numbers.to_pylist() == [0, 1, 0, 2]
    assert classes.column_names == ["class_id", "initiative", "initiative_rule", "team"]
    assert classes.schema.field("class_id").type == pa.int32()
    assert classes.to_pylist()[2] == {
        "class_id": 2,
        "initiative": "a",
        "initiative_rule": "r2",
        "team": None,
    }


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=30))
def test_each_row_finds_its_own_texts_and_no_class_comes_twice(
    rows: list[tuple[str | None, ...]],
) -> None:
    table = _table(rows)
    numbers, classes = class_ids(table)
    assert classes.take(numbers).drop_columns(["class_id"]).equals(table.drop_columns(["attr_id"]))
    assert classes.column("class_id").to_pylist() == list(range(len(set(rows))))
    coded = table.set_column(1, "initiative", table.column("initiative").dictionary_encode())
    again, same = class_ids(coded)
    assert again.equals(numbers)
    assert same.equals(classes)
