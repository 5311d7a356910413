"""Ledger tables as CSV and Parquet bytes for people, spreadsheets and BI tools.

Owns the text form: amounts as plain decimals, one header row, RFC 4180 quoting. Text cells that a
spreadsheet would run as a formula are prefixed with an apostrophe; numbers are never touched.
Parquet has the same columns in every month, for loaders; a CSV of ledger lines has further ones at
its end, so that a person can filter by a dimension of one's own.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tieout.focus.ledger_columns import OWN_DIMENSION_RULES, OWN_DIMENSIONS
from tieout.publish.formulas import guarded
from tieout.rules.own_dimensions import RULE_SUFFIX, own_columns

_OWN_PREFIX = "x_"
JOURNAL_COLUMNS = (
    "document_no",
    "journal_type",
    "posting_on",
    "document_on",
    "service_period",
    "provider",
    "description",
    "line_no",
    "account",
    "debit",
    "credit",
    "currency",
    "memo",
    "initiative",
    "cost_center",
    "pl_category",
    "product_line",
    "environment",
    "project",
    "reverses",
    "idempotency_key",
)


def csv_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as CSV in UTF-8; None becomes an empty cell, decimals keep their digits."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in columns])
    return sink.getvalue().encode()


def table_csv(table: pa.Table) -> bytes:
    """An Arrow table as CSV, column order kept."""
    return csv_bytes(table.column_names, table.to_pylist())


def spread_out(lines: pa.Table) -> pa.Table:
    """Ledger lines with a column for each own dimension behind all others, and one for its rule.

    They are called `x_<name>` and `x_<name>_rule`, by name; lines without own dimensions get none.
    """
    classes, rules = (own_columns(lines[name]) for name in (OWN_DIMENSIONS, OWN_DIMENSION_RULES))
    for name, values in classes.items():
        lines = lines.append_column(f"{_OWN_PREFIX}{name}", values)
        lines = lines.append_column(f"{_OWN_PREFIX}{name}{RULE_SUFFIX}", rules[name])
    return lines


def table_parquet(table: pa.Table) -> bytes:
    """An Arrow table as zstd Parquet."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def journal_rows(entries: Sequence[Mapping[str, Any]], *, digits: int) -> list[dict[str, Any]]:
    """One row per journal line; debit and credit in the currency's major unit, the other blank.

    `entries` are journal dicts as the store gives them, amounts in minor units.
    """
    return [
        {
            **{name: entry.get(name) for name in JOURNAL_COLUMNS},
            **_shown(line["dimensions"]),
            "provider": entry["provider"],
            "line_no": line["line_no"],
            "account": line["account"],
            "debit": _major(line["debit_minor"], digits),
            "credit": _major(line["credit_minor"], digits),
            "memo": line["memo"],
        }
        for entry in entries
        for line in entry["lines"]
    ]


def _shown(dimensions: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dimensions.items() if name in JOURNAL_COLUMNS}


def _major(minor: int, digits: int) -> Decimal | None:
    return Decimal(minor).scaleb(-digits) if minor else None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return guarded(value) if isinstance(value, str) else str(value)
