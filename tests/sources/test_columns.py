"""The charge table made of columns, against the same rows made one by one."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import ConservationError, SourceAnswerError
from tieout.core.ids import content_key
from tieout.focus.columns import CHARGE_SCHEMA, with_attr_ids
from tieout.sources.amounts import read_amounts
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.columns import (
    ChargeTable,
    Reading,
    Wrong,
    check_once,
    constant,
    derived,
    first_rows,
    flagged,
    gathered,
    instants,
    line_ids,
    mapped,
    text_column,
)
from tieout.sources.rows import SourceRow, decimal_or_none, normalise
from tieout.sources.tables import Batch

SHA = "ab" * 32
START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)
PLAIN = {
    "billing_account_id": "a",
    "charge_category": "Usage",
    "billing_currency": "EUR",
    "service_category": "Other",
    "service_name": "s",
    "service_provider_name": "p",
    "invoice_issuer_name": "i",
    "tags": "{}",
}
AMOUNTS = st.sampled_from(
    ["1.5", "-2", "", "NULL", "x", "1,5", "0.0000000000005", "12345678901234567", "1e-30"]
)
Rows = list[tuple[str, str, str]]


def by_columns(rows: Rows, *sizes: int) -> Normalised:
    table = ChargeTable(provider="acme")
    first = 0
    for size in (*sizes, len(rows)):
        some = rows[first : first + size]
        count = len(some)
        billed, listed, names = (pa.array([row[place] for row in some]) for place in range(3))
        same = {key: constant(value, count) for key, value in PLAIN.items()}
        columns = {
            **same,
            "sub_account_id": text_column(names, count),
            "billing_period_start": pa.array([date(2026, 10, 1)] * count, pa.date32()),
            "charge_period_start": pa.array([START] * count, pa.timestamp("us", "UTC")),
            "charge_period_end": pa.array([END] * count, pa.timestamp("us", "UTC")),
        }
        read = read_amounts(billed, required=True)
        table.add(
            Batch(document=SHA, name="f", first_row=first + 1, rows=count, columns={}),
            Reading(
                billed=read,
                columns=columns,
                amounts={"effective_cost": read, "list_cost": read_amounts(listed)},
                wrong=[
                    Wrong(
                        rows=flagged(columns["sub_account_id"], lambda text: text == "bad"),
                        reason=lambda row: f"Name of row {row}.",
                    )
                ],
            ),
        )
        first += count
    return table.finish()


def one_by_one(rows: Rows) -> Normalised:
    def amount_of(row: SourceRow[tuple[str, str, str]]) -> Decimal:
        return decimal_or_none(row.values[0].replace("NULL", "x") or "x") or Decimal(0)

    def to_charge(row: SourceRow[tuple[str, str, str]], amount: Decimal) -> Mapping[str, object]:
        if row.values[2] == "bad":
            raise SourceAnswerError("no")
        return {
            **PLAIN,
            "provider": "acme",
            "sub_account_id": row.values[2] or None,
            "billing_period_start": date(2026, 10, 1),
            "charge_period_start": START,
            "charge_period_end": END,
            "effective_cost": amount,
            "list_cost": decimal_or_none(row.values[1].replace("NULL", "")),
        }

    numbered = (
        SourceRow(document=SHA, number=number, values=row)
        for number, row in enumerate(rows, start=1)
    )
    return normalise(numbered, amount_of=amount_of, to_charge=to_charge, provider="acme")


@given(
    st.lists(st.tuples(AMOUNTS, AMOUNTS, st.sampled_from(["", "n", "bad", "=1+1"])), max_size=12),
    st.integers(0, 5),
)
def test_columns_and_rows_give_the_same_charges_findings_and_totals(rows: Rows, cut: int) -> None:
    found, expected = by_columns(rows, cut), one_by_one(rows)
    assert found.totals == expected.totals
    assert [(one.source_row, one.amount_units, one.kind) for one in found.findings] == [
        (one.source_row, one.amount_units, one.kind) for one in expected.findings
    ]
    plain = with_attr_ids(found.charges)
    assert plain.schema.equals(CHARGE_SCHEMA)
    assert plain.to_pylist() == with_attr_ids(expected.charges).to_pylist()
    assert all(one.currency == "EUR" for one in found.findings)


@given(st.text(max_size=5), st.integers(1, 1_000_000), st.integers(0, 15))
def test_line_ids_are_content_keys(document: str, first: int, count: int) -> None:
    expected = [content_key((document, row)) for row in range(first, first + count)]
    assert line_ids(document, first, count).to_pylist() == expected


def test_a_row_without_a_value_that_every_charge_has_is_left_out() -> None:
    batch = Batch(document=SHA, name="f", first_row=1, rows=2, columns={})
    billed = read_amounts(pa.array(["1", "2"]))
    names = text_column(pa.array(["s", "(null)"]), 2)
    columns = {
        **{key: constant(value, 2) for key, value in PLAIN.items()},
        "service_name": names,
        "billing_period_start": pa.array([date(2026, 10, 1)] * 2, pa.date32()),
        "charge_period_start": pa.array([START] * 2, pa.timestamp("us", "UTC")),
        "charge_period_end": pa.array([END] * 2, pa.timestamp("us", "UTC")),
    }
    table = ChargeTable(provider="acme")
    table.add(batch, Reading(billed=billed, columns=columns, amounts={"effective_cost": billed}))
    (finding,) = table.finish().findings
    assert "service_name is empty" in finding.message
    del columns["tags"]
    kept = table.add(
        batch, Reading(billed=billed, columns=columns, amounts={"effective_cost": billed})
    )
    assert not kept.any()
    assert table.currency() == "EUR"
    assert ChargeTable(provider="acme").currency() == "USD"


def test_totals_that_do_not_add_up_stop_the_step() -> None:
    table = ChargeTable(provider="acme", rows_in=1, rows_out=1, loaded_units=5)
    with pytest.raises(ConservationError):
        table.finish()


def test_the_same_file_twice_is_refused() -> None:
    def file(name: str, content: bytes) -> RawDocument:
        return RawDocument(name=name, kind="data", content=content, media_type="", request={})

    check_once([file("a", b"1"), file("b", b"2")])
    for files in ([file("a", b"1"), file("b", b"1")], [file("a", b"1"), file("a", b"2")]):
        with pytest.raises(SourceAnswerError, match="is there twice"):
            check_once(files)


def test_words_for_null_are_null_and_numbers_become_text() -> None:
    column = text_column(pa.array(["NULL", "null", "", "(null)", "None", "NULLABLE"]), 6)
    assert column.to_pylist() == [None, None, None, None, "None", "NULLABLE"]
    assert text_column(pa.array([12, None]), 2).to_pylist() == ["12", None]
    assert text_column(None, 2).to_pylist() == [None, None]
    assert constant(None, 1).to_pylist() == [None]


def test_texts_are_worked_out_once_each() -> None:
    asked: list[str] = []

    def upper(text: str) -> str | None:
        asked.append(text)
        return text.upper() if text != "c" else None

    column = text_column(pa.array(["a", "b", "a", None, "c"]), 5)
    assert mapped(column, upper, null="?").to_pylist() == ["A", "B", "A", "?", None]
    assert asked == ["a", "b", "c"]
    joined, first = derived([column, column], lambda one, two: (f"{one}{two}", one), 2)
    assert joined.to_pylist() == ["aa", "bb", "aa", "NoneNone", "cc"]
    assert first.to_pylist() == ["a", "b", "a", None, "c"]
    assert gathered([], np.zeros(0, np.int32)).to_pylist() == []


def test_the_first_row_of_each_text_is_found() -> None:
    column = text_column(pa.array(["a", "b", None, "b", "a"]), 5)
    mask = np.array([False, True, True, True, True])
    assert first_rows(column, mask) == {"": 2, "a": 4, "b": 1}


def test_instants_of_parquet_files_are_utc() -> None:
    naive = pa.array([datetime(2026, 10, 1)], pa.timestamp("ms"))  # noqa: DTZ001  as exports have it
    zoned = pa.array([START], pa.timestamp("ns", "UTC"))
    days = pa.array([date(2026, 10, 1)])
    for column in (naive, zoned, days):
        assert instants(column, datetime.fromisoformat).to_pylist() == [START]
    texts = pa.array(["2026-10-01T00:00:00Z", None])
    assert instants(texts, datetime.fromisoformat).to_pylist() == [START, None]
