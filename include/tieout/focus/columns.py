"""The charge: one row of FOCUS 1.2 Cost and Usage in snake case, plus where it came from.

Owns names, types and order of the columns. A provider's `to_focus` gives exactly `CHARGE_SCHEMA`
without `attr_id`; `with_attr_ids` adds it. Amounts are DECIMAL(28,12) in the billing currency;
a cost is positive, a credit negative.
"""

import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tieout.core.errors import IntegrityError
from tieout.core.ids import attribute_key
from tieout.focus.coded import coded, distinct_tuples

MONEY = pa.decimal128(28, 12)
TIMESTAMP = pa.timestamp("us", tz="UTC")

CHARGE_SCHEMA = pa.schema(
    [
        pa.field(
            "line_id", pa.string(), nullable=False
        ),  # core.ids.content_key(document, row, part)
        pa.field("attr_id", pa.int64(), nullable=False),
        pa.field("provider", pa.string(), nullable=False),  # plug-in name: aws, openai
        pa.field("billing_account_id", pa.string(), nullable=False),
        pa.field("billing_account_name", pa.string()),
        pa.field("sub_account_id", pa.string()),  # AWS account, OpenAI project, Anthropic workspace
        pa.field("sub_account_name", pa.string()),
        pa.field("billing_period_start", pa.date32(), nullable=False),
        pa.field("charge_period_start", TIMESTAMP, nullable=False),
        pa.field("charge_period_end", TIMESTAMP, nullable=False),
        pa.field("charge_category", pa.string(), nullable=False),
        pa.field("charge_class", pa.string()),
        pa.field("charge_description", pa.string()),
        pa.field("billed_cost", MONEY, nullable=False),
        pa.field("effective_cost", MONEY, nullable=False),
        pa.field("list_cost", MONEY),
        pa.field("contracted_cost", MONEY),
        pa.field("billing_currency", pa.string(), nullable=False),
        pa.field("consumed_quantity", MONEY),
        pa.field("consumed_unit", pa.string()),
        pa.field("service_category", pa.string(), nullable=False),
        pa.field("service_name", pa.string(), nullable=False),
        pa.field("service_provider_name", pa.string(), nullable=False),
        pa.field("invoice_issuer_name", pa.string(), nullable=False),
        pa.field("invoice_id", pa.string()),
        pa.field("region_id", pa.string()),
        pa.field("resource_id", pa.string()),
        pa.field("sku_id", pa.string()),
        pa.field("sku_meter", pa.string()),
        pa.field("tags", pa.string(), nullable=False),  # canonical JSON object, see tags_json
        # FOCUS 1.2 columns that only some sources fill; empty is null, never a made-up value
        pa.field("billing_account_type", pa.string()),
        pa.field("sub_account_type", pa.string()),
        pa.field("service_subcategory", pa.string()),
        pa.field("publisher_name", pa.string()),
        pa.field("host_provider_name", pa.string()),
        pa.field("availability_zone", pa.string()),
        pa.field("region_name", pa.string()),
        pa.field("resource_name", pa.string()),
        pa.field("resource_type", pa.string()),
        pa.field("charge_frequency", pa.string()),
        pa.field("pricing_category", pa.string()),
        pa.field("pricing_quantity", MONEY),
        pa.field("pricing_unit", pa.string()),
        pa.field("list_unit_price", MONEY),
        pa.field("contracted_unit_price", MONEY),
        pa.field("pricing_currency", pa.string()),
        pa.field("pricing_currency_effective_cost", MONEY),
        pa.field("pricing_currency_list_unit_price", MONEY),
        pa.field("pricing_currency_contracted_unit_price", MONEY),
        pa.field("sku_price_id", pa.string()),
        pa.field("sku_price_details", pa.string()),  # JSON object as the source gave it
        pa.field("commitment_discount_category", pa.string()),
        pa.field("commitment_discount_id", pa.string()),
        pa.field("commitment_discount_name", pa.string()),
        pa.field("commitment_discount_quantity", MONEY),
        pa.field("commitment_discount_status", pa.string()),
        pa.field("commitment_discount_type", pa.string()),
        pa.field("commitment_discount_unit", pa.string()),
        pa.field("capacity_reservation_id", pa.string()),
        pa.field("capacity_reservation_status", pa.string()),
        pa.field("invoice_detail_id", pa.string()),
        pa.field("source_tags", pa.string()),  # tags as received, where `tags` differs from them
        pa.field("x_model_developer", pa.string()),  # who made the model: Anthropic, OpenAI, Meta
        pa.field("x_model", pa.string()),
        pa.field("x_token_kind", pa.string()),  # input, cached_input, cache_write, output, ...
        pa.field("x_service_tier", pa.string()),  # standard, batch, priority, flex, provisioned
        pa.field("source_document", pa.string(), nullable=False),  # SHA-256 of the provider's bytes
        pa.field("source_row", pa.int32(), nullable=False),  # 1-based row in that document
    ]
)

# What rules may look at: two charges with equal attributes are always classified alike. Every text
# of a charge is one, but for what differs from charge to charge (ids of lines and documents) and
# for JSON beside `tags`. A change changes every attr_id: see `with_current_attr_ids`.
ATTRIBUTES = (
    "provider",
    "billing_account_id",
    "sub_account_id",
    "sub_account_name",
    "charge_category",
    "charge_description",
    "service_category",
    "service_name",
    "service_provider_name",
    "invoice_issuer_name",
    "region_id",
    "resource_id",
    "sku_id",
    "sku_meter",
    "tags",
    "resource_name",
    "resource_type",
    "service_subcategory",
    "publisher_name",
    "x_model_developer",
    "x_model",
    "x_token_kind",
    "x_service_tier",
    "billing_account_name",
    "billing_account_type",
    "sub_account_type",
    "billing_currency",
    "charge_class",
    "charge_frequency",
    "consumed_unit",
    "invoice_id",
    "host_provider_name",
    "region_name",
    "availability_zone",
    "pricing_category",
    "pricing_unit",
    "pricing_currency",
    "sku_price_id",
    "commitment_discount_category",
    "commitment_discount_id",
    "commitment_discount_name",
    "commitment_discount_status",
    "commitment_discount_type",
    "commitment_discount_unit",
    "capacity_reservation_id",
    "capacity_reservation_status",
)

CHARGE_CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
AI_SERVICE_CATEGORY = "AI and Machine Learning"
SERVICE_CATEGORIES = (
    AI_SERVICE_CATEGORY,
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Multicloud",
    "Networking",
    "Security",
    "Storage",
    "Web",
    "Other",
)


def tags_json(tags: Mapping[str, str]) -> str:
    """Tags as one canonical JSON text: keys sorted, no spaces, empty values dropped."""
    kept = {key: value for key, value in tags.items() if value}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def with_attr_ids(charges: pa.Table) -> pa.Table:
    """Add `attr_id` to charges that lack it and cast to CHARGE_SCHEMA in its column order.

    Text columns may be dictionary-coded; the result holds plain text.

    Raises:
        IntegrityError: two different attribute tuples share an id (chance 3e-9 a month).
    """
    codes, tuples = distinct_tuples([coded(charges.column(name)) for name in ATTRIBUTES])
    ids = np.fromiter((attribute_key(row) for row in tuples), np.int64)
    if len(np.unique(ids)) != len(ids):
        raise IntegrityError(
            "Two different attribute tuples have one attr_id: expected all ids to differ; "
            "report the charges file so that the id can be widened."
        )
    table = charges.append_column("attr_id", pa.array(ids[codes]))
    # most columns of most bills are empty: these share one array a type
    nothing = {kind: pa.nulls(table.num_rows, kind) for kind in (pa.string(), MONEY)}
    columns = [
        nothing[field.type]
        if column.null_count == table.num_rows and field.type in nothing
        else column.cast(field.type)
        for field, column in zip(CHARGE_SCHEMA, table.select(CHARGE_SCHEMA.names), strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=CHARGE_SCHEMA)


def with_current_attr_ids(charges: pa.Table) -> pa.Table:
    """Charges of one stored file with ids over today's ATTRIBUTES.

    A file written before a column became an attribute has other ids in every row, so one row tells;
    its ids are then made anew. A current file comes back as it is.
    """
    if charges.num_rows == 0:
        return charges
    (row,) = charges.slice(0, 1).to_pylist()
    if row["attr_id"] == attribute_key(row[name] for name in ATTRIBUTES):
        return charges
    return with_attr_ids(charges.drop_columns(["attr_id"]))


def attributes_of(charges: pa.Table) -> pa.Table:
    """Distinct `attr_id` with its ATTRIBUTES, ordered by `attr_id`: the dictionary rules run on."""
    ids = charges.column("attr_id").to_numpy()
    _, first = np.unique(ids, return_index=True)  # rows of one id have equal attributes
    return charges.select(["attr_id", *ATTRIBUTES]).take(pa.array(first)).combine_chunks()
