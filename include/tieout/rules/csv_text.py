"""Small tables that people keep as CSV: header and rows as texts, each with its place in the file.

Owns the syntax and its limits, not what a table means.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tieout.core.errors import RuleFileError

_MOST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One row: its cells by column, without space around them, and where it ends in the file."""

    file: str
    line: int
    cells: Mapping[str, str]

    def error(self, message: str) -> RuleFileError:
        """The error to raise about this row; `message` says what was expected and what to do."""
        return RuleFileError(f"{self.file}, line {self.line}: {message}")

    def require(self, columns: Sequence[str]) -> None:
        """Refuse a row in which one of the columns is empty.

        Raises:
            RuleFileError: names the columns and the line.
        """
        missing = [column for column in columns if not self.cells[column]]
        if missing:
            raise self.error(f"{', '.join(missing)} is empty; fill it in.")

    def day(self, column: str) -> date | None:
        """A day such as 2026-10-31; None where the cell is empty or the table has no such column.

        Raises:
            RuleFileError: the cell holds anything else.
        """
        text = self.cells.get(column)
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self.error(
                f"{column} is {text[:40]!r}; expected a day such as 2026-10-31."
            ) from None


def read_csv(text: str, *, name: str) -> tuple[tuple[str, ...], tuple[CsvRow, ...]]:
    """The header and the rows of a table; `name` is the file's name in errors.

    Raises:
        RuleFileError: over 4 MB, not CSV, or a row with more or fewer cells than the header.
    """
    if len(text.encode()) > _MOST_BYTES:
        raise RuleFileError(f"{name} is larger than {_MOST_BYTES:,} bytes: split the table.")
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = tuple(next(reader, []))
        return header, tuple(_row(cells, reader.line_num, header, name) for cells in reader)
    except csv.Error as error:
        raise RuleFileError(f"{name}, line {reader.line_num}: not CSV ({error}).") from error


def _row(cells: list[str], line: int, header: tuple[str, ...], name: str) -> CsvRow:
    if len(cells) != len(header):
        raise RuleFileError(
            f"{name}, line {line}: {len(cells)} cells; expected {len(header)}, empty ones included."
        )
    stripped = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
    return CsvRow(file=name, line=line, cells=stripped)
