"""AWS invoices: the list, the PDFs behind signed addresses, credit memos and other currencies."""

import json
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.sources.aws_peer import Peer, connection

from tieout.core.errors import (
    DocumentUnreadableError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
)
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources import aws_invoice_pdf
from tieout.sources.base import RawDocument, load_invoice_format, load_provider
from tieout.sources.invoices.aws_invoicing import exchange_findings, read

GOLDEN = Path("tests") / "golden" / "aws_invoicing" / "several_invoices" / "document.json"
ASKED: dict[str, Any] = {
    "account": "100000000001",
    "period": Period(2026, 10),
    "now": datetime(2026, 11, 4, tzinfo=UTC),
}
LIST, PDF = "ListInvoiceSummaries", "GetInvoicePDF"
SIGNED = "X-Amz-Signature=canary0123456789abcdef"
BYTES = b"%PDF-1.7 the invoice"
SHA = "ef" * 32


def summaries() -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(GOLDEN.read_text())
    return answer


def changed(number: int, **changes: Any) -> bytes:
    answer = summaries()
    answer["InvoiceSummaries"] = [{**answer["InvoiceSummaries"][number], **changes}]
    return json.dumps(answer).encode()


def address(url: str, number: str = "I-1") -> dict[str, Any]:
    return {"InvoicePDF": {"InvoiceId": number, "DocumentUrl": url}}


@pytest.fixture
def peer() -> Iterator[Peer]:
    one = Peer()
    one.answers(LIST, {"InvoiceSummaries": [summaries()["InvoiceSummaries"][0]]})
    one.files["/i.pdf"] = (200, {"Content-Type": "application/pdf"}, BYTES)
    yield one
    one.stop()


@pytest.fixture
def fetch(peer: Peer) -> Callable[[str], tuple[RawDocument, ...]]:
    def run(invoice_pdf: str = "on") -> tuple[RawDocument, ...]:
        link = connection(invoicing_endpoint_url=peer.url, invoice_pdf=invoice_pdf)
        return load_provider("aws").fetch_documents(link, **ASKED)

    return run


Fetch = Callable[..., tuple[RawDocument, ...]]


def test_the_pdf_is_kept_as_evidence_and_gives_no_second_invoice(peer: Peer, fetch: Fetch) -> None:
    peer.answers(PDF, address(f"{peer.url}/i.pdf?{SIGNED}"))
    paper, pdf = fetch()
    assert (paper.kind, pdf.kind) == ("billing_document", "data")
    assert (pdf.content, pdf.name, pdf.media_type) == (BYTES, "EUINDE26-1.pdf", "application/pdf")
    assert peer.asked[1] == (PDF, {"InvoiceId": "EUINDE26-1"})
    assert SIGNED not in json.dumps(dict(pdf.request))
    form = load_invoice_format(pdf.request["format"])
    assert form.read(pdf.content, document_sha256=pdf.sha256) == ()
    assert len(form.read(paper.content, document_sha256=paper.sha256)) == 1


def test_no_pdf_is_asked_for_unless_the_connection_says_so(peer: Peer, fetch: Fetch) -> None:
    assert [one.kind for one in fetch("off")] == ["billing_document"]
    assert [operation for operation, _ in peer.asked] == [LIST]
    assert peer.fetched == []


def test_receipts_for_payments_have_no_pdf_and_make_no_document(peer: Peer, fetch: Fetch) -> None:
    peer.script[LIST] = [(200, changed(3))]
    assert fetch() == ()
    assert [operation for operation, _ in peer.asked] == [LIST]


def test_a_pdf_that_aws_has_not_made_yet_comes_with_a_later_pull(peer: Peer, fetch: Fetch) -> None:
    peer.refuses(PDF, "ResourceNotFoundException")
    assert [one.kind for one in fetch()] == ["billing_document"]


def test_a_pdf_that_may_not_be_read_is_a_refusal(peer: Peer, fetch: Fetch) -> None:
    peer.refuses(PDF, "AccessDeniedException", status=403)
    with pytest.raises(SourceRefusedError, match="permissions of docs/reference"):
        fetch()


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/i.pdf",
        "https://amazonaws.com.example.com/i.pdf",
        "http://s3.amazonaws.com/i.pdf",
        "https://user:pw@s3.amazonaws.com/i.pdf",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://[",
        "",
    ],
)
def test_only_an_address_of_aws_is_fetched(
    peer: Peer, fetch: Fetch, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_invoice_pdf, "_download", lambda *_: pytest.fail("it was fetched"))
    peer.answers(PDF, address(url))
    with pytest.raises(SourceAnswerError, match="expected an https address of AWS"):
        fetch()


def test_a_signed_address_of_s3_is_taken(
    peer: Peer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []

    def download(url: str, number: str) -> bytes:
        taken.append(url)
        return BYTES

    monkeypatch.setattr(aws_invoice_pdf, "_download", download)
    url = f"https://prod-invoices.s3.us-east-1.amazonaws.com/i.pdf?{SIGNED}"
    peer.answers(PDF, address(url))
    assert len(fetch()) == 2
    assert taken == [url]


def test_a_redirect_is_not_followed(peer: Peer, fetch: Fetch) -> None:
    peer.files["/i.pdf"] = (302, {"Location": f"{peer.url}/other"}, b"")
    peer.files["/other"] = (200, {}, BYTES)
    peer.answers(PDF, address(f"{peer.url}/i.pdf"))
    with pytest.raises(SourceAnswerError, match="did not come whole \\(HTTP 302"):
        fetch()
    assert peer.fetched == ["/i.pdf"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"<html>expired</html>"),
        ({"Content-Length": "999"}, BYTES),
        ({}, b"%PDF-" + b"0" * 2_000),
    ],
)
def test_what_is_no_whole_pdf_of_a_fair_size_is_refused(
    peer: Peer,
    fetch: Fetch,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    body: bytes,
) -> None:
    monkeypatch.setattr(aws_invoice_pdf, "MAX_DOCUMENT_BYTES", 1_000)
    peer.files["/i.pdf"] = (200, headers, body)
    peer.answers(PDF, address(f"{peer.url}/i.pdf"))
    with pytest.raises(SourceError, match="PDF of invoice EUINDE26-1"):
        fetch()


def test_a_signed_address_is_never_shown(peer: Peer, fetch: Fetch) -> None:
    peer.answers(PDF, address(f"http://127.0.0.1:1/i.pdf?{SIGNED}"))
    with pytest.raises(SourceUnreachableError, match="could not be fetched") as caught:
        fetch()
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_pages_of_invoices_are_all_kept(peer: Peer, fetch: Fetch) -> None:
    first, second = summaries()["InvoiceSummaries"][:2]
    peer.script[LIST] = []
    peer.answers(
        LIST,
        {"InvoiceSummaries": [first], "NextToken": "n-2"},
        {"InvoiceSummaries": [second]},
    )
    assert [one.name for one in fetch("off")] == [
        "list_invoice_summaries.page1.json",
        "list_invoice_summaries.page2.json",
    ]
    assert [body.get("NextToken") for _, body in peer.asked] == [None, "n-2"]


@pytest.mark.parametrize(
    "answer", [{"InvoiceSummaries": [7]}, {"InvoiceSummaries": {}}, {"Invoices": []}]
)
def test_a_list_of_another_form_is_refused(
    peer: Peer, fetch: Fetch, answer: dict[str, Any]
) -> None:
    peer.script[LIST] = []
    peer.answers(LIST, answer)
    with pytest.raises(SourceAnswerError):
        fetch("off")


def test_the_month_pays_all_invoices_less_the_credit_memos() -> None:
    documents = read(GOLDEN.read_bytes(), document_sha256=SHA)
    assert sum(one.total_units for one in documents) == to_units("1894.10")
    assert {one.seller for one in documents} == {
        "Amazon Web Services EMEA SARL",
        "Amazon Web Services, Inc.",
    }
    assert "PR-1" not in {one.number for one in documents}


def test_a_credit_memo_is_negative_money_however_its_sign_is_written() -> None:
    memos = [one for one in read(GOLDEN.read_bytes(), document_sha256=SHA) if one.corrects]
    assert [(one.kind, one.corrects) for one in memos] == [
        ("credit_note", "EUINDE26-1"),
        ("credit_note", "EUINDE26-3"),
    ]
    assert [one.total_units for one in memos] == [to_units("-119"), to_units("-11.90")]
    assert all(one.tie_out_gaps() == [] for one in memos)


def test_an_invoice_corrects_nothing_even_if_it_names_another() -> None:
    (document,) = read(changed(0, OriginalInvoiceId="EUINDE26-0"), document_sha256=SHA)
    assert document.corrects is None


def test_a_line_says_which_kind_of_bill_it_is() -> None:
    found = {one.number: one.lines[0] for one in read(GOLDEN.read_bytes(), document_sha256=SHA)}
    assert found["EUINDE26-2"].description == "AWS Marketplace charges"
    assert found["EUINDE26-3"].description == "AWS purchases and upfront fees"
    assert found["EUCN26-4"].source_row == 5  # its place in the answer, receipts counted
    (other,) = read(changed(0, BillType="ONE_DAY"), document_sha256=SHA)
    assert other.lines[0].description == "AWS charges"


def test_amounts_in_another_currency_are_compared_at_the_printed_rate() -> None:
    found = exchange_findings(GOLDEN.read_bytes(), document_sha256=SHA)
    assert [(one.kind, one.severity, one.source_row) for one in found] == [
        ("invoice_exchanged", "info", 1),
        ("invoice_exchanged", "info", 1),
    ]
    assert "1190.00 USD at the printed rate 0.92 stand as 1094.80 EUR" in found[0].message


@pytest.mark.parametrize(("rate", "gap"), [("0.91", "11.90"), ("0.9200", "0")])
def test_another_rate_than_the_printed_one_is_told_with_the_amount(rate: str, gap: str) -> None:
    payment = summaries()["InvoiceSummaries"][0]["PaymentCurrencyAmount"]
    payment["CurrencyExchangeDetails"]["Rate"] = rate
    content = changed(0, PaymentCurrencyAmount=payment, TaxCurrencyAmount=None)
    (finding,) = exchange_findings(content, document_sha256=SHA)
    assert finding.kind == ("exchange_gap" if gap != "0" else "invoice_exchanged")
    assert (finding.amount_units, finding.currency) == (to_units(gap), "EUR")


def test_the_digits_of_a_coarse_rate_and_a_cent_explain_a_small_gap() -> None:
    payment = summaries()["InvoiceSummaries"][0]["PaymentCurrencyAmount"]
    payment["TotalAmount"] = "1100.75"  # 1190 x 0.925 = 1100.75, printed as 0.92
    content = changed(0, PaymentCurrencyAmount=payment, TaxCurrencyAmount=None)
    (finding,) = exchange_findings(content, document_sha256=SHA)
    assert finding.kind == "invoice_exchanged"


def test_an_exchange_that_cannot_be_read_is_refused() -> None:
    payment = {"CurrencyCode": "EUR", "TotalAmount": "1", "CurrencyExchangeDetails": {"Rate": "x"}}
    with pytest.raises(DocumentUnreadableError, match="currency amounts that cannot be read"):
        exchange_findings(changed(0, PaymentCurrencyAmount=payment), document_sha256=SHA)
