"""PDFs and invoice summaries that are read, and those that must be refused."""

import json
import resource
import zlib
from pathlib import Path
from typing import Any

import pytest
from sample.build import rewritten

from tieout.core.errors import DocumentUnreadableError
from tieout.core.money import to_units
from tieout.sources import pdf_words
from tieout.sources.base import load_invoice_format
from tieout.sources.invoices.aws_invoicing import read as read_summaries

INVOICES = Path("sample") / "bills" / "invoices"
SHA = "cd" * 32


def invoice() -> bytes:
    return (INVOICES / "openai-arrears.pdf").read_bytes()


def read_pdf(content: bytes) -> Any:
    (document,) = load_invoice_format("stripe_pdf").read(content, document_sha256=SHA)
    return document


def pdf_of(stream: bytes, pages: int = 1) -> bytes:
    """A PDF of equal pages with one deflated stream."""
    kids = b" ".join(b"%d 0 R" % (4 + number) for number in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, pages),
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream),
        *[b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 3 0 R >>"] * pages,
    ]
    body = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    xref = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(body))
    return body + xref + trailer


@pytest.mark.parametrize("path", sorted(INVOICES.glob("*.pdf")), ids=lambda path: path.stem)
def test_every_sample_document_is_read_exactly(path: Path) -> None:
    found = read_pdf(path.read_bytes())
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert found.number == expected["number"]
    assert found.bill_to == "Nordlicht Labs B.V."
    assert str(found.issued_on) == expected.get("date_issue", expected.get("date_paid"))
    lines = [(line.description, line.amount_units) for line in found.lines]
    assert lines == [(one["description"], to_units(one["amount"])) for one in expected["lines"]]
    prices = [(to_units(line.quantity), to_units(line.unit_price)) for line in found.lines]
    assert prices == [
        (to_units(one["quantity"]), to_units(one["unit_price"])) for one in expected["lines"]
    ]
    assert found.subtotal_units == to_units(expected["subtotal"])
    assert found.credit_units == to_units(expected.get("credit", "0"))
    assert found.tax_units == to_units(expected["tax"])
    assert found.total_units == to_units(expected["total"])
    due = expected.get("amount_due", expected.get("amount_paid"))
    assert found.amount_due_units == to_units(due)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"($1,839.63)", b"($1,839.64)", "lines do not add up to the subtotal"),
        (b"($7.01)", b"($7.02)", "lines do not add up to the subtotal"),
        (b"(-$150.00)", b"(-$150.01)", "do not add up to the total"),
        (b"(Invoice)", b"(Menu)", "no headline Invoice or Receipt"),
        (b"(Subtotal)", b"(Sum)", "no Subtotal"),
        (b"(Qty)", b"(Many)", "no table"),
        (b"(Bill to)", b"(Ship to)", "no Bill to"),
        (b"(Amount due)", b"(To pay)", "no Amount due or paid"),
        (b"(Invoice number)", b"(Invoice numero)", "no Invoice number"),
        (b"(November 1, 2026)", b"(Novembre 1, 2026)", "is not a date"),
        (b"($1,689.63 USD)", b"($1,689.63)", "no currency"),
        (b"($28.85)", b"($28,85)", "lines do not add up"),
    ],
)
def test_a_document_that_does_not_tie_or_fit_is_refused(old: bytes, new: bytes, words: str) -> None:
    changed = rewritten(invoice(), {old: new})
    assert changed != invoice()
    with pytest.raises(DocumentUnreadableError, match=words) as caught:
        read_pdf(changed)
    assert "enter the document by hand" in str(caught.value)


def test_an_applied_balance_lowers_the_amount_due() -> None:
    changes = {
        b"(Amount due)": b"(Applied balance)",
        b"($1,689.63 USD)": b"(-$100.00)",
        b"(Tax to be paid on reverse charge basis)": b"(Amount due $1,589.63 USD)",
    }
    found = read_pdf(rewritten(invoice(), changes))
    assert found.total_units == to_units("1689.63")
    assert found.amount_due_units == to_units("1589.63")


def test_a_service_period_may_begin_in_the_year_before() -> None:
    # WinAnsi has the en dash at 0o226
    changed = rewritten(
        invoice(), {b"(Oct 1 \\226 Oct 31, 2026)": b"(Dec 15, 2025 - Jan 14, 2026)"}
    )
    found = read_pdf(changed)
    assert (str(found.service_start), str(found.service_end)) == ("2025-12-15", "2026-01-14")


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"%PDF-1.7 and nothing else", invoice()[:900]]
)
def test_what_is_no_pdf_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentUnreadableError, match=r"cannot be read|not an invoice"):
        read_pdf(content)


def test_a_pdf_without_text_is_not_an_invoice() -> None:
    with pytest.raises(DocumentUnreadableError, match="no table"):
        read_pdf(pdf_of(zlib.compress(b"")))


def test_a_pdf_of_too_many_pages_is_refused() -> None:
    with pytest.raises(DocumentUnreadableError, match="more than 200 pages"):
        read_pdf(pdf_of(zlib.compress(b""), pages=201))


def test_a_pdf_bomb_ends_the_child_and_not_the_worker() -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(b" " * 10**6) for _ in range(300)) + packer.flush()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DocumentUnreadableError):
        read_pdf(pdf_of(bomb))
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 20_000


def test_a_pdf_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_words, "WALL_S", 0.01)
    with pytest.raises(DocumentUnreadableError, match="took more than"):
        read_pdf(invoice())


def test_a_pdf_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_words, "MAX_DOCUMENT_BYTES", 100)
    with pytest.raises(DocumentUnreadableError, match="it has"):
        read_pdf(invoice())


def summary(**changes: object) -> bytes:
    path = Path("sample") / "bills" / "aws" / "invoicing" / "list_invoice_summaries.json"
    answer = json.loads(path.read_text())
    answer["InvoiceSummaries"][0].update(changes)
    return json.dumps(answer).encode()


def test_the_sample_invoice_of_aws_is_read() -> None:
    (found,) = read_summaries(summary(), document_sha256=SHA)
    assert found.total_units == to_units("4294.78")
    assert found.tie_out_gaps() == []


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b'{"InvoiceSummaries": [7]}',
        b"<xml/>",
        summary(InvoiceType="POSTCARD"),
        summary(IssuedDate="soon"),
        summary(BaseCurrencyAmount={"TotalAmount": "many", "CurrencyCode": "USD"}),
        summary(BillingPeriod={"Month": 13, "Year": 2026}),
    ],
)
def test_an_answer_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentUnreadableError, match="not an answer of ListInvoiceSummaries"):
        read_summaries(content, document_sha256=SHA)


def test_a_summary_that_does_not_tie_out_is_refused() -> None:
    amount = {"TotalAmount": "10.01", "TotalAmountBeforeTax": "10.00", "CurrencyCode": "USD"}
    with pytest.raises(DocumentUnreadableError, match="does not tie out"):
        read_summaries(summary(BaseCurrencyAmount=amount), document_sha256=SHA)
