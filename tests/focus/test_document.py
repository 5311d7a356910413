"""Billing documents tie inside themselves and survive storage."""

from dataclasses import replace
from datetime import date

import pytest

from tieout.core.money import to_units
from tieout.focus.document import (
    BillingDocument,
    DocumentLine,
    document_from_json,
    document_json,
)

INVOICE = BillingDocument(
    kind="invoice",
    number="SAMPLE-1",
    seller="OpenAI OpCo, LLC",
    bill_to="Nordlicht",
    currency="USD",
    issued_on=date(2026, 11, 1),
    due_on=date(2026, 12, 1),
    service_start=date(2026, 10, 1),
    service_end=date(2026, 10, 31),
    lines=(
        DocumentLine(
            description="gpt-6-sol, input",
            quantity="1,000",
            unit_price=None,
            amount_units=to_units("1839.63"),
            source_row=1,
        ),
    ),
    subtotal_units=to_units("1839.63"),
    credit_units=to_units("-150"),
    tax_units=0,
    total_units=to_units("1689.63"),
    amount_due_units=to_units("1689.63"),
    document="a" * 64,
)


def test_a_document_that_adds_up_has_no_gap() -> None:
    assert INVOICE.tie_out_gaps() == []


def test_each_sum_that_breaks_is_named() -> None:
    broken = replace(INVOICE, subtotal_units=INVOICE.subtotal_units + 1)
    assert broken.tie_out_gaps() == [
        "lines do not add up to the subtotal",
        "subtotal, credit and tax do not add up to the total",
    ]


@pytest.mark.parametrize("day", [None, date(2026, 10, 3)])
def test_a_document_comes_back_from_storage_as_it_was(day: date | None) -> None:
    receipt = replace(INVOICE, kind="receipt", due_on=day, service_start=day)
    assert document_from_json(document_json(receipt)) == receipt
