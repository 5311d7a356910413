"""A table of a page as one value: the macro shows it, the downloads write it, both in full.

Owns columns, kinds of cells, order and pages of rows that fit into memory. Knows no HTML and no
file format. Rows that do not fit are paged by whoever reads them: see `Table.following`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from tieout.web.signing import Part, Signer
from tieout.web.view import QueryError, View

Kind = Literal["text", "money", "count", "date", "id", "state", "list"]
Tone = Literal["good", "wait", "warn", "block", "off"]
Row = Mapping[str, Any]
RIGHT: tuple[Kind, ...] = ("money", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column; `unit` stands in its head (`USD`), `digits` are the decimals of money."""

    name: str
    title: str
    kind: Kind = "text"
    unit: str = ""
    digits: int = 2
    sorts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value with more around it: an address, a quiet second line, the whole of a short id."""

    value: Any
    link: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A figure that nobody can tell yet, with the reason; shown as a question mark."""

    reason: str


@dataclass(frozen=True, slots=True)
class State:
    """A word with an icon; never a colour alone."""

    word: str
    tone: Tone = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under a caption. The first column is the row's header and stays in sight.

    A row maps column names to values, `Cell`s, `State`s, `Unknown`s; a name that is missing, or
    None, is blank: not applicable; names that no column has are not shown. Money is a Decimal in
    the major unit, a list a tuple of texts or `Cell`s that folds on the page. `total` is a row as
    well and re-adds what is shown. `every` gives all rows for a download where `rows` is a page
    only; `following` is then the place behind the last row, which comes back through
    `Desk.position`.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    total: Row | None = None
    empty: str = "Nothing here."
    every: Callable[[], Sequence[Row]] | None = None
    following: tuple[Part, ...] | None = None

    def all_rows(self) -> Sequence[Row]:
        """The whole result, for downloads and counts."""
        return self.rows if self.every is None else self.every()

    def column(self, name: str) -> Column:
        """A column by its name.

        Raises:
            QueryError: there is none.
        """
        found = [one for one in self.columns if one.name == name]
        if not found:
            raise QueryError(
                f"The key sort of the address is {name[:40]!r}: expected one of "
                f"{', '.join(one.name for one in self.columns if one.sorts) or 'none'}."
            )
        return found[0]


def totals(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Decimal]:
    """What columns of money re-add to; a blank counts nothing."""
    return {
        name: sum((value_of(row.get(name)) or Decimal(0) for row in rows), Decimal(0))
        for name in names
    }


def value_of(cell: Any) -> Any:
    """What a cell holds, without what stands around it."""
    return cell.value if isinstance(cell, Cell) else cell


def plain_value(cell: Any) -> str | int | Decimal | date | None:
    """What a download writes: the value; of a state its word; of something unknown nothing."""
    value = value_of(cell)
    if isinstance(value, State):
        return value.word
    if isinstance(value, Unknown):
        return None
    if isinstance(value, tuple):
        return ", ".join(str(plain_value(one)) for one in value)
    if value is None or isinstance(value, (str, int, Decimal, date)):
        return value
    return str(value)


def sorted_by(table: Table, sort: str) -> Table:
    """The whole table in the order that `sort` asks for; blanks last, ties keep their order.

    Raises:
        QueryError: the column is unknown or does not sort.
    """
    if not sort:
        return table
    down, name = sort.startswith("-"), sort.removeprefix("-")
    if not table.column(name).sorts:
        table.column("")  # tells which ones do
    known = [row for row in table.rows if plain_value(row.get(name)) is not None]
    blank = [row for row in table.rows if plain_value(row.get(name)) is None]
    ordered = sorted(known, key=lambda row: _key(row[name]), reverse=down)
    return replace(table, rows=[*ordered, *blank])


def with_text(table: Table, text: str) -> Table:
    """The rows that hold a text in any cell or note, in any case; the total re-adds those."""
    if not text:
        return table
    wanted = text.casefold()
    rows = [row for row in table.rows if any(wanted in _words(cell) for cell in row.values())]
    total = None
    if table.total is not None:
        words = {name: one for name, one in table.total.items() if isinstance(value_of(one), str)}
        amounts = [name for name, one in table.total.items() if isinstance(value_of(one), Decimal)]
        total = {**words, **totals(rows, amounts)}
    return replace(table, rows=rows, total=total, empty=f"No row holds {text!r}.")


def paged(table: Table, view: View, signer: Signer) -> Table:
    """Search and sort a table that fits into memory, and cut one page out of it.

    Raises:
        QueryError: a sort or a paging token that is not of this table.
    """
    whole = sorted_by(with_text(table, view.find), view.sort)
    begin = 0
    if view.after:
        (begin,) = _position(signer, whole.name, view)
    rows = whole.rows
    end = begin + view.size
    if begin == 0 and end >= len(rows):
        return whole
    more = (end,) if end < len(rows) else None
    total = None if more or begin else whole.total
    return replace(whole, rows=rows[begin:end], total=total, every=lambda: rows, following=more)


def purpose(name: str, sort: str) -> str:
    """What a paging token is signed for: this table in this order."""
    return f"after {name} {sort}"


def _position(signer: Signer, name: str, view: View) -> tuple[int]:
    found = signer.read(purpose(name, view.sort), view.after)
    if found is None or len(found) != 1 or not isinstance(found[0], int):
        raise QueryError(
            "The key after of the address is no token of this table: go back to its first page."
        )
    return (found[0],)


def _words(cell: Any) -> str:
    note = cell.note if isinstance(cell, Cell) else ""
    return f"{plain_value(cell)} {note}".casefold()


def _key(cell: Any) -> Any:
    value = plain_value(cell)
    return value.casefold() if isinstance(value, str) else value
