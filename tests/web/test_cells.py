"""Cells as people see them: every text escaped, every kind of value in its form."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.web.cells import cell_html, row_html
from tieout.web.table import Cell, Column, Kind, State, Unknown

HOSTILE = "<script>alert('1')</script>\"&"
ESCAPED = "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&quot;&amp;"


def shown(kind: Kind, value: Any, *, brackets: bool = True) -> str:
    return str(cell_html(Column(name="x", title="X", kind=kind), value, brackets))


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("text", None, ""),
        ("text", HOSTILE, ESCAPED),
        ("text", Cell(value=None, link="/x"), ""),
        ("text", Cell(value="a", link='/x?"', note="<b>"), '<a href="/x?&quot;">a</a>\n'),
        ("count", 12345, "12,345"),
        ("count", "many", "many"),
        ("date", date(2026, 10, 1), "2026-10-01"),
        ("id", "a" * 64, f'<code title="{"a" * 64}">aaaaaaaa</code>'),
        ("id", "period signed by nobody at all", "period signed by nobody at all"),
        ("list", (), ""),
        ("list", ("a",), "<summary>1 piece</summary><ul><li>a</li></ul>"),
        ("list", (Cell(value=HOSTILE, link="/y"), 2), f'<li><a href="/y">{ESCAPED}</a></li>'),
        ("state", State("late", "warn"), '<span class="state warn">'),
        ("money", Unknown(HOSTILE), f'title="{ESCAPED}">?<span class="unseen"> {ESCAPED}</span>'),
        ("money", "n/m", "n/m"),
    ],
)
def test_a_value_is_shown_in_the_form_of_its_kind(kind: Kind, value: Any, text: str) -> None:
    found = shown(kind, value)
    assert text in found
    assert bool(found) is bool(text)
    assert "<script" not in found


def test_an_amount_tells_its_sign_to_who_cannot_see_it_and_keeps_the_exact_one() -> None:
    text = shown("money", Decimal("-1234.5678"))
    assert 'value="-1234.5678"' in text
    assert '<span class="unseen">minus </span><span aria-hidden="true">(1,234.57)</span>' in text
    assert '<span class="unseen">1,234.57</span>' in text
    assert "\u22121,234.57" in shown("money", Decimal("-1234.5678"), brackets=False)
    assert '1.00<span class="room">&#8199;</span></data>' in shown("money", 1)
    assert shown("money", Decimal(1), brackets=False).endswith('">1.00</data>')


def test_the_first_cell_of_a_row_is_its_header() -> None:
    columns = (Column(name="a", title="A"), Column(name="b", title="B", kind="count"))
    assert str(row_html(columns, {"a": "x", "c": "not shown"}, True)) == (
        '<tr>\n<th scope="row" class="text">x</th>\n<td class="count"></td>\n</tr>\n'
    )


@given(text=st.text())
def test_no_text_opens_a_tag(text: str) -> None:
    found = shown("text", Cell(value=text, link=text, note=text))
    opened = 2 * bool(text) + 2 * bool(text)
    assert found.count("<") == found.count(">") == opened
