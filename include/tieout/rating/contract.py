"""Negotiated rates: what a contract changes on the list price, and which rate holds for a charge.

List prices are `card`'s, the multiplication is `rate`'s; how the policy is written is
`reconciliation.contract_rates`'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tieout.core.money import UNITS_PER_ONE

HUNDRED = 100
ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRate:
    """A discount in percent of the list price, or a fixed price of one token; one of the two.

    Holds for usage of the account from `valid_from` up to before `valid_to` (None: no end known),
    of the model of that name (`claude-*`: all that begin so, `*`: all), in a service tier and of a
    token kind; None means each of them.
    """

    rate_id: str
    provider: str
    billing_account_id: str
    valid_from: date
    valid_to: date | None
    model: str
    service_tier: str | None
    token_kind: str | None
    discount_pct: Fraction | None
    unit_price: Fraction | None
    evidence: str

    @property
    def place(self) -> tuple[str, str, str, str | None, str | None]:
        """What it is for, without its days."""
        account = (self.provider, self.billing_account_id)
        return (*account, self.model, self.service_tier, self.token_kind)

    @property
    def narrowness(self) -> tuple[bool, int, bool, bool]:
        """Orders rates that hold for the same tokens: the model's own name, then the longer one."""
        whole = not self.model.endswith(ANY)
        return whole, len(self.model), self.service_tier is not None, self.token_kind is not None

    def fits(self, row: Mapping[str, object], kind: str, day: date) -> bool:
        """Whether it holds for tokens of a kind of a usage row (USAGE_SCHEMA) on a UTC day."""
        account = (row["provider"], row["billing_account_id"])
        return (
            account == (self.provider, self.billing_account_id)
            and self._holds_on(day)
            and self.service_tier in (None, row["service_tier"])
            and self.token_kind in (None, kind)
            and self._names(str(row["model"]))
        )

    def price(self, list_price: Fraction | None) -> Fraction | None:
        """Units for one token; None when it is a discount on a price that nobody knows."""
        if self.unit_price is not None:
            return self.unit_price * UNITS_PER_ONE
        if list_price is None or self.discount_pct is None:
            return None
        return list_price * (HUNDRED - self.discount_pct) / HUNDRED

    def meets(self, other: "ContractRate") -> bool:
        """Whether both are for the same thing on some day."""
        begins_before_end = other.valid_to is None or self.valid_from < other.valid_to
        ends_after_begin = self.valid_to is None or other.valid_from < self.valid_to
        return self.place == other.place and begins_before_end and ends_after_begin

    def _holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def _names(self, model: str) -> bool:
        if self.model.endswith(ANY):
            return model.startswith(self.model.removesuffix(ANY))
        return model == self.model


def contract_rate(
    rates: Sequence[ContractRate], row: Mapping[str, object], kind: str, day: date
) -> ContractRate | None:
    """The narrowest rate that holds for tokens of a usage row; None: the list price holds."""
    fitting = [one for one in rates if one.fits(row, kind, day)]
    return max(fitting, key=lambda one: one.narrowness, default=None)
