"""Which rate an account's money is translated at, and what an entry says about it.

A service month has one rate for its cost (closing or average, finance decides), so that its cost
never moves with a rate again; papers come in at the rate of their day, and what that makes more or
less is a difference of exchange. Owns the choice and its JSON; the look-up is `fx_rates`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, cast

from tieout.core.period import Period
from tieout.ledger.fx_rates import Rate, RateType, rate_on

CostRate = Literal["closing", "average"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTerms:
    """What finance decides: the rate of a month's cost, and how many days old a rate may be."""

    cost_rate: CostRate = "closing"
    most_days: int = 5


DEFAULT_TERMS = ExchangeTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """On an entry: the currency of its paper and the rates used, that of the cost first."""

    currency: str
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRates:
    """The rates of one account in a foreign currency and one service month.

    `cost` is the month's; `published` are all that may serve for a paper's day.
    """

    cost: Rate
    published: Sequence[Rate]
    terms: ExchangeTerms = DEFAULT_TERMS

    @property
    def currency(self) -> str:
        """The account's own."""
        return self.cost.from_currency

    def spot(self, on: date) -> Rate:
        """The rate of a paper of that day.

        Raises:
            NotReadyError: no rate of that day, nor of the days before it.
        """
        pair = (self.cost.from_currency, self.cost.to_currency)
        return rate_on(self.published, pair, "spot", on, within_days=self.terms.most_days)


def month_rate(
    rates: Sequence[Rate],
    pair: tuple[str, str],
    month: Period,
    *,
    rate_type: RateType,
    terms: ExchangeTerms,
) -> Rate:
    """The closing or average rate of a month: that of its last day, or of one shortly before.

    Raises:
        NotReadyError: there is none.
    """
    return rate_on(rates, pair, rate_type, month.last_on, within_days=terms.most_days)


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    """Plain JSON values (`rate_json`)."""
    return {
        "currency": exchange.currency,
        "rates": [rate_json(one) for one in exchange.rates],
    }


def rate_json(rate: Rate) -> dict[str, str]:
    """Plain JSON values by the columns of the table of rates."""
    return {
        "from": rate.from_currency,
        "to": rate.to_currency,
        "type": rate.rate_type,
        "date": rate.on.isoformat(),
        "rate": f"{rate.rate:f}",
        "source": rate.source,
    }


def exchange_from_json(value: Mapping[str, Any]) -> Exchange:
    """Read `exchange_json` back."""
    return Exchange(
        currency=value["currency"],
        rates=tuple(
            Rate(
                from_currency=one["from"],
                to_currency=one["to"],
                rate_type=cast("RateType", one["type"]),
                on=date.fromisoformat(one["date"]),
                rate=Decimal(one["rate"]),
                source=one["source"],
            )
            for one in value["rates"]
        ),
    )
