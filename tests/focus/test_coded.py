"""Codes and distinct tuples, against the plain loop over rows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.focus import coded as module
from tieout.focus.coded import coded, codes_of, distinct_tuples

TEXT = st.none() | st.sampled_from(["", "a", "b", "ü", "a\x00", "\U0001f600"])


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=30))
def test_every_row_finds_its_own_tuple_again(rows: list[tuple[str | None, ...]]) -> None:
    columns = [coded(pa.array([row[place] for row in rows], pa.string())) for place in range(3)]
    numbers, tuples = distinct_tuples(columns)
    found = list(tuples)
    assert [found[number] for number in numbers] == rows
    assert found == list(dict.fromkeys(rows))


@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), max_size=20))
def test_codes_that_do_not_fit_into_one_word_take_several(
    rows: list[tuple[str | None, ...]],
) -> None:
    columns = [coded(pa.array([row[place] for row in rows], pa.string())) for place in range(4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_WORD", 8)
        numbers, tuples = distinct_tuples(columns)
    found = list(tuples)
    assert [found[number] for number in numbers] == rows


def test_tuples_are_found_again_across_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLICE", 16)
    numbers, tuples = distinct_tuples([coded(pa.array(["a", "b", "a", None, "b"] * 9))])
    assert list(numbers) == [0, 1, 0, 2, 1] * 9
    assert list(tuples) == [("a",), ("b",), (None,)]


def test_chunks_with_dictionaries_of_their_own_get_one() -> None:
    first, second = pa.array(["a", None]).dictionary_encode(), pa.array(["b", "a"])
    column = coded(pa.chunked_array([first, second.dictionary_encode()]))
    assert column.to_pylist() == ["a", None, "b", "a"]
    assert list(codes_of(column)) == [0, -1, 1, 0]


def test_a_dictionary_that_holds_a_text_twice_gets_one_code_for_it() -> None:
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", "a"]))
    assert list(codes_of(coded(twice))) == [0, 0, -1]


def test_no_rows_are_no_tuples() -> None:
    empty = pa.chunked_array([], pa.dictionary(pa.int32(), pa.string()))
    numbers, tuples = distinct_tuples([coded(empty)])
    assert (len(numbers), list(tuples)) == (0, [])
    assert codes_of(coded(pa.chunked_array([], pa.string()))).dtype == np.int32
