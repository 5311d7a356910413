"""Google's invoice as the cost table that the console lets people download as CSV.

Owns the layout as of August 2026: a block of facts (invoice number, dates, billing account,
currency, total), the table with one row for each project, SKU and credit, then rounding and total.
The amount of a line is its unrounded cost; the rounding line closes the gap to the total.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tieout.core.errors import DocumentUnreadableError, MoneyFormatError
from tieout.core.money import SCALE, format_units, minor_digits, parse_decimal, to_units
from tieout.core.period import Period, period_of
from tieout.focus.document import BillingDocument, DocumentLine
from tieout.sources.documents import clean_name, clean_text
from tieout.sources.gcp_services import credit_description
from tieout.sources.limits import MAX_DOCUMENT_BYTES

NAME = "gcp_cost_table"
SELLER = "Google Cloud"
ROUNDING = "Rounding error"

MAX_ROWS = 200_000
_LAST_PLACE = 10 ** (SCALE - 6)  # unrounded costs are printed with six decimals
_COLUMNS = (
    "billing account id", "service description", "sku description", "sku id", "credit type",
    "cost type", "usage start date", "usage end date", "usage amount", "usage unit",
)  # fmt: skip
_UNROUNDED = re.compile(r"unrounded cost \(.{1,5}\)")
_ROUNDED = re.compile(r"cost \(.{1,5}\)")
_CHARGES = frozenset({"usage", "adjustment", "fee", "credit"})
_TAX, _ROUNDING, _TOTAL = "tax", "rounding error", "total"
_MONEY = re.compile(r"(-?)([^\d\s,.\-]{0,4})(-?)((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CODE = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row of the table: `units` is the unrounded cost, `rounded` the cost beside it."""

    number: int
    kind: str
    cells: Mapping[str, str]
    units: int
    rounded: int


class _LayoutError(Exception):
    """The text is not laid out like a cost table."""


def read(content: bytes, *, document_sha256: str) -> tuple[BillingDocument, ...]:
    """The one invoice of the file; `source_row` of a line counts the table's rows from 1.

    The service period is the invoice month: that of the invoice date if it is a month's last day
    (as Google dates), else the month before.

    Raises:
        DocumentUnreadableError: no such file, filtered, or it does not tie out inside.
    """
    try:
        facts, rows = _parsed(content)
        return (_document(facts, rows, document_sha256),)
    except (_LayoutError, MoneyFormatError, DocumentUnreadableError) as error:
        raise DocumentUnreadableError(
            f"Document {document_sha256[:12]} is not a whole cost table of Google Cloud ({error}); "
            "the original is kept, download it again with the default filters and all savings, in "
            "English."
        ) from error


def _document(facts: Mapping[str, str], rows: Sequence[_Row], digest: str) -> BillingDocument:
    currency = _needed(facts, "currency")
    if not _CODE.fullmatch(currency):
        raise _LayoutError(f"{currency[:10]!r} is not a currency code such as USD")
    issued = _day(_needed(facts, "invoice date"))
    month = _invoice_month(issued)
    total = _units(_needed(facts, "total amount due"))
    lines = [_line(row) for row in rows if row.kind in _CHARGES]
    tax = sum(row.units for row in rows if row.kind == _TAX)
    rest = total - tax - sum(line.amount_units for line in lines)
    if not lines:
        raise _LayoutError("it has no charges")
    _check(rows, total=total, rest=rest, currency=currency)
    if rest:
        lines.append(_rounding_line(rest, len(rows) + 1, rows))
    document = BillingDocument(
        kind="credit_note" if total < 0 else "invoice",
        number=clean_name(_needed(facts, "invoice number"), what="the invoice number"),
        seller=SELLER,
        bill_to=clean_name(_needed(facts, "billing account id"), what="the billing account"),
        currency=currency,
        issued_on=issued,
        due_on=_day(facts["due date"]) if facts.get("due date") else None,
        service_start=month.start_on,
        service_end=month.last_on,
        lines=tuple(lines),
        subtotal_units=sum(line.amount_units for line in lines),
        credit_units=0,
        tax_units=tax,
        total_units=total,
        amount_due_units=total,
        document=digest,
    )
    gaps = document.tie_out_gaps()
    if gaps:
        raise _LayoutError("; ".join(gaps))
    return document


def _check(rows: Sequence[_Row], *, total: int, rest: int, currency: str) -> None:
    """The table's own rounding and total, and each row's two costs, must agree with the sum."""
    half = 10 ** (SCALE - minor_digits(currency)) // 2
    for row in rows:
        if row.kind != _ROUNDING and abs(row.units - row.rounded) > half:
            raise _LayoutError(
                f"row {row.number} has the unrounded cost {format_units(row.units)} and the cost "
                f"{format_units(row.rounded)}"
            )
    printed = [row.units for row in rows if row.kind == _ROUNDING]
    allowed = len(rows) * _LAST_PLACE // 2 + (_LAST_PLACE if printed else half)
    if abs(rest - sum(printed)) > allowed:
        raise _LayoutError(
            f"its rows and rounding differ from the total by {format_units(rest - sum(printed))}, "
            "as if rows or savings were filtered out"
        )
    for row in rows:
        if row.kind == _TOTAL and row.rounded != total:
            raise _LayoutError(
                f"the table ends with {format_units(row.rounded)}, but {format_units(total)} is due"
            )


def _line(row: _Row) -> DocumentLine:
    sku = row.cells["sku description"] or row.cells["service description"]
    amount = row.cells["usage amount"].replace(",", "")
    unit = row.cells["usage unit"]
    return DocumentLine(
        description=clean_text(credit_description(sku, row.cells["credit type"])),
        quantity=clean_text(f"{amount} {unit}") if amount else None,
        unit_price=None,
        amount_units=row.units,
        source_row=row.number,
    )


def _rounding_line(units: int, number: int, rows: Sequence[_Row]) -> DocumentLine:
    printed = next((row.number for row in rows if row.kind == _ROUNDING), number)
    return DocumentLine(
        description=ROUNDING,
        quantity=None,
        unit_price=None,
        amount_units=units,
        source_row=printed,
    )


def _parsed(content: bytes) -> tuple[dict[str, str], list[_Row]]:
    if len(content) > MAX_DOCUMENT_BYTES:
        raise _LayoutError(f"it has {len(content):,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _LayoutError("it is not UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        facts, header = _head(reader)
        rows = list(_rows(reader, header))
    except csv.Error as error:
        raise _LayoutError(f"it is no CSV: {error}") from None
    return facts, rows


def _head(reader: Iterator[list[str]]) -> tuple[dict[str, str], list[str]]:
    """The facts above the table, and the table's header in lower case."""
    facts: dict[str, str] = {}
    for cells in reader:
        names = [cell.strip().lower() for cell in cells]
        if "cost type" in names:
            return facts, _checked(names)
        if len(names) > 1 and names[0]:
            if names[0] in facts:
                raise _LayoutError(f"{names[0]!r} is stated twice")
            facts[names[0]] = cells[1].strip()
    raise _LayoutError("it has no table with the column Cost type")


def _checked(names: list[str]) -> list[str]:
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise _LayoutError(f"it has no column {', '.join(missing)}")
    for pattern in (_UNROUNDED, _ROUNDED):
        if sum(1 for name in names if pattern.fullmatch(name)) != 1:
            raise _LayoutError(f"it needs one column of the form {pattern.pattern}")
    if len(set(names)) != len(names):
        raise _LayoutError("a column appears twice")
    return names


def _rows(reader: Iterator[list[str]], header: list[str]) -> Iterator[_Row]:
    number = 0
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        number += 1
        if number > MAX_ROWS:
            raise _LayoutError(f"it has more than {MAX_ROWS:,} rows")
        if len(cells) != len(header):
            raise _LayoutError(f"row {number} has {len(cells)} cells, not {len(header)}")
        yield _row(dict(zip(header, (cell.strip() for cell in cells), strict=True)), number)


def _row(cells: Mapping[str, str], number: int) -> _Row:
    kind = cells["cost type"].lower()
    if kind not in {*_CHARGES, _TAX, _ROUNDING, _TOTAL}:
        raise _LayoutError(f"row {number} has the cost type {cells['cost type'][:30]!r}")
    unrounded = next(cells[name] for name in cells if _UNROUNDED.fullmatch(name))
    rounded = next(cells[name] for name in cells if _ROUNDED.fullmatch(name))
    return _Row(
        number=number, kind=kind, cells=cells, units=_units(unrounded), rounded=_units(rounded)
    )


def _units(text: str) -> int:
    """Units of `$1,234.56`, `-$0.10` or `-0.003441`."""
    match = _MONEY.fullmatch(text)
    if not match or (match[1] and match[3]):
        raise _LayoutError(f"{text[:30]!r} is not an amount such as 1,234.56")
    units = to_units(parse_decimal(match[4].replace(",", "")))
    return -units if match[1] or match[3] else units


def _invoice_month(issued: date) -> Period:
    month = period_of(issued)
    return month if issued == month.last_on else month.previous()


def _day(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _LayoutError(f"{text[:20]!r} is not a day such as 2026-10-31")


def _needed(facts: Mapping[str, str], name: str) -> str:
    if not facts.get(name):
        raise _LayoutError(f"it states no {name!r} above the table")
    return facts[name]
