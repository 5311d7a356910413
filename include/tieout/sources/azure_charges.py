"""What one row of Azure's classic cost details means as a charge.

Owns the mapping of Enterprise, Customer and pay-as-you-go rows to FOCUS (Microsoft's own conversion
of actual and amortised cost, FOCUS 1.2); `azure_report` owns which rows count.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from tieout.core.errors import SourceAnswerError
from tieout.core.money import round_half_even, to_decimal, to_units
from tieout.core.period import Period, period_of
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.ai_meters import AiMeter, recognise
from tieout.sources.azure_columns import day, midnight, number, optional_number, tags_of
from tieout.sources.azure_files import Row
from tieout.sources.azure_tables import pricing_unit, service_of

NAME = "azure"
ISSUER = "Microsoft"
COMMITTED = frozenset({"reservation", "savingsplan"})
COMMITMENT_PURCHASES = frozenset({"purchase", "refund"})
UNUSED = frozenset({"unusedreservation", "unusedsavingsplan"})
KNOWN_TYPES = frozenset(
    {"usage", "purchase", "credit", "tax", "refund", "roundingadjustment", *UNUSED}
)

_CATEGORIES = {
    "usage": "Usage",
    "purchase": "Purchase",
    "credit": "Credit",
    "tax": "Tax",
    "refund": "Purchase",
    **dict.fromkeys(UNUSED, "Usage"),
}
_FREQUENCIES = {"onetime": "One-Time", "recurring": "Recurring", "usagebased": "Usage-Based"}
_PRICING = {
    "ondemand": "Standard",
    "spot": "Dynamic",
    "reservation": "Committed",
    "savingsplan": "Committed",
}
_MARKETPLACE = "marketplace"
_SUBSCRIPTION = "Subscription"
_DAY = timedelta(days=1)


def charge_type(values: Mapping[str, str]) -> str:
    """The type in lower case; files without that column (pay-as-you-go) hold usage only."""
    return values.get("charge_type", "usage").lower()


def is_committed(values: Mapping[str, str]) -> bool:
    """Whether a reservation or a savings plan paid for the row or was bought with it."""
    return values.get("pricing_model", "").lower() in COMMITTED


def is_commitment_purchase(values: Mapping[str, str]) -> bool:
    """A purchase or refund of a reservation or savings plan."""
    return is_committed(values) and charge_type(values) in COMMITMENT_PURCHASES


def last_part(identifier: str) -> str:
    """The last part of a resource path, in lower case."""
    return identifier.rstrip("/").rpartition("/")[2].lower()


def raw_amount(row: Row) -> Decimal:
    """The row's cost in the billing currency as written.

    Raises:
        SourceAnswerError: a decimal comma.
        MoneyFormatError: empty or no number.
    """
    return number(row.values["cost"], column="cost")


def charge(
    row: Row, *, account: str, period: Period, splits_commitments: bool
) -> dict[str, object]:
    """The charge of one row, all but its billed cost.

    `splits_commitments`: the amortised view is part of the delivery, so that a commitment's cost is
    effective on the usage that it covers and not on its purchase.

    Raises:
        SourceAnswerError: another account, another billing month, an unreadable day.
        MoneyFormatError: a quantity or price that is no number.
    """
    values = row.values
    on = day(values["day"], column="day")
    _check_place(values, on, account=account, period=period)
    kind = charge_type(values)
    meter = ai_meter(values, on)
    spread = splits_commitments and is_commitment_purchase(values)
    issuer = values.get("issuer") or ISSUER
    return {
        "provider": NAME,
        "billing_account_id": account,
        "billing_account_name": values.get("profile_name") or values.get("account_name") or None,
        "billing_account_type": _account_type(values, account),
        "sub_account_id": values["subscription"].lower() or None,
        "sub_account_name": values.get("subscription_name") or None,
        "sub_account_type": _SUBSCRIPTION if values["subscription"] else None,
        "billing_period_start": period.start_on,
        "charge_period_start": midnight(on),
        "charge_period_end": midnight(on + _DAY),
        "charge_category": _CATEGORIES.get(kind, "Adjustment"),
        "charge_class": "Correction" if kind == "refund" else None,
        "charge_description": _description(values),
        "charge_frequency": _FREQUENCIES.get(values.get("frequency", "").lower()),
        "effective_cost": Decimal(0) if spread else raw_amount(row),
        "list_cost": optional_number(values, "list_cost") or None,  # Azure writes 0 for unknown
        "billing_currency": values["currency"],
        "service_provider_name": ISSUER,
        "host_provider_name": ISSUER,
        "publisher_name": _publisher(values),
        "invoice_issuer_name": issuer,
        "invoice_id": values.get("invoice") or None,
        "region_id": values.get("region", "").replace(" ", "").lower() or None,
        "sku_id": values.get("product_id") or values.get("meter_id") or None,
        "sku_meter": values["meter"] or None,
        **_service(values, meter),
        **_resource(values),
        **_quantities(values),
        **_pricing(values),
        **_commitment(values, kind),
        **_tags(values),
    }


def ai_meter(values: Mapping[str, str], on: date) -> AiMeter | None:
    """What the row says about AI; None: it is not spend on models."""
    return recognise(
        "azure",
        service=values["meter_category"],
        meter=values["meter"] or values.get("product", ""),
        sku=values.get("meter_id") or None,
        description=values.get("meter_subcategory") or values.get("product") or None,
        attributes={"provider": values.get("publisher", "")} if _is_marketplace(values) else None,
        on=on,
    )


def _check_place(values: Mapping[str, str], on: date, *, account: str, period: Period) -> None:
    named = [last_part(values.get(key, "")) for key in ("profile", "account")]
    named = [one for one in named if one] or [values["subscription"].lower()]
    if account.lower() not in named:
        shown = " / ".join(one[:60] for one in named) or "(none)"
        raise SourceAnswerError(
            f"The row belongs to {shown!r}: expected {account}, the billing profile, enrolment or "
            "subscription of this connection."
        )
    billed = values.get("period_start")
    month = period_of(day(billed, column="billingPeriodStartDate") if billed else on)
    if month != period:
        raise SourceAnswerError(
            f"The row is billed in {month}: expected {period}; a charge of another month belongs "
            "to that month's report."
        )


def _account_type(values: Mapping[str, str], account: str) -> str:
    profile, owner = (last_part(values.get(key, "")) for key in ("profile", "account"))
    if profile == account.lower() and profile != owner:
        return "Billing Profile"
    return "Billing Account" if values.get("account") else _SUBSCRIPTION


def _description(values: Mapping[str, str]) -> str | None:
    parts = (values["meter_category"], values.get("meter_subcategory", ""), values["meter"])
    return values.get("product") or " - ".join(part for part in parts if part) or None


def _is_marketplace(values: Mapping[str, str]) -> bool:
    return values.get("publisher_type", "").lower() == _MARKETPLACE


def _publisher(values: Mapping[str, str]) -> str | None:
    if _is_marketplace(values):
        return values.get("publisher") or None
    return ISSUER


def _service(values: Mapping[str, str], meter: AiMeter | None) -> dict[str, object]:
    service = service_of(
        consumed_service=values.get("service", ""),
        resource_type=_resource_type(values),
        meter_category=values["meter_category"],
    )
    name = service.name if values["meter_category"] else values.get("product") or service.name
    if _is_marketplace(values):  # the resource type of an offer says nothing about it
        name = values.get("product") or values.get("plan") or name
    found: dict[str, object] = {
        "service_name": name,
        "service_category": service.category,
        "service_subcategory": service.subcategory,
    }
    if meter is None:
        return found
    return {
        **found,
        "service_category": AI_SERVICE_CATEGORY,
        "x_model_developer": meter.developer,
        "x_model": meter.model,
        "x_token_kind": meter.token_kind,
        "x_service_tier": meter.service_tier,
    }


def _resource(values: Mapping[str, str]) -> dict[str, object]:
    resource = values.get("resource", "").lower()
    name = values.get("resource_name") or resource.rstrip("/").rpartition("/")[2]
    return {
        "resource_id": resource or None,
        "resource_name": name or None,
        "resource_type": _resource_type(values) or None,
    }


def _resource_type(values: Mapping[str, str]) -> str:
    """`microsoft.compute/virtualmachines`, from its column or from the resource's path."""
    if named := values.get("resource_type"):
        return named.lower()
    _, found, path = values.get("resource", "").lower().rpartition("/providers/")
    parts = path.split("/")
    return "/".join([parts[0], *parts[1::2]]) if found and len(parts) > 1 else ""


def _quantities(values: Mapping[str, str]) -> dict[str, object]:
    """Consumed as written; priced by the block that the unit of measure names."""
    quantity = optional_number(values, "quantity")
    if quantity is None:
        return {}
    unit = pricing_unit(values.get("unit", ""))
    if unit is None:
        return {"consumed_quantity": quantity, "consumed_unit": values.get("unit") or None}
    priced = round_half_even(Fraction(to_units(quantity), unit.block_size))
    return {
        "consumed_quantity": quantity,
        "consumed_unit": values["unit"],
        "pricing_quantity": to_decimal(priced),
        "pricing_unit": unit.unit,
    }


def _pricing(values: Mapping[str, str]) -> dict[str, object]:
    return {
        "pricing_category": _PRICING.get(values.get("pricing_model", "").lower()),
        "pricing_currency": values.get("pricing_currency") or None,
        "pricing_currency_effective_cost": optional_number(values, "pricing_cost"),
    }


def _commitment(values: Mapping[str, str], kind: str) -> dict[str, object]:
    benefit = values.get("benefit") or values.get("reservation") or ""
    if not benefit or not is_committed(values):
        return {}
    is_plan = "/microsoft.billingbenefits/" in benefit.lower()
    status = "Unused" if kind in UNUSED else "Used"
    return {
        "commitment_discount_id": benefit,
        "commitment_discount_name": values.get("benefit_name")
        or values.get("reservation_name")
        or None,
        "commitment_discount_category": "Spend" if is_plan else "Usage",
        "commitment_discount_type": "Savings plan" if is_plan else "Reservation",
        "commitment_discount_status": status if _CATEGORIES.get(kind) == "Usage" else None,
    }


def _tags(values: Mapping[str, str]) -> dict[str, object]:
    """Tags, and the text as received where it had no braces or could not be read."""
    text = values.get("tags", "")
    found = tags_of(text)
    bare = bool(text) and (found is None or not text.startswith("{"))
    return {"tags": tags_json(dict(found or ())), "source_tags": text if bare else None}
