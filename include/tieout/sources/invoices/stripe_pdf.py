"""PDF invoices, receipts and credit notes in Stripe's layout, as OpenAI and Anthropic send them.

Owns the reading of that layout. Words are assigned to the table's columns by their right edge,
because figures are set flush right; a document that does not tie out inside is refused, never
guessed at.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from tieout.core.errors import DocumentUnreadableError, MoneyFormatError
from tieout.core.money import to_units
from tieout.focus.document import BillingDocument, DocumentKind, DocumentLine
from tieout.sources.figures import DecimalMark, Figure, currency_of, decimal_mark, figure_of, plain
from tieout.sources.pdf_words import Page, Word, lines_of, read_words

NAME = "stripe_pdf"

_EDGE = 15  # tenths of a point: how far a figure may stand from its column's right edge
_SPACE = 40  # a blank inside a figure; columns stand further apart
_GUTTER = 200  # what stands this far right of a headline is another block
_KINDS: dict[str, DocumentKind] = {
    "Invoice": "invoice",
    "Tax invoice": "invoice",
    "Receipt": "receipt",
    "Credit note": "credit_note",
}
_FOREIGN = frozenset({
    "Rechnung", "Gutschrift", "Quittung", "Beleg", "Facture", "Reçu", "Avoir", "Factura", "Recibo",
    "Fattura", "Ricevuta", "Factuur", "Faktura", "Fatura", "Rachunek", "Creditnota", "請求書",
})  # fmt: skip
_HEADER = ("Description", "Qty", "Unit", "price", "Amount")
_COLUMNS = {"Qty": "quantity", "price": "unit_price", "Tax": "tax", "Amount": "amount"}
_LABELS = (
    "Invoice number", "Credit note number", "Original invoice number", "Original invoice",
    "Date of issue", "Date due", "Date paid",
)  # fmt: skip
_FOOTER = re.compile(r"Page \d+ of \d+$")
_RATE = re.compile(r"\d{1,3}([.,]\d+)?\s?%")
_TAX = re.compile(r"\b(VAT|GST|HST|PST|QST|JCT|IVA|TVA|MwSt|USt|BTW|Tax)\b", re.IGNORECASE)
_EXCLUDING_TAX = "Total excluding tax"
_INCLUSIVE = re.compile(r"\bincl(usive|uded|\.)", re.IGNORECASE)
_PERIODS = (
    re.compile(r"(\w{3,9} \d{1,2})(?:, (\d{4}))? [\u2013-] (\w{3,9} \d{1,2}), (\d{4})"),
    re.compile(r"(\d{1,2} \w{3,9})(?: (\d{4}))? [\u2013-] (\d{1,2} \w{3,9}) (\d{4})"),
)
_DAYS = ("%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%b %d %Y", "%Y-%m-%d")

Line = tuple[Word, ...]


@dataclass(slots=True)
class _Row:
    words: list[str]
    figures: dict[str, Figure]
    period: tuple[date, date] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Foot:
    """The block below the table: label and figure of each line, in order, `Subtotal` first."""

    before: tuple[tuple[str, Figure], ...]  # Subtotal and what follows, without Total
    total: Figure
    after: tuple[tuple[str, Figure], ...]  # applied balance and the like
    due: Figure | None


def read(content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
    """The one document in the PDF; `amount_due_units` is what is due, or was paid.

    A credit note's amounts are negative, however they are printed.

    Raises:
        DocumentUnreadableError: no such document, or it does not tie out inside.
    """
    pages = read_words(content, document_sha256=document_sha256)
    try:
        document = _parse(pages, document_sha256)
    except (_LayoutError, MoneyFormatError) as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} is not an invoice, receipt or credit note in "
            f"Stripe's layout ({error}); the original is kept, enter the document by hand."
        ) from error
    return (document,)


class _LayoutError(Exception):
    """The words do not stand where this layout has them."""


def _parse(pages: Sequence[Page], document_sha256: str) -> BillingDocument:
    lines = [line for number, page in enumerate(pages) for line in _body(page, number)]
    kind = _kind(lines)
    head, table, below = _sections(lines)
    facts = _facts(head)
    seller, bill_to = _parties(head)
    rows = list(_rows(table))
    foot = _foot(below, kind)
    money = [row.figures["amount"] for row in rows]
    money += [figure for _, figure in (*foot.before, *foot.after)]
    money += [foot.total, *([foot.due] if foot.due else [])]
    rest = [row.figures[name] for row in rows for name in row.figures if name != "amount"]
    currency = currency_of(money)
    reader = _Reader(decimal_mark(money, others=rest, currency=currency), _sign(kind, foot))
    periods = [row.period for row in rows if row.period]
    is_credit = kind == "credit_note"
    corrects = facts.get("Original invoice number") or facts.get("Original invoice")
    return reader.amounts(
        BillingDocument(
            kind=kind,
            number=_needed(facts, "Credit note number" if is_credit else "Invoice number"),
            seller=seller,
            bill_to=bill_to,
            currency=currency,
            issued_on=_day(_needed(facts, "Date paid" if kind == "receipt" else "Date of issue")),
            due_on=_day(facts["Date due"]) if "Date due" in facts else None,
            service_start=min((start for start, _ in periods), default=None),
            service_end=max((end for _, end in periods), default=None),
            lines=tuple(reader.line(row, number) for number, row in enumerate(rows, start=1)),
            subtotal_units=0,
            credit_units=0,
            tax_units=0,
            total_units=0,
            amount_due_units=0,
            document=document_sha256,
            corrects=(corrects or facts.get("Invoice number")) if is_credit else None,
        ),
        foot,
    )


def _kind(lines: Sequence[Line]) -> DocumentKind:
    for line in lines:
        headline = _text(_first_block(line))
        if headline.capitalize() in _KINDS:
            return _KINDS[headline.capitalize()]
        if headline.capitalize() in _FOREIGN:
            raise _LayoutError(
                f"the headline is {headline!r}, only documents in English are read; set the "
                "account's language to English"
            )
    raise _LayoutError("no headline Invoice, Receipt or Credit note")


def _body(page: Page, number: int) -> list[Line]:
    """Lines of a page without its footer; later pages repeat the table's header and start there."""
    lines = [_joined(line) for line in lines_of(page) if not _FOOTER.search(_text(line))]
    if number == 0:
        return lines
    start = next((place for place, line in enumerate(lines) if _is_header(line)), 0)
    return lines[start:]


def _joined(line: Line) -> Line:
    """Words that are one figure printed with blanks (`1 234,56 €`, `CHF 5.00`) as one word."""
    done: list[Word] = []
    for word in line:
        last = done[-1] if done else None
        both = f"{last.text} {word.text}" if last else ""
        is_one = last and word.left - last.right <= _SPACE
        if last and is_one and (figure_of(both) or _RATE.fullmatch(both)):
            done[-1] = replace(last, text=both, right=word.right)
        else:
            done.append(word)
    return tuple(done)


def _first_block(line: Line) -> Line:
    end = next(
        (place for place in range(1, len(line))
         if line[place].left - line[place - 1].right > _GUTTER),
        len(line),
    )  # fmt: skip
    return line[:end]


def _sections(lines: Sequence[Line]) -> tuple[list[Line], list[Line], list[Line]]:
    start = next((number for number, line in enumerate(lines) if _is_header(line)), None)
    if start is None:
        raise _LayoutError("no table with Description, Qty, Unit price and Amount")
    for number, line in enumerate(lines):
        is_subtotal = any(word.text == "Subtotal" for word in line)
        if number > start and is_subtotal and figure_of(line[-1].text):
            return list(lines[:start]), list(lines[start:number]), list(lines[number:])
    raise _LayoutError("no Subtotal below the table")


def _facts(head: Sequence[Line]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for line in head:
        text = _text(line)
        label = next((one for one in _LABELS if text.startswith(f"{one} ")), None)
        if label:
            facts.setdefault(label, text.removeprefix(label).strip())
    return facts


def _parties(head: Sequence[Line]) -> tuple[str, str]:
    for number, line in enumerate(head[:-1]):
        for place, word in enumerate(line[:-1]):
            if word.text == "Bill" and line[place + 1].text == "to":
                below = [other for other in head[number + 1] if other.left >= word.left - _EDGE]
                seller, bill_to = _text(line[:place]), _text(below)
                if seller and bill_to:
                    return seller, bill_to
    raise _LayoutError("no Bill to, or no name beside or below it")


def _rows(table: Sequence[Line]) -> Iterator[_Row]:
    """Table rows; text under a row belongs to it until its service period is printed."""
    edges: dict[str, int] = {}
    row: _Row | None = None
    for line in table:
        if _is_header(line):
            edges = {_COLUMNS[word.text]: word.right for word in line if word.text in _COLUMNS}
            continue
        cells = _cells(line, edges)
        words = [word.text for word in line if word not in cells.values()]
        if "amount" in cells:
            if row:
                yield row
            row = _Row(words, _read_cells(cells))
        elif row and row.period is None:
            row.period = _period(_text(line))
            row.words.extend(words if row.period is None else [])
    if row:
        yield row


def _cells(line: Line, edges: dict[str, int]) -> dict[str, Word]:
    return {
        name: word
        for word in line
        for name, edge in edges.items()
        if abs(word.right - edge) <= _EDGE
        and (figure_of(word.text) or (name == "tax" and _RATE.fullmatch(word.text)))
    }


def _read_cells(cells: dict[str, Word]) -> dict[str, Figure]:
    """Figures by column; the tax column is left out, because the tax lines below carry the tax."""
    read_cells = {name: figure_of(word.text) for name, word in cells.items() if name != "tax"}
    return {name: figure for name, figure in read_cells.items() if figure}


def _foot(below: Sequence[Line], kind: DocumentKind) -> _Foot:
    left = next(word.left for word in below[0] if word.text == "Subtotal")
    entries: list[tuple[str, Figure]] = []
    for line in below:
        words = [word for word in line if word.left >= left - _EDGE]  # notes stand further left
        figure = figure_of(words[-1].text) if len(words) > 1 else None
        if figure:
            entries.append((_text(words[:-1]), figure))
    labels = [label for label, _ in entries]
    if "Total" not in labels:
        raise _LayoutError("no Total below the table")
    place = labels.index("Total")
    known = dict(reversed(entries[place:]))
    order = ("Amount paid", "Amount due") if kind == "receipt" else ("Amount due", "Amount paid")
    due = next((label for label in order if label in known), None)
    if due is None and kind != "credit_note":
        raise _LayoutError("no Amount due or paid")
    end = labels.index(due) if due else len(entries)
    return _Foot(
        before=tuple(entries[:place]),
        total=entries[place][1],
        after=tuple(entries[place + 1 : end]),
        due=known[due] if due else None,
    )


def _sign(kind: DocumentKind, foot: _Foot) -> int:
    """-1 turns the figures of a credit note that are printed without a sign into credits."""
    return -1 if kind == "credit_note" and not foot.total.is_negative else 1


@dataclass(frozen=True, slots=True)
class _Reader:
    mark: DecimalMark
    sign: int

    def units(self, figure: Figure) -> int:
        return self.sign * to_units(plain(figure, self.mark))

    def line(self, row: _Row, number: int) -> DocumentLine:
        quantity, price = row.figures.get("quantity"), row.figures.get("unit_price")
        return DocumentLine(
            description=" ".join(row.words),
            quantity=plain(quantity, self.mark) if quantity else None,
            unit_price=plain(price, self.mark) if price else None,
            amount_units=self.units(row.figures["amount"]),
            source_row=number,
        )

    def amounts(self, document: BillingDocument, foot: _Foot) -> BillingDocument:
        """The document with the figures of its foot.

        Raises:
            _LayoutError: it does not tie out.
        """
        figures = [(label, self.units(figure)) for label, figure in foot.before]
        if any(_INCLUSIVE.search(label) for label, _ in figures):
            raise _LayoutError("its prices include the tax, only prices without tax are read")
        net = [units for label, units in figures if label == _EXCLUDING_TAX]
        rest = [entry for entry in figures[1:] if entry[0] != _EXCLUDING_TAX]
        tax = sum(units for label, units in rest if _TAX.search(label))
        total = self.units(foot.total)
        complete = replace(
            document,
            subtotal_units=figures[0][1],
            credit_units=sum(units for _, units in rest) - tax,
            tax_units=tax,
            total_units=total,
            amount_due_units=self.units(foot.due) if foot.due else total,
        )
        gaps = complete.tie_out_gaps()
        if any(units + tax != total for units in net):
            gaps.append("total excluding tax and tax do not add up to the total")
        gaps += self._balance_gaps(complete, foot)
        if gaps:
            raise _LayoutError("it does not tie out: " + "; ".join(gaps))
        return complete

    def _balance_gaps(self, document: BillingDocument, foot: _Foot) -> list[str]:
        after = [(label, self.units(figure)) for label, figure in foot.after]
        if document.kind == "credit_note":
            settled = sum(abs(units) for _, units in after)
            is_settled = settled in {0, abs(document.total_units)}
            return [] if is_settled else ["what is refunded or credited is not the total"]
        balance = sum(-abs(units) if label == "Amount paid" else units for label, units in after)
        if document.total_units + balance != document.amount_due_units:
            return ["total and applied balance do not add up to the amount due or paid"]
        return []


def _period(text: str) -> tuple[date, date] | None:
    match = next((found for one in _PERIODS if (found := one.fullmatch(text))), None)
    if not match:
        return None
    start, end = _day(f"{match[1]} {match[2] or match[4]}"), _day(f"{match[3]} {match[4]}")
    if start > end:
        raise _LayoutError(f"the service period {text!r} ends before it begins")
    return start, end


def _day(text: str) -> date:
    for pattern in _DAYS:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC).date()
        except ValueError:
            continue
    raise _LayoutError(f"{text[:30]!r} is not a date in English such as October 1, 2026")


def _needed(facts: dict[str, str], label: str) -> str:
    if label not in facts:
        raise _LayoutError(f"no {label}")
    return facts[label]


def _is_header(line: Line) -> bool:
    words = [word.text for word in line]
    return all(name in words for name in _HEADER)


def _text(line: Sequence[Word]) -> str:
    return " ".join(word.text for word in line)
