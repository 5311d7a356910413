"""Whole columns of amounts, against core.money row by row."""

import struct
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tieout.core.errors import MoneyFormatError
from tieout.core.money import from_decimal, parse_decimal, to_units
from tieout.focus.columns import MONEY
from tieout.sources.amounts import (
    NULL_WORDS,
    Amounts,
    no_amounts,
    read_alike,
    read_amounts,
    zero_where,
)

DIGITS = st.text("0123456789", min_size=1, max_size=40)
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "+", " ", "--", "٣"]),
    DIGITS,
    st.one_of(st.just(""), st.just("."), st.builds(".{}".format, DIGITS)),
    st.one_of(
        st.just(""),
        st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "-", "+"]), DIGITS),
    ),
)
ODD = st.sampled_from(
    [*NULL_WORDS, "NaN", "inf", "1,5", "1.234,50", "$1", "(1)", ".5", "5.", "1e", "0x1", "1_0",
     " 7 ", "\t1", "12.3456789012345", "0.0000000000005", "0.0000000000015", "-0.0000000000025",
     "9999999999999999.9999999999994", "9999999999999999.9999999999995", "2.1e+16",
     "99999999999.9999999999995", "1e-26", "9.99999999999999999e-9", "4E-7", "1E+5", "1e99",
     "1e-99", "-0", None]
)  # fmt: skip
TEXTS = st.lists(st.one_of(NUMBERS, ODD, st.text(max_size=6)), max_size=12)


def one_by_one(text: str | None) -> tuple[int | None, bool]:
    """Units as core.money gives them, and whether the text is refused."""
    if text is None or text in NULL_WORDS:
        return None, False
    try:
        units = to_units(text)
    except MoneyFormatError:
        return None, True
    return (units, False) if abs(units) < 10**28 else (None, True)


def exact_sum(texts: list[str | None]) -> Decimal:
    total, context = Decimal(0), Context(prec=300)
    for text in texts:
        try:
            total = context.add(total, parse_decimal(text or ""))
        except MoneyFormatError:
            continue
    return total


def units_of(amounts: Amounts) -> list[int | None]:
    return [None if one is None else from_decimal(one) for one in amounts.units.to_pylist()]


@given(TEXTS)
@example(["1.5", "NULL", "1e-26"])
@example(["1000000000e91"])
def test_a_column_of_texts_is_read_as_money_reads_each_text(texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    for given_as in (column, column.dictionary_encode()):
        found = read_amounts(given_as)
        assert found.units.type == MONEY
        assert units_of(found) == [one_by_one(text)[0] for text in texts]
        assert [row in found.wrong for row in range(len(texts))] == [
            one_by_one(text)[1] for text in texts
        ]
        assert found.total() == exact_sum(texts)


@given(st.lists(st.floats(width=64) | st.none(), max_size=12))
def test_a_double_is_read_as_its_shortest_text(doubles: list[float | None]) -> None:
    found = read_amounts(pa.array(doubles, pa.float64()))
    texts = [None if one is None else repr(one) for one in doubles]
    assert units_of(found) == [one_by_one(text)[0] for text in texts]
    assert set(found.wrong) == {row for row, text in enumerate(texts) if one_by_one(text)[1]}
    assert found.total() == exact_sum([text for text in texts if text])


@given(st.lists(st.decimals(places=20, min_value=-(10**9), max_value=10**9), max_size=8))
def test_decimals_of_a_parquet_file_are_rounded_once(values: list[Decimal]) -> None:
    found = read_amounts(pa.array(values, pa.decimal128(38, 20)))
    assert units_of(found) == [to_units(value) for value in values]


@given(TEXTS, st.integers(0, 2**16))
def test_reading_what_differs_from_another_column_gives_the_same(
    texts: list[str | None], mask: int
) -> None:
    other = [text if mask >> row & 1 else "1.25" for row, text in enumerate(texts)]
    column, known = pa.array(texts, pa.string()), pa.array(other, pa.string())
    found = read_alike(column, [(known, read_amounts(known))])
    assert units_of(found) == units_of(read_amounts(column))
    assert found.wrong == read_amounts(column).wrong


def test_columns_that_are_alike_are_read_once() -> None:
    known = pa.array([1.5, None, 2.5, 4.0])
    column = pa.array([1.5, None, 2.5, 0.1])
    found = read_alike(column, [(pa.array(["x"] * 4), no_amounts(4)), (known, read_amounts(known))])
    assert units_of(found) == [15 * 10**11, None, 25 * 10**11, 10**11]
    assert read_alike(known, [(known, found)]) is found


def test_many_equal_doubles_are_read_once_each() -> None:
    values = [struct.unpack("d", struct.pack("d", 0.1))[0], 1e17, None] * 2_000
    found = read_amounts(pa.array(values))
    assert units_of(found)[:3] == [10**11, None, None]
    assert len(found.wrong) == 2_000
    assert found.units_at(1) == 10**29


def test_a_required_amount_may_not_be_empty() -> None:
    for column in (
        pa.array(["", "NULL", None]),
        pa.array(["", "NULL", None]).dictionary_encode(),
        pa.nulls(3),
    ):
        found = read_amounts(column, required=True)
        assert set(found.wrong) == {0, 1, 2}
        assert "found ''" in found.wrong[2]


def test_a_decimal_comma_is_named() -> None:
    found = read_amounts(pa.array(["12,50", "1.234,5", "12,5 EUR"]))
    assert "Expected a decimal point, found a comma in '12,50'" in found.wrong[0]
    assert "decimal point" in found.wrong[1]
    assert "Expected a decimal number such as 12.5" in found.wrong[2]


def test_covered_rows_count_as_zero_when_they_can_be_read() -> None:
    found = read_amounts(pa.array(["1.5", "n/a", "12345678901234567", "2", "12345678901234567"]))
    masked = zero_where(found, np.array([True, True, True, False, False]))
    assert units_of(masked) == [0, None, 0, 2 * 10**12, None]
    assert set(masked.wrong) == {1, 4}
    assert masked.total() == Decimal(12345678901234569)


@pytest.mark.parametrize("text", ["100", "1.10", "0"])
def test_a_total_has_no_zeros_that_nobody_wrote(text: str) -> None:
    assert str(read_amounts(pa.array([text])).total()) == text.rstrip("0").rstrip(".") or text
    assert str(read_amounts(pa.array([text])).total()) in {"100", "1.1", "0"}
