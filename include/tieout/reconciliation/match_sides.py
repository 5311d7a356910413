"""Charges and billing documents as rows that can be matched: an id, an amount, texts to agree on.

Owns the columns of a side and how precisely its amounts are printed; matches nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import SCALE, minor_digits, to_decimal
from tieout.focus.columns import MONEY
from tieout.focus.document import BillingDocument
from tieout.reconciliation.compare import CHARGE_DAY, with_charge_day
from tieout.reconciliation.invoice_lines import name_in_report

_LINE = "line"
_PARTS = {"Credit": "credit", "Tax": "tax"}
_OWN = (
    "provider", "billing_account_id", "billing_currency", "sub_account_id", "charge_category",
    "charge_description", "service_name", "sku_id", "sku_meter", "region_id", "resource_id",
    "x_model", "x_service_tier", "x_token_kind", "invoice_id", "invoice_detail_id",
)  # fmt: skip
KEY_COLUMNS = (*_OWN, CHARGE_DAY, "charge_start", "service_month", "document_part")
SIDE_SCHEMA = pa.schema(
    [
        pa.field("member_id", pa.string(), nullable=False),
        pa.field("amount", MONEY, nullable=False),
        *(pa.field(name, pa.string()) for name in KEY_COLUMNS),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One figure as rows (SIDE_SCHEMA).

    Amounts are multiples of `step_units`: 1 says that they are exact, 10**10 that they are printed
    in cents, so that each may be half a cent off.
    """

    name: str
    rows: pa.Table
    step_units: int = 1


def charges_side(name: str, charges: pa.Table) -> Side:
    """Charges (CHARGE_SCHEMA) by what they bill; the id of a row is its `line_id`."""
    dated = with_charge_day(charges)
    columns = {
        "member_id": dated["line_id"],
        "amount": dated["billed_cost"],
        **{column: dated[column] for column in _OWN},
        CHARGE_DAY: dated[CHARGE_DAY].cast(pa.string()),
        "charge_start": pc.strftime(
            dated["charge_period_start"].cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%S"
        ),
        "service_month": pc.strftime(dated["charge_period_start"], "%Y-%m"),
        "document_part": _document_part(dated["charge_category"]),
    }
    arrays = [columns[field.name] for field in SIDE_SCHEMA]
    return Side(name=name, rows=pa.table(arrays, schema=SIDE_SCHEMA))


def invoices_side(name: str, invoices: Sequence[BillingDocument], *, report: pa.Table) -> Side:
    """Printed lines, credit and tax of documents of one currency; they add up to their totals.

    `report` (CHARGE_SCHEMA, one account) is what they bill: it gives provider and account, and its
    descriptions name a line that carries a remark behind the name, and say when a printed line is a
    credit (Google prints promotions among the lines, November 2026). Each document comes once
    (`invoice_parts.distinct`); the id of a row is seller, number and printed row.
    """
    known = _parts_of(report)
    shared = {
        column: pc.min(report[column]).as_py() for column in ("provider", "billing_account_id")
    }
    rows = [
        {**shared, **row, "invoice_id": one.number, "billing_currency": one.currency}
        for one in invoices
        for row in _printed(one, known)
    ]
    digits = min((minor_digits(one.currency) for one in invoices), default=SCALE)
    step: int = 10 ** (SCALE - digits)
    return Side(name=name, rows=pa.Table.from_pylist(rows, SIDE_SCHEMA), step_units=step)


def _document_part(categories: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(
        pc.is_in(categories, value_set=pa.array(list(_PARTS))), pc.utf8_lower(categories), _LINE
    )


def _parts_of(report: pa.Table) -> dict[str | None, str]:
    """Which part of a document each description of the report is; a line when there are several."""
    parts = pa.table(
        {
            "name": report["charge_description"],
            "part": _document_part(report["charge_category"]),
        }
    )
    found: dict[str | None, str] = {}
    for row in parts.group_by(["name", "part"]).aggregate([]).to_pylist():
        found[row["name"]] = _LINE if row["name"] in found else row["part"]
    return found


def _printed(document: BillingDocument, known: Mapping[str | None, str]) -> list[dict[str, object]]:
    stem = f"{document.seller}/{document.number}"
    lines: list[dict[str, object]] = [
        {
            "member_id": f"{stem}/{line.source_row}",
            "amount": to_decimal(line.amount_units),
            "charge_description": name,
            "document_part": known.get(name, _LINE),
        }
        for line in document.lines
        for name in [name_in_report(line.description, known) or line.description]
    ]
    ends = {"credit": document.credit_units, "tax": document.tax_units}
    summary: list[dict[str, object]] = [
        {"member_id": f"{stem}/{part}", "amount": to_decimal(units), "document_part": part}
        for part, units in ends.items()
        if units
    ]
    return lines + summary
