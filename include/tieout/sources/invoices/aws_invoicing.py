"""AWS invoices as `ListInvoiceSummaries` answers them: totals and tax, without line items.

Owns the reading of those summaries. The amounts are the base currency's, the one that the cost
report is in; payment currency and exchange rate stay in the raw document. One summary gives one
line, because this API has no others.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tieout.core.errors import DocumentUnreadableError, MoneyFormatError, SourceAnswerError
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.focus.document import BillingDocument, DocumentKind, DocumentLine
from tieout.sources.limits import load_json

NAME = "aws_invoicing"

_KINDS: dict[str, DocumentKind] = {"INVOICE": "invoice", "CREDIT_MEMO": "credit_note"}
_PAYMENT = "PAYMENT_RECEIPT"
_UNREADABLE = (KeyError, TypeError, ValueError, OverflowError, MoneyFormatError, SourceAnswerError)


def read(content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
    """Invoices and credit memos of the answer, in its order; payment receipts are left out.

    A credit memo's amounts are negative. Discounts stand in `credit_units`.

    Raises:
        DocumentUnreadableError: no such answer, or a summary does not tie out inside.
    """
    try:
        answer: Any = load_json(content, name=f"document {document_sha256[:12]}")
        summaries = [
            summary for summary in answer["InvoiceSummaries"] if summary["InvoiceType"] != _PAYMENT
        ]
        documents = tuple(
            _document(summary, number, document_sha256)
            for number, summary in enumerate(summaries, start=1)
        )
    except _UNREADABLE as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} is not an answer of ListInvoiceSummaries "
            f"({type(error).__name__}: {str(error)[:80]}); the original is kept, pull it again."
        ) from error
    for document in documents:
        _check_ties(document)
    return documents


def _document(summary: Mapping[str, Any], number: int, document_sha256: str) -> BillingDocument:
    kind = _KINDS[summary["InvoiceType"]]
    sign = -1 if kind == "credit_note" else 1
    base = summary["BaseCurrencyAmount"]
    parts = base.get("AmountBreakdown") or {}
    subtotal = sign * _units(parts.get("SubTotalAmount") or base["TotalAmountBeforeTax"])
    discounts = _units((parts.get("Discounts") or {}).get("TotalAmount", "0"))
    fees = sign * _units((parts.get("Fees") or {}).get("TotalAmount", "0"))
    tax = sign * _units((parts.get("Taxes") or {}).get("TotalAmount", "0"))
    month = Period(int(summary["BillingPeriod"]["Year"]), int(summary["BillingPeriod"]["Month"]))
    entity = summary["Entity"]
    lines = [_line("AWS service charges", subtotal, number)]
    lines += [_line("Fees", fees, number)] if fees else []
    return BillingDocument(
        kind=kind,
        number=summary["InvoiceId"],
        seller=entity["InvoicingEntity"],
        bill_to=summary["AccountId"],
        currency=base["CurrencyCode"],
        issued_on=_day(summary["IssuedDate"]),
        due_on=_day(summary["DueDate"]) if summary.get("DueDate") else None,
        service_start=month.start_on,
        service_end=month.last_on,
        lines=tuple(lines),
        subtotal_units=subtotal + fees,
        credit_units=-sign * abs(discounts),
        tax_units=tax,
        total_units=sign * _units(base["TotalAmount"]),
        amount_due_units=sign * _units(base["TotalAmount"]),
        document=document_sha256,
    )


def _line(description: str, amount_units: int, source_row: int) -> DocumentLine:
    return DocumentLine(
        description=description,
        quantity=None,
        unit_price=None,
        amount_units=amount_units,
        source_row=source_row,
    )


def _check_ties(document: BillingDocument) -> None:
    gaps = document.tie_out_gaps()
    if gaps:
        raise DocumentUnreadableError(
            f"Invoice {document.number} does not tie out: {'; '.join(gaps)}. Expected subtotal, "
            "discounts, fees and tax to give the total; the original is kept, ask AWS."
        )


def _day(value: object) -> date:
    """The wire carries seconds since 1970; a text is taken as an ISO instant."""
    if isinstance(value, (int, Decimal)):
        return datetime.fromtimestamp(int(value), UTC).date()
    return datetime.fromisoformat(str(value)).date()


def _units(value: object) -> int:
    return to_units(str(value))
