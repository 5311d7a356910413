"""Tags in three spellings become the same canonical JSON."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.focus.columns import tags_json
from tieout.sources.columns import text_column
from tieout.sources.tag_columns import map_tags, read_tags, tag_columns, tag_map, text_tags

TEXT = st.text(max_size=4)
TAGS = st.lists(st.dictionaries(TEXT, TEXT, max_size=4), max_size=8)


@given(TAGS)
def test_text_map_and_columns_give_the_same_tags(rows: list[dict[str, str]]) -> None:
    expected = [tags_json(row) for row in rows]
    texts = pa.array([json.dumps(row, indent=1) for row in rows], pa.string())
    maps = pa.array([list(row.items()) for row in rows], pa.map_(pa.string(), pa.string()))
    keys = {key for row in rows for key in row}
    columns = {
        key: text_column(pa.array([row.get(key) for row in rows], pa.string()), len(rows))
        for key in keys
    }
    assert text_tags(texts).tags.to_pylist() == expected
    assert map_tags(maps).tags.to_pylist() == expected
    known = {"", "NULL", "null", "(null)"}
    shown = [{key: one for key, one in row.items() if one not in known} for row in rows]
    assert tag_columns(columns, len(rows)).to_pylist() == [tags_json(row) for row in shown]


@pytest.mark.parametrize(
    ("text", "tags", "source"),
    [
        ('{"b":"2","a":"1"}', '{"a":"1","b":"2"}', None),
        ('"app":"search","env":"prod"', '{"app":"search","env":"prod"}', "as given"),
        (
            '{"n":3,"t":true,"o":{"x":1},"z":null}',
            '{"n":"3","o":"{\\"x\\":1}","t":"true"}',
            "as given",
        ),
        ("NULL", "{}", None),
        ("", "{}", None),
        ("{}", "{}", None),
    ],
)
def test_tags_are_read_as_the_clouds_write_them(text: str, tags: str, source: str | None) -> None:
    found = read_tags(text)
    assert found.is_readable
    assert (found.tags, found.source) == (tags, source and text)


@pytest.mark.parametrize("text", ["app=search", "['a', 'b']", '{"a":"1","a":"2"}', "{'a': 'b'}"])
def test_tags_that_are_no_json_are_kept_as_text(text: str) -> None:
    found = text_tags(pa.array(["{}", text, None, text]))
    assert found.tags.to_pylist() == ["{}", "{}", "{}", "{}"]
    assert found.source.to_pylist() == [None, text, None, text]
    assert found.unreadable.tolist() == [1, 3]


def test_keys_are_renamed() -> None:
    def rename(key: str) -> str:
        return key.removeprefix("user_")

    text = pa.array(['{"user_app":"a","aws_by":"b"}'])
    maps = pa.array([[("user_app", "a"), ("aws_by", "b")]], pa.map_(pa.string(), pa.string()))
    for found in (text_tags(text, rename=rename), map_tags(maps, rename=rename)):
        assert tag_map(found.tags[0].as_py()) == {"app": "a", "aws_by": "b"}


def test_a_slice_of_maps_is_read_as_the_slice() -> None:
    column = pa.array(
        [[("a", "1")], None, [("b", "2"), ("c", None)]], pa.map_(pa.string(), pa.string())
    )
    assert map_tags(column.slice(1)).tags.to_pylist() == ["{}", '{"b":"2"}']


def test_no_text_has_no_tags() -> None:
    assert tag_map(None) == {}
    assert read_tags("[1]").is_readable is False
