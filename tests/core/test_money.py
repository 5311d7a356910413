"""Exact money: reading, showing and the one rounding."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import MoneyFormatError
from tieout.core.money import (
    UNITS_PER_ONE,
    Money,
    format_units,
    from_decimal,
    from_minor,
    minor_digits,
    parse_decimal,
    round_half_even,
    to_decimal,
    to_minor,
    to_units,
)

UNITS = st.integers(-(10**27), 10**27)


def test_amounts_of_one_currency_add_and_turn_round() -> None:
    cost = Money(units=to_units("10.25"), currency="USD")
    credit = Money(units=to_units("-0.25"), currency="USD")
    assert str(cost + credit) == "10.00 USD"
    assert str(-cost) == "-10.25 USD"


def test_two_currencies_do_not_add() -> None:
    with pytest.raises(MoneyFormatError, match="Cannot add EUR to USD: convert"):
        Money(units=1, currency="USD") + Money(units=1, currency="EUR")


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("1", 10**12),
        (" -0.000000000001 ", -1),
        ("+2.5", 25 * 10**11),
        ("1.25e-6", 1_250_000),
        (Decimal("1E-7"), 100_000),
        (7, 7 * 10**12),
        ("0.0000000000005", 0),  # ties to even
        ("0.0000000000015", 2),
        ("1839.630538814172271", 1_839_630_538_814_172),
    ],
)
def test_a_decimal_text_is_read_exactly(text: str | Decimal | int, units: int) -> None:
    assert to_units(text) == units


@pytest.mark.parametrize(
    "text",
    [
        "", "NaN", "Infinity", "1,000.00", "1_000", "0x10", "1.", ".5", "--1", "1e999", "9" * 21,
        "\u0661\u0662", "1\n2", "12 USD", "1." + "0" * 61,
    ],
)  # fmt: skip
def test_what_is_not_a_plain_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(MoneyFormatError, match="Expected a decimal number such as"):
        parse_decimal(text)


def test_an_amount_finer_than_the_unit_is_refused() -> None:
    with pytest.raises(MoneyFormatError, match="at most 12 decimals"):
        from_decimal(Decimal("0.0000000000001"))


@pytest.mark.parametrize(
    ("units", "places", "text"),
    [
        (to_units("12.3"), None, "12.30"),
        (to_units("-12.345678"), None, "-12.345678"),
        (1, None, "0.000000000001"),
        (0, None, "0.00"),
        (to_units("0.005"), 2, "0.01"),
        (to_units("-0.005"), 2, "-0.01"),
        (to_units("-0.004"), 2, "0.00"),
        (to_units("1499.5"), 0, "1500"),
        (to_units("1.2345"), 3, "1.235"),
    ],
)
def test_an_amount_is_shown_without_thousands_separators(
    units: int, places: int | None, text: str
) -> None:
    assert format_units(units, places) == text


@pytest.mark.parametrize(("currency", "digits"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("XYZ", 2)])
def test_a_currency_has_its_own_smallest_unit(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize(
    ("text", "cents"), [("0.005", 1), ("-0.005", -1), ("0.0049", 0), ("-1.994", -199), ("2", 200)]
)
def test_posting_rounds_half_away_from_zero_as_invoices_do(text: str, cents: int) -> None:
    assert to_minor(to_units(text), 2) == cents


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        (Fraction(1, 2), 0),
        (Fraction(3, 2), 2),
        (Fraction(5, 2), 2),
        (Fraction(-1, 2), 0),
        (Fraction(-3, 2), -2),
        (Fraction(-5, 3), -2),
        (Fraction(4, 3), 1),
        (Fraction(9), 9),
    ],
)
def test_products_round_half_to_even(value: Fraction, nearest: int) -> None:
    assert round_half_even(value) == nearest


@given(UNITS)
def test_units_survive_text_and_decimal(units: int) -> None:
    assert to_units(format_units(units)) == units
    assert from_decimal(to_decimal(units)) == units
    assert parse_decimal(to_decimal(units)) == to_decimal(units)


@given(st.decimals(-(10**15), 10**15, allow_nan=False, places=12))
def test_a_decimal_of_twelve_places_is_kept_to_the_unit(value: Decimal) -> None:
    assert Fraction(to_units(value), UNITS_PER_ONE) == Fraction(value)


@given(UNITS, st.sampled_from([0, 2, 3]))
def test_rounding_is_at_most_half_a_minor_unit_and_symmetric(units: int, digits: int) -> None:
    back = from_minor(to_minor(units, digits), digits)
    assert 2 * abs(units - back) <= 10 ** (12 - digits)
    assert to_minor(-units, digits) == -to_minor(units, digits)
    assert parse_decimal(format_units(units, digits)) == to_decimal(back)


@given(st.fractions())
def test_half_even_is_never_further_than_a_half(value: Fraction) -> None:
    nearest = round_half_even(value)
    assert 2 * abs(nearest - value) <= 1
    assert round_half_even(-value) == -nearest


@given(st.text(max_size=30))
def test_any_text_is_either_a_finite_number_or_refused(text: str) -> None:
    try:
        value = parse_decimal(text)
    except MoneyFormatError:
        return
    assert value.is_finite()
    assert text.strip().isascii()
