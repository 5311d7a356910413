"""Tables for people: spreadsheets show what the ledger says and run nothing of it."""

import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.close.month import entries
from tests.ledger.books import ledger, line

from tieout.focus.ledger_columns import LEDGER_SCHEMA
from tieout.ledger.entry import entry_json
from tieout.publish.tables import (
    JOURNAL_COLUMNS,
    csv_bytes,
    journal_rows,
    spread_out,
    table_csv,
    table_parquet,
)

# OWASP, "CSV Injection", with the full-width forms that spreadsheets take for the same
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def _read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def _cell(value: Any) -> str:
    (_, (cell,)) = _read(csv_bytes(["one"], [{"one": value}]))
    return cell


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("before", ["", " ", "   "])
def test_text_that_a_spreadsheet_would_run_is_shown_as_text(start: str, before: str) -> None:
    text = f"{before}{start}HYPERLINK(1)"
    assert _cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ['=1","=2', '"=1', "support-assistant", "a=b", "2026-10", "'=1", "", " ", "a\n=1"]
)
def test_other_text_is_left_alone_and_stays_one_cell(text: str) -> None:
    assert _cell(text).removeprefix("'" if text.startswith("=") else "") == text


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (Decimal("-12.340000000000"), "-12.340000000000"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-12"), "0.000000000001"),
        (Decimal("-0.00"), "-0.00"),
        (-5, "-5"),
        (0, "0"),
    ],
)
def test_a_number_is_never_touched(number: Decimal | int, shown: str) -> None:
    assert _cell(number) == shown


def test_nothing_is_an_empty_cell_and_a_missing_column_too() -> None:
    assert csv_bytes(["a", "b", "c"], [{"a": None, "c": date(2026, 10, 31)}]) == (
        b"a,b,c\r\n,,2026-10-31\r\n"
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@example(rows=[("a,b", 'say "hello"'), ("two\r\nlines", "\n"), ("", ""), ("é", "\ufeff")])
@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_every_reader_of_rfc_4180_gets_the_same_cells_back(rows: list[tuple[str, str]]) -> None:
    content = csv_bytes(["a", "b"], [{"a": one, "b": two} for one, two in rows])
    head, *body = _read(content)
    assert head == ["a", "b"]
    assert [tuple(_undone(cell) for cell in row) for row in body] == [
        tuple(_undone(cell) for cell in row) for row in rows
    ]


def _undone(cell: str) -> str:
    return cell.removeprefix("'")


@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_no_cell_of_text_begins_with_what_a_spreadsheet_runs(rows: list[tuple[str, str]]) -> None:
    content = csv_bytes(["a", "b"], [{"a": one, "b": two} for one, two in rows])
    begun = [cell.lstrip(" ")[:1] for row in _read(content) for cell in row]
    assert not set(begun) & set(STARTS)


def test_a_ledger_table_keeps_its_columns_digits_and_order() -> None:
    table = ledger(line("-0.000000000001", initiative="=cmd"), line("12.34", initiative=None))
    head, first, second = _read(table_csv(table))
    assert head == table.column_names
    cost, initiative = head.index("billed_cost"), head.index("initiative")
    assert (first[cost], first[initiative]) == ("-0.000000000001", "'=cmd")
    assert (second[cost], second[initiative]) == ("12.340000000000", "")


def test_each_own_dimension_gets_columns_behind_all_others() -> None:
    table = ledger(
        line("1", own_dimensions='{"team":"=cmd"}', own_dimension_rules='{"team":"t-1"}'),
        line("2"),
        line(
            "3",
            own_dimensions='{"country":"Germany","team":"search"}',
            own_dimension_rules='{"country":"c-1","team":"t-1"}',
        ),
    )
    head, *rows = _read(table_csv(spread_out(table)))
    assert head[: len(table.column_names)] == table.column_names
    own = len(table.column_names)
    assert head[own:] == ["x_country", "x_country_rule", "x_team", "x_team_rule"]
    assert [row[own:] for row in rows] == [
        ["", "", "'=cmd", "t-1"],
        ["", "", "", ""],
        ["Germany", "c-1", "search", "t-1"],
    ]
    assert rows[2][head.index("own_dimensions")] == '{"country":"Germany","team":"search"}'


def test_lines_without_own_dimensions_get_no_column_more() -> None:
    table = ledger(line("1"))
    assert spread_out(table) is table


def test_every_column_of_a_ledger_line_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "ledger.md").read_text()
    assert [name for name in LEDGER_SCHEMA.names if f"`{name}`" not in text] == []


def test_parquet_gives_the_table_back_with_its_text_untouched() -> None:
    table = ledger(line("12.34", initiative="=cmd"))
    assert pq.read_table(pa.BufferReader(table_parquet(table))).equals(table)


@pytest.fixture
def journal() -> list[dict[str, Any]]:
    """The month's entries as the store gives them back."""
    return [
        {**entry_json(entry), "document_no": f"JE-2026-{number:06d}"}
        for number, entry in enumerate(entries(), start=1)
    ]


def test_each_journal_line_is_a_row_that_names_its_entry(journal: list[dict[str, Any]]) -> None:
    rows = journal_rows(journal, digits=2)
    assert len(rows) == sum(len(entry["lines"]) for entry in journal)
    assert {tuple(row) for row in rows} == {JOURNAL_COLUMNS}
    assert [(row["document_no"], row["line_no"]) for row in rows] == [
        (entry["document_no"], one["line_no"]) for entry in journal for one in entry["lines"]
    ]


def test_a_row_has_a_debit_or_a_credit_and_all_rows_balance(journal: list[dict[str, Any]]) -> None:
    rows = journal_rows(journal, digits=2)
    assert all((row["debit"] is None) != (row["credit"] is None) for row in rows)
    debits = sum(row["debit"] or 0 for row in rows)
    assert debits == sum(row["credit"] or 0 for row in rows) > 0
    minor = sum(one["debit_minor"] for entry in journal for one in entry["lines"])
    assert debits == Decimal(minor) / 100


@pytest.mark.parametrize(("digits", "shown"), [(0, "1234"), (2, "12.34"), (3, "1.234")])
def test_minor_units_are_shown_in_the_digits_of_the_currency(digits: int, shown: str) -> None:
    one = {"line_no": 1, "account": "5100", "memo": "", "debit_minor": 1234, "credit_minor": 0}
    entry = {"provider": "openai", "lines": [one | {"dimensions": {}}]}
    (row,) = journal_rows([entry], digits=digits)
    assert _cell(row["debit"]) == shown
    assert _cell(row["credit"]) == ""


def test_dimensions_have_columns_and_never_rename_the_entry() -> None:
    shown = {"initiative": "support", "provider": "", "charge_category": "Usage", "account": "9999"}
    one = {"line_no": 1, "account": "5100", "memo": "", "debit_minor": 1, "credit_minor": 0}
    entry = {"provider": "openai", "lines": [one | {"dimensions": shown}]}
    (row,) = journal_rows([entry], digits=2)
    assert (row["initiative"], row["provider"], row["account"]) == ("support", "openai", "5100")
    assert "charge_category" not in row
