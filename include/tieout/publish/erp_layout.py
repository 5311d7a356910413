"""What an import file of another ledger looks like: columns, limits, settings, a tenant's header.

Owns the check of a target against a layout and the cells of a row. A text that is too long is
refused, or cut and marked where its column says that this harms nothing. Which entry goes into
which column is the format's.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from tieout.core.errors import DocumentUnreadableError, RuleFileError, UsageError
from tieout.ledger.entry import JournalLine
from tieout.publish.erp_target import Target
from tieout.publish.formulas import guarded, runs_as_formula

Cell: TypeAlias = str | Decimal | None
CUT = "…"  # the mark at the end of a memo that was longer than its column


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; `names` are the header's, ours first.

    `most` counts characters; `free` is text for people, guarded against formulas and cut with a
    mark when it is too long. Everything else is a code, which is refused rather than changed.
    `once` columns say the same in every row of an entry.
    """

    names: tuple[str, ...]
    most: int | None = None
    required: bool = False
    free: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The rules of one format; `blocks` are its kinds of rows, each with columns of its own.

    `settings` maps each name to its default, None where the tenant must give it. `most_lines`
    limits a file, `most_document_lines` a document, which is then split into balanced parts.
    """

    title: str
    blocks: tuple[tuple[Column, ...], ...]
    number_length: int
    settings: Mapping[str, str | None] = field(default_factory=dict)
    most_lines: int | None = None
    most_document_lines: int | None = None
    most_decimals: int = 2
    takes_header: bool = True
    knows_accounts_by_name: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A layout as one tenant has it: the columns of each block by their label, in order."""

    layout: Layout
    target: Target
    settings: Mapping[str, str]
    blocks: tuple[Mapping[str, Column], ...]

    def labels(self, block: int = 0) -> list[str]:
        """The header of a block."""
        return list(self.blocks[block])

    def cells(self, values: Mapping[str, Cell], line: JournalLine, *, block: int = 0) -> list[str]:
        """One row; `values` are by the columns' own names, the tenant's fillings win over them.

        Raises:
            UsageError: a code is too long, or a spreadsheet would run it.
        """
        row = []
        for label, column in self.blocks[block].items():
            filled = self.target.filled(label, line)
            value = values.get(column.names[0]) if filled is None else filled
            row.append(self._cell(column, label, value))
        return row

    def below(self, row: Sequence[str], *, block: int = 0) -> list[str]:
        """The row without what is said once, for an entry whose heading stands above."""
        columns = self.blocks[block].values()
        return ["" if one.once else cell for one, cell in zip(columns, row, strict=True)]

    def values(self, row: Sequence[str], *, block: int = 0) -> dict[str, str]:
        """A row of the file by the columns' own names.

        Raises:
            DocumentUnreadableError: the row has another number of cells than the header.
        """
        columns = self.blocks[block].values()
        if len(row) != len(columns):
            raise DocumentUnreadableError(
                f"A row of the {self.layout.title} file has {len(row)} cells; expected "
                f"{len(columns)} as in the header: write the file again."
            )
        return {column.names[0]: cell for column, cell in zip(columns, row, strict=True)}

    def _cell(self, column: Column, label: str, value: Cell) -> str:
        if value is None:
            return ""
        if isinstance(value, Decimal):
            return f"{value:f}"
        text = " ".join(value.split())
        if column.free:
            return _shortened(guarded(text), column.most)
        if runs_as_formula(text):
            raise UsageError(
                f"{self.layout.title}, {label}: {text[:40]!r} starts like a formula and cannot be "
                "changed, as it is a code; give it another code in the target."
            )
        if column.most is not None and len(text) > column.most:
            raise UsageError(
                f"{self.layout.title}, {label}: {text[:60]!r} has {len(text)} characters, "
                f"{column.most} fit; give it a shorter code in the target."
            )
        return text


def sheet_of(layout: Layout, target: Target) -> Sheet:
    """The layout with the tenant's settings, header and fillings.

    Raises:
        RuleFileError: the target does not fit the layout; one sentence names what is unknown or
            missing.
    """
    if layout.knows_accounts_by_name and target.accounts is None:
        raise RuleFileError(
            f"{target.name}: {layout.title} knows accounts by name; give its name of each account "
            "under 'accounts'."
        )
    blocks = tuple(
        _columns(columns, header, target=target, layout=layout)
        for columns, header in zip(layout.blocks, _headers(layout, target), strict=True)
    )
    lost = sorted(set(target.fillings) - {label for block in blocks for label in block})
    if lost:
        raise RuleFileError(
            f"{target.name}: 'columns' fills {', '.join(lost)}, which the header does not have; "
            "add it to 'header' or leave it out."
        )
    return Sheet(layout=layout, target=target, settings=_settings(layout, target), blocks=blocks)


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as RFC 4180 text in UTF-8; cells stand as they are."""
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\r\n").writerows(rows)
    return sink.getvalue().encode()


def csv_rows(content: bytes) -> list[list[str]]:
    """The rows of such a file, empty ones included.

    Raises:
        DocumentUnreadableError: it is no such file.
    """
    try:
        return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DocumentUnreadableError(
            f"Expected an import file as it was written, found other bytes ({error}): export again."
        ) from error


def _headers(layout: Layout, target: Target) -> Sequence[tuple[str, ...]]:
    if not target.header:
        return [tuple(column.names[0] for column in block) for block in layout.blocks]
    if not layout.takes_header:
        raise RuleFileError(
            f"{target.name}: the columns of {layout.title} are fixed by their position; leave "
            "'header' out."
        )
    if len(target.header) != len(layout.blocks):
        raise RuleFileError(
            f"{target.name}: 'header' has {len(target.header)} lines; {layout.title} has "
            f"{len(layout.blocks)}: copy them from the tenant's template."
        )
    return target.header


def _columns(
    columns: tuple[Column, ...], header: tuple[str, ...], *, target: Target, layout: Layout
) -> dict[str, Column]:
    known = {name: column for column in columns for name in column.names}
    free = {label: Column(names=(label,)) for label in target.fillings}
    unknown = [label for label in header if label not in known and label not in free]
    found = {label: known.get(label) or free[label] for label in header if label not in unknown}
    given = {column.names[0] for column in found.values()}
    missing = [one.names[0] for one in columns if one.required and one.names[0] not in given]
    if unknown or missing:
        parts = [f"does not know {', '.join(unknown)}"] if unknown else []
        parts += [f"needs {', '.join(missing)}"] if missing else []
        raise RuleFileError(
            f"{target.name}: {layout.title} {' and '.join(parts)}; correct 'header', or fill a "
            "column of the tenant's own under 'columns'."
        )
    for label, column in found.items():
        filling = target.fillings.get(label)
        if column.once and filling and filling.dimension:
            raise RuleFileError(
                f"{target.name}: {label} is said once for an entry and cannot change with "
                f"{filling.dimension}; give it a value."
            )
    return found


def _settings(layout: Layout, target: Target) -> dict[str, str]:
    known = {**layout.settings, "max_lines": ""}
    unknown = sorted(set(target.settings) - set(known))
    missing = [
        name for name, value in known.items() if value is None and name not in target.settings
    ]
    if unknown or missing:
        parts = [f"does not know the settings {', '.join(unknown)}"] if unknown else []
        parts += [f"needs the settings {', '.join(missing)}"] if missing else []
        raise RuleFileError(
            f"{target.name}: {layout.title} {' and '.join(parts)}; correct 'settings'."
        )
    return {name: target.settings.get(name, value or "") for name, value in known.items()}


def _shortened(text: str, most: int | None) -> str:
    if most is None or len(text) <= most:
        return text
    return text[: most - len(CUT)].rstrip() + CUT
