"""PDF invoices and receipts in Stripe's layout, as OpenAI and Anthropic send them.

Owns the reading of that layout. Words are assigned to the table's columns by their right edge,
because figures are set flush right; a document that does not tie out inside is refused, never
guessed at.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tieout.core.errors import DocumentUnreadableError, MoneyFormatError
from tieout.core.money import to_units
from tieout.focus.document import BillingDocument, DocumentKind, DocumentLine
from tieout.sources.pdf_words import Page, Word, lines_of, read_words

NAME = "stripe_pdf"

_EDGE = 15  # tenths of a point: how far a figure may stand from its column's right edge
_KINDS: dict[str, DocumentKind] = {"Invoice": "invoice", "Receipt": "receipt"}
_HEADER = ("Description", "Qty", "Unit", "price", "Amount")
_FOOTER = re.compile(r"Page \d+ of \d+$")
_FIGURE = re.compile(r"^-?[$€£]?\d+(,\d{3})*(\.\d+)?$")
_TAX = re.compile(r"^(VAT|GST|HST|PST|QST|Tax|Sales tax)\b", re.IGNORECASE)
_PERIOD = re.compile(r"^(\w{3} \d{1,2})(, \d{4})? [\u2013-] (\w{3} \d{1,2}), (\d{4})$")
_CURRENCY = re.compile(r"\b([A-Z]{3})$")
_DUE = ("Amount due", "Amount paid")

Line = tuple[Word, ...]


@dataclass(slots=True)
class _Row:
    words: list[str]
    figures: dict[str, str]
    period: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    subtotal: int
    credit: int
    tax: int
    total: int
    balance: int
    due: int
    currency: str


def read(content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
    """The one invoice or receipt in the PDF; `amount_due_units` is what is due, or was paid.

    Raises:
        DocumentUnreadableError: no such document, or it does not tie out inside.
    """
    pages = read_words(content, document_sha256=document_sha256)
    try:
        document = _parse(pages, document_sha256)
    except (_LayoutError, MoneyFormatError) as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} is not an invoice or receipt in Stripe's layout "
            f"({error}); the original is kept, enter the document by hand."
        ) from error
    return (document,)


class _LayoutError(Exception):
    """The words do not stand where this layout has them."""


def _parse(pages: Sequence[Page], document_sha256: str) -> BillingDocument:
    lines = [line for number, page in enumerate(pages) for line in _body(page, number)]
    head, table, foot = _sections(lines)
    kind = next((_KINDS[text] for line in head if (text := _text(line)) in _KINDS), None)
    if kind is None:
        raise _LayoutError("no headline Invoice or Receipt")
    facts = _facts(head)
    seller, bill_to = _parties(head)
    totals = _totals(foot)
    rows = list(_rows(table))
    periods = [row.period for row in rows if row.period]
    document = BillingDocument(
        kind=kind,
        number=_needed(facts, "Invoice number"),
        seller=seller,
        bill_to=bill_to,
        currency=totals.currency,
        issued_on=_day(_needed(facts, "Date paid" if kind == "receipt" else "Date of issue")),
        due_on=_day(facts["Date due"]) if "Date due" in facts else None,
        service_start=min((start for start, _ in periods), default=None),
        service_end=max((end for _, end in periods), default=None),
        lines=tuple(_document_line(row, number) for number, row in enumerate(rows, start=1)),
        subtotal_units=totals.subtotal,
        credit_units=totals.credit,
        tax_units=totals.tax,
        total_units=totals.total,
        amount_due_units=totals.due,
        document=document_sha256,
    )
    _check_ties(document, totals)
    return document


def _check_ties(document: BillingDocument, totals: _Totals) -> None:
    gaps = document.tie_out_gaps()
    if totals.total + totals.balance != totals.due:
        gaps.append("total and applied balance do not add up to the amount due or paid")
    if gaps:
        raise _LayoutError("it does not tie out: " + "; ".join(gaps))


def _body(page: Page, number: int) -> list[Line]:
    """Lines of a page without its footer; later pages repeat the table's header and start there."""
    lines = [line for line in lines_of(page) if not _FOOTER.search(_text(line))]
    if number == 0:
        return lines
    start = next((place for place, line in enumerate(lines) if _is_header(line)), 0)
    return lines[start:]


def _sections(lines: Sequence[Line]) -> tuple[list[Line], list[Line], list[Line]]:
    start = next((number for number, line in enumerate(lines) if _is_header(line)), None)
    if start is None:
        raise _LayoutError("no table with Description, Qty, Unit price and Amount")
    end = next(
        (number for number, line in enumerate(lines) if _text(line).startswith("Subtotal ")), None
    )
    if end is None or end < start:
        raise _LayoutError("no Subtotal below the table")
    return list(lines[:start]), list(lines[start:end]), list(lines[end:])


def _facts(head: Sequence[Line]) -> dict[str, str]:
    labels = ("Invoice number", "Date of issue", "Date due", "Date paid")
    facts = {}
    for line in head:
        text = _text(line)
        for label in labels:
            if text.startswith(f"{label} "):
                facts[label] = text.removeprefix(label).strip()
    return facts


def _parties(head: Sequence[Line]) -> tuple[str, str]:
    for number, line in enumerate(head[:-1]):
        for place, word in enumerate(line[:-1]):
            if word.text == "Bill" and line[place + 1].text == "to":
                below = [other for other in head[number + 1] if other.left >= word.left - _EDGE]
                return _text(line[:place]), _text(below)
    raise _LayoutError("no Bill to")


def _rows(table: Sequence[Line]) -> Iterator[_Row]:
    """Table rows; text under a row belongs to it until its service period is printed."""
    edges: dict[str, int] = {}
    row: _Row | None = None
    for line in table:
        if _is_header(line):
            edges = _edges(line)
            continue
        figures = _figures(line, edges)
        words = [word.text for word in line if word not in figures.values()]
        if "amount" in figures:
            if row:
                yield row
            row = _Row(words, {name: word.text for name, word in figures.items()})
        elif row and row.period is None:
            row.period = _period(_text(line))
            row.words.extend(words if row.period is None else [])
    if row:
        yield row


def _edges(header: Line) -> dict[str, int]:
    names = {"Qty": "quantity", "price": "unit_price", "Amount": "amount"}
    return {names[word.text]: word.right for word in header if word.text in names}


def _figures(line: Line, edges: dict[str, int]) -> dict[str, Word]:
    found = {}
    for word in line:
        for name, edge in edges.items():
            if abs(word.right - edge) <= _EDGE and _FIGURE.match(word.text):
                found[name] = word
    return found


def _document_line(row: _Row, number: int) -> DocumentLine:
    return DocumentLine(
        description=" ".join(row.words),
        quantity=_plain(row.figures["quantity"]) if "quantity" in row.figures else None,
        unit_price=_plain(row.figures["unit_price"]) if "unit_price" in row.figures else None,
        amount_units=_units(row.figures["amount"]),
        source_row=number,
    )


def _totals(foot: Sequence[Line]) -> _Totals:
    figures = [_labelled(line) for line in foot]
    known = {label: units for label, units in figures if label}
    due = next((known[label] for label in _DUE if label in known), None)
    if due is None or "Total" not in known:
        raise _LayoutError("no Total, or no Amount due or paid")
    order = [label for label, _ in figures]
    between = figures[1 : order.index("Total")]
    after = figures[order.index("Total") + 1 :]
    tax = sum(units for label, units in between if _TAX.match(label))
    credit = sum(
        units
        for label, units in between
        if label and label != "Total excluding tax" and not _TAX.match(label)
    )
    balance = sum(units for label, units in after if label and label not in _DUE)
    last = next(_text(line) for line in foot if _text(line).startswith(_DUE))
    currency = _CURRENCY.search(last)
    if not currency:
        raise _LayoutError("no currency behind the amount due or paid")
    return _Totals(
        subtotal=known["Subtotal"],
        credit=credit,
        tax=tax,
        total=known["Total"],
        balance=balance,
        due=due,
        currency=currency[1],
    )


def _labelled(line: Line) -> tuple[str, int]:
    """Label and amount of a totals line; an empty label for any other text."""
    words = [word.text for word in line]
    if len(words) > 1 and re.fullmatch(r"[A-Z]{3}", words[-1]):
        words = words[:-1]
    if not _FIGURE.match(words[-1]) or len(words) == 1:
        return "", 0
    return " ".join(words[:-1]), _units(words[-1])


def _period(text: str) -> tuple[date, date] | None:
    match = _PERIOD.match(text)
    if not match:
        return None
    start_year = match[2].removeprefix(", ") if match[2] else match[4]
    return _short_day(f"{match[1]} {start_year}"), _short_day(f"{match[3]} {match[4]}")


def _short_day(text: str) -> date:
    return _parsed_day(text, "%b %d %Y")


def _day(text: str) -> date:
    return _parsed_day(text, "%B %d, %Y")


def _parsed_day(text: str, pattern: str) -> date:
    try:
        return datetime.strptime(text, pattern).date()  # noqa: DTZ007  a printed date has no zone
    except ValueError:
        raise _LayoutError(f"{text[:30]!r} is not a date") from None


def _needed(facts: dict[str, str], label: str) -> str:
    if label not in facts:
        raise _LayoutError(f"no {label}")
    return facts[label]


def _is_header(line: Line) -> bool:
    words = [word.text for word in line]
    return all(name in words for name in _HEADER)


def _plain(figure: str) -> str:
    return re.sub(r"[$€£,]", "", figure)


def _units(figure: str) -> int:
    return to_units(_plain(figure))


def _text(line: Sequence[Word]) -> str:
    return " ".join(word.text for word in line)
