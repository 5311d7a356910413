"""CSV, gzip and Parquet files as batches; what is damaged is refused whole."""

import gzip
import io
import zlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import DocumentUnreadableError
from tieout.sources import tables
from tieout.sources.base import RawDocument
from tieout.sources.tables import Batch, Wanted, read_batches

CELLS = st.text('a",\n\r=ü', max_size=4)


def file(content: bytes, name: str = "a.csv") -> RawDocument:
    return RawDocument(name=name, kind="data", content=content, media_type="", request={})


def everything(header: tuple[str, ...]) -> Wanted:
    return Wanted(
        texts=[name for name in header if name != "cost"],
        amounts=[name for name in header if name == "cost"],
    )


def rows_of(batches: list[Batch]) -> list[dict[str, Any]]:
    numbered: list[dict[str, Any]] = []
    for batch in batches:
        columns = {name: column.to_pylist() for name, column in batch.columns.items()}
        for row in range(batch.rows):
            values = {name: column[row] for name, column in columns.items()}
            numbered.append({"row": batch.first_row + row, **values})
    return numbered


def read(content: bytes, name: str = "a.csv") -> list[dict[str, Any]]:
    return rows_of(list(read_batches(file(content, name), everything)))


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def test_a_byte_order_mark_and_quotes_are_no_part_of_names() -> None:
    assert read(b'\xef\xbb\xbf"name",cost\r\n=1+1,2\r\n') == [
        {"row": 1, "name": "=1+1", "cost": "2"}
    ]


def test_the_word_null_stays_text_for_the_reader_to_judge() -> None:
    assert read(b"name,cost\nNULL,\n") == [{"row": 1, "name": "NULL", "cost": ""}]


@pytest.mark.parametrize("content", [b"name,cost", b"name,cost\n", b"name,cost\n\n\n"])
def test_a_header_alone_has_no_rows(content: bytes) -> None:
    assert read(content) == []


def test_a_file_without_anything_has_no_columns() -> None:
    asked: list[tuple[str, ...]] = []

    def choose(header: tuple[str, ...]) -> Wanted:
        asked.append(header)
        return Wanted(texts=[], amounts=[])

    assert not rows_of(list(read_batches(file(b""), choose)))
    assert asked == [()]


@given(st.lists(st.tuples(CELLS, CELLS), max_size=8), st.integers(1, 40))
def test_blocks_end_where_rows_end(rows: list[tuple[str, str]], size: int) -> None:
    quoted = ['"' + cell.replace('"', '""') + '"' for row in [("name", "b"), *rows] for cell in row]
    lines = [",".join(pair) for pair in zip(quoted[::2], quoted[1::2], strict=True)]
    content = "\n".join(lines).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "BLOCK_BYTES", size)
        found = [(row["name"], row["b"]) for row in read(content)]
    assert found == rows


def test_rows_are_numbered_through_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BLOCK_BYTES", 16)
    content = b"name,cost\n" + b"".join(b"n%d,1\n" % number for number in range(50))
    found = read(gzip.compress(content), "a.csv.gz")
    assert [(row["row"], row["name"]) for row in found] == [(n + 1, f"n{n}") for n in range(50)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfen\x00", "is not UTF-8 text with comma-separated"),
        (b"name,cost\nK\xf6ln,1\n", "is not UTF-8 text"),
        (b"name,name\n1,2\n", "has column 'name' twice"),
        (b"name,cost\n1,2\n3\n", "Row 2 of a.csv has 1 cells: expected 2"),
        (b"name,cost\n1,2,5\n", "writes decimals with a comma"),
        (b'name,cost\n1,2\n"never closed,3\n', "a quote in row 2 is never closed"),
        (b'"name,cost\n1,2\n', "comma-separated columns"),
        (b"PK\x03\x04zip", "is a zip archive"),
        (b"PAR1 and then nothing", "is not a whole Parquet file"),
        (gzip.compress(b"name,cost\n1,2\n", mtime=0)[:-9], "truncated gzip"),
    ],
)
def test_a_damaged_file_is_refused_whole(content: bytes, words: str) -> None:
    with pytest.raises(DocumentUnreadableError, match=words):
        read(content)


def test_the_refused_row_counts_from_the_first_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BLOCK_BYTES", 16)
    with pytest.raises(DocumentUnreadableError, match="Row 31 of"):
        read(b"name,cost\n" + b"n,1\n" * 30 + b"n\n")


def test_a_quote_that_is_never_closed_does_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "BLOCK_BYTES", 64)
    monkeypatch.setattr(tables, "MAX_ROW_BYTES", 256)
    with pytest.raises(DocumentUnreadableError, match="no row ends within"):
        read(b'name,cost\nx,1\n"' + b"a,1\n" * 200)


def test_a_name_that_says_gzip_must_be_gzip() -> None:
    with pytest.raises(DocumentUnreadableError, match="not a whole gzip file"):
        read(b"name,cost\n1,2\n", "a.csv.gz")


def test_a_gzip_bomb_is_refused() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b"name,cost\n" * 100_000) for _ in range(20)) + packer.flush()
    with pytest.raises(DocumentUnreadableError, match="at most 200:1"):
        read(bomb)


def test_parquet_texts_are_coded_and_numbers_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BATCH_ROWS", 2)
    table = pa.table({"name": ["a", None, "a"], "cost": [0.5, 1.5, None], "other": [1, 2, 3]})
    batches = list(
        read_batches(
            file(parquet(table, row_group_size=3), "a.parquet"),
            lambda _: Wanted(texts=["name"], amounts=["cost"]),
        )
    )
    assert rows_of(batches) == [
        {"row": 1, "name": "a", "cost": 0.5},
        {"row": 2, "name": None, "cost": 1.5},
        {"row": 3, "name": "a", "cost": None},
    ]
    assert pa.types.is_dictionary(batches[0].columns["name"].type)


def test_a_parquet_file_cut_anywhere_is_refused() -> None:
    whole = parquet(pa.table({"name": ["a"] * 500, "cost": list(range(500))}))
    for cut in range(4, len(whole), 97):
        with pytest.raises(DocumentUnreadableError, match="not a whole Parquet file"):
            read(whole[:cut])
    broken = whole[:4] + bytes(200) + whole[204:]
    with pytest.raises(DocumentUnreadableError, match="not a whole Parquet file"):
        read(broken)


@pytest.mark.parametrize("limit", ["MAX_TABLE_ROWS", "MAX_UNPACKED_BYTES"])
def test_a_parquet_file_beyond_the_limits_is_refused(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, limit, 2)
    with pytest.raises(DocumentUnreadableError, match="ask for smaller files"):
        read(parquet(pa.table({"name": ["a", "b", "c"]})))


def test_the_reader_refuses_a_file_by_its_header() -> None:
    def choose(header: tuple[str, ...]) -> Wanted:
        raise DocumentUnreadableError(f"no {header[0]}")

    with pytest.raises(DocumentUnreadableError, match="no name"):
        list(read_batches(file(b"name,cost\n"), choose))
