"""PDF documents of the second month: October's with other texts in the same places.

Figures are set flush right, so a text of another width moves by the difference. Owns the texts;
`build.rewritten` owns the streams.
"""

import base64
import re
import zlib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import build

_STREAM = re.compile(rb"/Length \d+\s*>>\s*stream\r?\n(.*?)endstream", re.DOTALL)
_TEXT = re.compile(rb"BT /F\d (\d+) Tf [\d.]+ TL ET\nBT 1 0 0 1 ([\d.]+) ([\d.]+) Tm \((.*)\) Tj")
_SHOWN = b"BT 1 0 0 1 %s %s Tm (%s) Tj"
_NARROW, _DASH, _DIGIT = Decimal("0.278"), Decimal("0.333"), Decimal("0.556")  # Helvetica's widths
_TABLE = (Decimal(300), Decimal(470))  # figures of a row: quantity and unit price before amounts
_FIGURE = re.compile(r"-?\$?[\d,]+(\.\d+)?")

Paper = dict[str, Any]


def invoice_pdf(pdf: bytes, before: Paper, after: Paper) -> bytes:
    """October's invoice as the one of another month: number, days, lines and totals."""
    rows = [
        [_count(line["quantity"]), f"${line['unit_price']}", _money(line["amount"])]
        for line in after["lines"]
    ]
    total, due = _money(after["total"]), _long(after["date_due"])
    texts = {
        before["number"]: after["number"],
        _long(before["date_issue"]): _long(after["date_issue"]),
        _long(before["date_due"]): due,
        _span(before): _span(after),
        _money(before["subtotal"]): _money(after["subtotal"]),
        _money(before["credit"]): _money(after["credit"]),
        _money(before["total"]): total,
        f"{_money(before['total'])} USD": f"{total} USD",
    }
    old_due = _long(before["date_due"])
    texts[f"{_money(before['total'])} USD due {old_due}"] = f"{total} USD due {due}"
    foot = f"{before['number']} \\267 {_money(before['total'])} due {old_due}"
    texts[foot] = f"{after['number']} \\267 {total} due {due}"
    return _changed(pdf, texts, [figure for row in rows for figure in row])


def receipt_pdf(pdf: bytes, before: Paper, after: Paper) -> bytes:
    """October's receipt as another one: number, day and amount."""
    old, new = _money(before["total"]), _money(after["total"])
    old_day, day = _long(before["date_paid"]), _long(after["date_paid"])
    texts = {
        before["number"]: after["number"],
        old_day: day,
        f"${before['total']}": f"${after['total']}",
        old: new,
        f"{old} USD": f"{new} USD",
        f"{old} paid on {old_day}": f"{new} paid on {day}",
        f"{before['number']} \\267 {old} due {old_day}": f"{after['number']} \\267 {new} due {day}",
    }
    return _changed(pdf, texts, [])


def _changed(pdf: bytes, texts: dict[str, str], figures: list[str]) -> bytes:
    """Replace texts by what they say, and the figures of the table's rows in their order."""
    changes: dict[bytes, bytes] = {}
    waiting = iter(figures)
    in_rows = bool(figures)
    for size, x, y, text in _texts(pdf):
        in_rows = in_rows and text != "Subtotal"
        is_figure = bool(_FIGURE.fullmatch(text))
        is_cell = in_rows and is_figure and Decimal(x) > _TABLE[0]
        new = next(waiting) if is_cell else texts.get(text)
        if new is not None:
            moved = Decimal(x) + (_width(text) - _width(new)) * size if _is_right(x) else Decimal(x)
            old_place = _SHOWN % (x.encode(), y.encode(), text.encode("latin-1"))
            place = f"{moved.normalize():f}".encode()
            changes[old_place] = _SHOWN % (place, y.encode(), new.encode("latin-1"))
    return build.rewritten(pdf, changes)


def _texts(pdf: bytes) -> Iterator[tuple[int, str, str, str]]:
    """Size, place and text in the order of the pages."""
    for stream in _STREAM.finditer(pdf):
        content = zlib.decompress(base64.a85decode(b"<~" + stream[1].strip(), adobe=True))
        for size, x, y, text in _TEXT.findall(content):
            yield int(size), x.decode(), y.decode(), text.decode("latin-1")


def _is_right(x: str) -> bool:
    return Decimal(x) > _TABLE[0]


def _width(text: str) -> Decimal:
    """Width of a figure in parts of its size; only digits, signs and a currency's name differ."""
    widths = {",": _NARROW, ".": _NARROW, "-": _DASH}
    return sum((widths.get(one, _DIGIT) for one in text.removesuffix(" USD")), Decimal(0))


def _money(amount: str) -> str:
    value = Decimal(amount)
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def _count(quantity: int) -> str:
    return f"{quantity:,}"


def _long(day: str) -> str:
    at = date.fromisoformat(day)
    return f"{at:%B} {at.day}, {at.year}"


def _span(paper: Paper) -> str:
    start, end = (date.fromisoformat(paper[name]) for name in ("period_start", "period_end"))
    return f"{start:%b} {start.day} \\226 {end:%b} {end.day}, {end.year}"
