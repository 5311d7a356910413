"""AWS invoices as `ListInvoiceSummaries` answers them: totals and tax, without line items.

Owns the reading of those summaries. The amounts are the base currency's, the one that the cost
report is in; payment and tax currency are only compared with it (`exchange_findings`). One summary
gives one line (and one for fees), because this API has no others.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tieout.core.errors import DocumentUnreadableError, MoneyFormatError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import (
    format_units,
    minor_digits,
    parse_decimal,
    round_half_even,
    to_units,
)
from tieout.core.period import Period
from tieout.focus.document import BillingDocument, DocumentKind, DocumentLine
from tieout.sources.limits import load_json

NAME = "aws_invoicing"

_KINDS: dict[str, DocumentKind] = {"INVOICE": "invoice", "CREDIT_MEMO": "credit_note"}
_PAYMENT = "PAYMENT_RECEIPT"
_PDF = b"%PDF-"
_LINES = {
    ("ANNIVERSARY", "AWS"): "AWS service charges",
    ("PURCHASE", "AWS"): "AWS purchases and upfront fees",
    ("REFUND", "AWS"): "AWS refund",
    ("ANNIVERSARY", "AWS_MARKETPLACE"): "AWS Marketplace charges",
    ("PURCHASE", "AWS_MARKETPLACE"): "AWS Marketplace purchases",
    ("REFUND", "AWS_MARKETPLACE"): "AWS Marketplace refund",
}
_OTHER_CURRENCIES = ("TaxCurrencyAmount", "PaymentCurrencyAmount")
_UNREADABLE = (KeyError, TypeError, ValueError, OverflowError, MoneyFormatError, SourceAnswerError)


def read(content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
    """Invoices and credit memos of the answer, in its order; payment receipts are left out.

    A credit memo's amounts are negative and it names the invoice that it corrects. Discounts stand
    in `credit_units`. The PDF of an invoice gives nothing: it is kept as evidence, its figures are
    the summary's.

    Raises:
        DocumentUnreadableError: no such answer, or a summary does not tie out inside.
    """
    if content.startswith(_PDF):
        return ()
    try:
        documents = tuple(
            _document(summary, number, document_sha256)
            for number, summary in _bills(content, document_sha256)
        )
    except _UNREADABLE as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} is not an answer of ListInvoiceSummaries "
            f"({type(error).__name__}: {str(error)[:80]}); the original is kept, pull it again."
        ) from error
    for document in documents:
        _check_ties(document)
    return documents


def exchange_findings(content: bytes, *, document_sha256: str) -> tuple[Finding, ...]:
    """Whether tax and payment amounts are the base amount at AWS's printed rate; info only.

    One finding for each amount in another currency: `invoice_exchanged` says the rate used,
    `exchange_gap` that the amounts differ by more than the digits of the rate and one cent explain.
    Nothing is booked from these figures. An amount without a rate gives no finding.

    Raises:
        DocumentUnreadableError: no such answer.
    """
    try:
        found = [
            _exchanged(summary, block, number, document_sha256)
            for number, summary in _bills(content, document_sha256)
            for block in _OTHER_CURRENCIES
        ]
    except _UNREADABLE as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} has currency amounts that cannot be read "
            f"({type(error).__name__}); the original is kept, pull it again."
        ) from error
    return tuple(one for one in found if one is not None)


def _bills(content: bytes, document_sha256: str) -> list[tuple[int, Mapping[str, Any]]]:
    answer: Any = load_json(content, name=f"document {document_sha256[:12]}")
    numbered = enumerate(answer["InvoiceSummaries"], start=1)
    return [(number, one) for number, one in numbered if one["InvoiceType"] != _PAYMENT]


def _document(summary: Mapping[str, Any], number: int, document_sha256: str) -> BillingDocument:
    kind = _KINDS[summary["InvoiceType"]]
    base = summary["BaseCurrencyAmount"]
    direction = -1 if kind == "credit_note" else 1
    # a memo that is written with its minus already is not turned round
    sign = 1 if _units(base["TotalAmount"]) < 0 else direction
    parts = base.get("AmountBreakdown") or {}
    subtotal = sign * _units(parts.get("SubTotalAmount") or base["TotalAmountBeforeTax"])
    discounts = _part(parts, "Discounts")
    fees = sign * _part(parts, "Fees")
    month = Period(int(summary["BillingPeriod"]["Year"]), int(summary["BillingPeriod"]["Month"]))
    entity = summary["Entity"]
    source = (str(summary.get("BillType")), str(entity.get("BillingEntity")))
    lines = [_line(_LINES.get(source, "AWS charges"), subtotal, number)]
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
        credit_units=-direction * abs(discounts),
        tax_units=sign * _part(parts, "Taxes"),
        total_units=sign * _units(base["TotalAmount"]),
        amount_due_units=sign * _units(base["TotalAmount"]),
        document=document_sha256,
        corrects=(summary.get("OriginalInvoiceId") or None) if kind == "credit_note" else None,
    )


def _part(parts: Mapping[str, Any], name: str) -> int:
    return _units((parts.get(name) or {}).get("TotalAmount") or "0")


def _exchanged(
    summary: Mapping[str, Any], block: str, number: int, document_sha256: str
) -> Finding | None:
    base, other = summary["BaseCurrencyAmount"], summary.get(block) or {}
    details = other.get("CurrencyExchangeDetails") or {}
    currency = other.get("CurrencyCode")
    if currency in {None, base["CurrencyCode"]} or not details.get("Rate"):
        return None
    rate = parse_decimal(str(details["Rate"]))
    amount, told = _units(base["TotalAmount"]), _units(other["TotalAmount"])
    gap = told - Fraction(amount) * Fraction(rate)
    finest = Fraction(10) ** int(rate.as_tuple().exponent)
    cent = Fraction(10) ** (12 - minor_digits(currency))
    ties = abs(gap) <= abs(amount) * finest / 2 + cent
    what = block.removesuffix("CurrencyAmount").lower()
    return Finding(
        kind="invoice_exchanged" if ties else "exchange_gap",
        severity="info",
        subject=f"aws invoice {str(summary['InvoiceId'])[:40]} {what} currency",
        message=(
            f"{format_units(amount)} {base['CurrencyCode']} at the printed rate {rate} stand as "
            f"{format_units(told)} {currency} ({what} amount): "
            + ("they agree." if ties else "expected equal amounts; ask AWS which rate was used.")
        ),
        amount_units=0 if ties else round_half_even(gap),
        currency=currency,
        source_document=document_sha256,
        source_row=number,
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
