"""Google's public list prices, and whether the export's list cost agrees with them.

Owns the Cloud Catalog's pages and tiers. Prices are integers of whole units and of 1e-9, never
floats. Only plain prices are compared: one tier from zero on, in the unit that the export uses.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from google.cloud import billing_v1
from google.cloud.billing_v1.services.cloud_catalog.transports import CloudCatalogRestTransport

from tieout.config import ProviderConnection
from tieout.core.errors import MoneyFormatError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import format_units, to_units
from tieout.sources.answers import MAX_PAGES, READ_TIMEOUT_S
from tieout.sources.base import RawDocument
from tieout.sources.gcp_client import CATALOG_SCOPE, credentials_for, retries, translating
from tieout.sources.gcp_lines import Values, canonical, text_of
from tieout.sources.limits import load_json
from tieout.sources.rows import SourceRow, decimal_or_none

CATALOG_HOST: Final = "https://cloudbilling.googleapis.com"
PAGE_SKUS: Final = 5_000
NANO: Final = Decimal("1e-9")

# Google rounds each row of the export to a millionth; beyond that a price differs.
_ROW_ROUNDING: Final = Decimal("1e-6")
_SHARE: Final = Decimal("1e-6")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTier:
    """From `start` units on, each costs `unit_price`."""

    start: Decimal
    unit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuPrice:
    """The list price of one SKU in `currency` for one `unit`, with its tiers in order."""

    sku_id: str
    description: str
    currency: str
    unit: str
    tiers: tuple[PriceTier, ...]


@dataclass(slots=True, kw_only=True)
class _Billed:
    """What the export bills for one SKU at list price."""

    rows: int = 0
    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    place: tuple[str, int] = ("", 0)


def fetch_prices(
    connection: ProviderConnection,
    service_id: str,
    now: datetime,
    *,
    currency: str = "USD",
    sku_ids: Collection[str] | None = None,
) -> tuple[RawDocument, ...]:
    """The catalog's SKUs of one service; with `sku_ids` only those, so that the bytes stay small.

    Address: `catalog_endpoint_url` of the extra, else Google's.

    Raises:
        SourceError: unreachable, refused, or pages without an end.
    """
    endpoint = connection.extra.get("catalog_endpoint_url")
    with translating(endpoint or CATALOG_HOST):
        client = _catalog(connection, endpoint)
        request = billing_v1.ListSkusRequest(
            parent=f"services/{service_id}", currency_code=currency, page_size=PAGE_SKUS
        )
        pages = client.list_skus(request, retry=retries(endpoint), timeout=READ_TIMEOUT_S).pages
        skus = [sku for sku in _skus(pages) if sku_ids is None or sku["skuId"] in sku_ids]
    content = canonical({"skus": sorted(skus, key=lambda sku: str(sku["skuId"]))})
    return (
        RawDocument(
            name=f"catalog.{service_id}.json",
            kind="prices",
            content=content.encode(),
            media_type="application/json",
            request={
                "parent": f"services/{service_id}",
                "currency": currency,
                "asked_at": now.isoformat(),
            },
        ),
    )


def list_prices(documents: Iterable[RawDocument]) -> dict[str, SkuPrice]:
    """List prices by SKU id; documents of other kinds are ignored.

    The catalog gives the price that is valid now as the last of `pricingInfo`.

    Raises:
        SourceAnswerError: a document is no page of the catalog.
    """
    prices: dict[str, SkuPrice] = {}
    for document in documents:
        if document.kind == "prices":
            answer: Any = load_json(document.content, name=document.name)
            try:
                found = [_price(sku) for sku in answer["skus"]]
            except (KeyError, TypeError, IndexError, MoneyFormatError, ArithmeticError) as error:
                raise SourceAnswerError(
                    f"{document.name} is no page of Google's price catalog "
                    f"({type(error).__name__}): expected skus with pricingInfo; pull it again."
                ) from error
            prices |= {price.sku_id: price for price in found}
    return prices


def list_price_findings(
    rows: Iterable[SourceRow[Values]], prices: Mapping[str, SkuPrice]
) -> tuple[Finding, ...]:
    """A warning for each SKU whose list cost is not quantity times list price.

    Compared are SKUs with one tier, rows in the catalog's unit and currency; tolerance is a
    millionth for each row and a millionth of the cost.
    """
    billed: dict[str, _Billed] = {}
    for row in rows:
        price = prices.get(text_of(row.values, "sku", "id") or "")
        if price is not None and _is_comparable(row.values, price):
            _add(billed.setdefault(price.sku_id, _Billed(place=(row.document, row.number))), row)
    return tuple(
        _finding(prices[sku], one, expected)
        for sku, one in sorted(billed.items())
        for expected in [prices[sku].tiers[0].unit_price * one.quantity]
        if abs(one.cost - expected) > _ROW_ROUNDING * one.rows + _SHARE * abs(expected)
    )


def _catalog(connection: ProviderConnection, endpoint: str | None) -> Any:
    credentials = credentials_for(connection, endpoint, CATALOG_SCOPE)
    transport = CloudCatalogRestTransport(host=endpoint or CATALOG_HOST, credentials=credentials)
    transport._session.max_redirects = 0  # noqa: SLF001  no other door: redirects take the token along
    return billing_v1.CloudCatalogClient(transport=transport)


def _skus(pages: Iterator[Any]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for page in pages:
        for sku in page.skus:
            yield json.loads(billing_v1.Sku.to_json(sku))
        token = page.next_page_token
        if token and (token in seen or len(seen) >= MAX_PAGES):
            raise SourceAnswerError(
                "Google's price catalog never ends: expected each page token once and at most "
                f"{MAX_PAGES} pages; pull again later."
            )
        seen.add(token)


def _price(sku: Mapping[str, Any]) -> SkuPrice:
    expression = sku["pricingInfo"][-1]["pricingExpression"]
    tiers = tuple(
        PriceTier(start=Decimal(str(rate["startUsageAmount"])), unit_price=_money(rate))
        for rate in expression["tieredRates"]
    )
    return SkuPrice(
        sku_id=sku["skuId"],
        description=sku["description"],
        currency=expression["tieredRates"][0]["unitPrice"]["currencyCode"],
        unit=expression["usageUnitDescription"],
        tiers=tiers,
    )


def _money(rate: Mapping[str, Any]) -> Decimal:
    price = rate["unitPrice"]
    return Decimal(price.get("units", 0)) + Decimal(price.get("nanos", 0)) * NANO


def _is_comparable(values: Values, price: SkuPrice) -> bool:
    is_plain = len(price.tiers) == 1 and price.tiers[0].start == 0
    unit = text_of(values, "usage", "pricing_unit")
    is_usage = (text_of(values, "cost_type") or "regular") == "regular"
    has_cost = text_of(values, "cost_at_list") is not None
    same = unit == price.unit and text_of(values, "currency") == price.currency
    return is_plain and is_usage and has_cost and same


def _add(billed: _Billed, row: SourceRow[Values]) -> None:
    try:
        cost = decimal_or_none(text_of(row.values, "cost_at_list")) or Decimal(0)
        quantity = decimal_or_none(text_of(row.values, "usage", "amount_in_pricing_units"))
    except MoneyFormatError:
        return  # the row is reported as unreadable where it becomes a charge
    billed.rows += 1
    billed.cost += cost
    billed.quantity += quantity or Decimal(0)


def _finding(price: SkuPrice, billed: _Billed, expected: Decimal) -> Finding:
    stated, right = to_units(f"{billed.cost:f}"), to_units(f"{expected:f}")
    document, number = billed.place
    return Finding(
        kind="list_price_gap",
        severity="warning",
        subject=f"gcp SKU {price.sku_id}",
        message=(
            f"List cost of {price.description[:80]!r} ({price.sku_id}) is {format_units(stated)} "
            f"{price.currency}: expected {format_units(right)}, which is {billed.quantity:f} "
            f"{price.unit} at the catalog's price; the difference is "
            f"{format_units(stated - right)}, ask Google."
        ),
        amount_units=stated - right,
        currency=price.currency,
        source_document=document,
        source_row=number,
    )
