"""Charges that only the invoice knows (credit, tax, rounding), made so that they can be classified.

Owns their columns. Whether a gap has a name is decided in `invoice_gaps`.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.ids import content_key
from tieout.core.money import to_decimal
from tieout.core.period import Period, utc_midnight
from tieout.focus.columns import CHARGE_SCHEMA
from tieout.focus.document import BillingDocument
from tieout.reconciliation.invoice_gaps import invoice_gaps

_SCHEMA = pa.schema([field for field in CHARGE_SCHEMA if field.name != "attr_id"])


def invoice_only_charges(
    *, provider: str, account: str, period: Period, final: pa.Table, invoice: BillingDocument
) -> pa.Table:
    """One Credit, one Tax and one Adjustment charge at most; CHARGE_SCHEMA without `attr_id`.

    Unless part of the invoice is unexplained, sum(final) + sum(result) equals the invoice total
    exactly. An unexplained part never becomes a charge. The promotional credit is no asset: it is
    a negative charge of its own, so that list cost, credit and net stay visible.
    """
    gaps = invoice_gaps(final, invoice)
    amounts = (
        ("Credit", f"Credit on invoice {invoice.number}", gaps.credit_units),
        ("Tax", f"Tax on invoice {invoice.number}", gaps.tax_units),
        ("Adjustment", f"Rounding to invoice {invoice.number}", gaps.rounding_units),
    )
    shared = _shared(provider, account, period=period, final=final, invoice=invoice)
    rows = [
        _charge(shared, invoice, category=category, description=description, units=units)
        for category, description, units in amounts
        if units
    ]
    return pa.Table.from_pylist(rows, _SCHEMA)


def _shared(
    provider: str, account: str, *, period: Period, final: pa.Table, invoice: BillingDocument
) -> dict[str, Any]:
    return {
        "provider": provider,
        "billing_account_id": account,
        "billing_account_name": pc.min(final["billing_account_name"]).as_py(),
        "billing_period_start": period.start_on,
        "charge_period_start": utc_midnight(period.start_on),
        "charge_period_end": utc_midnight(period.end_on),
        "billing_currency": invoice.currency,
        "service_category": "Other",
        "service_name": "Invoice adjustments",
        "service_provider_name": pc.min(final["service_provider_name"]).as_py() or invoice.seller,
        "invoice_issuer_name": pc.min(final["invoice_issuer_name"]).as_py() or invoice.seller,
        "invoice_id": invoice.number,
        "tags": "{}",
        "source_document": invoice.document,
        # the summary is printed below the last line
        "source_row": max((line.source_row for line in invoice.lines), default=0) + 1,
    }


def _charge(
    shared: dict[str, Any],
    invoice: BillingDocument,
    *,
    category: str,
    description: str,
    units: int,
) -> dict[str, Any]:
    amount = to_decimal(units)
    return {
        **shared,
        "line_id": content_key((invoice.document, shared["source_row"], category)),
        "charge_category": category,
        "charge_description": description,
        "billed_cost": amount,
        "effective_cost": amount,
    }
