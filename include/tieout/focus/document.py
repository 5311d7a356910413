"""Billing documents (invoice, receipt, credit note) as values, once the paper has been read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

DocumentKind = Literal["invoice", "receipt", "credit_note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """One printed line; `amount_units` decides; quantity and price are as printed (rounded)."""

    description: str
    quantity: str | None
    unit_price: str | None
    amount_units: int
    source_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingDocument:
    """What a supplier charged. Amounts are units of 1e-12 of `currency`; credits are negative.

    Ties inside itself: lines add up to the subtotal; subtotal + credit + tax = total. The service
    dates are inclusive, as printed. `document` is the SHA-256 of the bytes that were read.
    """

    kind: DocumentKind
    number: str
    seller: str
    bill_to: str
    currency: str
    issued_on: date
    due_on: date | None
    service_start: date | None
    service_end: date | None
    lines: tuple[DocumentLine, ...]
    subtotal_units: int
    credit_units: int
    tax_units: int
    total_units: int
    amount_due_units: int
    document: str
    corrects: str | None = None  # number of the invoice that a credit note corrects

    def tie_out_gaps(self) -> list[str]:
        """What does not add up inside the document; empty when it ties."""
        gaps = []
        lines = sum(line.amount_units for line in self.lines)
        if lines != self.subtotal_units:
            gaps.append("lines do not add up to the subtotal")
        if self.subtotal_units + self.credit_units + self.tax_units != self.total_units:
            gaps.append("subtotal, credit and tax do not add up to the total")
        return gaps


def document_json(document: BillingDocument) -> dict[str, Any]:
    """The document as plain JSON values: dates ISO, units as integer strings."""
    return {
        "kind": document.kind,
        "number": document.number,
        "seller": document.seller,
        "bill_to": document.bill_to,
        "currency": document.currency,
        "issued_on": document.issued_on.isoformat(),
        "due_on": _iso(document.due_on),
        "service_start": _iso(document.service_start),
        "service_end": _iso(document.service_end),
        "lines": [
            {
                "description": line.description,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "amount_units": str(line.amount_units),
                "source_row": line.source_row,
            }
            for line in document.lines
        ],
        "subtotal_units": str(document.subtotal_units),
        "credit_units": str(document.credit_units),
        "tax_units": str(document.tax_units),
        "total_units": str(document.total_units),
        "amount_due_units": str(document.amount_due_units),
        "document": document.document,
        "corrects": document.corrects,
    }


def document_from_json(value: Mapping[str, Any]) -> BillingDocument:
    """The document again: `document_from_json(document_json(d)) == d`."""
    return BillingDocument(
        kind=value["kind"],
        number=value["number"],
        seller=value["seller"],
        bill_to=value["bill_to"],
        currency=value["currency"],
        issued_on=date.fromisoformat(value["issued_on"]),
        due_on=_date(value["due_on"]),
        service_start=_date(value["service_start"]),
        service_end=_date(value["service_end"]),
        lines=tuple(
            DocumentLine(
                description=line["description"],
                quantity=line["quantity"],
                unit_price=line["unit_price"],
                amount_units=int(line["amount_units"]),
                source_row=line["source_row"],
            )
            for line in value["lines"]
        ),
        subtotal_units=int(value["subtotal_units"]),
        credit_units=int(value["credit_units"]),
        tax_units=int(value["tax_units"]),
        total_units=int(value["total_units"]),
        amount_due_units=int(value["amount_due_units"]),
        document=value["document"],
        corrects=value["corrects"],
    )


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
