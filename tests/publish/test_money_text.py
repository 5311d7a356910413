"""Amounts as people read them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.publish.money_text import FIGURE_SPACE, of_minor, percent, plain, shown


@pytest.mark.parametrize(
    ("amount", "brackets", "text"),
    [
        ("1234567.891", True, f"1,234,567.89{FIGURE_SPACE}"),
        ("-640.2", True, "(640.20)"),
        ("-640.2", False, "\u2212640.20"),
        ("640.2", False, "640.20"),
        ("0", True, f"\u2013{FIGURE_SPACE}"),
        ("0.00", False, "\u2013"),
        ("-0.001", True, "(0.00)"),
    ],
)
def test_an_amount_is_shown_with_its_sign(amount: str, brackets: bool, text: str) -> None:
    found = shown(Decimal(amount), brackets=brackets)
    assert (found.text, found.exact) == (text, amount)
    assert found.is_negative == amount.startswith("-")
    assert plain(Decimal(amount), brackets=brackets) == text.rstrip(FIGURE_SPACE)


def test_a_currency_has_its_own_decimals() -> None:
    assert plain(Decimal(1500), digits=0) == "1,500"
    assert plain(of_minor(-1500, 3)) == "(1.50)"


@given(st.integers(-(10**15), 10**15))
def test_digits_are_those_of_the_amount(minor: int) -> None:
    text = plain(of_minor(minor, 2), brackets=False).replace(",", "").replace("\u2212", "-")
    assert text == "\u2013" if minor == 0 else Decimal(text) == Decimal(minor).scaleb(-2)


@pytest.mark.parametrize(
    ("change", "base", "text"),
    [
        ("5", "100", "+5.0\u00a0%"),
        ("-5", "-100", "\u22125.0\u00a0%"),
        ("0", "7", "0.0\u00a0%"),
        ("5", "0.01", "n/m"),
        ("500", "5", "n/m"),
    ],
)
def test_a_percentage_of_next_to_nothing_means_nothing(change: str, base: str, text: str) -> None:
    assert percent(Decimal(change), Decimal(base)) == text
