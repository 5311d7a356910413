"""Tables: sorted, paged by signed tokens, and written to four kinds of files in full."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from tests.web.pages.reading import rows_of

from tieout.config import Secret
from tieout.web.downloads import FORMS, About, file_bytes
from tieout.web.signing import Signer
from tieout.web.table import (
    Cell,
    Column,
    State,
    Table,
    Unknown,
    paged,
    plain_value,
    purpose,
    sorted_by,
    with_text,
)
from tieout.web.view import QueryError, View

SIGNER = Signer(lambda: Secret("one"))
ABOUT = About(title="It ties.", address="/x/2026-10", ledger_seq=7, person="ana")
TABLE = Table(
    name="lines",
    caption="Lines",
    columns=(
        Column(name="name", title="Name", sorts=True),
        Column(name="amount", title="Amount", kind="money", unit="USD", sorts=True),
        Column(name="rows", title="Rows", kind="count"),
        Column(name="day", title="Day", kind="date"),
        Column(name="state", title="State", kind="state"),
        Column(name="why", title="Why", kind="list"),
    ),
    rows=[
        {"name": Cell(value="=1+1", link="/x"), "amount": Decimal("10.123456789012"), "rows": 3},
        {"name": "b", "amount": Decimal("-640.2"), "day": date(2026, 10, 1)},
        {"name": "A", "state": State("late", "warn"), "why": ("p", Cell(value="q"))},
        {"name": "c", "amount": Unknown("no report yet"), "day": "2026-10-02"},
    ],
)


def names(table: Table) -> list[object]:
    return [plain_value(row["name"]) for row in table.rows]


def test_a_table_sorts_by_value_with_blanks_last() -> None:
    assert names(sorted_by(TABLE, "name")) == ["=1+1", "A", "b", "c"]
    assert names(sorted_by(TABLE, "-amount")) == ["=1+1", "b", "A", "c"]
    assert names(sorted_by(TABLE, "amount")) == ["b", "=1+1", "A", "c"]
    assert sorted_by(TABLE, "") is TABLE


@pytest.mark.parametrize("sort", ["rows", "-none", "state"])
def test_a_column_that_does_not_sort_is_refused(sort: str) -> None:
    with pytest.raises(QueryError, match="expected one of name, amount"):
        sorted_by(TABLE, sort)


def test_a_search_looks_into_every_cell_and_note_and_re_adds_what_is_left() -> None:
    noted = replace(
        TABLE,
        rows=[*TABLE.rows, {"name": Cell(value="e", note="Ends LATE"), "amount": Decimal(1)}],
        total={"name": "Total", "amount": Cell(value=Decimal("-629.076876987")), "rows": 3},
    )
    assert names(with_text(noted, "late")) == ["A", "e"]
    assert with_text(noted, "late").total == {"name": "Total", "amount": Decimal(1)}
    assert names(with_text(noted, "no report")) == []
    assert with_text(noted, "nowhere").empty == "No row holds 'nowhere'."
    assert with_text(noted, "") is noted
    view = View(find="-640.2", sort="name")
    assert names(paged(TABLE, view, SIGNER)) == ["b"]
    assert paged(TABLE, view, SIGNER).total is None


def test_pages_follow_each_other_and_none_is_lost() -> None:
    view, seen = View(sort="name", size=3), []
    whole = replace(TABLE, total={"name": "Total"})
    first = paged(whole, view, SIGNER)
    assert (len(first.rows), first.total, len(first.all_rows())) == (3, None, 4)
    seen += names(first)
    assert first.following == (3,)
    token = SIGNER.sign(purpose("lines", "name"), first.following)
    last = paged(whole, replace(view, after=token), SIGNER)
    assert (seen + names(last), last.following) == (["=1+1", "A", "b", "c"], None)
    assert paged(whole, View(), SIGNER) == whole


@pytest.mark.parametrize("purposes", [("lines", "amount"), ("others", "name")])
def test_a_token_of_another_table_or_order_is_refused(purposes: tuple[str, str]) -> None:
    token = SIGNER.sign(purpose(*purposes), [3])
    with pytest.raises(QueryError, match="no token of this table"):
        paged(TABLE, View(sort="name", after=token), SIGNER)


def test_every_form_holds_all_rows() -> None:
    made = {form: file_bytes(TABLE, form, ABOUT) for form in FORMS}
    assert {form: rows_of(form, content) for form, content in made.items()} == dict.fromkeys(
        FORMS, 4
    )


def test_csv_keeps_digits_and_disarms_formulas() -> None:
    lines = file_bytes(TABLE, "csv", ABOUT).decode().splitlines()
    assert lines[0] == "name,amount,rows,day,state,why"
    assert lines[1] == "'=1+1,10.123456789012,3,,,"
    assert lines[2] == "b,-640.2,,2026-10-01,,"
    assert lines[3] == 'A,,,,late,"p, q"'


def test_json_says_where_it_comes_from_and_has_money_as_text() -> None:
    found = json.loads(file_bytes(replace(TABLE, total={"amount": Decimal(1)}), "json", ABOUT))
    assert found["about"]["as of ledger sequence"] == "7"
    assert found["rows"][1] == {
        "name": "b",
        "amount": "-640.2",
        "rows": None,
        "day": "2026-10-01",
        "state": None,
        "why": None,
    }
    assert found["total"] == {"amount": "1"}


def test_parquet_has_exact_decimals_and_days() -> None:
    table = pq.read_table(io.BytesIO(file_bytes(TABLE, "parquet", ABOUT)))
    assert table["amount"].to_pylist()[0] == Decimal("10.123456789012")
    assert table["day"].to_pylist() == [None, date(2026, 10, 1), None, date(2026, 10, 2)]
    assert table.schema.metadata[b"for"] == b"ana"


def test_a_sheet_has_no_formula_and_says_where_it_comes_from() -> None:
    with zipfile.ZipFile(io.BytesIO(file_bytes(TABLE, "xlsx", ABOUT))) as book:
        sheets = [book.read(f"xl/worksheets/sheet{one}.xml").decode() for one in (1, 2)]
        texts = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheets[0]
    assert 'ySplit="1"' in sheets[0]
    assert "-640.2" in sheets[0]
    assert "=1+1" in texts
    assert "as of ledger sequence" in texts


def test_an_empty_table_is_a_file_as_well() -> None:
    empty = replace(TABLE, rows=[])
    assert {rows_of(form, file_bytes(empty, form, ABOUT)) for form in FORMS} == {0}
