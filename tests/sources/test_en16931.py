"""E-invoices: equal figures from three syntaxes, exact sums, and nothing hostile gets through."""

import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from tests.sources.pdf_maker import pdf

from tieout.core.errors import DocumentUnreadableError
from tieout.core.money import to_units
from tieout.focus.document import BillingDocument
from tieout.sources import documents
from tieout.sources.invoices.en16931 import read

GOLDEN = Path(__file__).parents[1] / "golden" / "en16931"
SHA = "cd" * 32
# subtotal, allowances and charges, tax, total, due: the corpus' own BT-106 to BT-115
EXPECTED = {
    "einfach": ("473", "0", "56.87", "529.87", "529.87"),
    "rabatte": ("202.7", "-8.93", "21.3", "215.07", "165.07"),
}


def sample(name: str) -> bytes:
    (path,) = (GOLDEN / name).glob("document.*")
    return path.read_bytes()


PERIOD = (
    "<ram:BillingSpecifiedPeriod><ram:StartDateTime><udt:DateTimeString format='102'>20180501"
    "</udt:DateTimeString></ram:StartDateTime><ram:EndDateTime><udt:DateTimeString format='102'>"
    "20180531</udt:DateTimeString></ram:EndDateTime></ram:BillingSpecifiedPeriod>"
)
UBL, CII = sample("rabatte_ubl"), sample("rabatte_cii")


def read_one(content: bytes) -> BillingDocument:
    (document,) = read(content, document_sha256=SHA)
    return document


def changed(content: bytes, *changes: tuple[str, str]) -> bytes:
    for old, new in changes:
        assert old.encode() in content, old
        content = content.replace(old.encode(), new.encode())
    return content


@pytest.mark.parametrize("name", EXPECTED)
def test_three_syntaxes_of_an_invoice_give_equal_documents(name: str) -> None:
    found = [read_one(sample(f"{name}_{syntax}")) for syntax in ("cii", "ubl", "pdf")]
    assert found[0] == found[1] == found[2]
    subtotal, credit, tax, total, due = map(to_units, EXPECTED[name])
    assert (found[0].subtotal_units, found[0].credit_units) == (subtotal, credit)
    assert (found[0].tax_units, found[0].total_units) == (tax, total)
    assert found[0].amount_due_units == due
    assert found[0].kind == "invoice"


def test_a_ubl_credit_note_is_negative_and_names_the_invoice_that_it_corrects() -> None:
    reference = (
        "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>471100</cbc:ID>"
        "</cac:InvoiceDocumentReference></cac:BillingReference><cac:AccountingSupplierParty>"
    )
    note = changed(
        UBL,
        (":Invoice-2", ":CreditNote-2"),
        ("<Invoice ", "<CreditNote "),
        ("</Invoice>", "</CreditNote>"),
        ("cac:InvoiceLine>", "cac:CreditNoteLine>"),
        ("InvoicedQuantity", "CreditedQuantity"),
        ("InvoiceTypeCode>380<", "InvoiceTypeCode>381<"),
        ("InvoiceTypeCode", "CreditNoteTypeCode"),
        ("<cac:AccountingSupplierParty>", reference),
    )
    found = read_one(note)
    assert (found.kind, found.corrects) == ("credit_note", "471100")
    assert found.total_units == to_units("-215.07")
    assert found.credit_units == to_units("8.93")
    assert sum(line.amount_units for line in found.lines) == to_units("-202.7")
    assert found.tie_out_gaps() == []


@pytest.mark.parametrize(
    ("code", "kind", "total"),
    [("381", "credit_note", "-215.07"), ("384", "invoice", "215.07"), ("389", "invoice", "215.07")],
)
def test_the_type_code_decides_the_kind(code: str, kind: str, total: str) -> None:
    found = read_one(changed(CII, ("TypeCode>380<", f"TypeCode>{code}<")))
    assert (found.kind, found.total_units) == (kind, to_units(total))


def cii_references(*numbers: str) -> bytes:
    closing = "</ram:ApplicableHeaderTradeSettlement>"
    references = "".join(
        "<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>"
        f"{number}</ram:IssuerAssignedID></ram:InvoiceReferencedDocument>"
        for number in numbers
    )
    return changed(CII, ("TypeCode>380<", "TypeCode>384<"), (closing, references + closing))


@pytest.mark.parametrize(
    ("numbers", "corrects"), [(["A-1"], "A-1"), (["A-1", "A-1"], "A-1"), (["A-1", "A-2"], None)]
)
def test_only_one_preceding_invoice_is_named(numbers: Sequence[str], corrects: str | None) -> None:
    assert read_one(cii_references(*numbers)).corrects == corrects


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([(">27.5<", ">27.51<")], "lines do not add up to the subtotal"),
        ([('"EUR">202.7<', '"EUR">202.71<')], "lines do not add up to the subtotal"),
        ([('AllowanceTotalAmount currencyID="EUR">14.73<',
           'AllowanceTotalAmount currencyID="EUR">14.72<')], "do not give BT-109"),
        ([(">193.77<", ">193.78<")], "do not give BT-109"),
        ([(">215.07<", ">215.08<")], "do not give BT-112"),
        ([(">165.07<", ">165.08<")], "do not give BT-115"),
        ([('PrepaidAmount currencyID="EUR">50<', 'PrepaidAmount currencyID="EUR">5<')],
         "do not give BT-115"),
        ([(">9.06<", ">9.05<")], "tax breakdown"),
        ([(">215.07<", ">two hundred<")], "Expected a decimal number"),
        ([(">215.07<", ">215,07<")], "Expected a decimal number"),
        ([("InvoiceTypeCode>380<", "InvoiceTypeCode>326<")], "its type (BT-3) is '326'"),
        ([("<cbc:ID>471102</cbc:ID>", "")], "BT-1 is missing"),
        ([("<cbc:ID>471102</cbc:ID>", "<cbc:ID>1</cbc:ID><cbc:ID>2</cbc:ID>")], "more than once"),
        ([(">2018-06-05<", ">05.06.2018<")], "ValueError"),
        ([("<cbc:IssueDate>2018-06-05</cbc:IssueDate>", "")], "BT-2 is missing"),
        ([("DocumentCurrencyCode>EUR<", "DocumentCurrencyCode>'] | //*['<")],
         "not three capital letters"),
        ([("cac:InvoiceLine>", "cac:Other>")], "it has no lines"),
        ([("RegistrationName>Lieferant GmbH<", "RegistrationName>A\u202eB<")], "U+202E"),
    ],
)  # fmt: skip
def test_an_invoice_that_does_not_tie_or_fit_is_refused(
    changes: Sequence[tuple[str, str]], words: str
) -> None:
    with pytest.raises(DocumentUnreadableError) as caught:
        read_one(changed(UBL, *changes))
    assert words in str(caught.value)


def test_a_credit_note_with_a_negative_total_is_refused() -> None:
    changes = [("TypeCode>380<", "TypeCode>381<")]
    amounts = ["10.00", "27.50", "109.80", "55.40", "202.70", "14.73", "5.80", "193.77", "21.30"]
    changes += [(f">{one}<", f">-{one}<") for one in [*amounts, "215.07", "50.00", "165.07"]]
    with pytest.raises(DocumentUnreadableError, match="its sign is not certain"):
        read_one(changed(CII, *changes))


@pytest.mark.parametrize(
    ("part", "days"),
    [
        ("", ("2018-06-03", "2018-06-03")),
        (
            PERIOD,
            ("2018-05-01", "2018-05-31"),
        ),
    ],
)
@pytest.mark.parametrize("place", ["HeaderTradeSettlement", "SpecifiedLineTradeSettlement"])
def test_the_service_period_is_the_documents_else_its_lines_else_the_delivery(
    part: str, days: tuple[str, str], place: str
) -> None:
    tag = f"<ram:Applicable{place}>" if place.startswith("Header") else f"<ram:{place}>"
    found = read_one(changed(CII, (tag, tag + part)))
    assert (str(found.service_start), str(found.service_end)) == days


def test_a_service_period_that_ends_before_it_begins_is_refused() -> None:
    tag = "<ram:ApplicableHeaderTradeSettlement>"
    with pytest.raises(DocumentUnreadableError, match="begins on 2018-06-01 and ends on 2018-05"):
        read_one(changed(CII, (tag, tag + PERIOD.replace("20180501", "20180601"))))


def test_a_line_without_quantity_has_none() -> None:
    found = read_one(changed(CII, ("BilledQuantity", "OtherQuantity")))
    assert {line.quantity for line in found.lines} == {None}


def test_a_due_date_is_read_and_several_are_left_out() -> None:
    due = "<cbc:DueDate>2018-07-04</cbc:DueDate>"
    issued = "<cbc:IssueDate>2018-06-05</cbc:IssueDate>"
    assert read_one(changed(UBL, (issued, issued + due))).due_on == date(2018, 7, 4)
    assert read_one(changed(UBL, (issued, issued + due + due))).due_on is None


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("<!DOCTYPE Invoice>", "DOCTYPE"),
        ('<!DOCTYPE Invoice [<!ENTITY a "b">]>', "DOCTYPE"),
        ('<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;">]>', "DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/a.dtd">', "DOCTYPE"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/a">]>', "DOCTYPE"),
    ],
)
def test_a_doctype_is_refused_and_nothing_is_fetched(head: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        start = UBL.index(b"<Invoice")
        hostile = UBL[:start] + head.format(port=port).encode() + UBL[start:]
        with pytest.raises(DocumentUnreadableError, match=words):
            read_one(hostile)
        with pytest.raises(TimeoutError):
            server.accept()


def test_addresses_in_a_document_are_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.xsd"
        start = UBL.index(b"<Invoice ")
        hostile = (
            UBL[:start]
            + f'<?xml-stylesheet href="{url}"?><Invoice xmlns:x="http://www.w3.org/2001/'
            f'XMLSchema-instance" x:schemaLocation="urn:x {url}" '.encode()
            + UBL[start + len(b"<Invoice ") :]
        )
        assert read_one(hostile) == read_one(UBL)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no well-formed XML"),
        (b"<a>", "no well-formed XML"),
        (b"\xff\xfe<\x00", "no well-formed XML"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "no well-formed XML"),
        (b"<a/>", "its root is 'a'"),
        (b'<CrossIndustryDocument xmlns="urn:ferd"/>', "ZUGFeRD 1.0"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "levels deep"),
        (b"<a>" + b"<b/>" * 200_001 + b"</a>", "more than 200,000 elements"),
        (b"<a>" + b" " * 20_000_000 + b"</a>", "it has 20,000,007 bytes"),
    ],
    ids=["empty", "cut", "utf-16", "encoding", "root", "old", "deep", "many", "large"],
)
def test_what_is_no_e_invoice_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(DocumentUnreadableError, match=words):
        read_one(content)


@pytest.mark.parametrize(
    ("attachments", "words"),
    [
        ({}, "has 0 embedded invoices"),
        ({"notes.xml": b"<a/>"}, "has 0 embedded invoices"),
        ({"factur-x.xml": b"<broken"}, "of its embedded factur-x.xml: it is no well-formed XML"),
        ({"ZUGFeRD-invoice.xml": b"<a/>"}, "its root is 'a'"),
        ({"a.xml": CII, "b.xml": CII}, "has 2 embedded invoices"),
    ],
)
def test_a_pdf_without_one_readable_invoice_says_so(
    attachments: dict[str, bytes], words: str
) -> None:
    with pytest.raises(DocumentUnreadableError, match=words):
        read_one(pdf([b""], attachments=attachments))


def test_an_invoice_under_another_name_in_a_pdf_is_found_by_its_root() -> None:
    assert read_one(pdf([b""], attachments={"invoice.xml": CII, "a.xml": b"<a/>"})) == read_one(CII)


def test_the_limit_of_elements_is_what_a_reader_stands() -> None:
    shape = documents.check_xml(UBL)
    assert shape.root == documents.UBL_INVOICE
    assert 100 < shape.elements < documents.MAX_XML_ELEMENTS


def test_reading_writes_nothing_to_the_log_of_the_process() -> None:
    program = (
        "import sys, pathlib;"
        "from tieout.sources.invoices.en16931 import read;"
        "read(pathlib.Path(sys.argv[1]).read_bytes(), document_sha256='a' * 64)"
    )
    path = next((GOLDEN / "einfach_cii").glob("document.*"))
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
