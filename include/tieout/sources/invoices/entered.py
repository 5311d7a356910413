"""Billing documents that a person typed: a manual entry, or what a file that nothing reads says.

Owns the JSON form. It carries who entered it, why, and the SHA-256 of the document that proves it;
the same entry always gives the same bytes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from tieout.audit.canonical import canonical_bytes
from tieout.core.errors import DocumentUnreadableError, MoneyFormatError, SourceAnswerError
from tieout.core.money import format_units, parse_decimal, to_units
from tieout.focus.document import BillingDocument, DocumentKind, DocumentLine
from tieout.sources.documents import ENTERED, clean_name, clean_text, gaps_of, is_sha256
from tieout.sources.limits import MAX_DOCUMENT_BYTES, load_json

NAME = "entered"

_KINDS: dict[object, DocumentKind] = {
    "invoice": "invoice",
    "receipt": "receipt",
    "credit_note": "credit_note",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_KEYS = frozenset({"format", "entered_by", "reason", "evidence_sha256", "document"})
_DOCUMENT_KEYS = frozenset({
    "kind", "number", "seller", "bill_to", "currency", "issued_on", "due_on", "service_start",
    "service_end", "lines", "subtotal", "credit", "tax", "total", "amount_due", "corrects",
})  # fmt: skip
_LINE_KEYS = frozenset({"description", "quantity", "unit_price", "amount"})
_WRONG = (DocumentUnreadableError, MoneyFormatError, SourceAnswerError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A document that was entered, by whom, why, and the SHA-256 of the bytes that prove it."""

    document: BillingDocument
    entered_by: str
    reason: str
    evidence_sha256: str


def read(content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
    """The one document in the entry; its `document` is the entry's own SHA-256.

    Raises:
        DocumentUnreadableError: no such entry, or it does not tie out inside.
    """
    return (read_entry(content, document_sha256=document_sha256).document,)


def read_entry(content: bytes, *, document_sha256: str) -> Entry:
    """The document with who entered it, why, and the evidence.

    Raises:
        DocumentUnreadableError: no such entry, or it does not tie out inside.
    """
    try:
        return _entry(content, document_sha256)
    except _WRONG as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} is not an entered billing document ({error}); "
            "correct the entry as docs/reference/invoices/entered.md describes it."
        ) from error


def entered_json(
    document: BillingDocument, *, entered_by: str, reason: str, evidence_sha256: str
) -> bytes:
    """The entry as canonical bytes, which `read` takes; equal entries give equal bytes.

    `document.document` is not written: an entry's SHA-256 is that of its own bytes.

    Raises:
        DocumentUnreadableError: the document does not tie out, or name, reason or evidence are not
            what they should be.
    """
    value = {
        "format": ENTERED,
        "entered_by": entered_by,
        "reason": reason,
        "evidence_sha256": evidence_sha256,
        "document": _shown(document),
    }
    content = canonical_bytes(value)
    read_entry(content, document_sha256=document.document or evidence_sha256)
    return content


def _entry(content: bytes, document_sha256: str) -> Entry:
    if len(content) > MAX_DOCUMENT_BYTES:
        raise DocumentUnreadableError(f"it has {len(content):,} bytes")
    value = _object(load_json(content, name="the entry"), _KEYS, "the entry")
    if value["format"] != ENTERED:
        raise DocumentUnreadableError(f"format is not {ENTERED!r}")
    evidence = _text(value, "evidence_sha256")
    if not is_sha256(evidence):
        raise DocumentUnreadableError("evidence_sha256 is not 64 lower-case hex digits")
    document = _document(_object(value["document"], _DOCUMENT_KEYS, "document"), document_sha256)
    gaps = gaps_of(document)
    if gaps:
        raise DocumentUnreadableError("it does not tie out: " + "; ".join(gaps))
    return Entry(
        document=document,
        entered_by=clean_name(_text(value, "entered_by"), what="entered_by"),
        reason=clean_name(_text(value, "reason"), what="reason"),
        evidence_sha256=evidence,
    )


def _document(value: Mapping[str, Any], document_sha256: str) -> BillingDocument:
    kind = _KINDS.get(value["kind"]) if isinstance(value["kind"], str) else None
    if kind is None:
        raise DocumentUnreadableError(f"kind is not one of {', '.join(map(str, _KINDS))}")
    if not isinstance(value["lines"], list):
        raise DocumentUnreadableError("lines is not a list")
    issued_on = _day(value, "issued_on")
    if issued_on is None:
        raise DocumentUnreadableError("issued_on is missing")
    return BillingDocument(
        kind=kind,
        number=clean_name(_text(value, "number"), what="number"),
        seller=clean_name(_text(value, "seller"), what="seller"),
        bill_to=clean_name(_text(value, "bill_to"), what="bill_to"),
        currency=_text(value, "currency"),
        issued_on=issued_on,
        due_on=_day(value, "due_on"),
        service_start=_day(value, "service_start"),
        service_end=_day(value, "service_end"),
        lines=tuple(_line(line, number) for number, line in enumerate(value["lines"], start=1)),
        subtotal_units=_units(value, "subtotal"),
        credit_units=_units(value, "credit"),
        tax_units=_units(value, "tax"),
        total_units=_units(value, "total"),
        amount_due_units=_units(value, "amount_due"),
        document=document_sha256,
        corrects=_optional_name(value, "corrects"),
    )


def _line(value: object, number: int) -> DocumentLine:
    line = _object(value, _LINE_KEYS, f"line {number}")
    return DocumentLine(
        description=clean_text(_text(line, "description")),
        quantity=_figure(line, "quantity"),
        unit_price=_figure(line, "unit_price"),
        amount_units=_units(line, "amount"),
        source_row=number,
    )


def _object(value: object, keys: frozenset[str], name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DocumentUnreadableError(f"{name} is not an object")
    if value.keys() != keys:
        wrong = ", ".join(sorted(str(key)[:30] for key in value.keys() ^ keys)[:5])
        raise DocumentUnreadableError(f"{name} lacks or has too many keys: {wrong}")
    return value


def _text(value: Mapping[str, Any], key: str) -> str:
    if not isinstance(value[key], str):
        raise DocumentUnreadableError(f"{key} is not a text")
    return str(value[key])


def _optional_name(value: Mapping[str, Any], key: str) -> str | None:
    return None if value[key] is None else clean_name(_text(value, key), what=key)


def _units(value: Mapping[str, Any], key: str) -> int:
    return to_units(_text(value, key))


def _figure(value: Mapping[str, Any], key: str) -> str | None:
    if value[key] is None:
        return None
    text = _text(value, key)
    parse_decimal(text)
    return text


def _day(value: Mapping[str, Any], key: str) -> date | None:
    if value[key] is None:
        return None
    text = _text(value, key)
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        raise DocumentUnreadableError(f"{key} is {text[:20]!r}, not a date as 2026-10-31") from None


def _shown(document: BillingDocument) -> dict[str, object]:
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
                "amount": format_units(line.amount_units),
            }
            for line in document.lines
        ],
        "subtotal": format_units(document.subtotal_units),
        "credit": format_units(document.credit_units),
        "tax": format_units(document.tax_units),
        "total": format_units(document.total_units),
        "amount_due": format_units(document.amount_due_units),
        "corrects": document.corrects,
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
