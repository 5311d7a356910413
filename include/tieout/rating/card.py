"""The rate card: dated prices per token. Owns its values and its JSON form, not where it is from.

A price is money per ONE token of one kind, exact, never a float. Intervals are half-open:
a price holds from `valid_from` up to, not including, `valid_to` (None: no end known).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from tieout.core.errors import MoneyFormatError, RuleFileError
from tieout.core.money import parse_decimal
from tieout.focus.usage import SERVICE_TIERS, TOKEN_KINDS

_CARD_KEYS = ("version", "source", "prices")
_PRICE_TEXTS = ("provider", "model", "service_tier", "token_kind", "unit_price", "valid_from")
_PRICE_KEYS = (*_PRICE_TEXTS, "valid_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePrice:
    """What one token of `token_kind` costs in a service tier of a model, between two days."""

    provider: str
    model: str
    service_tier: str
    token_kind: str
    unit_price: Decimal
    valid_from: date
    valid_to: date | None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What the price is for, without its days."""
        return (self.provider, self.model, self.service_tier, self.token_kind)

    def holds_on(self, day: date) -> bool:
        """Whether the price is in force on that UTC day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    """A version of a price book; `source` says where it came from (package and version, say)."""

    version: str
    source: str
    prices: tuple[RatePrice, ...]


def parse_card(text: str, *, name: str = "rate card") -> RateCard:
    """Read the JSON form of a rate card; prices and dates are texts in it.

    Raises:
        RuleFileError: not JSON, a key is unknown, missing or doubled, a price is negative or not a
            decimal text, a tier or token kind is unknown, or two prices overlap in time.
    """
    card = _loads(text, name)
    _refuse_keys(card, _CARD_KEYS, f"{name}")
    rows = card["prices"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RuleFileError(f"{name}: expected a list of objects under 'prices'; correct the file.")
    parsed = RateCard(
        version=_text(card, "version", name),
        source=_text(card, "source", name),
        prices=tuple(_price(row, f"{name}, price {at}") for at, row in enumerate(rows, start=1)),
    )
    check_card(parsed)
    return parsed


def card_json(card: RateCard) -> str:
    """The JSON form, keys and prices sorted: equal cards give equal bytes."""
    rows = [
        {
            "provider": price.provider,
            "model": price.model,
            "service_tier": price.service_tier,
            "token_kind": price.token_kind,
            "unit_price": f"{price.unit_price:f}",
            "valid_from": price.valid_from.isoformat(),
            "valid_to": price.valid_to.isoformat() if price.valid_to else None,
        }
        for price in sorted(card.prices, key=lambda price: (price.key, price.valid_from))
    ]
    value = {"version": card.version, "source": card.source, "prices": rows}
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def check_card(card: RateCard) -> None:
    """Refuse a card that could price a token in two ways or with nonsense.

    Raises:
        RuleFileError: an unknown tier or token kind, a price that is negative or not finite, an
            interval without a day, or two prices for the same thing on the same day.
    """
    for price in card.prices:
        _check_price(price, card.version)
    ordered = sorted(card.prices, key=lambda price: (price.key, price.valid_from))
    for before, after in pairwise(ordered):
        if before.key == after.key and before.holds_on(after.valid_from):
            raise RuleFileError(
                f"Rate card {card.version}: {' '.join(after.key)} has two prices on "
                f"{after.valid_from}; end the first one on that day (valid_to is exclusive)."
            )


def _check_price(price: RatePrice, version: str) -> None:
    where = f"Rate card {version}: {' '.join(price.key)}"
    if price.service_tier not in SERVICE_TIERS:
        raise RuleFileError(f"{where}: expected a service tier of {', '.join(SERVICE_TIERS)}.")
    if price.token_kind not in TOKEN_KINDS:
        raise RuleFileError(f"{where}: expected a token kind of {', '.join(TOKEN_KINDS)}.")
    if not price.unit_price.is_finite() or price.unit_price < 0:
        raise RuleFileError(f"{where}: expected a price of zero or more, found {price.unit_price}.")
    if price.valid_to is not None and price.valid_to <= price.valid_from:
        raise RuleFileError(
            f"{where}: valid_to {price.valid_to} must lie after valid_from {price.valid_from}."
        )


def _loads(text: str, name: str) -> dict[str, object]:
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RuleFileError(f"{name}: not a JSON rate card: {error}; correct the file.") from error
    if not isinstance(value, dict):
        raise RuleFileError(f"{name}: expected a JSON object with {', '.join(_CARD_KEYS)}.")
    return value


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError(f"a key appears twice among {', '.join(key for key, _ in pairs)}")
    return value


def _refuse_constant(constant: str) -> object:
    raise ValueError(f"{constant} is not a number")


def _price(row: Mapping[str, object], where: str) -> RatePrice:
    _refuse_keys(row, _PRICE_KEYS, where)
    texts = {key: _text(row, key, where) for key in _PRICE_TEXTS}
    ends = _text(row, "valid_to", where) if row["valid_to"] is not None else None
    try:
        return RatePrice(
            provider=texts["provider"],
            model=texts["model"],
            service_tier=texts["service_tier"],
            token_kind=texts["token_kind"],
            unit_price=parse_decimal(texts["unit_price"]),
            valid_from=date.fromisoformat(texts["valid_from"]),
            valid_to=date.fromisoformat(ends) if ends is not None else None,
        )
    except (MoneyFormatError, ValueError) as error:
        raise RuleFileError(f"{where}: {error}") from error


def _text(row: Mapping[str, object], key: str, where: str) -> str:
    value = row[key]
    if not isinstance(value, str) or not value:
        raise RuleFileError(
            f"{where}: expected a text in quotes under {key!r}, found {str(value)[:40]!r}."
        )
    return value


def _refuse_keys(row: Mapping[str, object], known: Iterable[str], where: str) -> None:
    expected = set(known)
    if set(row) != expected:
        raise RuleFileError(
            f"{where}: expected exactly the keys {', '.join(sorted(expected))}; "
            f"found {', '.join(sorted(row))[:200]}."
        )
