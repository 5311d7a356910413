"""Look-up tables for rules: a key and what it means, in CSV, dated.

Owns the table and its days. Which rule asks for which key is the rule file's; a charge that asks
for a key without a row is `classify`'s.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from tieout.core.errors import RuleFileError
from tieout.rules.csv_text import CsvRow, read_csv

KEY_COLUMN = "key"
DAY_COLUMNS = ("valid_from", "valid_to")

_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupRow:
    """What one key means from its first to its last day, both inclusive (None: no limit).

    `values` stand in the order of the table's columns; None is an empty cell.
    """

    key: str
    valid_from: date | None
    valid_to: date | None
    values: tuple[str | None, ...]
    line: int = field(default=0, compare=False)

    def holds_on(self, day: date) -> bool:
        """Whether the row holds for charges of this day."""
        return (self.valid_from or date.min) <= day <= (self.valid_to or date.max)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupTable:
    """A look-up table; on any day a key has at most one row. `name` is its file's, for errors."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[LookupRow, ...]

    def changes_on(self) -> set[date]:
        """The days from which the table says something else than the day before."""
        starts = {row.valid_from for row in self.rows if row.valid_from}
        ends = {row.valid_to for row in self.rows if row.valid_to and row.valid_to < date.max}
        return starts | {day + timedelta(days=1) for day in ends}

    def as_of(self, day: date) -> "LookupTable":
        """The table as it holds on one day, its rows without days."""
        rows = (row for row in self.rows if row.holds_on(day))
        undated = tuple(replace(row, valid_from=None, valid_to=None) for row in rows)
        return replace(self, rows=undated)

    def texts(self, column: str) -> dict[str, str]:
        """The cells of a column by key, empty ones left out; the table must be without days."""
        place = self.columns.index(column)
        cells = ((row.key, row.values[place]) for row in self.rows)
        return {key: text for key, text in cells if text is not None}


def parse_lookup(text: str, *, name: str) -> LookupTable:
    """Read a look-up table: `key`, optionally `valid_from` and `valid_to`, and further columns.

    Raises:
        RuleFileError: no key column, no or doubled further columns, an empty key, a cell that is no
            day, or a key with two rows for one day; names the line.
    """
    header, rows = read_csv(text, name=name)
    columns = _columns(header, name)
    made = tuple(_row(row, columns) for row in rows)
    _refuse_overlaps(zip(made, rows, strict=True))
    return LookupTable(name=name, columns=columns, rows=made)


def _columns(header: tuple[str, ...], name: str) -> tuple[str, ...]:
    columns = tuple(one for one in header if one not in (KEY_COLUMN, *DAY_COLUMNS))
    found = ",".join(header)[:80]
    if KEY_COLUMN not in header or not columns:
        raise RuleFileError(
            f"{name}, line 1: the header is {found!r}; expected key, valid_from and valid_to if "
            "the rows have days, and at least one further column."
        )
    for column in header:
        if header.count(column) > 1 or not _COLUMN.fullmatch(column):
            raise RuleFileError(
                f"{name}, line 1: column {column[:40]!r} stands twice or is no name; use letters, "
                "digits, '.', '_' or '-', each name once."
            )
    return columns


def _row(row: CsvRow, columns: tuple[str, ...]) -> LookupRow:
    row.require([KEY_COLUMN])
    start, end = (row.day(column) for column in DAY_COLUMNS)
    if start and end and end < start:
        raise row.error("valid_to must not lie before valid_from (it is the last day).")
    return LookupRow(
        key=row.cells[KEY_COLUMN],
        valid_from=start,
        valid_to=end,
        values=tuple(row.cells[column] or None for column in columns),
        line=row.line,
    )


def _refuse_overlaps(pairs: Iterable[tuple[LookupRow, CsvRow]]) -> None:
    """Of each key's rows in order of their first day, the next must start after the last's end."""
    last: dict[str, LookupRow] = {}
    for row, place in sorted(pairs, key=lambda pair: pair[0].valid_from or date.min):
        before = last.get(row.key)
        if before and (row.valid_from or date.min) <= (before.valid_to or date.max):
            raise place.error(
                f"key {row.key[:60]!r} already has a row for the same days in line {before.line}; "
                "end one before the other starts (both days count), or remove one."
            )
        last[row.key] = row
