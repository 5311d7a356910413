"""The CSV of billing documents: strict, exact, and refused with the row that is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tieout.core.errors import DocumentUnreadableError
from tieout.core.money import to_units
from tieout.sources.invoices import document_csv
from tieout.sources.invoices.document_csv import read

SHA = "cd" * 32
GOLDEN = Path(__file__).parents[1] / "golden" / "document_csv" / "two_documents" / "document.csv"
HEADER = "number,kind,seller,bill_to,currency,issued_on,description,amount,total"
ROW = "A-1,invoice,Seller,Nordlicht,EUR,2026-11-02,Seats,10.50,10.50"


def text(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def refusal(content: bytes) -> str:
    with pytest.raises(DocumentUnreadableError) as caught:
        read(content, document_sha256=SHA)
    return str(caught.value)


def test_the_smallest_file_gives_a_document_with_the_obvious_figures() -> None:
    (found,) = read(text(ROW), document_sha256=SHA)
    assert (found.number, found.currency, found.document) == ("A-1", "EUR", SHA)
    assert found.subtotal_units == found.total_units == found.amount_due_units == to_units("10.50")
    assert (found.credit_units, found.tax_units, found.due_on, found.corrects) == (0, 0, None, None)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content.replace(b"number,kind", b" Number ,KIND"),
        lambda content: content + b",,,,,,,,,,,,,,,,,,,\n\n",
    ],
    ids=["byte order mark", "windows lines", "header in capitals", "empty rows"],
)
def test_what_a_spreadsheet_adds_changes_nothing(change: Callable[[bytes], bytes]) -> None:
    content = GOLDEN.read_bytes()
    changed = change(content)
    assert changed != content
    assert read(changed, document_sha256=SHA) == read(content, document_sha256=SHA)


def test_documents_keep_the_order_of_their_first_rows_even_when_rows_alternate() -> None:
    second = ROW.replace("A-1", "B-2")
    rows = [ROW.replace(",10.50,10.50", ",10.50,21.00"), second, "A-1,,,,,,More,10.50,"]
    found = read(text(*rows), document_sha256=SHA)
    assert [one.number for one in found] == ["A-1", "B-2"]
    assert [line.source_row for line in found[0].lines] == [1, 3]


def test_text_that_looks_like_a_formula_stays_text() -> None:
    formula = '"=HYPERLINK(""http://x"")"'
    (found,) = read(text(ROW.replace("Seats", formula)), document_sha256=SHA)
    assert found.lines[0].description == '=HYPERLINK("http://x")'


def test_hidden_characters_in_a_description_are_shown() -> None:
    (found,) = read(text(ROW.replace("Seats", "Se\u202eats")), document_sha256=SHA)
    assert found.lines[0].description == "Se\ufffdats"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "its header lacks columns 'number'"),
        (text(), "it has 0 rows"),
        (text(ROW.replace(",", ";"), header=HEADER.replace(",", ";")), "separated by semicolons"),
        (text(ROW.replace(",", "\t"), header=HEADER.replace(",", "\t")), "separated by tabs"),
        (text(ROW, header=HEADER.replace("total", "Gesamt")), "lacks columns 'total'"),
        (text(ROW + ",x", header=HEADER + ",colour"), "has unknown columns 'colour'"),
        (text(ROW + ",x", header=HEADER + ",total"), "repeats columns 'total'"),
        (text(ROW + ",x"), "row 1 has 10 cells, the header 9"),
        (text(ROW, "A-1,,"), "row 2 has 3 cells"),
        (text(ROW.replace("A-1", "")), "row 1 has no number"),
        (text(ROW.replace("10.50,10.50", '"10,50","10,50"')), "amount of row 1 is '10,50'"),
        (text(ROW.replace("10.50,10.50", '"1,234",1234')), "amount of row 1 is '1,234'"),
        (text(ROW.replace("10.50,10.50", '"1,234.50",1234.50')), "found '1,234.50'"),
        (text(ROW.replace("10.50,10.50", "=5+5.50,10.50")), "found '=5+5.50'"),
        (text(ROW.replace("10.50,10.50", "NaN,10.50")), "found 'NaN'"),
        (text(ROW.replace("10.50,10.50", ",10.50")), "needs a description and an amount"),
        (text(ROW.replace(",10.50,10.50", ",10.50,")), "it has no total"),
        (text(ROW.replace("10.50,10.50", "10.50,10.51")), "do not add up to the total"),
        (text(ROW.replace("invoice", "Rechnung")), "needs a kind"),
        (text(ROW.replace("2026-11-02", "")), "and issued_on"),
        (text(ROW.replace("2026-11-02", "02.11.2026")), "not a date as 2026-10-31"),
        (text(ROW.replace("2026-11-02", "20261102")), "not a date as 2026-10-31"),
        (text(ROW.replace("2026-11-02", "2026-11-31")), "not a date as 2026-10-31"),
        (text(ROW.replace("EUR", "euro")), "'euro' is not a currency code"),
        (text(ROW.replace("Seller", "")), "seller of row 1 is empty"),
        (text(ROW.replace("Seller", "S\u200beller")), "hidden character U+200B"),
        (text(ROW.replace("invoice", "credit_note")), "amounts must be negative"),
        (text(ROW, ROW.replace("Seller", "Other")), "row 2 gives seller as 'Other'"),
        (text(ROW.replace("Seats", '"Seats')), "is no CSV"),
        (text(ROW).replace(b"Seats", b"S\xe9ats"), "it is not UTF-8"),
        (text(ROW + ",9", header=HEADER + ",subtotal"), "lines do not add up to the subtotal"),
        (text(ROW + ",9", header=HEADER + ",amount_due"), "do not add up to amount_due"),
        (text(ROW + ",-3,10.50", header=HEADER + ",balance,amount_due"), "up to amount_due"),
        (text(ROW + ",2026-10-01", header=HEADER + ",service_start"), "the service period needs"),
        (text(ROW + ",many", header=HEADER + ",quantity"), "quantity of row 1"),
        (b'"' + b"a" * 200_000 + b'"', "line 1 is no CSV: field larger"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_right_is_refused_with_its_place(content: bytes, words: str) -> None:
    message = refusal(content)
    assert words in message
    assert "nothing of it was taken" in message


def test_a_balance_lowers_what_is_due() -> None:
    content = text(ROW + ",-3.50,7.00", header=HEADER + ",balance,amount_due")
    (found,) = read(content, document_sha256=SHA)
    assert (found.total_units, found.amount_due_units) == (to_units("10.50"), to_units("7.00"))


def test_a_file_that_is_too_long_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_csv, "MAX_ROWS", 1)
    assert "it has 2 rows" in refusal(text(ROW, ROW))
    monkeypatch.setattr(document_csv, "MAX_DOCUMENT_BYTES", 10)
    assert "bytes" in refusal(text(ROW))
