"""Columns of the AWS report as charge columns: what its fields mean in FOCUS.

Owns the mapping of one batch; `aws_report` owns files and findings, `aws_amounts` the money.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.period import Period
from tieout.focus.coded import Texts
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.ai_columns import AiColumns, Meter, ai_columns
from tieout.sources.amounts import Mask
from tieout.sources.aws_columns import LINE_TYPES, UNKNOWN_TYPE, Layout, LineType, tag_key
from tieout.sources.aws_services import service_category
from tieout.sources.columns import (
    Wrong,
    constant,
    derived,
    flagged,
    instants,
    mapped,
    text_column,
)
from tieout.sources.tables import Batch
from tieout.sources.tag_columns import TagColumns, map_tags, tag_columns, tag_map, text_tags

_PLAIN = {
    "availability_zone": "line_item_availability_zone",
    "billing_currency": "line_item_currency_code",
    "capacity_reservation_id": "capacity_reservation_capacity_reservation_arn",
    "capacity_reservation_status": "capacity_reservation_capacity_reservation_status",
    "charge_description": "line_item_line_item_description",
    "consumed_unit": "pricing_unit",
    "invoice_id": "bill_invoice_id",
    "pricing_unit": "pricing_unit",
    "publisher_name": "line_item_legal_entity",
    "resource_id": "line_item_resource_id",
    "sku_meter": "line_item_usage_type",
    "sku_price_id": "pricing_rate_code",
    "sub_account_id": "line_item_usage_account_id",
}
_PRODUCT = (  # columns of the product that newer reports keep in one map
    "product_product_name",
    "product_region",
    "product_region_code",
    "product_location",
    "product_sku",
)
_AI_ATTRIBUTES = ("provider", "model", "inference_type", "service_tier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose report of which month is read, and the names of its accounts."""

    account: str
    period: Period
    names: Mapping[str, str]


class AwsRows:
    """One batch by our names of columns; texts are coded once, however often they are used."""

    def __init__(self, batch: Batch, layout: Layout) -> None:
        self.batch = batch
        self.layout = layout
        self._texts: dict[str, pa.DictionaryArray] = {}

    def get(self, name: str) -> pa.Array | None:
        """The column as the file has it."""
        return self.batch.columns.get(self.layout.names.get(name, ""))

    def text(self, name: str) -> pa.DictionaryArray:
        """The column as coded text, null where it is empty or missing."""
        if name not in self._texts:
            self._texts[name] = text_column(self.get(name), self.batch.rows)
        return self._texts[name]

    def of_type(self, kind: str) -> Mask:
        """Rows of a line item type; of fees only those of reservations."""
        found = flagged(self.text("line_item_line_item_type"), lambda text: text == kind)
        if kind == "Fee":
            found &= flagged(self.text("reservation_reservation_arn"), bool)
        return found


def charge_columns(
    rows: AwsRows, asked: Asked
) -> tuple[dict[str, pa.Array], AiColumns, list[Wrong]]:
    """The columns of a batch that hold no money, what is AI spend in it, and what is wrong."""
    starts, wrong_starts = _times(rows, "line_item_usage_start_date")
    ends, wrong_ends = _times(rows, "line_item_usage_end_date")
    products = _products(rows)
    found = _ai(rows, products, starts, asked.period)
    columns = {
        **{name: rows.text(source) for name, source in _PLAIN.items()},
        **_account_columns(rows, asked),
        **_type_columns(rows),
        **_service_columns(rows, products, found),
        **_tag_columns(rows),
        **found.columns,
        "charge_period_start": starts,
        "charge_period_end": ends,
    }
    return columns, found, [*_wrong_place(rows, asked), wrong_starts, wrong_ends]


def line_type(kind: str | None) -> LineType:
    """What a line item type is; an unknown one is an adjustment."""
    return LINE_TYPES.get(kind or "", UNKNOWN_TYPE)


def _wrong_place(rows: AwsRows, asked: Asked) -> list[Wrong]:
    payers = rows.text("bill_payer_account_id")
    billed, wrong = _times(rows, "bill_billing_period_start_date")
    months = billed.cast(pa.date32())
    is_other = pc.fill_null(pc.not_equal(months, pa.scalar(asked.period.start_on)), False)

    def payer(row: int) -> str:
        found = payers[row].as_py() or ""
        return (
            f"The payer is {found[:20]!r}: expected {asked.account}, the account of this "
            "connection."
        )

    def month(row: int) -> str:
        return (
            f"The row is billed in {months[row].as_py():%Y-%m}: expected {asked.period}; a "
            "correction of another month belongs to that month's report."
        )

    return [
        Wrong(rows=~flagged(payers, lambda text: text == asked.account), reason=payer),
        wrong,
        Wrong(rows=is_other.to_numpy(zero_copy_only=False), reason=month),
    ]


def _times(rows: AwsRows, name: str) -> tuple[pa.Array, Wrong]:
    """A column of instants, and the rows that have none."""
    column = rows.batch.columns[rows.layout.names[name]]
    found = instants(column, partial(_instant, needs_zone=rows.layout.is_legacy))
    source = rows.layout.names[name]

    def reason(row: int) -> str:
        return (
            f"Column {source} is {str(column[row].as_py() or '')[:40]!r}: expected an instant with "
            "its zone, such as 2026-10-01T00:00:00Z."
        )

    return found, Wrong(rows=found.is_null().to_numpy(zero_copy_only=False), reason=reason)


@lru_cache(maxsize=1 << 16)
def _instant(text: str, *, needs_zone: bool) -> datetime | None:
    """CUR 2.0 may leave the zone out and means UTC; the legacy report always writes it."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    if instant.tzinfo is None:
        return None if needs_zone else instant.replace(tzinfo=UTC)
    return instant


def _account_columns(rows: AwsRows, asked: Asked) -> dict[str, pa.Array]:
    count = rows.batch.rows
    users = [rows.text("line_item_usage_account_id"), rows.text("line_item_usage_account_name")]
    (names,) = derived(users, lambda user, name: (name or asked.names.get(user or ""),), 1)
    payer_name = asked.names.get(asked.account)
    payers = mapped(rows.text("bill_payer_account_name"), str, null=payer_name)
    return {
        "billing_account_id": constant(asked.account, count),
        "billing_account_name": payers,
        "sub_account_name": names,
        "billing_period_start": pa.nulls(count, pa.date32()).fill_null(asked.period.start_on),
    }


def _type_columns(rows: AwsRows) -> dict[str, pa.Array]:
    kinds = rows.text("line_item_line_item_type")
    commitments = [
        kinds,
        rows.text("pricing_term"),
        rows.text("savings_plan_savings_plan_arn"),
        rows.text("reservation_reservation_arn"),
    ]
    names = (
        "pricing_category",
        "commitment_discount_id",
        "commitment_discount_category",
        "commitment_discount_type",
        "commitment_discount_status",
    )
    found = derived(commitments, _commitment, len(names))
    return {
        "charge_category": mapped(kinds, _category, null=UNKNOWN_TYPE.category),
        "charge_class": mapped(kinds, lambda kind: "Correction" if kind == "Refund" else None),
        "charge_frequency": mapped(kinds, lambda kind: line_type(kind).frequency),
        **dict(zip(names, found, strict=True)),
    }


def _category(kind: str) -> str:
    return line_type(kind).category


def _commitment(
    kind: str | None, term: str | None, plan: str | None, reserved: str | None
) -> Texts:
    """FOCUS pricing category and commitment discount of a line item."""
    found = line_type(kind)
    pricing = None
    if found.category in {"Usage", "Purchase"}:
        pricing = "Dynamic" if term == "Spot" else "Standard"
    if found.is_covered:
        pricing = "Committed"
    if plan is None and reserved is None:
        return (pricing, None, None, None, None)
    status = "Used" if found.is_covered else None
    if plan is not None:
        return (pricing, plan, "Spend", "Savings Plan", status)
    return (pricing, reserved, "Usage", "Reserved Instance", status)


def _products(rows: AwsRows) -> pa.DictionaryArray:
    """The product map of CUR 2.0 as canonical JSON; the legacy report has columns instead."""
    column = rows.get("product")
    return text_column(None, rows.batch.rows) if column is None else _json(column).tags


def _json(column: pa.Array, rename: Callable[[str], str] | None = None) -> TagColumns:
    read = map_tags if pa.types.is_map(column.type) else text_tags
    return read(column) if rename is None else read(column, rename=rename)


def _ai(rows: AwsRows, products: pa.DictionaryArray, starts: pa.Array, period: Period) -> AiColumns:
    texts = [
        rows.text("line_item_product_code"),
        rows.text("product_product_name"),
        rows.text("line_item_usage_type"),
        products,
        *(rows.text(f"product_{name}") for name in _AI_ATTRIBUTES),
    ]
    return ai_columns("aws", texts, _meter, days=starts.cast(pa.date32()), period=period)


def _meter(
    code: str | None, name: str | None, usage: str | None, product: str | None, *own: str | None
) -> Meter:
    attributes = {
        key: text for key, text in zip(_AI_ATTRIBUTES, own, strict=True) if text
    } | _product_map(product)
    return Meter(
        service=code or "",
        meter=usage or "",
        sku=None,
        description=name or attributes.get("product_name"),
        attributes=tags_json(attributes),
    )


@lru_cache(maxsize=1 << 16)
def _product_map(product: str | None) -> dict[str, str]:
    return dict(tag_map(product))


def _service_columns(
    rows: AwsRows, products: pa.DictionaryArray, found: AiColumns
) -> dict[str, pa.Array]:
    ai = pa.array(found.is_ai.astype(np.int32))
    flags = pa.DictionaryArray.from_arrays(ai, ["", "ai"])
    texts = [
        flags,
        products,
        rows.text("line_item_product_code"),
        rows.text("bill_invoicing_entity"),
        rows.text("line_item_legal_entity"),
        *(rows.text(name) for name in _PRODUCT),
    ]
    names = (
        "service_category",
        "service_name",
        "invoice_issuer_name",
        "region_id",
        "region_name",
        "sku_id",
    )
    count = rows.batch.rows
    return {
        **dict(zip(names, derived(texts, _service, len(names)), strict=True)),
        "service_provider_name": constant("AWS", count),
        "host_provider_name": constant("AWS", count),
    }


def _service(
    ai: str | None,
    product: str | None,
    code: str | None,
    issuer: str | None,
    seller: str | None,
    *own: str | None,
) -> Texts:
    """Service, issuer, region and SKU of a row; a column counts before the product map."""
    name, region, region_code, location, sku = own
    more = _product_map(product)
    service = name or more.get("product_name") or code
    category = service_category(code or "", service or "")
    return (
        AI_SERVICE_CATEGORY if ai else category,
        service,
        issuer or seller or "Amazon Web Services",
        region or region_code or more.get("region_code") or more.get("region"),
        location or more.get("location"),
        sku or more.get("sku"),
    )


def _tag_columns(rows: AwsRows) -> dict[str, pa.Array]:
    column = rows.get("resource_tags")
    if column is not None:
        read = _json(column, tag_key)
        return {"tags": read.tags, "source_tags": read.source}
    columns = {
        key: text_column(rows.batch.columns[source], rows.batch.rows)
        for key, source in rows.layout.tags.items()
    }
    return {"tags": tag_columns(columns, rows.batch.rows)}
