"""From the bytes of Azure's cost files to rows of text: CSV, gzip and Parquet.

Owns decoding and the limits on it; knows columns only by `azure_columns`. One file is in memory at
a time.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tieout.core.errors import DocumentUnreadableError
from tieout.sources.azure_columns import filled, is_focus, places, plain_header
from tieout.sources.base import RawDocument
from tieout.sources.limits import MAX_UNPACKED_BYTES, gunzip
from tieout.sources.rows import SourceRow

Row = SourceRow[Mapping[str, str]]

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_BATCH_ROWS = 10_000
_BROKEN = (pa.ArrowException, OSError)


def holds_focus(document: RawDocument) -> bool:
    """Whether a file has the columns of a FOCUS export.

    Raises:
        DocumentUnreadableError: truncated, too large or not text.
    """
    return is_focus(next(_table(document), ()))


def first_text(document: RawDocument, column: str) -> str:
    """The first row's text under a plain column name; empty without row or column."""
    table = _table(document)
    header = next(table, ())
    return dict(zip(header, next(table, ()), strict=False)).get(column, "")


def file_rows(document: RawDocument, *, view: str) -> Iterator[Row]:
    """Rows of a classic cost file under our column names, plus `view`; empty lines are left out.

    A row counts from 1 in its file. Null words are empty texts.

    Raises:
        DocumentUnreadableError: truncated, too large, not UTF-8 or not a table.
        SourceAnswerError: a column that every dialect has is missing.
    """
    table = _table(document)
    header = next(table, ())
    at = places(header, name=document.name)
    digest = document.sha256
    for number, cells in enumerate(table, start=1):
        if len(cells) != len(header):
            raise DocumentUnreadableError(
                f"Row {number} of {document.name} has {len(cells)} cells: expected {len(header)}; "
                "the file is damaged, pull it again."
            )
        values = {ours: filled(cells[place]) for ours, place in at.items()}
        yield SourceRow(document=digest, number=number, values={**values, "view": view})


def _table(document: RawDocument) -> Iterator[tuple[str, ...]]:
    """The plain header, then every row that is not an empty line."""
    content = document.content
    if content.startswith(_GZIP):
        content = gunzip(content, name=document.name)
    read = _parquet if content.startswith(_PARQUET) else _csv
    rows = read(content, document.name)
    yield plain_header(next(rows, ()))
    yield from rows


def _csv(content: bytes, name: str) -> Iterator[tuple[str, ...]]:
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
        for cells in csv.reader(text, strict=True):
            if cells:
                yield tuple(cells)
    except UnicodeDecodeError as error:
        raise DocumentUnreadableError(
            f"{name} is not UTF-8 text: expected a cost file of Azure; pull it again."
        ) from error
    except csv.Error as error:
        raise DocumentUnreadableError(
            f"{name} is not a CSV file ({error}): pull it again."
        ) from error


def _parquet(content: bytes, name: str) -> Iterator[tuple[str, ...]]:
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
        size = sum(group.total_byte_size for group in groups)
        if size > MAX_UNPACKED_BYTES:
            raise DocumentUnreadableError(
                f"{name} unpacks to {size:,} bytes: expected at most {MAX_UNPACKED_BYTES:,}; let "
                "Azure split the export into smaller files."
            )
        yield tuple(file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            columns = [[_text(value) for value in column.to_pylist()] for column in batch.columns]
            yield from zip(*columns, strict=True)
    except _BROKEN as error:
        raise DocumentUnreadableError(
            f"{name} is not a whole Parquet file ({type(error).__name__}): pull it again."
        ) from error


def _text(value: Any) -> str:
    """Numbers in plain digits: of a double the shortest that names it."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        raise pa.ArrowInvalid("a nested column")
    return str(value)
