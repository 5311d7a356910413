"""A page's table as a file: CSV, Excel, Parquet, JSON; the whole result, never a page of it.

Owns the bytes and what stands beside them: as of which ledger sequence, for whom, by which filter,
and the SHA-256 of the CSV form, so that two forms can be told to hold the same. CSV stays clean.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import xlsxwriter

from tieout.publish.tables import csv_bytes, table_parquet
from tieout.web.table import Column, Table, plain_value

FORMS: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}
MOST_SHEET_ROWS: Final = 1_000_000
_DECIMAL: Final = pa.decimal128(38, 12)
_WIDE, _NARROW = 38, 14


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Where a file comes from; texts, shown as they are."""

    title: str
    address: str
    ledger_seq: int
    person: str
    note: str = ""


def file_bytes(table: Table, form: str, about: About) -> bytes:
    """The whole table in one of FORMS."""
    rows = [
        {column.name: plain_value(row.get(column.name)) for column in table.columns}
        for row in table.all_rows()
    ]
    names = [column.name for column in table.columns]
    text = csv_bytes(names, rows)
    if form == "csv":
        return text
    facts = _facts(table, about, len(rows), hashlib.sha256(text).hexdigest())
    if form == "json":
        return _json(table, rows, facts)
    if form == "parquet":
        return table_parquet(_arrow(table, rows, facts))
    return _xlsx(table, rows, facts)


def _facts(table: Table, about: About, count: int, csv_sha256: str) -> dict[str, str]:
    return {
        "table": table.caption,
        "page": about.title,
        "address": about.address,
        "as of ledger sequence": str(about.ledger_seq),
        "for": about.person,
        "note": about.note,
        "rows": str(count),
        "sha256 of the CSV form": csv_sha256,
    }


def _json(table: Table, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, str]) -> bytes:
    columns = [
        {"name": one.name, "title": one.title, "kind": one.kind, "unit": one.unit}
        for one in table.columns
    ]
    total = table.total and {name: _text(plain_value(one)) for name, one in table.total.items()}
    shown = [{name: _text(value) for name, value in row.items()} for row in rows]
    return json.dumps(
        {"about": dict(facts), "columns": columns, "rows": shown, "total": total},
        ensure_ascii=False,
        indent=1,
    ).encode()


def _text(value: Any) -> str | int | None:
    """Money and days as text, so that no reader makes a float of them."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value


def _arrow(table: Table, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, str]) -> pa.Table:
    arrays = [
        pa.array([_typed(row[column.name], column) for row in rows], type=_arrow_type(column))
        for column in table.columns
    ]
    fields = [pa.field(column.name, _arrow_type(column)) for column in table.columns]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=dict(facts)))


def _arrow_type(column: Column) -> pa.DataType:
    types = {"money": _DECIMAL, "count": pa.int64(), "date": pa.date32()}
    return types.get(column.kind, pa.string())


def _typed(value: Any, column: Column) -> Any:
    if value is None or column.kind in ("money", "count"):
        return value
    if column.kind == "date":
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    return str(value)


def _xlsx(table: Table, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, str]) -> bytes:
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(sink, {"in_memory": True, "strings_to_formulas": False})
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    sheet = book.add_worksheet("Table")
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    for place, column in enumerate(table.columns):
        number = "#,##0" + ("." + "0" * column.digits if column.digits else "")
        look = {"money": f"{number};({number});\u2013", "count": "#,##0", "date": "yyyy-mm-dd"}
        shape = book.add_format({"num_format": look.get(column.kind, "@")})
        sheet.set_column(place, place, _WIDE if column.kind == "text" else _NARROW, shape)
        title = f"{column.title} ({column.unit})" if column.unit else column.title
        sheet.write_string(0, place, title, head)
        for line, row in enumerate(rows[:MOST_SHEET_ROWS], start=1):
            _write(sheet, (line, place), row[column.name], column)
    if rows:
        sheet.autofilter(0, 0, min(len(rows), MOST_SHEET_ROWS), len(table.columns) - 1)
    about = book.add_worksheet("About")
    about.set_column(0, 0, _NARROW * 2)
    about.set_column(1, 1, _WIDE * 2)
    for line, (name, value) in enumerate(facts.items()):
        about.write_string(line, 0, name, head)
        about.write_string(line, 1, value)
    book.close()
    return sink.getvalue()


def _write(sheet: Any, place: tuple[int, int], value: Any, column: Column) -> None:
    """Text goes in as text, so that nothing a person typed is ever calculated."""
    if value is None:
        return
    if column.kind in ("money", "count"):
        sheet.write_number(*place, value)
    elif column.kind == "date":
        sheet.write_datetime(*place, _typed(value, column))
    else:
        sheet.write_string(*place, str(value))
