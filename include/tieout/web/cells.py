"""Cells of tables as HTML, and the small things that pages show beside: amounts, states, hashes.

Owns how a value looks. Plain functions and no macros of a template: a table has thousands of them.
Every text that came from outside this module passes `escape`; `Html` tells templates so.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any, Final

from tieout.publish.money_text import FIGURE_SPACE, MINUS, shown
from tieout.web.table import Cell, Column, State, Tone, Unknown

SHORT: Final = 8
_LONGEST_ID: Final = 24
_ICONS: Final[Mapping[Tone, str]] = {
    "good": "✓",
    "wait": "◷",
    "warn": "▲",
    "block": "✕",
    "off": "\u2013",
}
_UNREAD: Final = str.maketrans("", "", f"(){MINUS}")  # a screen reader is told "minus" instead
_ROOM: Final = '<span class="room">&#8199;</span>'


class Html(str):
    """Text that is HTML already: a template writes it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """What a template takes it for."""
        return self


def row_html(columns: Sequence[Column], row: Mapping[str, Any], brackets: bool) -> Html:
    """The cells of a row; the first one is its header."""
    cells = [
        f'<td class="{one.kind}">{cell_html(one, row.get(one.name), brackets)}</td>\n'
        for one in columns[1:]
    ]
    first = columns[0]
    head = cell_html(first, row.get(first.name), brackets)
    return Html(f'<tr>\n<th scope="row" class="{first.kind}">{head}</th>\n{"".join(cells)}</tr>\n')


def cell_html(column: Column, given: Any, brackets: bool) -> Html:
    """What stands in a cell: the value, perhaps as a link, and a quiet second line."""
    one = given if isinstance(given, Cell) else Cell(value=given)
    made = _value(column, one.value, brackets)
    if one.link and one.value is not None:
        made = f'<a href="{escape(one.link)}">{made}</a>'
    if one.note:
        made = f'{made}\n<span class="note">{escape(one.note)}</span>'
    return Html(made)


def money_html(amount: Decimal, digits: int, brackets: bool) -> Html:
    """An amount as `money_text.shown` has it, with the exact one for the tooltip and for copies."""
    one = shown(amount, digits=digits, brackets=brackets)
    text = one.text.rstrip(FIGURE_SPACE)
    if one.is_negative:
        seen = f'<span class="unseen">minus </span><span aria-hidden="true">{text}</span>'
        text = f'{seen}<span class="unseen">{text.translate(_UNREAD)}</span>'
    elif one.text != text:
        text += _ROOM
    return Html(f'<data value="{one.exact}" title="{one.exact}">{text}</data>')


def state_html(word: str, tone: Tone) -> Html:
    """A word with an icon; never a colour alone."""
    icon = f'<span class="icon" aria-hidden="true">{_ICONS[tone]}</span>'
    return Html(f'<span class="state {tone}">{icon}{escape(word)}</span>')


def hash_html(text: str) -> Html:
    """The first characters of a hash; a click copies it whole."""
    return Html(f'<code title="{escape(text)}">{escape(text[:SHORT])}</code>')


def _value(column: Column, value: Any, brackets: bool) -> str:
    """A value as its column shows it; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _text(column, value)
    if isinstance(value, (int, Decimal)):
        return _number(column, value, brackets)
    if isinstance(value, State):
        return state_html(value.word, value.tone)
    if isinstance(value, Unknown):
        reason = escape(value.reason)
        unseen = f'<span class="unseen"> {reason}</span>'
        return f'<span class="unknown" title="{reason}">?{unseen}</span>'
    return _list(value) if column.kind == "list" else _text(column, str(value))


def _number(column: Column, value: Decimal | int, brackets: bool) -> str:
    if column.kind == "money":
        return money_html(Decimal(value), column.digits, brackets)
    return f"{value:,}" if column.kind == "count" else str(value)


def _text(column: Column, text: str) -> str:
    if column.kind == "id" and len(text) > _LONGEST_ID and " " not in text:
        return hash_html(text)
    return escape(text)


def _list(values: Sequence[Any]) -> str:
    """Texts that fold under their number."""
    if not values:
        return ""
    told = f"{len(values)} {'piece' if len(values) == 1 else 'pieces'}"
    items = "".join(f"<li>{_item(one)}</li>" for one in values)
    return f'<details class="more"><summary>{told}</summary><ul>{items}</ul></details>'


def _item(given: Any) -> str:
    one = given if isinstance(given, Cell) else Cell(value=given)
    text = escape(str(one.value))
    return f'<a href="{escape(one.link)}">{text}</a>' if one.link else text
