"""PDFs and invoice summaries that are read, and those that must be refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from sample.build import rewritten

from tieout.core.errors import DocumentUnreadableError
from tieout.core.money import to_units
from tieout.sources.base import load_invoice_format
from tieout.sources.invoices.aws_invoicing import read as read_summaries

INVOICES = Path("sample") / "bills" / "invoices"
SHA = "cd" * 32


def invoice() -> bytes:
    return (INVOICES / "openai-arrears.pdf").read_bytes()


def read_pdf(content: bytes) -> Any:
    (document,) = load_invoice_format("stripe_pdf").read(content, document_sha256=SHA)
    return document


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
        (b"(Invoice)", b"(Menu)", "no headline Invoice, Receipt"),
        (b"(Subtotal)", b"(Sum)", "no Subtotal"),
        (b"(Qty)", b"(Many)", "no table"),
        (b"(Bill to)", b"(Ship to)", "no Bill to"),
        (b"(Amount due)", b"(To pay)", "no Amount due or paid"),
        (b"(Invoice number)", b"(Invoice numero)", "no Invoice number"),
        (b"(November 1, 2026)", b"(Novembre 1, 2026)", "is not a date"),
        (b"($1,689.63 USD)", b"($1,689.63)", "no currency"),
        (b"($28.85)", b"($28,85)", "in one number format with 2 decimals"),
    ],
)
def test_a_document_that_does_not_tie_or_fit_is_refused(old: bytes, new: bytes, words: str) -> None:
    changed = rewritten(invoice(), {old: new})
    assert changed != invoice()
    with pytest.raises(DocumentUnreadableError, match=words) as caught:
        read_pdf(changed)
    assert "enter the document by hand" in str(caught.value)


def test_a_service_period_may_begin_in_the_year_before() -> None:
    # WinAnsi has the en dash at 0o226
    changed = rewritten(
        invoice(), {b"(Oct 1 \\226 Oct 31, 2026)": b"(Dec 15, 2025 - Jan 14, 2026)"}
    )
    found = read_pdf(changed)
    assert (str(found.service_start), str(found.service_end)) == ("2025-12-15", "2026-01-14")


def summary(**changes: object) -> bytes:
    path = Path("sample") / "bills" / "aws" / "invoicing" / "list_invoice_summaries.json"
    answer = json.loads(path.read_text())
    answer["InvoiceSummaries"][0].update(changes)
    return json.dumps(answer).encode()


def test_the_sample_invoice_of_aws_is_read() -> None:
    found = read_summaries(summary(), document_sha256=SHA)
    assert [one.total_units for one in found] == [to_units("4566.93"), to_units("280.38")]
    assert [one.tie_out_gaps() for one in found] == [[], []]


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
