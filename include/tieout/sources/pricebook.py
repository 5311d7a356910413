"""List prices from the genai-prices package, as rows of a rate card.

Owns the reading of that book: pinned, offline, never updated at run time. Prices are for ONE token,
exact. A model with prices by request length gives its base (short) price, because a day's sum of
tokens does not say how long each request was. A tier that the book does not price on a day is
absent: the book itself would silently give the standard price for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    TieredPrices,
)

from tieout.core.period import Period, utc_midnight
from tieout.focus.usage import TOKEN_KINDS
from tieout.rating.card import RateCard, RatePrice
from tieout.sources.rows import shifted

SOURCE = f"genai-prices {genai_prices.__version__}"
OPEN_START = date(2020, 1, 1)

_MILLIONTH = -6
_CONTEXTS: Mapping[str, Mapping[str, str]] = {
    "standard": {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
# The book's fields by token kind; a kind without a price of its own is charged as input.
_FIELDS = {
    "input": ("input_mtok",),
    "cached_input": ("cache_read_mtok", "input_mtok"),
    "cache_write": ("cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "output": ("output_mtok",),
}


def price_rows(wanted: Iterable[tuple[str, str, str]], *, on: date) -> tuple[RatePrice, ...]:
    """Prices in force on a day, one row for each token kind of (provider, model, service tier).

    Sorted by key. Each row holds from the day on which the book's price started (OPEN_START when it
    has no start) with no end. Models and tiers that the book cannot price on that day are absent.
    """
    rows = [row for key in sorted(set(wanted)) for row in _rows(*key, on)]
    return tuple(rows)


def covering(rows: Iterable[RatePrice], period: Period) -> tuple[RatePrice, ...]:
    """The same prices held from the period's first day: a person's decision, not the book's.

    For tiers whose price the book learned during the month although the provider charged it before.
    """
    start = period.start_on
    return tuple(replace(row, valid_from=min(row.valid_from, start)) for row in rows)


def card_from_price_book(
    wanted: Iterable[tuple[str, str, str]], *, period: Period, version: str
) -> RateCard:
    """A rate card of the prices on the period's last day, each from its own start."""
    prices = price_rows(wanted, on=period.last_on)
    return RateCard(version=version, source=SOURCE, prices=prices)


def _rows(provider: str, model: str, tier: str, on: date) -> list[RatePrice]:
    info = _model(provider, model)
    if info is None or tier not in _CONTEXTS:
        return []
    variant = _variant(info, tier, on)
    if variant is None and tier != "standard":
        return []
    prices = info.get_prices(utc_midnight(on), _CONTEXTS[tier] or None)
    start = _start(variant, info, on)
    rows = []
    for kind in TOKEN_KINDS:
        price = _price(prices, _FIELDS[kind])
        if price is not None:
            row = RatePrice(
                provider=provider,
                model=model,
                service_tier=tier,
                token_kind=kind,
                unit_price=shifted(price, _MILLIONTH),
                valid_from=start,
                valid_to=None,
            )
            rows.append(row)
    return rows


def _model(provider: str, model: str) -> ModelInfo | None:
    try:
        _, info = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return info


def _variant(info: ModelInfo, tier: str, on: date) -> PriceVariant | None:
    """The variant that prices the tier's tokens on the day; None means the standard price."""
    context = _CONTEXTS[tier]
    for variant in info.price_variants or ():
        is_in_force = variant.constraint is None or variant.constraint.active(utc_midnight(on))
        has_price = _price(variant.prices, ("input_mtok",)) is not None
        is_for_tier = bool(context) and dict(variant.when) == dict(context)
        if is_in_force and has_price and is_for_tier:
            return variant
    return None


def _start(variant: PriceVariant | None, info: ModelInfo, on: date) -> date:
    if variant is not None:
        constraint = variant.constraint
        return constraint.start_date if isinstance(constraint, StartDateConstraint) else OPEN_START
    if isinstance(info.prices, ModelPrice):
        return OPEN_START
    starts = [
        price.constraint.start_date
        for price in info.prices
        if isinstance(price.constraint, StartDateConstraint) and price.constraint.start_date <= on
    ]
    return max(starts, default=OPEN_START)


def _price(prices: ModelPrice, fields: tuple[str, ...]) -> Decimal | None:
    for name in fields:
        price = getattr(prices, name, None)
        if isinstance(price, TieredPrices):
            return price.base
        if isinstance(price, Decimal):
            return price
    return None
