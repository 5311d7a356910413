"""Each cause by hand: what proves it, and the near miss that does not."""

from fractions import Fraction
from typing import Any

import pytest
from tests.reconciliation.charge_rows import charge, charges, tokens
from tests.reconciliation.proofs import found, hourly, metered, shown

from tieout.core.money import to_decimal, to_units
from tieout.reconciliation.breaks import CLOUD_KEY, Known
from tieout.reconciliation.cases import open_case
from tieout.reconciliation.explaining import explain


def test_two_equal_calls_that_the_provider_counts_twice_are_no_duplicate() -> None:
    twice = [metered(1, "5"), metered(1, "5")]
    assert shown(found(twice, [metered(1, "9", quantity="20")])) == [("open", "-1.00")]


def test_a_repetition_among_equal_calls_is_found_by_the_quantity() -> None:
    calls = [metered(1, "5")] * 4 + [metered(1, "3", quantity="6")] * 2
    report = [metered(1, "16", quantity="32")]  # two of the four, and both others
    assert shown(found(calls, report)) == [("duplicate_log", "-10.00")]


def test_without_quantities_the_cost_must_agree_without_the_repetition() -> None:
    assert shown(found([tokens(1, "5"), tokens(1, "5")], [tokens(1, "5")])) == [
        ("duplicate_log", "-5.00")
    ]
    assert shown(found([tokens(1, "5"), tokens(1, "5")], [tokens(1, "4")])) == [("open", "-6.00")]


def test_a_repetition_of_what_was_never_billed_proves_nothing() -> None:
    assert shown(found([metered(1, "5")] * 2, [])) == [("open", "-10.00")]


def test_a_duplicate_leaves_the_negotiated_rate_to_its_own_cause() -> None:
    report = [metered(1, "4", list_cost=to_decimal(to_units("5")))]
    assert shown(found([metered(1, "5")] * 2, report)) == [
        ("duplicate_log", "-5.00"),
        ("negotiated_rate", "-1.00"),
    ]


@pytest.mark.parametrize(
    ("estimate", "report", "expected"),
    [
        ("5", "500", ("cents_as_currency", "495.00")),
        ("500", "5", ("cents_as_currency", "-495.00")),
        ("5", "500.01", ("open", "495.01")),
    ],
)
def test_cents_are_a_factor_of_exactly_a_hundred(
    estimate: str, report: str, expected: tuple[str, str]
) -> None:
    assert shown(found([metered(1, estimate)], [metered(1, report)])) == [expected]


def test_a_known_rate_between_the_figures_is_a_currency() -> None:
    known = Known(rates={"EUR/GBP": Fraction("0.87"), "EUR/USD": Fraction("1.085")})
    explained = found([metered(1, "100")], [metered(1, "108.5")], known)
    assert shown(explained) == [("currency", "8.50")]
    assert explained.explanations[0].remark == "at EUR/USD"
    assert shown(found([metered(1, "100")], [metered(1, "108.51")], known)) == [("open", "8.51")]


def test_the_amount_in_the_pricing_currency_is_a_currency() -> None:
    priced: dict[str, Any] = {"pricing_currency_effective_cost": to_decimal(to_units("100"))}
    euro = metered(1, "109", pricing_currency="EUR", **priced)
    assert shown(found([metered(1, "100")], [euro])) == [("currency", "9.00")]
    dollar = metered(1, "109", pricing_currency="USD", **priced)
    assert shown(found([metered(1, "100")], [dollar])) == [("open", "9.00")]


def test_a_draft_that_agreed_with_us_was_restated() -> None:
    draft = charges(metered(1, "5"), metered(2, "6"), pull="draft")
    known = Known(draft=draft)
    estimate = [metered(1, "5"), metered(2, "5")]
    report = [metered(1, "5.5"), metered(2, "6")]
    assert shown(found(estimate, report, known)) == [("late_restatement", "0.50"), ("open", "1.00")]


def test_usage_that_neither_draft_nor_we_had_is_late() -> None:
    known = Known(draft=charges(metered(1, "5"), pull="draft"))
    new = metered(1, "3", x_model="gpt-6-luna")
    assert shown(found([metered(1, "5")], [metered(1, "5"), new], known)) == [
        ("late_restatement", "3.00")
    ]
    later_day = metered(2, "3", x_model="gpt-6-luna")  # the draft had not come to that day
    assert shown(found([metered(1, "5")], [metered(1, "5"), later_day], known)) == [
        ("open", "3.00")
    ]


def test_between_draft_and_final_every_other_change_is_a_restatement() -> None:
    draft = [charge(1, "5", sku_id="a"), charge(2, "5", sku_id="a")]
    case = open_case(
        charges(*draft, pull="draft"),
        charges(charge(1, "7", sku_id="a"), charge(3, "1", charge_category="Tax")),
        names=CLOUD_KEY,
        known=Known(draft=charges(*draft, pull="draft")),
    )
    assert shown(explain(case)) == [
        ("tax", "1.00"),
        ("late_restatement", "2.00"),
        ("late_restatement", "-5.00"),
    ]


def test_hours_that_moved_over_midnight_are_a_time_zone() -> None:
    estimate = [hourly(day, hour, "2") for day in (4, 5, 6) for hour in (1, 20)]
    report = [
        metered(3, "2", "2"),
        metered(4, "4", "4"),
        metered(5, "4", "4"),
        metered(6, "2", "2"),
    ]
    explained = found(estimate, report)
    assert shown(explained) == [("timezone_shift", "2.00"), ("timezone_shift", "-2.00")]
    assert {one.remark for one in explained.explanations} == {"by -2 hours"}


def test_daily_figures_and_wrong_sums_prove_no_time_zone() -> None:
    days = [metered(day, "4", "4") for day in (4, 5)]
    report = [metered(3, "4", "4"), metered(4, "4", "4")]
    daily = found(days, report)
    assert (daily.explanations, len(daily.open_breaks)) == ((), 2)
    estimate = [hourly(day, hour, "2") for day in (4, 5, 6) for hour in (1, 20)]
    odd = [metered(3, "2.5", "2"), metered(4, "4", "4"), metered(5, "4", "4"), metered(6, "2", "2")]
    assert [one.cause for one in found(estimate, odd).explanations] == []


def test_hours_of_the_month_before_leave_the_first_day_open() -> None:
    estimate = [hourly(day, hour, "2") for day in (1, 2, 3, 5) for hour in (1, 23)]
    report = [
        metered(1, "7", "6"),  # with some of September's last hours
        metered(2, "4", "4"),
        metered(3, "4", "4"),
        metered(4, "2", "2"),
        metered(5, "2", "2"),
        metered(6, "2", "2"),
    ]
    assert shown(found(estimate, report)) == [
        ("timezone_shift", "2.00"),
        ("timezone_shift", "-2.00"),
        ("timezone_shift", "2.00"),
        ("open", "3.00"),
    ]
    report[2] = metered(3, "4.50", "4")  # another day that no shift explains
    assert found(estimate, report).explanations == ()


def test_tokens_where_only_capacity_is_billed_were_charged_twice() -> None:
    hours = metered(1, "48", "24", x_service_tier="provisioned", x_token_kind=None)
    explained = found([metered(1, "5"), hours], [hours])
    assert shown(explained) == [("provisioned_twice", "-5.00")]
    assert len(explained.explanations[0].witnesses) == 1
    assert shown(found([metered(2, "5"), hours], [hours])) == [("open", "-5.00")]


def test_the_same_hours_of_capacity_twice_count_once() -> None:
    hours = metered(1, "48", "24", x_service_tier="provisioned", x_token_kind=None)
    assert shown(found([hours], [hours, hours])) == [("provisioned_twice", "48.00")]
    other = {**hours, "resource_id": "another"}
    assert shown(found([hours], [hours, other])) == [("open", "48.00")]


def test_tokens_under_another_tier_are_a_wrong_tier() -> None:
    batch = metered(1, "3", x_service_tier="flex")
    explained = found([metered(1, "5")], [batch])
    assert sorted(shown(explained)) == [("wrong_tier", "-5.00"), ("wrong_tier", "3.00")]
    fewer = metered(1, "3", "9", x_service_tier="flex")
    assert "wrong_tier" not in dict(shown(found([metered(1, "5")], [fewer])))


def test_a_discount_that_the_provider_shows_is_not_taken_for_a_tier() -> None:
    flex = metered(1, "3", x_service_tier="flex", list_cost=to_decimal(to_units("4")))
    assert shown(found([metered(1, "5")], [flex])) == [("open", "-2.00")]


def test_batch_at_half_the_price_lacked_its_discount() -> None:
    batch = {"x_service_tier": "batch"}
    assert shown(found([metered(1, "6", **batch)], [metered(1, "3", **batch)])) == [
        ("batch_discount", "-3.00")
    ]
    listed: dict[str, Any] = {**batch, "list_cost": to_decimal(to_units("6"))}
    assert shown(found([metered(1, "6", **batch)], [metered(1, "3", **listed)])) == [
        ("negotiated_rate", "-3.00")
    ]
    assert shown(found([metered(1, "6")], [metered(1, "3")])) == [("open", "-3.00")]


def test_cached_tokens_inside_the_input_are_counted_twice() -> None:
    cached = metered(1, "1", "4", x_token_kind="cached_input")
    written = metered(1, "5", "3", x_token_kind="cache_write")
    explained = found([metered(1, "14", "14"), cached], [metered(1, "10", "10"), cached])
    assert shown(explained) == [("cached_twice", "-4.00")]
    both = found(
        [metered(1, "17", "17"), cached, written], [metered(1, "10", "10"), cached, written]
    )
    assert shown(both) == [("cached_twice", "-7.00")]
    assert len(both.explanations[0].witnesses) == 2
    less = found([metered(1, "13", "13"), cached], [metered(1, "10", "10"), cached])
    assert shown(less) == [("open", "-3.00")]


def test_a_price_that_changes_for_good_is_a_price_change() -> None:
    estimate = [metered(day, "10") for day in range(1, 6)]
    report = [metered(day, "10" if day < 4 else "8") for day in range(1, 6)]
    explained = found(estimate, report)
    assert shown(explained) == [("price_change", "-2.00")] * 2
    assert explained.explanations[0].remark == "since 2026-10-04"


@pytest.mark.parametrize(
    "prices",
    [
        ["10", "10", "10", "10", "8"],  # a single dear day
        ["8", "8", "8", "8", "8"],  # never agreed: another price book, not a change
        ["10", "8", "8", "10", "10"],  # and back again
        ["10", "10", "10", "8", "7"],  # not one price
    ],
)
def test_other_prices_are_no_price_change(prices: list[str]) -> None:
    estimate = [metered(day, "10") for day in range(1, 6)]
    report = [metered(day, price) for day, price in enumerate(prices, start=1)]
    assert found(estimate, report).explanations == ()


def test_a_price_change_needs_quantities_and_no_discount() -> None:
    estimate = [metered(day, "10") for day in (1, 2, 3)]
    report = [metered(1, "10"), metered(2, "8"), metered(3, "8", "11")]
    assert found(estimate, report).explanations == ()
    listed: dict[str, Any] = {"list_cost": to_decimal(to_units("9"))}
    report = [metered(1, "10"), metered(2, "8", **listed), metered(3, "8", **listed)]
    assert found(estimate, report).explanations == ()


def test_a_day_that_the_log_lacks_is_billed_at_the_known_price() -> None:
    estimate = [metered(1, "10"), metered(2, "4", "4")]
    report = [metered(1, "10"), metered(2, "10"), metered(3, "20", "20")]
    explained = found(estimate, report)
    assert shown(explained) == [("missing_log", "6.00"), ("missing_log", "20.00")]
    assert explained.explanations[0].remark == "the log covers 35.0 % of the series"


def test_usage_at_an_unknown_price_is_no_missing_log() -> None:
    assert shown(found([], [metered(1, "5")])) == [("open", "5.00")]
    assert shown(found([metered(1, "10")], [metered(1, "10"), metered(2, "11")])) == [
        ("open", "11.00")
    ]
    assert shown(found([metered(1, "4", "4")], [metered(1, "11")])) == [("open", "7.00")]


def test_a_log_that_has_too_much_elsewhere_is_not_missing() -> None:
    estimate = [metered(1, "10"), metered(2, "10"), metered(3, "10")]
    report = [metered(1, "10"), metered(2, "13", "13"), metered(3, "7", "7")]
    explained = found(estimate, report)
    assert (explained.explanations, len(explained.open_breaks)) == ((), 2)


def test_credits_tax_and_promotions_are_told_apart_by_category_and_word() -> None:
    report = [
        charge(1, "19", charge_category="Tax"),
        charge(1, "-5", charge_category="Credit", charge_description="Promotional credit"),
        charge(1, "-7", charge_category="Credit", charge_description="SLA refund"),
        charge(1, "-9", charge_category="Credit"),
        charge(1, "3", charge_description="free text, promotional in no way"),
    ]
    assert shown(found([], report)) == [
        ("tax", "19.00"),
        ("promotional_credit", "-5.00"),
        ("credit", "-16.00"),
        ("open", "3.00"),
    ]


@pytest.mark.parametrize(
    ("fields", "cost", "is_rounding"),
    [
        ({}, "0.01", True),
        ({}, "0.02", False),
        ({"provider": "openai"}, "0.01", False),
        ({"charge_description": "Adjustment"}, "0.01", False),
        ({"charge_description": None, "sku_meter": "Rounding"}, "-0.01", True),
    ],
)
def test_azures_rounding_row_is_named_and_small(
    fields: dict[str, Any], cost: str, is_rounding: bool
) -> None:
    values = {
        "provider": "azure",
        "charge_category": "Adjustment",
        "charge_description": "Rounding Adjustment",
        **fields,
    }
    explained = found([metered(1, "5")], [metered(1, "5"), charge(31, cost, **values)])
    assert [one.cause for one in explained.explanations] == ["azure_rounding"] * is_rounding


def test_a_minimum_charge_fills_up_to_the_contract_exactly() -> None:
    filled = charge(31, "20", charge_category="Adjustment", charge_description="Minimum charge")
    tax = charge(31, "9", charge_category="Tax")
    usage = [metered(1, "30")]
    known = Known(minimum_units=to_units("50"))
    assert shown(found(usage, [*usage, filled, tax], known)) == [
        ("tax", "9.00"),
        ("minimum_charge", "20.00"),
    ]
    for other in (Known(minimum_units=to_units("60")), Known()):
        assert shown(found(usage, [*usage, filled], other)) == [("open", "20.00")]


def test_a_commitment_is_amortised_on_one_side_and_billed_on_the_other() -> None:
    under = {"commitment_discount_id": "ri-1", "sku_id": "vm"}
    covered = charge(1, "0", **under) | {"effective_cost": to_decimal(to_units("4"))}
    bought = charge(1, "100", charge_category="Purchase", **under)
    bought |= {"effective_cost": to_decimal(0)}
    spread = [charge(1, "4", sku_id="vm")]
    assert shown(found(spread, [covered, bought], names=CLOUD_KEY)) == [
        ("commitment_amortisation", "100.00"),
        ("commitment_amortisation", "-4.00"),
    ]
    assert shown(found([covered], spread, names=CLOUD_KEY)) == [("open", "4.00")]
    amortised = [charge(1, "4", **under)]
    assert shown(found([covered], amortised, names=CLOUD_KEY)) == [
        ("commitment_amortisation", "4.00")
    ]
    plain = charge(1, "100", charge_category="Purchase", **under)
    assert shown(found([], [plain], names=CLOUD_KEY)) == [("open", "100.00")]


def test_a_report_without_quantities_proves_a_negotiated_rate_by_its_list_cost() -> None:
    listed: dict[str, Any] = {"list_cost": to_decimal(to_units("5"))}
    assert shown(found([metered(1, "5")], [tokens(1, "4", **listed)])) == [
        ("negotiated_rate", "-1.00")
    ]
    assert shown(found([metered(1, "6")], [tokens(1, "4", **listed)])) == [("open", "-2.00")]
    assert shown(found([], [tokens(1, "4", **listed)])) == [("open", "4.00")]


def test_a_bill_at_list_price_lacks_the_rate_of_the_contract_we_estimated_at() -> None:
    ours = metered(1, "4.75", listed="5")
    assert shown(found([ours], [metered(1, "5")])) == [("negotiated_rate_missing", "0.25")]
    assert shown(found([ours], [metered(1, "5", listed="5")])) == [
        ("negotiated_rate_missing", "0.25")
    ]
    assert shown(found([ours], [tokens(1, "5")])) == [("negotiated_rate_missing", "0.25")]
    assert shown(found([ours], [metered(1, "5.1")])) == [("open", "0.35")]
    assert shown(found([metered(1, "5", listed="5")], [metered(1, "6")])) == [("open", "1.00")]
    assert shown(found([ours, metered(1, "1")], [metered(1, "6", quantity="20")])) == [
        ("open", "0.25")
    ]


def test_usage_without_tokens_is_not_metered_where_only_tokens_are_estimated() -> None:
    search = charge(1, "3", charge_description="web search", quantity="300")
    assert shown(found([metered(1, "5")], [metered(1, "5"), search])) == [("not_metered", "3.00")]
    hours = metered(1, "7", x_service_tier="provisioned", x_token_kind=None)
    assert shown(found([metered(1, "5"), hours], [metered(1, "5"), hours, search])) == [
        ("not_metered", "3.00")
    ]
    other = charge(2, "1", quantity="100")
    assert shown(found([metered(1, "5"), other], [metered(1, "5"), other, search])) == [
        ("open", "3.00")
    ]
    assert shown(found([], [search])) == [("open", "3.00")]


def test_capacity_and_usage_that_was_estimated_are_no_unmetered_usage() -> None:
    hours = metered(1, "7", x_service_tier="provisioned", x_token_kind=None)
    fee = charge(1, "2", charge_category="Purchase")
    found_open = found([metered(1, "5")], [metered(1, "5"), hours, fee])
    assert shown(found_open) == [("open", "9.00")]
