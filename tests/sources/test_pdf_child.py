"""Hostile PDFs end the child, never the worker; pictures of pages stay small."""

import json
import resource
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.sources.pdf_maker import Paper, Row, paper_pdf, pdf

from tieout.core.errors import DocumentUnreadableError, UsageError
from tieout.sources import pdf_words
from tieout.sources.pdf_picture import find_lines, page_picture, page_sizes
from tieout.sources.pdf_words import embedded_xml, read_words

SHA = "cd" * 32
INVOICE = Path("sample") / "bills" / "invoices" / "openai-arrears.pdf"
FLATE = "/Filter /FlateDecode"
Reader = Callable[[bytes], Sequence[object]]

PNG = b"\x89PNG\r\n\x1a\n"
CHILD = Path(pdf_words.__file__).with_name("pdf_child.py")


def bomb() -> bytes:
    """300 MB of blanks in a stream of 292 kB."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b" " * 10**6) for _ in range(300)) + packer.flush()


def words(content: bytes) -> Sequence[object]:
    return read_words(content, document_sha256=SHA)


def attachments(content: bytes) -> Sequence[object]:
    return embedded_xml(content, document_sha256=SHA)


READERS = pytest.mark.parametrize("reader", [words, attachments, page_picture])


@READERS
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"%PDF-1.7 /ObjStm and nothing else"])
def test_what_is_no_pdf_is_refused(reader: Reader, content: bytes) -> None:
    with pytest.raises(DocumentUnreadableError, match="cannot be read"):
        reader(content)


@pytest.mark.parametrize("reader", [words, page_picture])
def test_a_pdf_of_too_many_pages_is_refused(reader: Reader) -> None:
    with pytest.raises(DocumentUnreadableError, match="more than 200 pages"):
        reader(pdf([b""] * 201))


@pytest.mark.parametrize(
    ("reader", "content"),
    [
        (words, pdf([bomb()], stream_filter=FLATE)),
        (attachments, pdf([b""], attachments={"factur-x.xml": bomb()}, stream_filter=FLATE)),
        (page_picture, pdf([b""], box="0 0 1 1000000")),
        (page_picture, pdf([b""], box="0 0 0 0")),
        (page_picture, pdf([b"q " * 3_000_000])),
    ],
    ids=["words", "attachment", "endless page", "empty page", "deep graphics state"],
)
def test_a_pdf_bomb_ends_the_child_and_not_the_worker(reader: Reader, content: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    try:
        answer: Sequence[object] = reader(content)
    except DocumentUnreadableError:
        answer = ()
    assert len(answer) < 100_000
    assert time.monotonic() - began < pdf_words.WALL_S
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 20_000


def test_a_bomb_of_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_words, "CPU_S", 2)  # it would use up all ten
    with pytest.raises(DocumentUnreadableError, match="memory or time"):
        words(pdf([zlib.compress(b"BT /F1 9 Tf (" + b"a" * 20_000_000 + b") Tj ET")],
                  stream_filter=FLATE))  # fmt: skip


@READERS
def test_a_pdf_that_takes_too_long_is_refused(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_words, "WALL_S", 0.01)
    with pytest.raises(DocumentUnreadableError, match="took more than"):
        reader(INVOICE.read_bytes() + b"/ObjStm")


@READERS
def test_a_pdf_that_is_too_large_is_refused(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_words, "MAX_DOCUMENT_BYTES", 100)
    with pytest.raises(DocumentUnreadableError, match="it has"):
        reader(INVOICE.read_bytes() + b"/ObjStm")


def test_the_child_has_no_environment_and_few_open_files() -> None:
    program = (
        "import json, os, runpy, resource, sys;"
        f"child = runpy.run_path({str(CHILD)!r});"
        "child['_limit'](7);"
        "print(json.dumps([resource.getrlimit(getattr(resource, name))[0] for name in"
        " ('RLIMIT_AS', 'RLIMIT_CPU', 'RLIMIT_FSIZE', 'RLIMIT_NOFILE')]))"
    )
    done = subprocess.run([sys.executable, "-Ic", program], capture_output=True, check=True, env={})
    assert json.loads(done.stdout) == [512 * 1024 * 1024, 7, 0, 32]


def test_the_child_leaves_the_network_where_the_system_allows_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = (
            "import runpy, socket;"
            f"left = runpy.run_path({str(CHILD)!r})['_leave_network']();"
            "print(left);"
            f"socket.create_connection(('127.0.0.1', {port}), timeout=5)"
        )
        done = subprocess.run(
            [sys.executable, "-Ic", program], capture_output=True, check=False, env={}
        )
    if done.stdout.strip() != b"True":
        pytest.skip("this machine allows no network namespace")
    assert b"unreachable" in done.stderr


def test_embedded_xml_is_found_by_its_name_and_other_files_are_not() -> None:
    held = {"Factur-X.XML": b"<a/>", "picture.png": PNG, "other.xml": b"<b/>"}
    assert attachments(pdf([b""], attachments=held)) == (
        ("Factur-X.XML", b"<a/>"),
        ("other.xml", b"<b/>"),
    )


def test_a_pdf_without_any_embedded_file_starts_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_words, "WALL_S", 0)
    assert attachments(INVOICE.read_bytes()) == ()


def test_a_page_becomes_a_picture_of_the_width_that_was_asked() -> None:
    for page, width in ((0, 1000), (1, 300)):
        picture = page_picture(INVOICE.read_bytes(), page=page, width=width)
        assert picture.startswith(PNG)
        assert int.from_bytes(picture[16:20], "big") == width


def test_pictures_of_two_pages_differ() -> None:
    rows = [Row(description=[text], cells={"Amount": "$1.00"}) for text in ("one", "two")]
    content = paper_pdf(Paper(rows=rows, rows_a_page=1))
    assert page_picture(content, page=0) != page_picture(content, page=1)


@pytest.mark.parametrize("page", [-1, 2])
def test_a_page_that_is_not_there_has_no_picture(page: int) -> None:
    with pytest.raises(DocumentUnreadableError, match="no such page"):
        page_picture(INVOICE.read_bytes(), page=page)


@pytest.mark.parametrize("width", [0, 99, 2001, 10**9])
def test_a_width_that_no_screen_needs_is_refused(width: int) -> None:
    with pytest.raises(UsageError, match="pixels in width"):
        page_picture(INVOICE.read_bytes(), width=width)


def test_sizes_of_pages_are_in_tenths_of_a_point() -> None:
    assert page_sizes(pdf([b""], box="0 0 200 100.5")) == ((2000, 1005),)
    assert page_sizes(INVOICE.read_bytes()) == ((6120, 7920), (6120, 7920))


def test_a_line_of_an_invoice_is_found_where_it_is_printed() -> None:
    texts = ("gpt-6-luna, input", "gpt-6-luna batch, input", "web search tool calls", "nowhere x")
    first, second, third, nothing = find_lines(INVOICE.read_bytes(), texts)
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.page, third.page, nothing) == (1, 2, None)
    assert first.top > second.top
    assert (first.left, first.width) == (400, 5320)


def test_two_equal_lines_are_two_places() -> None:
    rows = [Row(description=["Tokens used"], cells={"Amount": "$1.00"}) for _ in range(2)]
    places = find_lines(paper_pdf(Paper(rows=rows)), ("Tokens used",) * 3)
    assert None not in places[:2]
    assert places[0] != places[1]
    assert places[2] is None


def test_a_pdf_with_too_many_pages_has_no_sizes() -> None:
    with pytest.raises(DocumentUnreadableError, match="more than 200 pages"):
        page_sizes(pdf([b""] * 201))
