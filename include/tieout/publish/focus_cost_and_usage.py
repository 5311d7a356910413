"""Charges as the FOCUS 1.2 dataset Cost and Usage: Pascal case names, mandatory columns filled.

Owns the columns and how a value that the source did not give is derived from values it did give;
each row names its derived columns in `x_DerivedColumns`. What cannot be derived stays null, and
no amount is ever changed. Knows no file format. Costs are in the billing currency, cost positive.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import IntegrityError
from tieout.core.period import Period, utc_midnight
from tieout.focus.columns import AI_SERVICE_CATEGORY, MONEY
from tieout.focus.ledger_columns import DIMENSIONS, OWN_DIMENSIONS

MOMENT = pa.timestamp("ms", tz="UTC")
UNSPECIFIED_UNIT = "Units"
# spellings of sources and the same unit in the form that FOCUS wants
UNITS = {
    "Hrs": "Hours",
    "GB-Mo": "GB-Months",
    "GB-Month": "GB-Months",
    "TB-Mo": "TB-Months",
    "Lambda-GB-Second": "GB-Seconds",
    "gibibyte_hours": "GiB-Hours",
    "gibibyte month": "GiB-Months",
    "byte-seconds": "B-Seconds",
    "1K tokens": "1000 tokens",
    "1M tokens": "1000000 tokens",
}

# in the order of the specification's own list, which is alphabetical
FOCUS_COLUMNS = (
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
)
# our own columns and the column of the charge behind each
OWN_COLUMNS = {
    "x_Provider": "provider",
    "x_HostProviderName": "host_provider_name",
    "x_InvoiceDetailId": "invoice_detail_id",
    "x_ModelDeveloper": "x_model_developer",
    "x_Model": "x_model",
    "x_TokenKind": "x_token_kind",
    "x_ServiceTier": "x_service_tier",
    "x_LineId": "line_id",
    "x_SourceDocument": "source_document",
    "x_SourceRow": "source_row",
}
DERIVED_COLUMNS = "x_DerivedColumns"
TAGS_COMPARED = "x_TagsNormalized"
OWN_DIMENSIONS_SHOWN = "x_OwnDimensions"  # a JSON object, so that columns stay the same
DIMENSION_COLUMNS = {name: f"x_{name.title().replace('_', '')}" for name in DIMENSIONS}

Column: TypeAlias = pa.Array | pa.ChunkedArray


def cost_and_usage(
    charges: pa.Table, *, period: Period, dimensions: pa.Table | None = None
) -> pa.Table:
    """One row a charge, in the order of the charges; the columns do not depend on the charges.

    Args:
        charges: rows of CHARGE_SCHEMA, all billed in `period`.
        period: the billing period.
        dimensions: result of `rules.classify`: `attr_id` and the six allocation dimensions; an
            `attr_id` it does not know leaves them null. Without it they are not exported.

    Raises:
        IntegrityError: a charge of another billing period, or an `attr_id` twice in `dimensions`.
    """
    _check_period(charges, period)
    rows = _Completing(charges)
    _complete_costs(rows)
    _complete_quantities(rows)
    _complete_prices(rows)
    _complete_names(rows)
    _complete_services(rows)
    _complete_skus(rows)
    _complete_kinds(rows)
    given = {"ProviderName": "service_provider_name"}
    columns = {
        "BillingPeriodStart": _constant(charges, utc_midnight(period.start_on)),
        "BillingPeriodEnd": _constant(charges, utc_midnight(period.end_on)),
        "Tags": pc.coalesce(charges["source_tags"], charges["tags"]),
    }
    ordered = {
        name: _typed(
            columns[name] if name in columns else rows.value(given.get(name, _snake(name)))
        )
        for name in FOCUS_COLUMNS
    }
    own = {name: charges[source] for name, source in OWN_COLUMNS.items()}
    own[TAGS_COMPARED] = _only(charges["tags"], pc.is_valid(charges["source_tags"]))
    own[DERIVED_COLUMNS] = rows.derived_names()
    if dimensions is not None:
        own |= _dimensions(charges, dimensions)
    return pa.table({**ordered, **own})


class _Completing:
    """The columns of the charges while gaps are being filled; remembers what was derived."""

    def __init__(self, charges: pa.Table) -> None:
        self.charges = charges
        self._values: dict[str, Column] = {}
        self._derived: dict[str, Column] = {}

    def value(self, name: str) -> Column:
        """The column as it stands now."""
        return self._values.get(name, self.charges[name])

    def fill(self, name: str, fallback: Column | pa.Scalar) -> None:
        """Put `fallback` where the column is null, and remember where that gave a value."""
        before = self.value(name)
        after = pc.coalesce(before, fallback)
        self._values[name] = after
        self._derived[name] = pc.and_(pc.is_null(before), pc.is_valid(after))

    def keep(self, name: str, where: Column) -> None:
        """Null the column where `where` is not true."""
        self._values[name] = _only(self.value(name), where)
        if name in self._derived:
            self._derived[name] = pc.and_(self._derived[name], where)

    def respell(self, name: str, spellings: Mapping[str, str]) -> None:
        """Replace the values that are keys of `spellings`, and remember where."""
        before = self.value(name)
        at = pc.index_in(before, value_set=pa.array(list(spellings)))
        found = pc.take(pa.array(list(spellings.values())), at)
        self._values[name] = pc.coalesce(found, before)
        derived = self._derived.get(name, pa.scalar(False))
        self._derived[name] = pc.or_(pc.is_valid(found), derived)

    def category(self, *names: str) -> Column:
        """Whether the charge is of one of these categories."""
        return pc.is_in(self.charges["charge_category"], value_set=pa.array(names))

    def row_by_row(self, names: tuple[str, ...], rule: Callable[..., str | None]) -> pa.Array:
        """`rule` of these columns, worked out once for each distinct combination."""
        known: dict[tuple[str | None, ...], str | None] = {}
        found = []
        for row in zip(*(self.value(name).to_pylist() for name in names), strict=True):
            if row not in known:
                known[row] = rule(*row)
            found.append(known[row])
        return pa.array(found, pa.string())

    def derived_names(self) -> Column:
        """The derived columns of each row in Pascal case with commas; null where there is none."""
        nothing = pa.scalar(None, pa.string())
        marks = [
            pc.if_else(self._derived[name], pa.scalar(_pascal(name)), nothing)
            for name in sorted(self._derived)
        ]
        joined = pc.binary_join_element_wise(*marks, ",", null_handling="skip")
        return _only(joined, pc.not_equal(joined, ""))


def _complete_costs(rows: _Completing) -> None:
    # usage that a commitment paid for is billed 0: its negotiated value is its effective cost
    usage = rows.category("Usage")
    charges = rows.charges
    rows.fill(
        "contracted_cost", pc.if_else(usage, charges["effective_cost"], charges["billed_cost"])
    )
    rows.fill("list_cost", rows.value("contracted_cost"))


def _complete_quantities(rows: _Completing) -> None:
    charges = rows.charges
    unit = pc.coalesce(charges["consumed_unit"], pa.scalar(UNSPECIFIED_UNIT))
    metered = pc.is_null(charges["pricing_quantity"])
    rows.fill("pricing_quantity", charges["consumed_quantity"])
    rows.fill("pricing_unit", pc.if_else(metered, unit, pa.scalar(UNSPECIFIED_UNIT)))
    rows.fill("consumed_unit", pa.scalar(UNSPECIFIED_UNIT))
    for name in ("pricing_unit", "consumed_unit", "commitment_discount_unit"):
        rows.respell(name, UNITS)
    unused = pc.fill_null(pc.equal(charges["commitment_discount_status"], "Unused"), False)
    consumed = pc.and_(rows.category("Usage"), pc.invert(unused))
    taxed = rows.category("Tax")
    for name, allowed in (("consumed", consumed), ("pricing", pc.invert(taxed))):
        has_quantity = pc.and_(pc.is_valid(rows.value(f"{name}_quantity")), allowed)
        rows.keep(f"{name}_quantity", has_quantity)
        rows.keep(f"{name}_unit", has_quantity)


def _complete_prices(rows: _Completing) -> None:
    charges = rows.charges
    rows.fill("pricing_currency", charges["billing_currency"])
    same = pc.equal(rows.value("pricing_currency"), charges["billing_currency"])
    for theirs, ours in (
        ("pricing_currency_effective_cost", "effective_cost"),
        ("pricing_currency_list_unit_price", "list_unit_price"),
        ("pricing_currency_contracted_unit_price", "contracted_unit_price"),
    ):
        rows.fill(theirs, _only(charges[ours], same))
    for name in ("list_unit_price", "contracted_unit_price"):
        rows.keep(name, pc.invert(rows.category("Tax")))
        rows.keep(f"pricing_currency_{name}", pc.invert(rows.category("Tax")))


def _complete_names(rows: _Completing) -> None:
    charges = rows.charges
    rows.fill("publisher_name", charges["service_provider_name"])
    rows.fill("charge_description", pc.coalesce(charges["sku_meter"], charges["service_name"]))
    rows.fill("billing_account_name", charges["billing_account_id"])
    for kind, label in (
        ("billing_account", "Billing account"),
        ("sub_account", "Sub account"),
        ("resource", "Resource"),
    ):
        known = pc.is_valid(charges[f"{kind}_id"])
        rows.fill(f"{kind}_type", _only(_constant(charges, label), known))
        rows.keep(f"{kind}_type", known)
        rows.keep(f"{kind}_name", known)
    rows.fill("sub_account_name", charges["sub_account_id"])
    rows.fill("region_name", charges["region_id"])
    rows.keep("region_name", pc.is_valid(charges["region_id"]))


def _complete_services(rows: _Completing) -> None:
    """A service that sells tokens of models is generative AI; any other one is `Other (...)`."""
    models = rows.charges.filter(pc.is_valid(rows.charges["x_model"]))
    generative = set(models["service_name"].unique().to_pylist())

    def subcategory(service: str, category: str) -> str:
        is_generative = category == AI_SERVICE_CATEGORY and service in generative
        return "Generative AI" if is_generative else f"Other ({category})"

    found = rows.row_by_row(("service_name", "service_category"), subcategory)
    rows.fill("service_subcategory", found)


def _complete_skus(rows: _Completing) -> None:
    """Without a SKU id the priced thing is named by model and meter, its price by the tier too."""

    def sku(model: str | None, meter: str | None) -> str | None:
        if model is None or meter is None:
            return meter
        return meter if model in meter else f"{model} {meter}"

    def price(sku_id: str | None, tier: str | None) -> str | None:
        return f"{sku_id}/{tier}" if sku_id and tier else sku_id

    rows.fill("sku_id", rows.row_by_row(("x_model", "sku_meter"), sku))
    rows.fill("sku_price_id", rows.row_by_row(("sku_id", "x_service_tier"), price))
    for name in ("sku_id", "sku_price_id"):
        rows.keep(name, pc.invert(rows.category("Tax")))
    rows.keep("sku_meter", pc.is_valid(rows.value("sku_id")))
    rows.keep("sku_price_details", pc.is_valid(rows.value("sku_price_id")))


def _complete_kinds(rows: _Completing) -> None:
    charges = rows.charges
    usage, priced = rows.category("Usage"), rows.category("Usage", "Purchase")
    rows.fill(
        "charge_frequency", pc.if_else(usage, pa.scalar("Usage-Based"), pa.scalar("One-Time"))
    )
    committed = pc.and_(pc.is_valid(charges["commitment_discount_id"]), usage)
    category = pc.if_else(committed, pa.scalar("Committed"), pa.scalar("Standard"))
    rows.fill("pricing_category", _only(category, priced))
    rows.keep("pricing_category", pc.invert(rows.category("Tax")))


def _dimensions(charges: pa.Table, dimensions: pa.Table) -> Mapping[str, Column]:
    ids = dimensions["attr_id"].combine_chunks()
    if len(ids.unique()) != len(ids):
        raise IntegrityError(
            "The dimensions have an attr_id twice: expected one row for each; classify again."
        )
    at = pc.index_in(charges["attr_id"], value_set=ids)
    return {
        shown: pc.take(dimensions[name].combine_chunks(), at)
        for name, shown in {**DIMENSION_COLUMNS, OWN_DIMENSIONS: OWN_DIMENSIONS_SHOWN}.items()
        if name in dimensions.column_names
    }


def _check_period(charges: pa.Table, period: Period) -> None:
    found: set[date] = set(charges["billing_period_start"].unique().to_pylist())
    if found - {period.start_on}:
        raise IntegrityError(
            f"Charges of {', '.join(sorted(map(str, found)))} were given: expected the billing "
            f"period {period} only; export one period at a time."
        )


def _only(values: Column, where: Column) -> Column:
    return pc.if_else(where, values, pa.scalar(None, values.type))


def _constant(charges: pa.Table, value: str | datetime) -> pa.Array:
    kind = pa.string() if isinstance(value, str) else MOMENT
    return pa.repeat(pa.scalar(value, kind), charges.num_rows)


def _typed(column: Column) -> Column:
    if pa.types.is_timestamp(column.type):
        return column.cast(
            MOMENT, safe=False
        )  # FOCUS knows whole seconds; days and hours lose none
    return column.cast(MONEY) if pa.types.is_decimal(column.type) else column


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def _pascal(name: str) -> str:
    return name.title().replace("_", "")
