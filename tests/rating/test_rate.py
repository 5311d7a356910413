"""Usage times rate card: what is priced, what becomes a finding."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import RuleFileError
from tieout.core.ids import content_key
from tieout.core.money import UNITS_PER_ONE, from_decimal, to_units
from tieout.focus.columns import CHARGE_SCHEMA, with_attr_ids
from tieout.focus.usage import TOKEN_KINDS, USAGE_SCHEMA
from tieout.rating.card import RateCard, RatePrice
from tieout.rating.contract import ContractRate
from tieout.rating.rate import rate
from tieout.reconciliation.contract_rates import parse_contract_rates


def _price(kind: str, price: str, *, tier: str = "standard", day: date = date(2026, 1, 1)) -> Any:
    return RatePrice(
        provider="openai",
        model="gpt-6-sol",
        service_tier=tier,
        token_kind=kind,
        unit_price=Decimal(price),
        valid_from=day,
        valid_to=None,
    )


CARD = RateCard(
    version="2026-10",
    source="test",
    prices=(
        _price("input", "0.00000125"),
        _price("cached_input", "0.000000125"),
        _price("output", "0.00001"),
        _price("input", "0.000000625", tier="batch"),
    ),
)


def _usage(*rows: dict[str, Any]) -> pa.Table:
    start = datetime(2026, 10, 5, 23, tzinfo=UTC)
    full = [
        {
            "usage_id": f"u{number}",
            "provider": "openai",
            "billing_account_id": "org-1",
            "sub_account_id": "proj-1",
            "sub_account_name": "SupportBot",
            "charge_period_start": start,
            "charge_period_end": start + timedelta(hours=1),
            "model": "gpt-6-sol",
            "service_tier": "standard",
            "input_tokens": 0,
            "cached_input_tokens": 0,
            "cache_write_tokens": 0,
            "cache_write_1h_tokens": 0,
            "output_tokens": 0,
            "web_searches": 0,
            "requests": 1,
            "source_document": "d" * 64,
            "source_row": number,
            **row,
        }
        for number, row in enumerate(rows, start=1)
    ]
    return pa.Table.from_pylist(full, schema=USAGE_SCHEMA)


def test_cached_input_is_a_part_of_input_and_priced_once() -> None:
    charges, found = rate(
        _usage({"input_tokens": 1_000, "cached_input_tokens": 400, "output_tokens": 10}), CARD
    )
    assert found == []
    assert charges.select(["x_token_kind", "consumed_quantity", "billed_cost"]).to_pylist() == [
        {
            "x_token_kind": kind,
            "consumed_quantity": Decimal(tokens).quantize(Decimal("1e-12")),
            "billed_cost": Decimal(cost).quantize(Decimal("1e-12")),
        }
        for kind, tokens, cost in [
            ("input", 600, "0.00075"),
            ("cached_input", 400, "0.00005"),
            ("output", 10, "0.0001"),
        ]
    ]


def test_an_estimate_is_a_complete_charge() -> None:
    charges, _ = rate(_usage({"input_tokens": 8, "service_tier": "batch"}), CARD, currency="EUR")
    assert with_attr_ids(charges).schema.equals(CHARGE_SCHEMA)
    (row,) = charges.to_pylist()
    cost = Decimal("0.000005").quantize(Decimal("1e-12"))
    assert row == dict.fromkeys(charges.column_names) | {
        "line_id": content_key(["u1", "input", "estimate"]),
        "provider": "openai",
        "billing_account_id": "org-1",
        "sub_account_id": "proj-1",
        "sub_account_name": "SupportBot",
        "billing_period_start": date(2026, 10, 1),
        "charge_period_start": datetime(2026, 10, 5, 23, tzinfo=UTC),
        "charge_period_end": datetime(2026, 10, 6, tzinfo=UTC),
        "charge_category": "Usage",
        "charge_description": "gpt-6-sol batch, input",
        "billed_cost": cost,
        "effective_cost": cost,
        "list_cost": cost,
        "contracted_cost": cost,
        "billing_currency": "EUR",
        "consumed_quantity": Decimal(8).quantize(Decimal("1e-12")),
        "consumed_unit": "Tokens",
        "service_category": "AI and Machine Learning",
        "service_name": "OpenAI API",
        "service_provider_name": "OpenAI",
        "invoice_issuer_name": "OpenAI",
        "tags": "{}",
        "x_model": "gpt-6-sol",
        "x_token_kind": "input",
        "x_service_tier": "batch",
        "source_document": "d" * 64,
        "source_row": 1,
    }


@pytest.mark.parametrize(
    ("provider", "service", "name"),
    [("anthropic", "Claude API", "Anthropic"), ("acme", "acme", "acme")],
)
def test_a_provider_has_its_display_name(provider: str, service: str, name: str) -> None:
    price = RatePrice(
        provider=provider,
        model="m",
        service_tier="standard",
        token_kind="cache_write_1h",
        unit_price=Decimal(1),
        valid_from=date(2026, 1, 1),
        valid_to=None,
    )
    row = {"provider": provider, "model": "m", "input_tokens": 2, "cache_write_1h_tokens": 2}
    charges, _ = rate(_usage(row), RateCard(version="1", source="s", prices=(price,)))
    (made,) = charges.to_pylist()
    assert (made["service_name"], made["invoice_issuer_name"]) == (service, name)
    assert made["charge_description"] == "m, cache write 1h"


def test_the_price_of_the_utc_day_is_used() -> None:
    until = date(2026, 10, 6)
    old = RatePrice(
        provider="openai",
        model="gpt-6-sol",
        service_tier="standard",
        token_kind="input",
        unit_price=Decimal(2),
        valid_from=date(2026, 1, 1),
        valid_to=until,
    )
    card = RateCard(version="1", source="s", prices=(old, _price("input", "3", day=until)))
    later = datetime(2026, 10, 6, tzinfo=UTC)
    charges, _ = rate(
        _usage({"input_tokens": 1}, {"input_tokens": 1, "charge_period_start": later}), card
    )
    assert [int(cost) for cost in charges.column("billed_cost").to_pylist()] == [2, 3]


def test_an_unknown_model_is_a_finding_and_never_a_charge_of_zero() -> None:
    charges, (finding,) = rate(
        _usage(
            {"model": "gpt-7", "input_tokens": 100, "output_tokens": 5},
            {"model": "gpt-7", "input_tokens": 50},
        ),
        CARD,
    )
    assert charges.num_rows == 0
    assert (finding.kind, finding.severity) == ("unpriced", "warning")
    assert finding.subject == "openai/org-1/gpt-7/standard"
    assert "150 input tokens, 5 output tokens in 2 usage rows" in finding.message
    assert finding.source_row == 1


def test_a_tier_without_prices_is_told_apart_from_an_unknown_model() -> None:
    charges, (finding,) = rate(_usage({"service_tier": "priority", "input_tokens": 9}), CARD)
    assert charges.num_rows == 0
    assert finding.kind == "unpriced_tier"
    assert "gpt-6-sol in the priority tier: 9 input tokens" in finding.message


def test_a_missing_kind_or_day_is_unpriced_while_the_rest_is_rated() -> None:
    early = datetime(2025, 12, 31, tzinfo=UTC)
    charges, found = rate(
        _usage(
            {"input_tokens": 10, "cache_write_tokens": 4},
            {"input_tokens": 3, "charge_period_start": early},
        ),
        CARD,
    )
    assert charges.column("consumed_quantity").to_pylist() == [Decimal(6)]
    (finding,) = found
    assert "4 cache write tokens, 3 input tokens in 2 usage rows" in finding.message


def test_web_searches_are_listed_and_left_to_the_bridge() -> None:
    charges, (finding,) = rate(_usage({"input_tokens": 1, "web_searches": 12}), CARD)
    assert charges.num_rows == 1
    assert (finding.kind, finding.severity) == ("unpriced", "info")
    assert "12 web searches in 1 usage rows" in finding.message


@pytest.mark.parametrize(
    "row",
    [
        {"input_tokens": 5, "cached_input_tokens": 6},
        {"output_tokens": -1},
        {"input_tokens": 1, "web_searches": -1},
    ],
)
def test_a_row_that_contradicts_itself_is_not_rated(row: dict[str, int]) -> None:
    charges, (finding,) = rate(_usage(row), CARD)
    assert charges.num_rows == 0
    assert (finding.kind, finding.source_document) == ("bad_row", "d" * 64)


def test_a_card_with_nonsense_rates_nothing() -> None:
    card = RateCard(version="1", source="s", prices=(_price("input", "-1"),))
    with pytest.raises(RuleFileError, match="zero or more"):
        rate(_usage(), card)


@given(
    st.integers(1, 10**12),
    st.decimals(0, 1, places=18, allow_nan=False),
)
def test_an_estimate_is_the_exact_product_within_half_a_unit(tokens: int, price: Decimal) -> None:
    card = RateCard(version="1", source="s", prices=(_price("input", str(price)),))
    charges, _ = rate(_usage({"input_tokens": tokens}), card)
    (cost,) = charges.column("billed_cost").to_pylist()
    exact = Fraction(price) * tokens * UNITS_PER_ONE
    assert 2 * abs(from_decimal(cost) - exact) <= 1


@given(
    st.lists(
        st.fixed_dictionaries({f"{kind}_tokens": st.integers(0, 10**9) for kind in TOKEN_KINDS}),
        max_size=6,
    )
)
def test_every_token_is_rated_or_found(counts: list[dict[str, int]]) -> None:
    rows = [{**row, "input_tokens": sum(row.values()) - row["output_tokens"]} for row in counts]
    charges, found = rate(_usage(*rows), CARD)
    rated = sum(charges.column("consumed_quantity").to_pylist())
    missed = sum(
        int(part.split()[0])
        for finding in found
        for part in finding.message.split("tier: ")[1].split(" in ")[0].split(", ")
    )
    assert to_units(rated) // UNITS_PER_ONE + missed == sum(sum(row.values()) for row in counts)


def _contract(**changes: str) -> tuple[ContractRate, ...]:
    values = {"discount_pct": '"10"', **changes}
    terms = ", ".join(f"{key}: {value}" for key, value in values.items())
    return parse_contract_rates(
        "contract_rates:\n  - {id: a, provider: openai, billing_account_id: org-1, "
        f"valid_from: 2026-10-01, evidence: order form, {terms}}}\n",
        name="c",
    )


def test_the_contract_comes_off_the_estimate_and_the_list_cost_stays() -> None:
    usage = _usage({"input_tokens": 1_000_000, "output_tokens": 100})
    charges, found = rate(usage, CARD, contract=_contract())
    assert found == []
    assert charges.select(
        ["billed_cost", "contracted_cost", "effective_cost", "list_cost"]
    ).to_pylist() == [
        dict.fromkeys(("billed_cost", "contracted_cost", "effective_cost"), Decimal("1.125"))
        | {"list_cost": Decimal("1.25")},
        dict.fromkeys(("billed_cost", "contracted_cost", "effective_cost"), Decimal("0.0009"))
        | {"list_cost": Decimal("0.001")},
    ]


def test_a_contract_without_a_word_on_the_usage_leaves_the_list_price() -> None:
    usage = _usage({"output_tokens": 100})
    assert rate(usage, CARD, contract=_contract(token_kind="input")) == rate(usage, CARD)


def test_a_contract_prices_what_the_card_does_not_know() -> None:
    usage = _usage({"output_tokens": 100, "service_tier": "batch"})
    assert [one.kind for one in rate(usage, CARD)[1]] == ["unpriced"]
    assert [one.kind for one in rate(usage, CARD, contract=_contract())[1]] == ["unpriced"]
    fixed = ContractRate(
        rate_id="a",
        provider="openai",
        billing_account_id="org-1",
        valid_from=date(2026, 10, 1),
        valid_to=None,
        model="*",
        service_tier=None,
        token_kind=None,
        discount_pct=None,
        unit_price=Fraction(1, 1000),
        evidence="order form",
    )
    charges, found = rate(usage, CARD, contract=[fixed])
    assert found == []
    assert charges.select(["billed_cost", "list_cost"]).to_pylist() == [
        {"billed_cost": Decimal("0.1"), "list_cost": None}
    ]
