"""Columns of AWS cost reports: one name for both spellings, and which of them are read.

Owns names and line item types. The legacy report writes `lineItem/UnblendedCost`, CUR 2.0 and the
legacy Parquet files `line_item_unblended_cost` (AWS, cost and usage report data dictionaries).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tieout.core.errors import SourceAnswerError
from tieout.sources.tables import Wanted

COVERED = "SavingsPlanCoveredUsage"
NEGATION = "SavingsPlanNegation"

REQUIRED_COLUMNS = (
    "bill/BillingPeriodStartDate",
    "bill/InvoiceId",
    "bill/PayerAccountId",
    "lineItem/CurrencyCode",
    "lineItem/LineItemType",
    "lineItem/ProductCode",
    "lineItem/UnblendedCost",
    "lineItem/UsageAccountId",
    "lineItem/UsageEndDate",
    "lineItem/UsageStartDate",
)

UNBLENDED = "line_item_unblended_cost"
USAGE_AMOUNT = "line_item_usage_amount"
AMOUNTS = (
    UNBLENDED,
    USAGE_AMOUNT,
    "line_item_net_unblended_cost",
    "pricing_public_on_demand_cost",
)
TEXTS = (
    "bill_billing_period_start_date",
    "bill_invoice_id",
    "bill_invoicing_entity",
    "bill_payer_account_id",
    "bill_payer_account_name",
    "capacity_reservation_capacity_reservation_arn",
    "capacity_reservation_capacity_reservation_status",
    "line_item_availability_zone",
    "line_item_currency_code",
    "line_item_legal_entity",
    "line_item_line_item_description",
    "line_item_line_item_type",
    "line_item_product_code",
    "line_item_resource_id",
    "line_item_usage_account_id",
    "line_item_usage_account_name",
    "line_item_usage_end_date",
    "line_item_usage_start_date",
    "line_item_usage_type",
    "pricing_public_on_demand_rate",
    "pricing_rate_code",
    "pricing_term",
    "pricing_unit",
    "product",
    "product_inference_type",
    "product_location",
    "product_model",
    "product_product_name",
    "product_provider",
    "product_region",
    "product_region_code",
    "product_service_tier",
    "product_sku",
    "reservation_effective_cost",
    "reservation_reservation_arn",
    "reservation_unused_amortized_upfront_fee_for_billing_period",
    "reservation_unused_recurring_fee",
    "resource_tags",
    "savings_plan_savings_plan_arn",
    "savings_plan_savings_plan_effective_cost",
    "savings_plan_total_commitment_to_date",
    "savings_plan_used_commitment",
)


class LineType(NamedTuple):
    """A line item type in FOCUS: category, frequency, and whether a commitment covers it."""

    category: str
    frequency: str | None
    is_covered: bool = False


LINE_TYPES = {
    "Usage": LineType("Usage", "Usage-Based"),
    "DiscountedUsage": LineType("Usage", "Usage-Based", is_covered=True),
    COVERED: LineType("Usage", "Usage-Based", is_covered=True),
    NEGATION: LineType("Usage", "Usage-Based"),
    "Fee": LineType("Purchase", "One-Time"),
    "RIFee": LineType("Purchase", "Recurring"),
    "SavingsPlanRecurringFee": LineType("Purchase", "Recurring"),
    "SavingsPlanUpfrontFee": LineType("Purchase", "One-Time"),
    "Tax": LineType("Tax", None),
    "Credit": LineType("Credit", None),
    "Refund": LineType("Credit", None),
    "BundledDiscount": LineType("Credit", None),
    "EdpDiscount": LineType("Credit", None),
    "PrivateRateDiscount": LineType("Credit", None),
    "SppDiscount": LineType("Credit", None),
}
UNKNOWN_TYPE = LineType("Adjustment", None)

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TAG_PREFIXES = ("resourceTags/", "resource_tags_")
_USER_PREFIXES = ("user:", "user_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a file keeps its columns: source names by our name, tag columns by tag key."""

    names: Mapping[str, str]
    tags: Mapping[str, str]
    is_legacy: bool

    def wanted(self) -> Wanted:
        """What is read of the file."""
        texts = [self.names[name] for name in TEXTS if name in self.names]
        amounts = [self.names[name] for name in AMOUNTS if name in self.names]
        return Wanted(texts=[*texts, *self.tags.values()], amounts=amounts)


def layout_of(header: tuple[str, ...], *, name: str) -> Layout:
    """The layout of a file.

    Raises:
        SourceAnswerError: a column that every report has is missing.
    """
    is_legacy = any("/" in column for column in header)
    names = {plain_name(column): column for column in header}
    required = [(column, plain_name(column)) for column in REQUIRED_COLUMNS]
    missing = [
        column if is_legacy or not header else plain
        for column, plain in required
        if plain not in names
    ]
    if missing:
        raise SourceAnswerError(
            f"{name} has no column {', '.join(missing)}: expected a Cost and Usage Report with "
            "slash column names (legacy) or underscores (CUR 2.0); check the report of the "
            "connection tieout_aws."
        )
    tags: dict[str, str] = {}
    for column in header:
        prefix = next((one for one in _TAG_PREFIXES if column.startswith(one)), None)
        if prefix is not None:
            key = tag_key(column.removeprefix(prefix))
            tags[key if key not in tags else column] = column
    return Layout(names=names, tags=tags, is_legacy=is_legacy)


def plain_name(column: str) -> str:
    """Our name of a column: `lineItem/UnblendedCost` is `line_item_unblended_cost`.

    AWS splits one abbreviation into its letters: `savings_plan_savings_plan_a_r_n`.
    """
    words = "_".join(_HUMP.sub("_", part).lower() for part in column.split("/"))
    return f"{words.removesuffix('_a_r_n')}_arn" if words.endswith("_a_r_n") else words


def tag_key(name: str) -> str:
    """A user's tag by the user's key; AWS's own tags keep their prefix."""
    for prefix in _USER_PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
