"""Azure invoices as the billing API lists them: amounts, credits and tax, without line items.

Owns the reading of one page of `invoices.list_by_…`. A page of transactions is proof that is kept,
not a document: it gives nothing here. Amounts are in the invoice's own currency.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from tieout.core.errors import DocumentUnreadableError, MoneyFormatError, SourceAnswerError
from tieout.core.money import to_units
from tieout.focus.document import BillingDocument, DocumentKind, DocumentLine
from tieout.sources.limits import load_json

NAME = "azure_billing"

_KINDS: dict[str, DocumentKind] = {"Invoice": "invoice", "CreditNote": "credit_note"}
_NOT_PAYABLE = frozenset({"VoidNote", "TaxReceipt", "Summary", "Transactions"})
_SELLERS = {"AzureMarketplace": "Microsoft Azure Marketplace"}
_SELLER = "Microsoft"
_LINES = {
    "AzureMarketplace": "Azure Marketplace charges",
    "AzureSupport": "Azure support charges",
}
_LINE = "Azure service charges"
_VOID = "Void"
_SETTLED = frozenset({"Paid", "Locked", _VOID})
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, MoneyFormatError, SourceAnswerError)

Entry = Mapping[str, Any]


def read(content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
    """Invoices and credit notes of the page, in its order; credit notes are negative.

    A voided invoice and its void note cancel each other and are both left out. A voided invoice
    that a credit note cancels stays, and so does the credit note (`corrects` names the invoice):
    together with the new invoice the chain adds up to what is owed. Receipts are no debt.

    Raises:
        DocumentUnreadableError: no such page, or a document does not tie out inside.
    """
    try:
        answer: Any = load_json(content, name=f"document {document_sha256[:12]}")
        entries: Sequence[Entry] = answer["value"]
        credited = {_credited(entry) for entry in entries if _is_invoice_page(entry)}
        return tuple(
            _document(entry, number, document_sha256)
            for number, entry in enumerate(entries, start=1)
            if _is_invoice_page(entry) and _counts(entry, credited)
        )
    except _UNREADABLE as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} is not a page of Azure invoices "
            f"({type(error).__name__}: {str(error)[:80]}); the original is kept, pull it again, or "
            "enter the document by hand."
        ) from error


def _is_invoice_page(entry: Entry) -> bool:
    return "transactionAmount" not in entry["properties"]


def _credited(entry: Entry) -> str | None:
    return _name(entry["properties"].get("creditForDocumentId"))


def _counts(entry: Entry, credited: set[str | None]) -> bool:
    facts = entry["properties"]
    if facts["documentType"] in _NOT_PAYABLE:
        return False
    if facts.get("status") != _VOID:
        return True
    rebill = facts.get("rebillDetails") or {}
    has_credit_note = entry["name"] in credited or bool(rebill.get("creditNoteDocumentId"))
    return bool(facts["documentType"] == "CreditNote" or has_credit_note)


def _document(entry: Entry, number: int, document_sha256: str) -> BillingDocument:
    facts = entry["properties"]
    kind = _KINDS[facts["documentType"]]
    sign = -1 if kind == "credit_note" else 1
    issued = facts.get("invoiceType", "")
    charged, credit, tax = _parts(facts)
    document = BillingDocument(
        kind=kind,
        number=entry["name"],
        seller=_SELLERS.get(issued, _SELLER),
        bill_to=_bill_to(facts),
        currency=_currency(facts),
        issued_on=_day(facts["invoiceDate"]),
        due_on=_optional_day(facts.get("dueDate")),
        service_start=_optional_day(facts.get("invoicePeriodStartDate")),
        service_end=_optional_day(facts.get("invoicePeriodEndDate")),
        lines=(_line(_LINES.get(issued, _LINE), sign * charged, number),),
        subtotal_units=sign * charged,
        credit_units=sign * credit,
        tax_units=sign * tax,
        total_units=sign * _total(facts),
        amount_due_units=sign * (_amount(facts, "amountDue") or 0),
        document=document_sha256,
        corrects=_credited(entry) if kind == "credit_note" else None,
    )
    _check(document, facts)
    return document


def _parts(facts: Entry) -> tuple[int, int, int]:
    """Charges, credits (negative) and tax, as magnitudes of the document's own direction.

    `billedAmount` is what was charged, `subTotal` what is left of it before tax once credits and
    prepayment are applied. Refunds (`creditAmount`) may already be inside `billedAmount`.
    """
    subtotal = _amount(facts, "subTotal")
    billed = _amount(facts, "billedAmount")
    if subtotal is None:  # pay-as-you-go: the total is all that there is
        return _total(facts), 0, 0
    tax = _amount(facts, "taxAmount") or 0
    if billed is None:
        return subtotal, 0, tax
    applied = sum(
        abs(_amount(facts, key) or 0)
        for key in ("azurePrepaymentApplied", "freeAzureCreditApplied")
    )
    refunds = abs(_amount(facts, "creditAmount") or 0)
    credit = subtotal - billed
    if -credit not in {applied, applied + refunds}:
        raise ValueError("billed amount less credits and prepayment is not the subtotal")
    return billed, credit, tax


def _total(facts: Entry) -> int:
    total = _amount(facts, "totalAmount")
    total = _amount(facts, "billedAmount") if total is None else total
    if total is None:
        raise ValueError("no total amount")
    return total


def _check(document: BillingDocument, facts: Entry) -> None:
    gaps = document.tie_out_gaps()
    paid = sum(abs(_amount(payment, "amount") or 0) for payment in facts.get("payments") or [])
    due = abs(document.amount_due_units)
    open_units = abs(document.total_units) - paid
    closed = facts.get("status") in _SETTLED or document.kind == "credit_note"
    if due not in ({0, open_units} if closed else {open_units}):
        gaps.append("total less payments is not the amount due")
    if gaps:
        raise DocumentUnreadableError(
            f"Azure invoice {document.number} does not tie out: {'; '.join(gaps)}. Expected "
            "charges, credits and tax to give the total and the amount due; the original is kept, "
            "ask Microsoft or enter it by hand."
        )


def _line(description: str, amount_units: int, source_row: int) -> DocumentLine:
    return DocumentLine(
        description=description,
        quantity=None,
        unit_price=None,
        amount_units=amount_units,
        source_row=source_row,
    )


def _amount(facts: Entry, key: str) -> int | None:
    """Units of an amount; a credit note's may come with either sign."""
    found = facts.get(key)
    if found is None or found.get("value") is None:
        return None
    units = to_units(str(found["value"]))
    return abs(units) if facts.get("documentType") == "CreditNote" else units


def _currency(facts: Entry) -> str:
    keys = ("totalAmount", "billedAmount", "subTotal", "taxAmount", "amountDue", "creditAmount")
    found = {facts[key]["currency"] for key in keys if facts.get(key)}
    if len(found) != 1:
        raise ValueError(f"amounts in {sorted(found) or 'no'} currencies")
    currency: str = found.pop()
    return currency


def _bill_to(facts: Entry) -> str:
    names = ("billingProfileDisplayName", "subscriptionDisplayName", "billingProfileId")
    found = next((facts[key] for key in names if facts.get(key)), None)
    return str(found or facts.get("subscriptionId") or "")


def _name(identifier: Any) -> str | None:
    return str(identifier).rstrip("/").rpartition("/")[2] if identifier else None


def _optional_day(text: Any) -> date | None:
    return _day(text) if text else None


def _day(text: Any) -> date:
    """The UTC day of an instant; Azure gives Pacific midnights as well as UTC ones."""
    instant = datetime.fromisoformat(str(text))
    return (
        (instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant).astimezone(UTC).date()
    )
