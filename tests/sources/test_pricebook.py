"""List prices against an independent calculation of the same price book."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import genai_prices
import pytest

from tieout.core.period import Period
from tieout.rating.card import check_card
from tieout.sources.pricebook import (
    OPEN_START,
    SOURCE,
    card_from_price_book,
    covering,
    price_rows,
)

OCTOBER = Period(2026, 10)
ESTIMATES = Path(__file__).parents[1] / "golden" / "pricebook" / "expected_estimates.csv"
LONG_FROM = {"gpt-6-sol": 272_000, "gemini-2.5-pro": 200_000}


def estimates() -> list[Any]:
    with ESTIMATES.open(newline="") as stream:
        return [
            pytest.param(row, id=f"{number}-{row['model']}-{row['tier']}")
            for number, row in enumerate(csv.DictReader(stream), start=1)
        ]


def prices(provider: str, model: str, tier: str, on: date) -> dict[str, Decimal]:
    return {row.token_kind: row.unit_price for row in price_rows([(provider, model, tier)], on=on)}


@pytest.mark.parametrize("row", estimates())
def test_short_requests_cost_what_two_price_books_agree_on(row: dict[str, str]) -> None:
    found = prices(row["provider"], row["model"], row["tier"], date.fromisoformat(row["date"]))
    total, cached, written, output = (
        int(row[name])
        for name in (
            "input_tokens_total",
            "cache_read_tokens",
            "cache_write_tokens",
            "output_tokens",
        )
    )
    estimate = (
        (total - cached - written) * found["input"]
        + cached * found["cached_input"]
        + written * found["cache_write"]
        + output * found["output"]
    )
    expected = Decimal(row["usd_genai_prices_0_2_3"])
    if total > LONG_FROM.get(row["model"], total):
        assert estimate < expected  # the base price, as documented
    else:
        assert estimate == expected


def test_a_tier_is_absent_before_the_book_knows_its_price() -> None:
    batch = [("openai", "gpt-6-sol", "batch")]
    assert price_rows(batch, on=date(2026, 10, 13)) == ()
    rows = price_rows(batch, on=date(2026, 10, 14))
    assert {row.valid_from for row in rows} == {date(2026, 10, 14)}


def test_a_tier_without_a_price_of_its_own_is_absent_and_not_standard() -> None:
    day = date(2026, 10, 31)
    assert prices("anthropic", "claude-opus-5-5", "priority", day) == {}
    assert prices("anthropic", "claude-opus-5-5", "express", day) == {}
    assert prices("openai", "gpt-99", "standard", day) == {}


@pytest.mark.parametrize("model", ["gpt-6-sol", "gpt-6-luna", "gpt-5.4-mini"])
def test_batch_is_half_the_standard_price(model: str) -> None:
    day = date(2026, 10, 31)
    standard = prices("openai", model, "standard", day)
    batch = prices("openai", model, "batch", day)
    assert {kind: price * 2 for kind, price in batch.items()} == standard


def test_prices_change_on_their_day() -> None:
    before = prices("openai", "o3", "standard", date(2025, 6, 9))
    after = prices("openai", "o3", "standard", date(2025, 6, 10))
    assert (before["input"], after["input"]) == (Decimal("0.00001"), Decimal("0.000002"))


def test_a_card_of_the_price_book_is_a_valid_card() -> None:
    wanted = [
        ("anthropic", "claude-sonnet-5", "standard"),
        ("openai", "gpt-6-sol", "batch"),
        ("openai", "gpt-6-sol", "standard"),
        ("openai", "gpt-6-sol", "standard"),
    ]
    card = card_from_price_book(wanted, period=OCTOBER, version="2026-10")
    check_card(card)
    assert card.source == SOURCE == f"genai-prices {genai_prices.__version__}"
    assert len(card.prices) == 15


def test_a_person_may_let_a_price_cover_the_whole_month() -> None:
    rows = price_rows(
        [("openai", "gpt-6-sol", "batch"), ("openai", "gpt-6-sol", "standard")],
        on=OCTOBER.last_on,
    )
    starts = {row.service_tier: row.valid_from for row in covering(rows, OCTOBER)}
    assert starts == {"batch": date(2026, 10, 1), "standard": OPEN_START}
