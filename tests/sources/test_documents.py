"""Bytes decide what a document is; its name never does."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sources.pdf_maker import pdf

from tieout.core.errors import DocumentUnreadableError
from tieout.sources.base import known_invoice_formats, load_invoice_format
from tieout.sources.documents import (
    clean_name,
    clean_text,
    format_of,
    gaps_of,
    is_sha256,
    medium_of,
)

GOLDEN = Path(__file__).parents[1] / "golden"
OWN_FORMATS = ("stripe_pdf", "en16931", "document_csv", "entered", "gcp_cost_table")
COST_TABLE = (
    b"Invoice number,5555,\nInvoice date,2026-11-01,\nBilling account ID,01AB-CD\n\n"
    b"Billing account name,Billing account ID,Project name,Project ID,Service description,"
    b"SKU description,SKU ID,Cost type,Cost ($)\n"
)


def golden_cases() -> Sequence[object]:
    return [
        pytest.param(name, path, id=f"{name}/{path.parent.name}")
        for name in OWN_FORMATS
        for path in sorted((GOLDEN / name).glob("*/document.*"))
    ]


@pytest.mark.parametrize(("name", "path"), golden_cases())
def test_every_golden_document_is_recognised_whatever_it_is_called(name: str, path: Path) -> None:
    for called in ("a.pdf", "a.csv", "a"):
        assert format_of(called, path.read_bytes(), default="stripe_pdf") == name


def test_each_format_that_can_be_recognised_exists() -> None:
    assert set(OWN_FORMATS) <= set(known_invoice_formats())


@pytest.mark.parametrize("default", ["stripe_pdf", "aws_invoicing", "en16931"])
def test_a_plain_pdf_goes_to_a_format_that_reads_pdfs(default: str) -> None:
    assert format_of("a.pdf", pdf([b""]), default=default) == "stripe_pdf"


@pytest.mark.parametrize(
    ("attachments", "found"),
    [
        ({"Factur-X.xml": b"<broken"}, "en16931"),
        ({"zugferd-invoice.xml": b"<a/>"}, "en16931"),
        ({"notes.xml": b"<a/>"}, "stripe_pdf"),
        ({"notes.xml": b"<!DOCTYPE a>"}, "stripe_pdf"),
        ({"picture.png": b""}, "stripe_pdf"),
    ],
)
def test_an_embedded_invoice_counts_by_name_or_root_even_when_it_is_broken(
    attachments: dict[str, bytes], found: str
) -> None:
    content = pdf([b""], attachments=attachments)
    assert format_of("a.pdf", content, default="stripe_pdf") == found


def test_a_broken_pdf_is_still_a_pdf_so_that_reading_it_says_why() -> None:
    assert format_of("a.pdf", b"%PDF-1.7 /ObjStm cut", default="stripe_pdf") == "stripe_pdf"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (COST_TABLE, "gcp_cost_table"),
        (b"\xef\xbb\xbf" + COST_TABLE.replace(b"\n", b"\r\n"), "gcp_cost_table"),
        (b"Number;Kind;Amount;Currency\n", "document_csv"),
        (b'"number",kind,amount,"currency"\n', "document_csv"),
    ],
)
def test_a_csv_is_recognised_by_its_header(content: bytes, found: str) -> None:
    assert format_of("x", content, default="stripe_pdf") == found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "found nothing"),
        (b"  \n", "found nothing"),
        (b"PK\x03\x04rest", "a ZIP or Office file"),
        (b"\x1f\x8b\x08rest", "a gzip file"),
        (b"\x89PNG\r\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"abc\x00def", "bytes that are no text"),
        (b"<html></html>", "XML with the root 'html'"),
        (b"<br>", "XML, but it is no well-formed XML"),
        (b"<!DOCTYPE html><html/>", "XML, but it has a DOCTYPE"),
        (b'{"InvoiceSummaries": []}', "JSON with the keys InvoiceSummaries"),
        (b"[]", "JSON with the keys (none)"),
        (b"{oops", "begins like JSON"),
        (b"Dear customer,\n", "text that begins with 'Dear customer,'"),
        (b"a,b\n1,2\n", "text that begins with 'a,b'"),
    ],
)
def test_what_no_format_reads_is_named(content: bytes, found: str) -> None:
    with pytest.raises(DocumentUnreadableError) as caught:
        format_of("letter.pdf", content, default="stripe_pdf")
    assert found in str(caught.value)
    assert "'letter.pdf' is no billing document" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "medium"),
    [
        (b"%PDF-1.7", "pdf"),
        (b"\xef\xbb\xbf\n <a/>", "xml"),
        (b"\xff\xfe<\x00a\x00", "xml"),
        (b" {", "json"),
        (b"a,b", "text"),
        (b"II*\x00", None),
        (b"", None),
    ],
)
def test_the_medium_is_seen_at_the_first_bytes(content: bytes, medium: str | None) -> None:
    assert medium_of(content) == medium


@pytest.mark.parametrize("letter", ["\u202e", "\u200b", "\x00", "\x1b", "\ue000", "\U000e0001"])
def test_hidden_characters_are_refused_in_names_and_shown_in_texts(letter: str) -> None:
    with pytest.raises(DocumentUnreadableError, match=f"U\\+{ord(letter):04X}"):
        clean_name(f"A{letter}B", what="seller")
    assert clean_text(f"A{letter}B") == "A\ufffdB"


def test_blanks_become_single_and_long_texts_end() -> None:
    assert clean_name("  A \n\t B ", what="seller") == clean_text(" A\xa0B ") == "A B"
    assert len(clean_text("a" * 10_000)) == 2_000
    with pytest.raises(DocumentUnreadableError, match="longer than"):
        clean_name("a" * 2_001, what="seller")


def test_gaps_name_everything_that_is_wrong_at_once() -> None:
    (path,) = (GOLDEN / "entered").glob("*/document.json")
    (document,) = load_invoice_format("entered").read(path.read_bytes(), document_sha256="a" * 64)
    assert gaps_of(document) == []
    wrong = replace(document, lines=(), currency="usd", kind="credit_note")
    assert len(gaps_of(wrong)) == 4


def test_a_hash_is_64_lower_case_hex_digits() -> None:
    assert is_sha256("0af" + "9" * 61)
    assert not any(map(is_sha256, ("a" * 63, "A" * 64, "a" * 64 + "\n", "")))
