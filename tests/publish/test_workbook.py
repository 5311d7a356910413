"""The workbook: formulas that re-add, checks that notice, text that is never calculated."""

import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from tests.publish.dossiers import bridge, dossier, exception, posted, rolls, statement
from tests.publish.spreadsheets import converted, needs_soffice

from tieout.publish.sheets import CHECK_CELL, rounded
from tieout.publish.workbook import workbook

CHECK = CHECK_CELL.replace("$", "")
HOSTILE = '=HYPERLINK("http://example.test","pay")'


def opened(content: bytes, *, values: bool = True) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content), data_only=values)


def column(sheet: Any, title: str, *, row: int = 5) -> list[Any]:
    """The cells below a header, as far as the sheet goes."""
    (at,) = [cell.column for cell in sheet[row] if cell.value == title]
    return [line[0].value for line in sheet.iter_rows(min_row=row + 1, min_col=at, max_col=at)]


def test_every_sheet_is_there_and_says_that_it_ties() -> None:
    book = opened(workbook(dossier()))
    assert book.sheetnames == [
        "Summary",
        "Statement",
        "Bridge",
        "Journal",
        "Trial balance",
        "Roll-forwards",
        "Exceptions",
        "Allocation",
        "Documents",
        "Checklist",
    ]
    assert {sheet.title: sheet[CHECK].value for sheet in book} == dict.fromkeys(
        book.sheetnames, "ties"
    )


def test_the_same_month_gives_the_same_bytes() -> None:
    assert workbook(dossier()) == workbook(dossier())


def test_headers_are_frozen_filtered_and_repeated_on_paper() -> None:
    book = opened(workbook(dossier()), values=False)
    journal = book["Journal"]
    assert journal.freeze_panes == "A6"
    assert journal.auto_filter.ref == "A5:O8"
    assert journal.print_title_rows == "$5:$5"
    assert journal.page_setup.orientation == "landscape"
    assert journal.sheet_properties.pageSetUpPr.fitToPage
    assert "&P of &N" in journal.oddFooter.right.text.replace("[Page]", "P")
    assert {"journal_debit", "balance_no", "bridge_amount", "share_amount"} <= set(
        book.defined_names
    )
    assert [journal.column_dimensions["O"].hidden, journal.column_dimensions["A"].hidden] == [
        True,
        False,
    ]
    assert "(" in journal["I6"].number_format
    assert journal["I9"].number_format.startswith('"USD" ')


def test_amounts_of_twelve_decimals_stand_in_a_hidden_column_as_text() -> None:
    book = opened(workbook(dossier()))
    (exact,) = [cell for cell in book["Bridge"][5] if cell.value == "Exact amount"]
    assert book["Bridge"].column_dimensions[exact.column_letter].hidden
    assert column(book["Bridge"], "Exact amount")[:2] == ["12.000000000000", "-2.000000000000"]


@pytest.mark.parametrize(
    ("sheet", "changed"),
    [
        ("Journal", {"entries": ({**posted("1", 1000), "lines": posted("1", 1000)["lines"][:1]},)}),
        ("Trial balance", {"entries": (posted("1", 999),)}),
        ("Roll-forwards", {"rolls": rolls(ties=False)}),
        ("Exceptions", {"exceptions": (exception("s", blocks=True),)}),
    ],
)
def test_what_does_not_tie_is_out_on_its_sheet_and_on_the_summary(
    sheet: str, changed: dict[str, Any]
) -> None:
    book = opened(workbook(dossier(**changed)))
    assert book[sheet][CHECK].value == "OUT"
    assert book["Summary"][CHECK].value == "OUT"


def test_text_that_looks_like_a_formula_stays_text() -> None:
    made = dossier(bridges=(bridge(HOSTILE),), exceptions=(exception(HOSTILE, message="@SUM(A1)"),))
    book = opened(workbook(made), values=False)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    hostile = [cell for cell in cells if cell.value in (HOSTILE, "@SUM(A1)")]
    assert len(hostile) == 2
    assert {(cell.data_type, cell.quotePrefix) for cell in hostile} == {("s", True)}
    formulas = [cell.value for cell in cells if cell.data_type == "f"]
    assert [one for one in formulas if "HYPERLINK" in one] == []


def test_lines_beyond_a_sheet_are_one_line_an_account_and_the_sheet_says_where_they_are() -> None:
    entries = tuple(posted(f"2026-accrual-{number:06d}", 100) for number in range(10))
    totals = statement(journal_debit_minor=1000, journal_credit_minor=1000)
    book = opened(workbook(dossier(entries=entries, statement=totals), most_rows=108))
    journal = book["Journal"]
    assert "12 of 20 lines" in journal["A2"].value
    assert "journal_line.parquet" in journal["A2"].value
    debit = [one for one in column(journal, "Debit") if one is not None]
    assert debit[-1] == 10
    assert sum(debit[:-1]) == 10
    assert column(journal, "Entry")[8:10] == ["No room on the sheet"] * 2
    assert {sheet[CHECK].value for sheet in book} == {"ties"}


def test_amounts_are_rounded_half_away_from_zero_as_the_spreadsheet_does() -> None:
    assert rounded(Decimal("0.005"), 2) == Decimal("0.01")
    assert rounded(Decimal("-0.005"), 2) == Decimal("-0.01")
    assert rounded(Decimal("0.0049"), 2) == Decimal("0.00")


@needs_soffice
@pytest.mark.parametrize("ties", [True, False])
def test_an_independent_program_calculates_the_values_that_are_written(
    tmp_path: Path, ties: bool
) -> None:
    changed = {} if ties else {"entries": (posted("1", 999),), "rolls": rolls(ties=False)}
    made = dossier(**changed)
    raw = tmp_path / "raw.xlsx"
    raw.write_bytes(workbook(made, calculated=False))
    found = openpyxl.load_workbook(converted(raw, tmp_path / "out"), data_only=True)
    written = opened(workbook(made))
    formulas = opened(workbook(made), values=False)
    where = [
        (sheet.title, cell.coordinate)
        for sheet in formulas
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f" and (ties or cell.coordinate == CHECK)
    ]
    assert len(where) >= 10
    for sheet, cell in where:
        ours, theirs = written[sheet][cell].value, found[sheet][cell].value
        if isinstance(ours, str):
            assert theirs == ours, (sheet, cell)
        else:
            assert abs(ours - theirs) < 0.005, (sheet, cell)
