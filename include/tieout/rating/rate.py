"""Price metered usage with a rate card: our own estimate, before the provider says its figure.

Owns the multiplication, done in integers of 1e-12, and what is said about usage without a price.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import UNITS_PER_ONE, round_half_even, to_decimal
from tieout.focus.columns import AI_SERVICE_CATEGORY, CHARGE_SCHEMA, tags_json
from tieout.focus.usage import TOKEN_KINDS
from tieout.rating.card import RateCard, RatePrice, check_card
from tieout.rating.contract import ContractRate, contract_rate

ESTIMATE_SCHEMA = pa.schema([column for column in CHARGE_SCHEMA if column.name != "attr_id"])

PROVIDER_NAMES = {"openai": "OpenAI", "anthropic": "Anthropic"}
SERVICE_NAMES = {"openai": "OpenAI API", "anthropic": "Claude API"}
CONSUMED_UNIT = "Tokens"
_LIST_PRICES: Sequence[ContractRate] = ()


def rate(
    usage: pa.Table,
    card: RateCard,
    *,
    currency: str = "USD",
    contract: Sequence[ContractRate] = _LIST_PRICES,
) -> tuple[pa.Table, list[Finding]]:
    """Estimate what usage (USAGE_SCHEMA) costs at the card's prices on the UTC day it began.

    One charge (CHARGE_SCHEMA without `attr_id`) a usage row and token kind that has tokens and a
    price, in usage order; billed, contracted and effective cost are the estimate at the narrowest
    rate of `contract` that holds (else at the list price), list cost is that of the card (null when
    only the contract has a price), all rounded half-even at 1e-12. `input_tokens` holds cached and
    cache-write tokens, which are priced once, as what they are. Usage without a price gives no
    charge but a finding, one for each account, model, tier and reason: `unpriced_tier` when the
    card knows the model in other tiers only, `unpriced` otherwise; `bad_row` when the parts of the
    input exceed its total. Web searches are no tokens: they are listed as `unpriced` and belong to
    the non-token part of a bridge.

    Raises:
        RuleFileError: the card prices a token in two ways or with nonsense.
    """
    check_card(card)
    book = _Book(card)
    rows: list[dict[str, Any]] = []
    for row in usage.to_pylist():
        day = row["charge_period_start"].date()
        for kind, tokens in book.tokens(row):
            listed = book.price(row, kind, day)
            negotiated = contract_rate(contract, row, kind, day)
            price = negotiated.price(listed) if negotiated else listed
            if price is None:
                book.miss(row, kind, tokens)
            else:
                made = _charge(row, kind, tokens, price, currency)
                rows.append({**made, "list_cost": _cost(tokens, listed)})
    table = pa.Table.from_pylist(rows, schema=ESTIMATE_SCHEMA)
    return table, book.findings(currency)


@dataclass(slots=True)
class _Miss:
    """Usage of one account, model, tier and reason that has no price."""

    row: dict[str, Any]
    tokens: dict[str, int] = field(default_factory=dict)
    rows: set[str] = field(default_factory=set)


class _Book:
    """The card by what it prices, and what was asked of it in vain."""

    def __init__(self, card: RateCard) -> None:
        self.version = card.version
        self.prices: dict[tuple[str, str, str, str], list[RatePrice]] = {}
        for price in card.prices:
            self.prices.setdefault(price.key, []).append(price)
        self.tiers = {(price.provider, price.model, price.service_tier) for price in card.prices}
        self.models = {(price.provider, price.model) for price in card.prices}
        self.misses: dict[tuple[str, str, str, str, str], _Miss] = {}
        self.bad: list[Finding] = []

    def tokens(self, row: dict[str, Any]) -> Iterator[tuple[str, int]]:
        """Token kinds with tokens; a row that contradicts itself gives none and is noted."""
        counts = _tokens(row)
        if min(*counts.values(), row["web_searches"]) < 0:
            self.bad.append(_contradiction(row))
            return
        yield from ((kind, count) for kind, count in counts.items() if count)
        if row["web_searches"]:
            self.miss(row, "web_search", row["web_searches"])

    def price(self, row: dict[str, Any], kind: str, day: date) -> Fraction | None:
        """Units of 1e-12 for one token on that day."""
        key = (row["provider"], row["model"], row["service_tier"], kind)
        for price in self.prices.get(key, ()):
            if price.holds_on(day):
                return Fraction(price.unit_price) * UNITS_PER_ONE
        return None

    def miss(self, row: dict[str, Any], kind: str, tokens: int) -> None:
        """Remember usage that has no price."""
        model = (row["provider"], row["model"])
        tier = row["service_tier"]
        searching = kind == "web_search"
        other_tiers = model in self.models and (*model, tier) not in self.tiers
        reason = "unpriced_tier" if other_tiers and not searching else "unpriced"
        word = "searches" if searching else "tokens"
        key = (reason, row["billing_account_id"], *model, f"{tier} {word}")
        miss = self.misses.setdefault(key, _Miss(row))
        miss.tokens[kind] = miss.tokens.get(kind, 0) + tokens
        miss.rows.add(row["usage_id"])

    def findings(self, currency: str) -> list[Finding]:
        """Contradictions in usage order, then one finding for each thing without a price."""
        missing = [
            _unpriced(key[0], miss, self.version, currency)
            for key, miss in sorted(self.misses.items())
        ]
        return [*self.bad, *missing]


def _tokens(row: dict[str, Any]) -> dict[str, int]:
    parts = {
        "cached_input": row["cached_input_tokens"],
        "cache_write": row["cache_write_tokens"],
        "cache_write_1h": row["cache_write_1h_tokens"],
    }
    counts = {
        "input": row["input_tokens"] - sum(parts.values()),
        **parts,
        "output": row["output_tokens"],
    }
    return {kind: counts[kind] for kind in TOKEN_KINDS}


def _charge(
    row: dict[str, Any], kind: str, tokens: int, price: Fraction, currency: str
) -> dict[str, Any]:
    cost = _cost(tokens, price)
    provider = row["provider"]
    name = PROVIDER_NAMES.get(provider, provider)
    return {
        "line_id": content_key([row["usage_id"], kind, "estimate"]),
        "provider": provider,
        "billing_account_id": row["billing_account_id"],
        "sub_account_id": row["sub_account_id"],
        "sub_account_name": row["sub_account_name"],
        "billing_period_start": row["charge_period_start"].date().replace(day=1),
        "charge_period_start": row["charge_period_start"],
        "charge_period_end": row["charge_period_end"],
        "charge_category": "Usage",
        "charge_description": _described(row, kind),
        "billed_cost": cost,
        "effective_cost": cost,
        "contracted_cost": cost,
        "billing_currency": currency,
        "consumed_quantity": to_decimal(tokens * UNITS_PER_ONE),
        "consumed_unit": CONSUMED_UNIT,
        "service_category": AI_SERVICE_CATEGORY,
        "service_name": SERVICE_NAMES.get(provider, provider),
        "service_provider_name": name,
        "invoice_issuer_name": name,
        "tags": tags_json({}),
        "x_model": row["model"],
        "x_token_kind": kind,
        "x_service_tier": row["service_tier"],
        "source_document": row["source_document"],
        "source_row": row["source_row"],
    }


def _cost(tokens: int, price: Fraction | None) -> Decimal | None:
    return None if price is None else to_decimal(round_half_even(price * tokens))


def _described(row: dict[str, Any], kind: str) -> str:
    """Such as `gpt-6-sol batch, cached input`; the standard tier is not named."""
    tier = "" if row["service_tier"] == "standard" else f" {row['service_tier']}"
    return f"{row['model']}{tier}, {kind.replace('_', ' ')}"


def _contradiction(row: dict[str, Any]) -> Finding:
    return Finding(
        kind="bad_row",
        severity="warning",
        subject=f"{row['provider']}/{row['billing_account_id']}/{row['model']}",
        message=(
            f"Usage {row['usage_id']}: expected counts of zero or more and cached and cache-write "
            f"tokens within the {row['input_tokens']} input tokens; not rated, pull it again."
        ),
        source_document=row["source_document"],
        source_row=row["source_row"],
    )


def _unpriced(kind: str, miss: _Miss, version: str, currency: str) -> Finding:
    row = miss.row
    counts = ", ".join(f"{count} {_counted(name)}" for name, count in sorted(miss.tokens.items()))
    return Finding(
        kind=kind,
        severity="info" if "web_search" in miss.tokens else "warning",
        subject="/".join(
            (row["provider"], row["billing_account_id"], row["model"], row["service_tier"])
        ),
        message=(
            f"Rate card {version} has no price for {row['model']} in the {row['service_tier']} "
            f"tier: {counts} in {len(miss.rows)} usage rows are not in the estimate; "
            "add the price or expect the provider's figure to be higher."
        ),
        currency=currency,
        source_document=row["source_document"],
        source_row=row["source_row"],
    )


def _counted(kind: str) -> str:
    return "web searches" if kind == "web_search" else f"{kind.replace('_', ' ')} tokens"
