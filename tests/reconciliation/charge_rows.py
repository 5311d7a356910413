"""Small tables of charges for examples: name what matters, the rest is filled in."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from tieout.core.ids import content_key
from tieout.core.money import to_decimal, to_units
from tieout.focus.columns import CHARGE_SCHEMA, with_attr_ids
from tieout.focus.document import BillingDocument, DocumentLine

SCHEMA = pa.schema([field for field in CHARGE_SCHEMA if field.name != "attr_id"])
_FILLED: dict[str, Any] = {
    "provider": "openai",
    "billing_account_id": "org-1",
    "billing_period_start": date(2026, 10, 1),
    "charge_category": "Usage",
    "billing_currency": "USD",
    "service_category": "AI and Machine Learning",
    "service_name": "OpenAI API",
    "service_provider_name": "OpenAI",
    "invoice_issuer_name": "OpenAI",
    "tags": "{}",
    "source_document": "0" * 64,
}


def charge(day: int, cost: str | int, **fields: Any) -> dict[str, Any]:
    """One charge of a day in October 2026; a text is an amount, an int units of 1e-12."""
    units = to_units(cost) if isinstance(cost, str) else cost
    start = datetime(2026, 10, day, tzinfo=UTC)
    listed, quantity = fields.pop("listed", None), fields.pop("quantity", None)
    return {
        **_FILLED,
        "charge_period_start": start,
        "charge_period_end": start + timedelta(days=1),
        "billed_cost": to_decimal(units),
        "effective_cost": to_decimal(units),
        "list_cost": None if listed is None else to_decimal(to_units(listed)),
        "consumed_quantity": None if quantity is None else to_decimal(to_units(quantity)),
        **fields,
    }


def tokens(day: int, cost: str | int, **fields: Any) -> dict[str, Any]:
    """One charge metered by tokens."""
    named = {
        "x_model": "gpt-6-sol",
        "x_service_tier": "standard",
        "x_token_kind": "input",
        "charge_description": "gpt-6-sol, input",
        **fields,
    }
    return charge(day, cost, **named)


def charges(*rows: dict[str, Any], pull: str = "final") -> pa.Table:
    """A table of CHARGE_SCHEMA; line ids come from the pull and the row, as in real life."""
    numbered = [
        {"line_id": content_key((pull, number)), "source_row": number, **row}
        for number, row in enumerate(rows, start=1)
    ]
    return with_attr_ids(pa.Table.from_pylist(numbered, SCHEMA))


def document(
    lines: Sequence[tuple[str, str]], *, credit: str = "0", tax: str = "0", **fields: Any
) -> BillingDocument:
    """An invoice with these printed lines (description, amount) that ties inside."""
    amounts = [to_units(amount) for _, amount in lines]
    subtotal = sum(amounts)
    total = subtotal + to_units(credit) + to_units(tax)
    values: dict[str, Any] = {
        "kind": "invoice",
        "number": "INV-1",
        "seller": "OpenAI",
        "bill_to": "Nordlicht Labs",
        "currency": "USD",
        "issued_on": date(2026, 11, 1),
        "due_on": None,
        "service_start": date(2026, 10, 1),
        "service_end": date(2026, 10, 31),
        "lines": tuple(
            DocumentLine(
                description=description,
                quantity=None,
                unit_price=None,
                amount_units=units,
                source_row=row,
            )
            for row, ((description, _), units) in enumerate(
                zip(lines, amounts, strict=True), start=1
            )
        ),
        "subtotal_units": subtotal,
        "credit_units": to_units(credit),
        "tax_units": to_units(tax),
        "total_units": total,
        "amount_due_units": total,
        "document": "d" * 64,
    }
    return BillingDocument(**{**values, **fields})
