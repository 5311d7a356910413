"""Rows of Google's standard and detailed billing export, and what they mean as charges.

Owns the mapping; `gcp_query` owns fetching. `cost` is before credits. Discounts for commitment and
volume are folded into their row; every other credit (promotion, free tier, ...) is a Credit charge
of its own, so that gifts stay visible. Never both: the charges of a row add up to cost + credits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import pyarrow as pa

from tieout.core.errors import MoneyFormatError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import parse_decimal
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.ai_meters import AiMeter
from tieout.sources.gcp_lines import (
    Values,
    canonical,
    instant_of,
    pairs_of,
    records_of,
    text_of,
)
from tieout.sources.gcp_services import (
    COMMITMENTS,
    DISCOUNTS,
    credit_description,
    service_category,
)
from tieout.sources.gcp_table import month_text
from tieout.sources.rows import SourceRow, decimal_or_none

NAME: Final = "gcp"
ISSUER: Final = "Google Cloud"

_TOO_MANY = (
    Decimal(10) ** 16
)  # a quantity column holds less: a month of one petabyte in byte-seconds
_CATEGORIES = {
    "regular": "Usage",
    "tax": "Tax",
    "adjustment": "Adjustment",
    "rounding_error": "Adjustment",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One charge of an export row: the row itself (`credit` None), or one of its credits.

    `amount` is exact: for the row, its cost and the discounts that belong to its price. A row that
    cannot be read has one part with the reason in `problem`.
    """

    values: Values
    amount: Decimal
    credit: Values | None = None
    problem: str | None = None


Row = SourceRow[Part]


def parts_of(row: SourceRow[Values]) -> Iterator[Row]:
    """The charges that one export row gives: the row, then a credit each that is money given."""
    try:
        amount = parse_decimal(text_of(row.values, "cost") or "")
        given: list[tuple[Values, Decimal]] = []
        for credit in records_of(row.values, "credits"):
            value = parse_decimal(text_of(credit, "amount") or "")
            if text_of(credit, "type") in DISCOUNTS:
                amount += value
            else:
                given.append((credit, value))
    except (MoneyFormatError, SourceAnswerError) as error:
        yield _part(row, Part(values=row.values, amount=Decimal(0), problem=str(error)))
        return
    yield _part(row, Part(values=row.values, amount=amount))
    for credit, value in given:
        yield _part(row, Part(values=row.values, amount=value, credit=credit))


def billed_amount(row: Row) -> Decimal:
    """What the part adds to the invoice.

    Raises:
        SourceAnswerError: the row could not be read.
    """
    if row.values.problem:
        raise SourceAnswerError(row.values.problem)
    return row.values.amount


def charge(
    row: Row, amount: Decimal, *, account: str, period: Period, meter: AiMeter | None
) -> Mapping[str, object]:
    """The charge of one part.

    Raises:
        SourceAnswerError: another account, another invoice month, or an unreadable field.
        MoneyFormatError: an amount or a quantity that is no number.
    """
    values, credit = row.values.values, row.values.credit
    _check_place(values, account, period)
    start = instant_of(values, "usage_start_time")
    kind = text_of(values, "cost_type") or "regular"
    is_late = kind == "adjustment" and start.date() < period.start_on
    sku = text_of(values, "sku", "description") or text_of(values, "service", "description") or ""
    shared = {
        "provider": NAME,
        "billing_account_id": account,
        "billing_account_type": "Billing Account",
        "sub_account_id": text_of(values, "project", "id"),
        "sub_account_name": text_of(values, "project", "name"),
        "sub_account_type": "Project" if text_of(values, "project", "id") else None,
        "billing_period_start": period.start_on,
        "charge_period_start": start,
        "charge_period_end": instant_of(values, "usage_end_time"),
        "charge_category": "Credit" if credit else _CATEGORIES.get(kind, "Adjustment"),
        "charge_class": "Correction" if is_late else None,
        "charge_description": credit_description(sku, text_of(credit, "type")),
        "charge_frequency": "Usage-Based" if kind == "regular" and not credit else "One-Time",
        "effective_cost": amount,
        "billing_currency": text_of(values, "currency"),
        "service_name": text_of(values, "service", "description") or "Google Cloud",
        "service_provider_name": ISSUER,
        "host_provider_name": ISSUER,
        "publisher_name": _publisher(values),
        "invoice_issuer_name": ISSUER,
        "region_id": text_of(values, "location", "region")
        or text_of(values, "location", "location"),
        "availability_zone": text_of(values, "location", "zone"),
        "resource_id": text_of(values, "resource", "global_name"),
        "resource_name": text_of(values, "resource", "name"),
        "sku_id": text_of(values, "sku", "id"),
        "sku_meter": text_of(values, "sku", "description"),
        "tags": tags_json(_tags(values, credit)),
        "source_tags": _source_tags(values),
        **_service(values, meter),
    }
    return shared if credit else {**shared, **_usage(values, kind)}


def with_part_ids(charges: pa.Table) -> pa.Table:
    """Charges whose `line_id` tells the parts of one row apart: (document, row[, part from 1])."""
    documents = charges["source_document"].to_pylist()
    numbers = charges["source_row"].to_pylist()
    ids: list[str] = []
    before, part = ("", 0), 0
    for place in zip(documents, numbers, strict=True):
        part = part + 1 if place == before else 0
        before = place
        ids.append(content_key((*place, part) if part else place))
    position = charges.schema.get_field_index("line_id")
    return charges.set_column(position, charges.schema.field(position), pa.array(ids, pa.string()))


def unknown_type_findings(rows: Sequence[Row]) -> tuple[Finding, ...]:
    """One warning for each cost type that this mapping does not know (loaded anyway)."""
    unknown: dict[str, Row] = {}
    for row in rows:
        kind = text_of(row.values.values, "cost_type") or "regular"
        if kind not in _CATEGORIES:
            unknown.setdefault(kind, row)
    return tuple(
        Finding(
            kind="unknown_line_item_type",
            severity="warning",
            subject=f"gcp cost type {kind[:40]}",
            message=(
                f"Cost type {kind[:40]!r} is not known: loaded as an Adjustment with its full "
                "amount; add it to the mapping of the gcp plug-in."
            ),
            source_document=row.document,
            source_row=row.number,
        )
        for kind, row in sorted(unknown.items())
    )


def is_known_type(row: Row) -> bool:
    """Whether the mapping knows the row's cost type."""
    return (text_of(row.values.values, "cost_type") or "regular") in _CATEGORIES


def _part(row: SourceRow[Values], part: Part) -> Row:
    return SourceRow(document=row.document, number=row.number, values=part)


def _check_place(values: Values, account: str, period: Period) -> None:
    payer = text_of(values, "billing_account_id") or ""
    if payer != account:
        raise SourceAnswerError(
            f"The billing account is {payer[:30]!r}: expected {account}, the account of this "
            "connection."
        )
    month = text_of(values, "invoice", "month") or ""
    if month != month_text(period):
        raise SourceAnswerError(
            f"The row belongs to invoice month {month[:10]!r}: expected {month_text(period)}; "
            "pull it again."
        )


def _usage(values: Values, kind: str) -> dict[str, object]:
    """Quantities, prices and commitment: what the row has and its credits have not."""
    amount = decimal_or_none(text_of(values, "usage", "amount"))
    unit = text_of(values, "usage", "unit")
    priced = decimal_or_none(text_of(values, "usage", "amount_in_pricing_units"))
    pricing_unit = text_of(values, "usage", "pricing_unit")
    if amount is not None and abs(amount) >= _TOO_MANY:
        amount, unit = priced, pricing_unit
    per_unit = decimal_or_none(text_of(values, "price", "effective_price"))
    is_per_one = text_of(values, "price", "pricing_unit_quantity") in {None, "1", "1.0"}
    commitment = _commitment(values)
    category = "Committed" if commitment else "Standard"
    return {
        "list_cost": decimal_or_none(text_of(values, "cost_at_list")),
        "contracted_cost": decimal_or_none(text_of(values, "cost")),
        "consumed_quantity": amount,
        "consumed_unit": unit,
        "pricing_quantity": priced,
        "pricing_unit": pricing_unit,
        "contracted_unit_price": per_unit if is_per_one else None,
        "pricing_category": category if kind == "regular" else None,
        **commitment,
    }


def _commitment(values: Values) -> dict[str, object]:
    for credit in records_of(values, "credits"):
        kind = text_of(credit, "type") or ""
        if kind in COMMITMENTS:
            return {
                "commitment_discount_category": COMMITMENTS[kind],
                "commitment_discount_id": text_of(credit, "id") or text_of(credit, "name"),
                "commitment_discount_name": text_of(credit, "full_name") or text_of(credit, "name"),
                "commitment_discount_status": "Used",
                "commitment_discount_type": kind,
            }
    return {}


def _service(values: Values, meter: AiMeter | None) -> dict[str, object]:
    if meter is None:
        id_and_name = (text_of(values, "service", "id"), text_of(values, "service", "description"))
        return {"service_category": service_category(*id_and_name)}
    return {
        "service_category": AI_SERVICE_CATEGORY,
        "x_model_developer": meter.developer,
        "x_model": meter.model,
        "x_token_kind": meter.token_kind,
        "x_service_tier": meter.service_tier,
    }


def _publisher(values: Values) -> str | None:
    if text_of(values, "invoice", "publisher_type") == "PARTNER":
        return text_of(values, "seller_name")
    return "Google"


def _tags(values: Values, credit: Values | None) -> dict[str, str]:
    """Labels of the usage under their own keys; every other origin under a prefix with a colon.

    Google forbids the colon in a label's key, so no origin can pass for another.
    """
    tags = pairs_of(values, "labels")
    for prefix, path in (("project", ("project", "labels")), ("system", ("system_labels",))):
        tags |= {f"{prefix}:{key}": value for key, value in pairs_of(values, *path).items()}
    tags |= {f"tag:{key}": value for key, value in pairs_of(values, "tags").items()}
    for name in ("id", "name", "type"):
        tags |= {f"credit:{name}": text_of(credit, name) or ""}
    return tags


def _source_tags(values: Values) -> str | None:
    """Labels and tags as Google sent them, by origin."""
    fields = {
        "labels": records_of(values, "labels"),
        "project_labels": records_of(values, "project", "labels"),
        "system_labels": records_of(values, "system_labels"),
        "tags": records_of(values, "tags"),
    }
    kept = {name: found for name, found in fields.items() if found}
    return canonical(kept) if kept else None
