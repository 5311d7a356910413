"""Billing documents as the FOCUS 1.4 dataset Invoice Detail.

Owns the rows: one for each printed line, and one each for the credit, the tax and whatever else
lies between the lines and the printed total, so that an invoice always adds up to its total. The
issuer is named as on the charges, so that both datasets join; the printed seller is kept beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from tieout.core.money import to_decimal
from tieout.core.period import Period, utc_midnight
from tieout.focus.columns import MONEY
from tieout.focus.document import BillingDocument
from tieout.publish.focus_cost_and_usage import MOMENT

INVOICE_DETAIL_SCHEMA = pa.schema(
    [
        pa.field("BilledCost", MONEY, nullable=False),
        pa.field("BillingAccountId", pa.string(), nullable=False),
        pa.field("BillingCurrency", pa.string(), nullable=False),
        pa.field("BillingPeriodEnd", MOMENT, nullable=False),
        pa.field("BillingPeriodStart", MOMENT, nullable=False),
        pa.field("ChargeCategory", pa.string(), nullable=False),
        pa.field("InvoiceDetailCreated", MOMENT, nullable=False),
        pa.field("InvoiceDetailDescription", pa.string()),
        pa.field("InvoiceDetailGrain", pa.string()),
        pa.field("InvoiceDetailId", pa.string(), nullable=False),
        pa.field("InvoiceDetailLastUpdated", MOMENT, nullable=False),
        pa.field("InvoiceId", pa.string(), nullable=False),
        pa.field("InvoiceIssueDate", MOMENT),
        pa.field("InvoiceIssuerName", pa.string(), nullable=False),
        pa.field("InvoiceIssueStatus", pa.string(), nullable=False),
        pa.field("PaymentCurrency", pa.string(), nullable=False),
        pa.field("PaymentDueDate", MOMENT),
        pa.field("PaymentTerms", pa.string()),
        pa.field("PurchaseOrderNumber", pa.string()),
        pa.field("ReferenceInvoiceId", pa.string()),
        pa.field("x_Provider", pa.string(), nullable=False),
        pa.field("x_DocumentKind", pa.string(), nullable=False),
        pa.field("x_Seller", pa.string(), nullable=False),
        pa.field("x_BillTo", pa.string(), nullable=False),
        pa.field("x_SourceDocument", pa.string(), nullable=False),
        pa.field("x_SourceRow", pa.int32()),
    ]
)

_BILLED = ("Usage", "Purchase")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFacts:
    """A billing document and what the paper does not say: whose account, and when it came."""

    document: BillingDocument
    provider: str
    billing_account_id: str
    received_at: datetime  # with its zone


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One row: `key` makes the detail id, `source_row` is null for what is no printed line."""

    key: str
    category: str
    description: str
    units: int
    source_row: int | None = None


def invoice_detail(
    documents: Sequence[InvoiceFacts], charges: pa.Table, *, period: Period
) -> pa.Table:
    """The rows of all documents, ordered by issuer, number and place on the document.

    Billed cost of an InvoiceId adds up to the document's total. `charges` (CHARGE_SCHEMA) only
    tell how the issuer is called there and whether an invoice bills usage or purchases.
    """
    names = _Names(charges)
    rows = [
        row
        for facts in sorted(documents, key=lambda one: (one.document.seller, one.document.number))
        for row in _rows(facts, names, period)
    ]
    return pa.Table.from_pylist(rows, schema=INVOICE_DETAIL_SCHEMA)


class _Names:
    """Issuer and category of charges, by invoice number and by billing account."""

    def __init__(self, charges: pa.Table) -> None:
        keys = (
            "provider",
            "billing_account_id",
            "invoice_id",
            "invoice_issuer_name",
            "charge_category",
        )
        self._seen = charges.group_by(keys).aggregate([]).to_pylist()

    def issuer(self, facts: InvoiceFacts) -> str:
        """As on the charges of that invoice, else of the account; else the printed seller."""
        return self._one(facts, "invoice_issuer_name") or facts.document.seller

    def billed(self, facts: InvoiceFacts) -> str:
        """What the lines of an invoice bill: Purchase if its charges are that alone."""
        return self._one(facts, "charge_category", among=_BILLED) or "Usage"

    def _one(self, facts: InvoiceFacts, name: str, among: Sequence[str] = ()) -> str | None:
        own = [
            row
            for row in self._seen
            if (row["provider"], row["billing_account_id"])
            == (facts.provider, facts.billing_account_id)
            and (not among or row[name] in among)
        ]
        billed = [row for row in own if row["invoice_id"] == facts.document.number]
        found = {row[name] for row in billed or own}
        return found.pop() if len(found) == 1 else None


def _rows(facts: InvoiceFacts, names: _Names, period: Period) -> Iterator[Mapping[str, Any]]:
    document = facts.document
    common = {
        "BillingAccountId": facts.billing_account_id,
        "BillingCurrency": document.currency,
        "BillingPeriodEnd": utc_midnight(period.end_on),
        "BillingPeriodStart": utc_midnight(period.start_on),
        "InvoiceDetailCreated": facts.received_at,
        "InvoiceDetailLastUpdated": facts.received_at,
        "InvoiceId": document.number,
        "InvoiceIssueDate": utc_midnight(document.issued_on),
        "InvoiceIssuerName": names.issuer(facts),
        "InvoiceIssueStatus": "Issued",
        "PaymentCurrency": document.currency,
        "PaymentDueDate": None if document.due_on is None else utc_midnight(document.due_on),
        "ReferenceInvoiceId": document.corrects,
        "x_Provider": facts.provider,
        "x_DocumentKind": document.kind,
        "x_Seller": document.seller,
        "x_BillTo": document.bill_to,
        "x_SourceDocument": document.document,
    }
    for part in _parts(document, names.billed(facts)):
        yield {
            **common,
            "BilledCost": to_decimal(part.units),
            "ChargeCategory": part.category,
            "InvoiceDetailDescription": part.description,
            "InvoiceDetailId": f"{document.number}/{part.key}",
            "x_SourceRow": part.source_row,
        }


def _parts(document: BillingDocument, billed: str) -> Iterator[_Part]:
    category = {"receipt": "Purchase", "credit_note": "Credit"}.get(document.kind, billed)
    for number, line in enumerate(document.lines, start=1):
        reduces = line.amount_units < 0
        yield _Part(
            key=str(number),
            category="Credit" if reduces else category,
            description=line.description,
            units=line.amount_units,
            source_row=line.source_row,
        )
    lines = sum(line.amount_units for line in document.lines)
    known = lines + document.credit_units + document.tax_units
    for part in (
        _Part(key="credit", category="Credit", description="Credit", units=document.credit_units),
        _Part(key="tax", category="Tax", description="Tax", units=document.tax_units),
        _Part(
            key="difference",
            category="Adjustment",
            description="Difference between the printed lines and the printed total",
            units=document.total_units - known,
        ),
    ):
        if part.units:
            yield part
