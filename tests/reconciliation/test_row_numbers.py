"""Rows by number: equal tuples have one number, and sums are exact however large."""

import gc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges

from tieout.focus.coded import coded
from tieout.reconciliation.match_passes import DRAFT_TO_FINAL
from tieout.reconciliation.match_sides import charges_side
from tieout.reconciliation.matching import match
from tieout.reconciliation.row_numbers import exact, numbered, sums_of

_CELLS = st.lists(st.tuples(*[st.sampled_from(["a", "b", None])] * 3), min_size=1, max_size=30)


@given(rows=_CELLS)
def test_rows_have_one_number_exactly_when_they_are_equal(
    rows: list[tuple[str | None, ...]],
) -> None:
    columns = [coded(pa.array(column, pa.string())) for column in zip(*rows, strict=True)]
    found = numbered(columns).tolist()
    first = dict(reversed(list(zip(rows, found, strict=True))))
    assert [first[row] for row in rows] == found
    assert sorted(first.values()) == list(range(len(first)))


def test_columns_of_more_values_than_a_word_holds_are_counted_in_between() -> None:
    texts = [str(number) for number in range(60_000)]
    columns = [coded(pa.array(texts[place:] + texts[:place])) for place in range(5)]
    assert numbered(columns).tolist() == list(range(60_000))
    twice = [coded(pa.array(column.cast(pa.string()).to_pylist() * 2)) for column in columns]
    assert numbered(twice).tolist() == [*range(60_000), *range(60_000)]


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(-(10**27), 10**27)), max_size=20))
def test_sums_are_exact_beyond_a_machine_word(rows: list[tuple[int, int]]) -> None:
    numbers = np.array([number for number, _ in rows], np.int64)
    sums = sums_of(numbers, exact([units for _, units in rows]), size=4).tolist()
    assert sums == [sum(units for at, units in rows if at == number) for number in range(4)]


@pytest.mark.parametrize("was_enabled", [True, False])
def test_matching_leaves_the_collector_as_it_was(was_enabled: bool) -> None:
    side = charges_side("draft", charges(charge(1, "5")))
    (gc.enable if was_enabled else gc.disable)()
    try:
        assert len(match(side, side, passes=DRAFT_TO_FINAL).standing) == 1
        assert gc.isenabled() is was_enabled
    finally:
        gc.enable()
