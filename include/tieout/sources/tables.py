"""Files of rows from outside (CSV, gzip, Parquet) as bounded batches of columns.

Owns decoding, its limits and the refusal of damaged files; knows no column's meaning. A row counts
from 1 in its file; lines without anything on them are no rows.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from tieout.core.errors import DocumentUnreadableError
from tieout.sources.base import RawDocument
from tieout.sources.limits import MAX_TABLE_ROWS, MAX_UNPACKED_BYTES, gunzip_parts

BLOCK_BYTES = 1 << 22
BATCH_ROWS = 1 << 16
MAX_ROW_BYTES = 1 << 24

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_PARQUET = b"PAR1"
_CODED = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which columns a reader takes: texts come dictionary-coded, amounts as they are."""

    texts: Sequence[str]
    amounts: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of one file: `first_row` is the number of the first one, `columns` by their name.

    Texts of a CSV file are dictionary<int32, string>, its amounts string; a Parquet file's columns
    have the file's own types, with its strings coded.
    """

    document: str
    name: str
    first_row: int
    rows: int
    columns: Mapping[str, pa.Array]


Choose = Callable[[tuple[str, ...]], Wanted]


def read_batches(document: RawDocument, choose: Choose) -> Iterator[Batch]:
    """The rows of a file in order, a bounded number at a time.

    `choose` gets the names of the columns and says which to read; it refuses a file that lacks one.

    Raises:
        DocumentUnreadableError: truncated, too large, not UTF-8, or not a table.
    """
    if document.content.startswith(_PARQUET):
        batches = _parquet(document, choose)
    else:
        batches = _csv(document, choose)
    digest = document.sha256
    first = 1
    for batch in batches:
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        yield Batch(
            document=digest,
            name=document.name,
            first_row=first,
            rows=batch.num_rows,
            columns=columns,
        )
        first += batch.num_rows


def _parts(document: RawDocument) -> Iterator[bytes]:
    if document.content.startswith(_ZIP):
        raise DocumentUnreadableError(
            f"{document.name} is a zip archive: expected CSV, gzip or Parquet; unpack it, or let "
            "the sender export one of these."
        )
    if document.content.startswith(_GZIP) or document.name.endswith(".gz"):
        return gunzip_parts(document.content, name=document.name)
    content = document.content
    return (content[at : at + BLOCK_BYTES] for at in range(0, len(content), BLOCK_BYTES))


def _csv(document: RawDocument, choose: Choose) -> Iterator[pa.RecordBatch]:
    blocks = _blocks(_parts(document), document.name)
    start = next(blocks, b"").removeprefix(codecs.BOM_UTF8)
    end = _first_row_end(start)
    header = _header(start[:end], document.name)
    wanted = choose(header)
    rows = 0
    for block in chain((start[end:],), blocks):
        for batch in _parsed(block, header, wanted, name=document.name, rows_before=rows):
            yield batch
            rows += batch.num_rows


def _blocks(parts: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The text in blocks of whole rows; a line end inside quotes ends no row."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size < BLOCK_BYTES:
            continue
        block = b"".join(held)
        end = _last_row_end(block)
        if not end and size > MAX_ROW_BYTES:
            raise DocumentUnreadableError(
                f"{name} is not a CSV file (no row ends within {size:,} bytes: a quote may never "
                "be closed): pull it again."
            )
        if end:
            yield block[:end]
        held, size = [block[end:]], len(block) - end
    yield b"".join(held)


def _last_row_end(block: bytes) -> int:
    """The place after the last line end outside of quotes; 0: there is none."""
    end = block.rfind(b"\n") + 1
    if not block.count(b'"', 0, end) % 2:
        return end
    return int(_row_ends(block)[-1:].sum())


def _first_row_end(block: bytes) -> int:
    """The place after the first line; the whole block if it is one line."""
    end = block.find(b"\n") + 1
    if end and not block.count(b'"', 0, end) % 2:
        return end
    ends = _row_ends(block)
    return int(ends[0]) if len(ends) else len(block)


def _row_ends(block: bytes) -> npt.NDArray[np.int64]:
    """Places after each line end that an even number of quotes precedes."""
    text = np.frombuffer(block, np.uint8)
    is_quoted = np.logical_xor.accumulate(text == ord('"'))
    return np.flatnonzero((text == ord("\n")) & ~is_quoted) + 1


def _header(line: bytes, name: str) -> tuple[str, ...]:
    try:
        text = line.decode("utf-8")
        header = tuple(next(csv.reader(io.StringIO(text, newline=""), strict=True), ()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DocumentUnreadableError(
            f"{name} is not UTF-8 text with comma-separated columns: expected a CSV report; "
            "pull it again."
        ) from error
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise DocumentUnreadableError(
            f"{name} has column {twice[0][:60]!r} twice: expected each once, because it is not "
            "clear which one counts; export the file again."
        )
    return header


def _parsed(
    block: bytes, header: Sequence[str], wanted: Wanted, *, name: str, rows_before: int
) -> list[pa.RecordBatch]:
    damaged: list[pv.InvalidRow] = []
    try:
        table = pv.read_csv(
            pa.BufferReader(block),
            read_options=pv.ReadOptions(
                use_threads=False, block_size=len(block) + 1, column_names=header
            ),
            parse_options=pv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=_noting(damaged)
            ),
            convert_options=pv.ConvertOptions(
                include_columns=[*wanted.texts, *wanted.amounts],
                column_types=dict.fromkeys(wanted.texts, _CODED)
                | dict.fromkeys(wanted.amounts, pa.string()),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if not block.strip(b"\r\n"):
            return []
        raise _damaged(name, str(error), damaged, rows_before) from error
    batches: list[pa.RecordBatch] = table.to_batches()
    return batches


def _noting(damaged: list[pv.InvalidRow]) -> Callable[[pv.InvalidRow], str]:
    """Arrow swallows what its handler raises, so the handler only notes the row."""

    def note(row: pv.InvalidRow) -> str:
        damaged.append(row)
        return "error"

    return note


def _damaged(
    name: str, reason: str, rows: Sequence[pv.InvalidRow], rows_before: int
) -> DocumentUnreadableError:
    if "invalid UTF8" in reason:
        return DocumentUnreadableError(
            f"{name} is not UTF-8 text: expected a CSV report; pull it again."
        )
    if not rows:
        return DocumentUnreadableError(f"{name} is not a CSV file ({reason[:120]}): pull it again.")
    number = rows_before + rows[0].number
    if rows[0].text.count('"') % 2:
        return DocumentUnreadableError(
            f"{name} is not a CSV file (a quote in row {number} is never closed): pull it again."
        )
    return DocumentUnreadableError(
        f"Row {number} of {name} has {rows[0].actual_columns} cells: expected "
        f"{rows[0].expected_columns}; the file is damaged, or writes decimals with a comma where "
        "it expects a decimal point; pull or export it again."
    )


def _parquet(document: RawDocument, choose: Choose) -> Iterator[pa.RecordBatch]:
    schema = _opened(document, ()).schema_arrow
    wanted = choose(tuple(schema.names))
    columns = list(dict.fromkeys([*wanted.texts, *wanted.amounts]))
    texts = [name for name in columns if pa.types.is_string(schema.field(name).type)]
    file = _opened(document, texts)
    try:
        yield from file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(document.name, error) from error


def _opened(document: RawDocument, texts: Sequence[str]) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(io.BytesIO(document.content), read_dictionary=list(texts))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(document.name, error) from error
    meta = file.metadata
    size = sum(meta.row_group(place).total_byte_size for place in range(meta.num_row_groups))
    if meta.num_rows > MAX_TABLE_ROWS or size > MAX_UNPACKED_BYTES:
        raise DocumentUnreadableError(
            f"{document.name} holds {meta.num_rows:,} rows in {size:,} bytes: expected at most "
            f"{MAX_TABLE_ROWS:,} rows and {MAX_UNPACKED_BYTES:,} bytes; ask for smaller files."
        )
    return file


def _unreadable(name: str, error: Exception) -> DocumentUnreadableError:
    return DocumentUnreadableError(
        f"{name} is not a whole Parquet file ({str(error)[:120]}): pull it again."
    )
