"""Sheets of a workbook: blocks of rows with live formulas, and the cell that says whether they tie.

Owns looks, print set-up, names of columns and the form of a formula; knows no month. A formula is
written with its true value beside it, for programs that show files without calculating. Text is
written as text, so that nothing a person typed is ever calculated.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from tieout.core.money import from_decimal, to_minor
from tieout.publish.formulas import runs_as_formula

TIES, OUT = "ties", "OUT"
CHECK_CELL: Final = "$B$3"
MOST_ROWS: Final = 1_048_576
_FIRST_ROW: Final = 4  # title, note, check, an empty row
_MOST_TEXT: Final = 32_767
_ONE_PAGE: Final = 48
_LINE_HEIGHT: Final = 12
_ZERO: Final = "\u2013"
_LARGE: Final = 50_000
_OWN_ROW: Final = re.compile(r"\[(\w+)\]")
Kind = Literal["text", "long", "id", "money", "count", "date", "tie", "exact", "key"]
_WIDTHS: Final[Mapping[Kind, int]] = {
    "text": 20,
    "long": 58,
    "id": 14,
    "money": 15,
    "count": 10,
    "date": 12,
    "tie": 9,
    "exact": 24,
    "key": 6,
}
_HIDDEN: Final = ("exact", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """`[name]` is the cell of a column in the same row, `{name}` the column's rows in the block.

    `value` is what it comes to.
    """

    text: str
    value: Decimal | int | str


Cell = str | Decimal | int | date | Formula | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a block; `exact` and `key` columns are hidden."""

    name: str
    title: str
    kind: Kind = "text"
    width: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A table: each of its columns becomes the defined name `<block>_<column>`."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Cell]]
    total: Mapping[str, Cell] = field(default_factory=dict)
    title: str = ""

    @property
    def height(self) -> int:
        """Rows of data; an empty block has one that says so."""
        return max(len(self.rows), 1)

    def ties(self) -> list[str]:
        """What the cells of the block say that tie, or do not."""
        tied = [one.name for one in self.columns if one.kind == "tie"]
        found = [row.get(name) for row in (*self.rows, self.total) for name in tied]
        return [str(one.value) for one in found if isinstance(one, Formula)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One sheet: what it is called, what it says, its blocks from top to bottom."""

    name: str
    title: str
    note: str
    blocks: Sequence[Block]

    @property
    def check(self) -> str:
        """Whether all of the sheet's own checks hold."""
        return OUT if OUT in [one for block in self.blocks for one in block.ties()] else TIES


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What stands in every footer and in the file's properties; `created` makes bytes repeat."""

    title: str
    footer: str
    currency: str
    digits: int
    created: datetime


def money_column(name: str) -> Column:
    """A column of amounts that is called as its figures are."""
    return Column(name=name, title=name.replace("_", " ").capitalize(), kind="money")


def tied(left: str, right: str, *, holds: bool) -> Formula:
    """A check cell: two amounts that may differ by less than half a cent."""
    return compared(f"ABS(({left})-({right}))<0.005", holds=holds)


def compared(condition: str, *, holds: bool) -> Formula:
    """A check cell over any condition."""
    return Formula(text=f'IF({condition},"{TIES}","{OUT}")', value=TIES if holds else OUT)


def added(name: str, values: Sequence[Any], digits: int) -> Formula:
    """The total of a column, rounded to the currency's digits."""
    amounts = [one.value if isinstance(one, Formula) else one for one in values]
    whole = sum((Decimal(one) for one in amounts if one is not None), Decimal(0))
    return Formula(text=f"ROUND(SUM({{{name}}}),{digits})", value=rounded(whole, digits))


def rounded(amount: Decimal, digits: int) -> Decimal:
    """Half away from zero, as ROUND does, to the currency's digits."""
    return Decimal(to_minor(from_decimal(amount), digits)).scaleb(-digits)


def workbook_bytes(pages: Sequence[Page], about: About, *, calculated: bool = True) -> bytes:
    """The pages as an Excel file; the same pages give the same bytes.

    Not `calculated`: every formula shows 0 until a program has calculated it.
    """
    sink = io.BytesIO()
    rows = max(block.height for page in pages for block in page.blocks)
    options = {"strings_to_formulas": False, "constant_memory": rows > _LARGE}
    book = xlsxwriter.Workbook(sink, options)
    facts = {"title": about.title, "comments": about.footer, "created": about.created}
    book.set_properties({**facts, "author": "tieout"})
    book.set_calc_mode("auto")
    looks = _Looks(book, about)
    for page in pages:
        _Writer(book, looks, page, about, calculated=calculated).write()
    book.close()
    return sink.getvalue()


class _Looks:
    """Formats by kind of cell; made once a workbook."""

    def __init__(self, book: Any, about: About) -> None:
        self._book = book
        self._kept: dict[tuple[tuple[str, Any], ...], Any] = {}
        number = "#,##0" + ("." + "0" * about.digits if about.digits else "")
        code = f'"{about.currency}" '
        self._numbers = {
            "money": f'{number}_);({number});"{_ZERO}"_)',
            "total": f'{code}{number}_);({code}{number});"{_ZERO}"_)',
            "count": "#,##0_)",
            "date": "yyyy-mm-dd",
        }

    def plain(self, kind: Kind, *, strong: bool = False, text: str = "") -> Any:
        """The look of a cell of data, or `strong` of a total."""
        look: dict[str, Any] = {"valign": "top", "text_wrap": kind == "long"}
        if kind in ("money", "count", "date"):
            look["num_format"] = self._numbers["total" if strong and kind == "money" else kind]
        if kind == "tie":
            look |= {"align": "center", "bold": True}
        if strong:
            look |= {"bold": True, "top": 1, "bottom": 6}
        if runs_as_formula(text):
            look["quote_prefix"] = True
        return self.of(**look)

    def of(self, **look: Any) -> Any:
        """A format with Arial in 10 points under everything else."""
        key = tuple(sorted(look.items()))
        if key not in self._kept:
            self._kept[key] = self._book.add_format({"font_name": "Arial", "font_size": 9, **look})
        return self._kept[key]


class _Writer:
    """Writes one page from top to bottom, so that large ones need no memory."""

    def __init__(
        self, book: Any, looks: _Looks, page: Page, about: About, *, calculated: bool
    ) -> None:
        self._book, self._looks, self._page, self._about = book, looks, page, about
        self._calculated = calculated
        self._sheet = book.add_worksheet(page.name)
        self._starts = list(self._placed())

    def _placed(self) -> Iterator[int]:
        """The row of each block's header; a title stands above all but the first."""
        row = _FIRST_ROW
        for number, block in enumerate(self._page.blocks):
            row += 1 if number or block.title else 0
            yield row
            row += block.height + 1 + bool(block.total) + 1

    def write(self) -> None:
        """All of the page."""
        self._set_up()
        sheet, looks = self._sheet, self._looks
        sheet.write_string(0, 0, self._page.title, looks.of(bold=True, font_size=14))
        sheet.write_string(1, 0, self._page.note, looks.of(font_color="#555555"))
        sheet.write_string(2, 0, "Check", looks.of(bold=True))
        self._formula(2, 1, self._check(), self._page.check, looks.plain("tie"))
        for start, block in zip(self._starts, self._page.blocks, strict=True):
            self._block(block, start)

    def _check(self) -> str:
        """All cells that are to tie do; one that is in error counts as out."""
        counts = []
        for start, block in zip(self._starts, self._page.blocks, strict=True):
            for place, column in enumerate(block.columns):
                if column.kind == "tie":
                    name = xl_col_to_name(place)
                    end = start + 1 + block.height + bool(block.total)
                    counts.append(f'COUNTIF({name}{start + 2}:{name}{end},"{TIES}")')
        expected = sum(len(block.ties()) for block in self._page.blocks)
        return f'IF({"+".join(counts)}={expected},"{TIES}","{OUT}")'

    def _set_up(self) -> None:
        sheet = self._sheet
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.7)
        rows = self._starts[-1] + self._page.blocks[-1].height
        sheet.fit_to_pages(1, int(rows <= _ONE_PAGE))
        sheet.set_header(f"&L&9{_escaped(self._about.title)}&R&9{_escaped(self._page.name)}")
        sheet.set_footer(f"&L&8{_escaped(self._about.footer)}&R&8Page &P of &N")
        start, block = self._starts[0], self._page.blocks[0]
        sheet.repeat_rows(start if len(self._page.blocks) == 1 else 0)
        sheet.freeze_panes(start + 1 if len(self._page.blocks) == 1 else 3, 0)
        if len(self._page.blocks) == 1:
            sheet.autofilter(start, 0, start + block.height, len(block.columns) - 1)
        for place in range(max(len(one.columns) for one in self._page.blocks)):
            own = [one.columns[place] for one in self._page.blocks if place < len(one.columns)]
            width = max(one.width or _WIDTHS[one.kind] for one in own)
            hidden = all(one.kind in _HIDDEN for one in own)
            sheet.set_column(place, place, width, None, {"hidden": hidden})
        good = self._looks.of(font_color="#1B6E3C")
        bad = self._looks.of(font_color="#FFFFFF", bg_color="#B3261E", bold=True)
        reach = (2, 0, self._starts[-1] + self._page.blocks[-1].height + 1, 30)
        for word, look in ((TIES, good), (OUT, bad)):
            rule = {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": look}
            sheet.conditional_format(*reach, rule)

    def _block(self, block: Block, start: int) -> None:
        if block.title:
            self._sheet.write_string(
                start - 1, 0, block.title, self._looks.of(bold=True, font_size=11)
            )
        self._names(block, start)
        head = {"bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF", "text_wrap": True}
        for place, column in enumerate(block.columns):
            sides = {"money": "right", "count": "right", "tie": "center"}
            side = sides.get(column.kind, "left")
            look = self._looks.of(**head, valign="vcenter", align=side)
            self._sheet.write_string(start, place, column.title, look)
        for number, row in enumerate(block.rows, start=start + 1):
            self._row(block, row, (start, number))
        if not block.rows:
            self._sheet.write_string(start + 1, 0, "None.", self._looks.plain("text"))
        if block.total:
            self._row(block, block.total, (start, start + 1 + block.height), strong=True)

    def _row(
        self,
        block: Block,
        row: Mapping[str, Cell],
        places: tuple[int, int],
        *,
        strong: bool = False,
    ) -> None:
        start, number = places
        lines = max(map(_lines, block.columns, [row.get(one.name) for one in block.columns]))
        if lines > 1:
            self._sheet.set_row(number, lines * _LINE_HEIGHT + 2)
        for place, column in enumerate(block.columns):
            value = row.get(column.name)
            text = value if isinstance(value, str) else ""
            look = self._looks.plain(column.kind, strong=strong, text=text)
            if isinstance(value, Formula):
                formula = self._referred(block, value.text, start, number)
                self._formula(number, place, formula, value.value, look)
            elif value is not None or strong:
                self._value((number, place), value, look)

    def _value(self, place: tuple[int, int], value: Any, look: Any) -> None:
        if value is None:
            self._sheet.write_blank(*place, None, look)
        elif isinstance(value, str):
            self._sheet.write_string(*place, _short(value), look)
        elif isinstance(value, date):
            self._sheet.write_datetime(*place, value, look)
        else:
            self._sheet.write_number(*place, value, look)

    def _formula(
        self, row: int, place: int, text: str, value: Decimal | int | str, look: Any
    ) -> None:
        self._sheet.write_formula(row, place, f"={text}", look, value if self._calculated else 0)

    def _referred(self, block: Block, text: str, start: int, row: int) -> str:
        """The formula with addresses for the names of the block's columns."""
        names = {one.name: xl_col_to_name(at) for at, one in enumerate(block.columns)}
        first, last = start + 2, start + 1 + block.height
        ranges = {name: f"${at}${first}:${at}${last}" for name, at in names.items()}
        return _OWN_ROW.sub(lambda found: f"{names[found[1]]}{row + 1}", text).format_map(ranges)

    def _names(self, block: Block, start: int) -> None:
        for place, column in enumerate(block.columns):
            at = xl_col_to_name(place)
            reach = f"${at}${start + 2}:${at}${start + 1 + block.height}"
            sheet = self._page.name.replace("'", "''")
            self._book.define_name(f"{block.name}_{column.name}", f"='{sheet}'!{reach}")


def _lines(column: Column, value: Cell) -> int:
    """How many lines a cell takes, so that no program has to measure it."""
    if column.kind != "long" or not isinstance(value, str):
        return 1
    return -(-len(value) // (column.width or _WIDTHS["long"]))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


def _escaped(text: str) -> str:
    return text.replace("&", "&&")
