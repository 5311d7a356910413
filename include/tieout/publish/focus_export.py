"""A month as FOCUS files: Cost and Usage 1.2 and 1.3, Billing Period and Invoice Detail of 1.4.

Owns the list of files, their text form and the metadata beside them. Text cells that a spreadsheet
would run are prefixed with an apostrophe in CSV, never in Parquet; amounts are plain decimals.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from tieout.core.errors import UsageError
from tieout.core.ids import sha256_hex
from tieout.core.money import from_decimal, to_decimal
from tieout.core.period import Period, utc_midnight
from tieout.publish.evidence import json_bytes
from tieout.publish.focus_allocated import Shared, allocated_charges
from tieout.publish.focus_cost_and_usage import MOMENT, cost_and_usage
from tieout.publish.focus_invoice_detail import InvoiceFacts, invoice_detail
from tieout.publish.tables import table_parquet

METADATA = "focus-metadata.json"
VERSIONS = {
    "cost_and_usage": "1.2",
    "billing_period": "1.4",
    "invoice_detail": "1.4",
    "cost_and_usage_allocated": "1.3",
}
_JSON_COLUMNS = frozenset(
    {
        "AllocatedMethodDetails",
        "AllocatedTags",
        "InvoiceDetailGrain",
        "SkuPriceDetails",
        "Tags",
        "x_TagsNormalized",
    }
)
_FORMULA = "^ *[=+\\-@\\t\\r\\n\\x{FF1D}\\x{FF0B}\\x{FF0D}\\x{FF20}]"
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"

BILLING_PERIOD_SCHEMA = pa.schema(
    [
        pa.field("BillingPeriodCreated", MOMENT, nullable=False),
        pa.field("BillingPeriodEnd", MOMENT, nullable=False),
        pa.field("BillingPeriodLastUpdated", MOMENT, nullable=False),
        pa.field("BillingPeriodStart", MOMENT, nullable=False),
        pa.field("BillingPeriodStatus", pa.string(), nullable=False),
        pa.field("InvoiceIssuerName", pa.string(), nullable=False),
    ]
)


def focus_files(
    charges: pa.Table,
    documents: Sequence[InvoiceFacts],
    *,
    period: Period,
    closed: bool,
    generated_at: datetime,
    dimensions: pa.Table | None = None,
    shared: Shared | None = None,
) -> dict[str, bytes]:
    """Three datasets, each as CSV and Parquet, and one metadata file; by file name.

    With `shared` a fourth: Cost and Usage again, the charges of pools split among who bears them.

    Billed cost adds up to the charges' exactly, in all and for each invoice. The same arguments
    give the same bytes.

    Args:
        charges: rows of CHARGE_SCHEMA billed in `period`.
        documents: billing documents of the period.
        period: the billing period.
        closed: whether tieout's own period is closed.
        generated_at: an instant with its zone; becomes the creation time in UTC.
        dimensions: result of `rules.classify`, for the columns x_Initiative and so on.
        shared: what the allocation of the month made of its pools.

    Raises:
        IntegrityError: a charge of another period, ambiguous dimensions, or an allocation of other
            charges.
        UsageError: `generated_at` has no zone.
    """
    if generated_at.tzinfo is None:
        raise UsageError(
            f"The creation time {generated_at.isoformat()} has no zone: expected one, such as UTC."
        )
    invoices = invoice_detail(documents, charges, period=period)
    usage = cost_and_usage(charges, period=period, dimensions=dimensions)
    datasets = {
        "cost_and_usage": usage,
        "billing_period": billing_period(
            charges, invoices, period=period, closed=closed, updated_at=generated_at
        ),
        "invoice_detail": invoices,
    }
    if shared is not None:
        datasets["cost_and_usage_allocated"] = allocated_charges(usage, charges, shared)
    files: dict[str, bytes] = {}
    for name, table in datasets.items():
        files[f"{name}.csv"] = focus_csv(table)
        files[f"{name}.parquet"] = table_parquet(table)
    told = _metadata(datasets, files, period=period, generated_at=generated_at)
    return {**files, METADATA: json_bytes(told)}


def billing_period(
    charges: pa.Table,
    invoices: pa.Table,
    *,
    period: Period,
    closed: bool,
    updated_at: datetime,
) -> pa.Table:
    """FOCUS 1.4 Billing Period: one row an issuer of charges or invoices, ordered by name."""
    issuers = {
        *charges["invoice_issuer_name"].to_pylist(),
        *invoices["InvoiceIssuerName"].to_pylist(),
    }
    rows = [
        {
            # nobody tells when an issuer opened its period: it cannot be later than its first day
            "BillingPeriodCreated": utc_midnight(period.start_on),
            "BillingPeriodEnd": utc_midnight(period.end_on),
            "BillingPeriodLastUpdated": updated_at,
            "BillingPeriodStart": utc_midnight(period.start_on),
            "BillingPeriodStatus": "Closed" if closed else "Open",
            "InvoiceIssuerName": issuer,
        }
        for issuer in sorted(issuers)
    ]
    return pa.Table.from_pylist(rows, schema=BILLING_PERIOD_SCHEMA)


def focus_csv(table: pa.Table) -> bytes:
    """The table as CSV in UTF-8: every value quoted, null an empty cell without quotes."""
    text = pa.table(
        {name: _text(table[name]) for name in table.column_names},
        schema=pa.schema([pa.field(name, pa.string()) for name in table.column_names]),
    )
    sink = io.BytesIO()
    options = pacsv.WriteOptions(quoting_style="all_valid", eol="\r\n")
    pacsv.write_csv(text, sink, options)
    return sink.getvalue()


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_decimal(kind):
        return _each_distinct(column)
    if pa.types.is_timestamp(kind):
        return pc.strftime(column.cast(pa.timestamp("s", tz="UTC"), safe=False), format=_INSTANT)
    if not pa.types.is_string(kind):
        return column.cast(pa.string())
    runs = pc.match_substring_regex(column, _FORMULA)
    shown = pc.binary_join_element_wise(pa.scalar("'"), column, pa.scalar(""))
    return pc.if_else(runs, shown, column)


def _each_distinct(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Arrow itself writes small decimals as 1E-12; so each distinct value is written here."""
    coded = column.combine_chunks().dictionary_encode()
    texts = [_plain(value) for value in coded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string()).take(coded.indices)])


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _metadata(
    datasets: Mapping[str, pa.Table],
    files: Mapping[str, bytes],
    *,
    period: Period,
    generated_at: datetime,
) -> dict[str, Any]:
    return {
        "DataGenerator": "tieout",
        "CreationDate": _instant(generated_at),
        "BillingPeriod": str(period),
        "Datasets": [
            {
                "Dataset": name,
                "FocusVersion": VERSIONS[name],
                "RowCount": table.num_rows,
                "BilledCost": _totals(table) if "BilledCost" in table.column_names else None,
                "Files": {
                    file: sha256_hex(content)
                    for file, content in sorted(files.items())
                    if file.startswith(f"{name}.")
                },
                "ColumnDefinition": [_definition(field) for field in table.schema],
            }
            for name, table in datasets.items()
        ],
    }


def _totals(table: pa.Table) -> dict[str, Any]:
    """Sums by currency, in all and by invoice; charges without an invoice are under ""."""
    sums: dict[str, dict[str, int]] = {}
    names = ("BillingCurrency", "InvoiceId", "BilledCost")
    for currency, invoice, cost in zip(*(table[name].to_pylist() for name in names), strict=True):
        found = sums.setdefault(currency, {})
        found[invoice or ""] = found.get(invoice or "", 0) + from_decimal(cost)
    return {
        currency: {
            "Total": _plain(to_decimal(sum(invoices.values()))),
            "ByInvoiceId": {
                invoice: _plain(to_decimal(units)) for invoice, units in sorted(invoices.items())
            },
        }
        for currency, invoices in sorted(sums.items())
    }


def _definition(field: pa.Field) -> dict[str, Any]:
    shown: dict[str, Any] = {"ColumnName": field.name, "DataType": "String"}
    if field.name in _JSON_COLUMNS:
        shown["DataType"] = "JSON"
    elif pa.types.is_timestamp(field.type):
        shown["DataType"] = "DateTime"
    elif pa.types.is_decimal(field.type):
        shown |= {"DataType": "Decimal", "NumericPrecision": 28, "NumberScale": 12}
    elif pa.types.is_integer(field.type):
        shown["DataType"] = "Integer"
    return shown


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_INSTANT)
