"""Billing documents as a CSV that a person or an export writes: one row for each printed line.

Owns the columns and their rules. Facts of a document stand in its first row and may be repeated or
left empty in the others; text that looks like a formula stays text.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from tieout.core.errors import DocumentUnreadableError, MoneyFormatError
from tieout.core.money import parse_decimal, to_units
from tieout.focus.document import BillingDocument, DocumentKind, DocumentLine
from tieout.sources.documents import clean_name, clean_text, gaps_of
from tieout.sources.limits import MAX_DOCUMENT_BYTES

NAME = "document_csv"

MAX_ROWS = 100_000

_KINDS: dict[str, DocumentKind] = {
    "invoice": "invoice",
    "receipt": "receipt",
    "credit_note": "credit_note",
}
_REQUIRED = (
    "number", "kind", "seller", "bill_to", "currency", "issued_on", "description", "amount",
    "total",
)  # fmt: skip
_OPTIONAL = (
    "due_on", "service_start", "service_end", "quantity", "unit_price", "subtotal", "credit", "tax",
    "balance", "amount_due", "corrects",
)  # fmt: skip
_OF_A_LINE = frozenset({"description", "quantity", "unit_price", "amount"})
_OF_A_DOCUMENT = tuple(name for name in (*_REQUIRED, *_OPTIONAL) if name not in _OF_A_LINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DECIMAL_COMMA = re.compile(r"[-+]?[\d.' \u00a0]*\d,\d+")

Row = tuple[int, Mapping[str, str]]


def read(content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
    """All documents of the file, in the order of their first rows; `source_row` counts data rows.

    `credit` and `tax` left out are zero, `subtotal` is the sum of the lines, `amount_due` the total
    and `balance` (what was paid before, negative).

    Raises:
        DocumentUnreadableError: not such a CSV, or a document does not tie out inside; nothing of
            the file is taken.
    """
    try:
        documents: dict[str, list[Row]] = {}
        for row in _rows(content):
            documents.setdefault(row[1]["number"], []).append(row)
        return tuple(_document(rows, document_sha256) for rows in documents.values())
    except (DocumentUnreadableError, MoneyFormatError) as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} is not a CSV of billing documents ({error}); nothing "
            "of it was taken, correct it as docs/reference/invoices/document_csv.md describes."
        ) from error


def _rows(content: bytes) -> Iterator[Row]:
    """Data rows with their numbers, empty ones left out; the facts of each cell still as text."""
    if len(content) > MAX_DOCUMENT_BYTES:
        raise DocumentUnreadableError(f"it has {len(content):,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentUnreadableError("it is not UTF-8; save it as CSV UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    try:
        header = _header(next(reader, []))
        for number, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                yield number, _cells(header, cells, number)
    except csv.Error as error:
        raise DocumentUnreadableError(f"line {reader.line_num} is no CSV: {error}") from None
    if not 0 < number <= MAX_ROWS:
        raise DocumentUnreadableError(f"it has {number:,} rows, expected 1 to {MAX_ROWS:,}")


def _header(cells: Sequence[str]) -> list[str]:
    if len(cells) == 1 and (mark := next((one for one in ";\t" if one in cells[0]), None)):
        found = "semicolons" if mark == ";" else "tabs"
        raise DocumentUnreadableError(
            f"its cells are separated by {found}; separate them by commas, and write amounts with "
            "a decimal point"
        )
    names = [cell.strip().lower() for cell in cells]
    missing = [name for name in _REQUIRED if name not in names]
    unknown = [name for name in names if name not in (*_REQUIRED, *_OPTIONAL)]
    twice = sorted({name for name in names if names.count(name) > 1})
    wrong = {"lacks": missing, "has unknown": unknown, "repeats": twice}
    for word, columns in wrong.items():
        if columns:
            listed = ", ".join(repr(name[:30]) for name in columns[:5])
            raise DocumentUnreadableError(f"its header {word} columns {listed}")
    return names


def _cells(header: Sequence[str], cells: Sequence[str], number: int) -> Mapping[str, str]:
    if len(cells) != len(header):
        raise DocumentUnreadableError(
            f"row {number} has {len(cells)} cells, the header {len(header)}"
        )
    row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    if not row["number"]:
        raise DocumentUnreadableError(f"row {number} has no number")
    return row


def _document(rows: Sequence[Row], document_sha256: str) -> BillingDocument:
    first = rows[0][0]
    facts = _facts(rows)
    lines = tuple(_line(row, number) for number, row in rows)
    total = _units(facts, "total", first)
    kind = _KINDS.get(facts["kind"])
    issued_on = _day(facts, "issued_on", first)
    if kind is None or issued_on is None:
        raise DocumentUnreadableError(
            f"row {first} needs a kind ({', '.join(_KINDS)}) and issued_on"
        )
    document = BillingDocument(
        kind=kind,
        number=_name(facts, "number", first),
        seller=_name(facts, "seller", first),
        bill_to=_name(facts, "bill_to", first),
        currency=facts["currency"],
        issued_on=issued_on,
        due_on=_day(facts, "due_on", first),
        service_start=_day(facts, "service_start", first),
        service_end=_day(facts, "service_end", first),
        lines=lines,
        subtotal_units=(
            _units(facts, "subtotal", first)
            if facts.get("subtotal")
            else sum(line.amount_units for line in lines)
        ),
        credit_units=_units(facts, "credit", first),
        tax_units=_units(facts, "tax", first),
        total_units=total,
        amount_due_units=total + _units(facts, "balance", first),
        document=document_sha256,
        corrects=_name(facts, "corrects", first) if facts.get("corrects") else None,
    )
    _check(document, facts, first)
    return document


def _check(document: BillingDocument, facts: Mapping[str, str], first: int) -> None:
    gaps = gaps_of(document)
    if not facts["total"]:
        gaps.append("it has no total")
    due = facts.get("amount_due")
    if due and _units(facts, "amount_due", first) != document.amount_due_units:
        gaps.append("total and balance do not add up to amount_due")
    if gaps:
        raise DocumentUnreadableError(
            f"{document.number} of row {first} does not tie out: {'; '.join(gaps)}"
        )


def _facts(rows: Sequence[Row]) -> dict[str, str]:
    """The document's own facts: those of its first row, which no later row may contradict."""
    first_number, first = rows[0]
    facts = {name: first.get(name, "") for name in _OF_A_DOCUMENT}
    for number, row in rows[1:]:
        for name, value in facts.items():
            if row.get(name, "") not in {"", value}:
                raise DocumentUnreadableError(
                    f"row {number} gives {name} as {row[name][:40]!r}, row {first_number} of the "
                    f"same number as {value[:40]!r}"
                )
    return facts


def _line(row: Mapping[str, str], number: int) -> DocumentLine:
    if not row["amount"] or not row["description"]:
        raise DocumentUnreadableError(f"row {number} needs a description and an amount")
    return DocumentLine(
        description=clean_text(row["description"]),
        quantity=_figure(row, "quantity", number),
        unit_price=_figure(row, "unit_price", number),
        amount_units=_units(row, "amount", number),
        source_row=number,
    )


def _name(facts: Mapping[str, str], name: str, number: int) -> str:
    return clean_name(facts[name], what=f"{name} of row {number}")


def _figure(row: Mapping[str, str], name: str, number: int) -> str | None:
    text = row.get(name, "")
    if text:
        _units(row, name, number)
    return text or None


def _units(row: Mapping[str, str], name: str, number: int) -> int:
    """An amount in units of 1e-12; an empty or missing cell is zero."""
    text = row.get(name, "")
    if _DECIMAL_COMMA.fullmatch(text):
        raise DocumentUnreadableError(
            f"{name} of row {number} is {text[:40]!r}; write it with a decimal point and without "
            "thousands marks"
        )
    try:
        return to_units(parse_decimal(text)) if text else 0
    except MoneyFormatError as error:
        raise DocumentUnreadableError(f"{name} of row {number}: {error}") from error


def _day(facts: Mapping[str, str], name: str, number: int) -> date | None:
    text = facts.get(name, "")
    if not text:
        return None
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        raise DocumentUnreadableError(
            f"{name} of row {number} is {text[:20]!r}, not a date as 2026-10-31"
        ) from None
