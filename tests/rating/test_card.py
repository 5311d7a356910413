"""The rate card as a value and as JSON."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import RuleFileError
from tieout.rating.card import RateCard, RatePrice, card_json, check_card, parse_card

PRICE = RatePrice(
    provider="openai",
    model="gpt-6-sol",
    service_tier="standard",
    token_kind="input",
    unit_price=Decimal("0.00000125"),
    valid_from=date(2026, 1, 1),
    valid_to=date(2026, 7, 1),
)
NEXT = replace(PRICE, valid_from=date(2026, 7, 1), valid_to=None, unit_price=Decimal("1E-6"))
CARD = RateCard(version="2026-10", source="price book 1.2.3", prices=(PRICE, NEXT))


def _json(**changes: Any) -> str:
    row = json.loads(card_json(CARD))["prices"][0] | changes
    return json.dumps({"version": "1", "source": "s", "prices": [row]})


def test_a_price_holds_from_its_first_day_to_the_day_before_its_end() -> None:
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1)]
    assert [PRICE.holds_on(day) for day in days] == [False, True, True, False]
    assert NEXT.holds_on(date(2999, 1, 1))


def test_a_card_comes_back_from_json_and_equal_cards_give_equal_bytes() -> None:
    text = card_json(CARD)
    assert parse_card(text) == CARD
    assert card_json(replace(CARD, prices=(NEXT, PRICE))) == text
    assert '"0.000001"' in text


@given(st.decimals(0, 10**6, places=20, allow_nan=False))
def test_a_price_survives_json_to_the_last_digit(price: Decimal) -> None:
    card = replace(CARD, prices=(replace(PRICE, unit_price=price),))
    assert parse_card(card_json(card)).prices[0].unit_price == price


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "card.json: not a JSON rate card"),
        ("[]", "expected a JSON object with version, source, prices"),
        ('{"version": "1", "version": "2"}', "a key appears twice"),
        ('{"version": NaN}', "NaN is not a number"),
        ("[" * 100_000, "not a JSON rate card"),
        ('{"version": "1"}', "expected exactly the keys prices, source, version"),
        ('{"version": "1", "source": "s", "prices": {}}', "expected a list of objects"),
        ('{"version": "1", "source": "s", "prices": [1]}', "expected a list of objects"),
        ('{"version": 1, "source": "s", "prices": []}', "a text in quotes under 'version'"),
        (_json(note="x"), "price 1: expected exactly the keys"),
        (_json(unit_price=0.00000125), "a text in quotes under 'unit_price', found '1.25e-06'"),
        (_json(unit_price="cheap"), "price 1: Expected a decimal number"),
        (_json(unit_price="-1"), "expected a price of zero or more, found -1"),
        (_json(valid_from="soon"), "price 1: Invalid isoformat string"),
        (_json(valid_to="2026-01-01"), "valid_to 2026-01-01 must lie after valid_from"),
        (_json(valid_to=""), "a text in quotes under 'valid_to'"),
        (_json(service_tier="fast"), "expected a service tier of standard, batch"),
        (_json(token_kind="tokens"), "expected a token kind of input, cached_input"),
    ],
)
def test_a_broken_card_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        parse_card(text, name="card.json")


def test_a_price_that_is_not_a_number_is_refused_before_it_rates_anything() -> None:
    card = replace(CARD, prices=(replace(PRICE, unit_price=Decimal("NaN")),))
    with pytest.raises(RuleFileError, match="expected a price of zero or more, found NaN"):
        check_card(card)


@pytest.mark.parametrize("valid_from", [date(2026, 1, 1), date(2026, 6, 30)])
def test_two_prices_for_one_day_are_refused(valid_from: date) -> None:
    card = replace(CARD, prices=(PRICE, replace(NEXT, valid_from=valid_from)))
    with pytest.raises(RuleFileError, match=f"gpt-6-sol .* two prices on {valid_from}"):
        check_card(card)
