"""The close report: one file, its figures in words and pictures, the same bytes each time."""

import base64
import re
import sys
import zlib

import pypdfium2
import pytest
from tests.publish.dossiers import bridge, dossier, exception

from tieout.core.errors import ToolMissingError
from tieout.publish.close_files import REPORT_PDF, WORKBOOK, close_files
from tieout.publish.close_report import report_html, report_pdf

HOSTILE = '<script>alert("x")</script>'


def inflated(stream: bytes) -> bytes:
    """A stream of a PDF as it was before it was packed."""
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream


def test_the_report_is_one_file_with_its_charts_inside_and_in_words() -> None:
    html = report_html(dossier()).decode()
    assert re.findall(r'(?:src|href)="(?!data:)', html) == []
    assert "every account ties to its provider and nothing is unexplained" in html
    (drawn, words), _ = re.findall(r'svg\+xml;base64,([^"]+)" alt="([^"]+)"', html)
    assert "Credit (2.00)" in words
    assert base64.b64decode(drawn).startswith(b"<svg ")


def test_what_people_typed_is_shown_and_never_run() -> None:
    made = dossier(bridges=(bridge(HOSTILE),), exceptions=(exception(HOSTILE),))
    html = report_html(made).decode()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 2


def test_long_lists_are_cut_and_the_report_says_so() -> None:
    many = tuple(exception(f"subject {number}") for number in range(230))
    html = report_html(dossier(exceptions=many)).decode()
    assert "And 30 more, which the workbook lists." in html


def test_the_pdf_is_tagged_and_the_same_twice_and_holds_the_totals() -> None:
    content = report_pdf(dossier())
    assert report_pdf(dossier()) == content
    streams = re.findall(rb"stream\n(.*?)\nendstream", content, re.DOTALL)
    assert [one for one in map(inflated, streams) if b'pdfuaid:part="1"' in one]
    with pypdfium2.PdfDocument(content) as document:
        assert document.is_tagged()
        text = "".join(page.get_textpage().get_text_range() for page in document)
    assert "USD 10.00" in text
    assert "Credit printed on the invoice." in text


def test_without_pango_one_sentence_says_so_and_the_other_forms_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ToolMissingError, match="needs the library Pango"):
        report_pdf(dossier())
    made = close_files(dossier())
    assert WORKBOOK in made
    assert REPORT_PDF not in made
