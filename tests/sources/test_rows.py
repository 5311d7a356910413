from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import MoneyFormatError, SourceAnswerError
from tieout.core.money import parse_decimal, to_units
from tieout.sources.base import Normalised
from tieout.sources.rows import SourceRow, decimal_or_none, normalise, shifted, whole_number

START = datetime(2026, 10, 1, tzinfo=UTC)
CHARGE: Mapping[str, object] = {
    "provider": "test",
    "billing_account_id": "a",
    "billing_period_start": date(2026, 10, 1),
    "charge_period_start": START,
    "charge_period_end": START,
    "charge_category": "Usage",
    "billing_currency": "USD",
    "service_category": "Other",
    "service_name": "s",
    "service_provider_name": "p",
    "invoice_issuer_name": "i",
    "tags": "{}",
}


def load(*amounts: str) -> Normalised:
    rows = [
        SourceRow(document="d", number=number, values=amount)
        for number, amount in enumerate(amounts, start=1)
    ]
    return normalise(
        rows,
        amount_of=lambda row: parse_decimal(row.values),
        to_charge=lambda _, amount: {**CHARGE, "effective_cost": amount},
        provider="test",
    )


@given(st.lists(st.decimals(-(10**9), 10**9, places=15), max_size=30))
def test_charges_and_rounding_make_up_the_source_exactly(amounts: list[Decimal]) -> None:
    result = load(*(f"{amount:f}" for amount in amounts))
    assert result.totals.rows_out == len(amounts)
    loaded = sum(to_units(cost) for cost in result.charges["billed_cost"].to_pylist())
    assert loaded == result.totals.loaded_units
    assert result.totals.source_total == sum(amounts, Decimal(0))


def test_an_amount_too_large_for_the_ledger_is_a_bad_row_and_not_a_crash() -> None:
    result = load("1.25", "99999999999999999999", "2")
    assert result.totals.rows_bad == 1
    (finding,) = result.findings
    assert finding.source_row == 2
    assert finding.amount_units == 99999999999999999999 * 10**12
    assert "below 10^16" in finding.message


def test_cents_become_dollars_without_losing_a_digit() -> None:
    digits = "12345678901234567890.123456789012345678901234567890"
    assert shifted(Decimal(digits), -2) == Decimal(
        "123456789012345678.90123456789012345678901234567890"
    )


@pytest.mark.parametrize(("value", "expected"), [(None, 0), (7, 7), (Decimal("840.000"), 840)])
def test_counts_are_whole_numbers(value: object, expected: int) -> None:
    assert whole_number({"n": value}, "n") == expected


@pytest.mark.parametrize("value", [-1, "7", True, Decimal("1.5"), 2**63, [1]])
def test_counts_of_another_form_are_refused(value: object) -> None:
    with pytest.raises(SourceAnswerError, match="whole number"):
        whole_number({"n": value}, "n")


def test_an_empty_field_is_no_number_and_a_word_is_an_error() -> None:
    assert decimal_or_none("") is None
    assert decimal_or_none(None) is None
    with pytest.raises(MoneyFormatError):
        decimal_or_none("None")


def test_an_amount_with_a_monstrous_exponent_is_one_bad_row_and_nothing_else_is_lost() -> None:
    amounts = {1: Decimal("1E+500"), 2: Decimal("3.50")}
    found = normalise(
        [SourceRow(document="d", number=number, values=None) for number in amounts],
        amount_of=lambda row: amounts[row.number],
        to_charge=lambda _, amount: {**CHARGE, "effective_cost": amount},
        provider="test",
    )
    assert (found.totals.rows_out, found.totals.rows_bad) == (1, 1)
    assert found.totals.source_total == Decimal("3.50")
    assert [(one.kind, one.source_row) for one in found.findings] == [("bad_row", 1)]
