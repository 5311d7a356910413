"""Negotiated rates: which one holds for which tokens, and what the file refuses."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import RuleFileError
from tieout.rating.contract import ContractRate, contract_rate
from tieout.reconciliation.contract_rates import parse_contract_rates

HEAD = "contract_rates:\n"
ROW = {
    "provider": "anthropic",
    "billing_account_id": "labs",
    "model": "claude-opus-5-5",
    "service_tier": "standard",
}
DAY = date(2026, 10, 5)


def entry(name: str = "a", **changes: str | None) -> str:
    values: dict[str, str | None] = {
        "id": name,
        "provider": "anthropic",
        "billing_account_id": "labs",
        "valid_from": "2026-10-01",
        "discount_pct": '"5"',
        "evidence": "Order form 7",
        **changes,
    }
    shown = ", ".join(f"{key}: {value}" for key, value in values.items() if value is not None)
    return f"  - {{{shown}}}\n"


def rates(*entries: str) -> tuple[ContractRate, ...]:
    return parse_contract_rates(HEAD + "".join(entries), name="c")


def won(found: tuple[ContractRate, ...], kind: str = "input", **row: str) -> str | None:
    day = date.fromisoformat(row.pop("day", DAY.isoformat()))
    rate = contract_rate(found, {**ROW, **row}, kind, day)
    return rate.rate_id if rate else None


def test_a_discount_takes_its_percent_off_the_list_price() -> None:
    (rate,) = rates(entry(discount_pct='"12.5"'))
    assert rate.price(Fraction(800)) == 700
    assert rate.price(None) is None


def test_a_fixed_price_holds_whatever_the_list_says() -> None:
    (rate,) = rates(entry(discount_pct=None, unit_price='"0.000004"'))
    assert rate.price(None) == rate.price(Fraction(1)) == 4_000_000


def test_the_narrowest_rate_wins() -> None:
    found = rates(
        entry("all"),
        entry("claude", model='"claude-*"'),
        entry("opus", model='"claude-opus-*"'),
        entry("exact", model="claude-opus-5-5"),
        entry("batch", model="claude-opus-5-5", service_tier="batch"),
        entry("output", model="claude-opus-5-5", token_kind="output"),
    )
    assert won(found) == "exact"
    assert won(found, "output") == "output"
    assert won(found, "output", service_tier="batch") == "batch"
    assert won(found, model="claude-opus-6") == "opus"
    assert won(found, model="claude-haiku") == "claude"
    assert won(found, model="other") == "all"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"day": "2026-09-30"}, None),
        ({"day": "2026-10-01"}, "a"),
        ({"day": "2026-10-31"}, "a"),
        ({"day": "2026-11-01"}, None),
        ({"provider": "openai"}, None),
        ({"billing_account_id": "other"}, None),
        ({"service_tier": "batch"}, "a"),
    ],
)
def test_a_rate_holds_for_its_account_from_its_first_day_to_before_its_end(
    row: dict[str, str], expected: str | None
) -> None:
    assert won(rates(entry(valid_to="2026-11-01")), **row) == expected


def test_rates_of_one_place_may_follow_each_other() -> None:
    found = rates(
        entry("b", valid_from="2026-11-01"),
        entry("a", valid_to="2026-11-01"),
        entry("c", model="x"),
    )
    assert [one.rate_id for one in found] == ["a", "b", "c"]
    assert won(found, day="2026-11-01") == "b"


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([entry(unit_price='"1"')], "line 2: expected exactly one of discount_pct and unit_price"),
        ([entry(discount_pct=None)], "expected exactly one of discount_pct and unit_price"),
        ([entry(discount_pct='"0"')], "expected a discount above 0 and up to 100 percent"),
        ([entry(discount_pct='"100.1"')], "expected a discount above 0 and up to 100 percent"),
        ([entry(discount_pct='"-5"')], "expected a number of zero or more"),
        ([entry(discount_pct="five")], "Expected a decimal number such as 12.5, found 'five'"),
        ([entry(valid_to="2026-10-01")], "2026-10-01 must lie after valid_from 2026-10-01"),
        ([entry(model='"cl*de"')], "'cl\\*de' has \\* inside; it may only end a name"),
        ([entry(service_tier="gold")], "expected one of .*standard.*; found 'gold'"),
        ([entry(token_kind="words")], "expected one of .*output.*; found 'words'"),
        ([entry(evidence=None)], "add evidence"),
        ([entry(), entry(model="x")], "line 3: rate 'a' is already in line 2"),
        ([entry(), entry("b")], "line 3: b and a are for the same tokens on the same days"),
        ([entry("z", valid_to="2026-10-02"), entry("b")], "b and z are for the same tokens"),
    ],
)
def test_a_file_that_could_price_in_two_ways_or_none_is_refused(
    entries: list[str], told: str
) -> None:
    with pytest.raises(RuleFileError, match=told):
        rates(*entries)


_KEYS: Any = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["*", "claude-*", "claude-opus-*", "claude-opus-5-5"]),
        "service_tier": st.sampled_from([None, "standard", "batch"]),
        "token_kind": st.sampled_from([None, "input", "output"]),
    }
)


@given(keys=st.lists(_KEYS, max_size=6, unique_by=lambda key: tuple(sorted(key.items()))))
def test_exactly_one_rate_is_the_narrowest_in_any_order(keys: list[dict[str, str | None]]) -> None:
    made = [entry(f"r{at}", **{**key, "model": f'"{key["model"]}"'}) for at, key in enumerate(keys)]
    if made:
        assert won(rates(*made)) == won(tuple(reversed(rates(*made))))
