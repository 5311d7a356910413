"""Prepaid balances as the journal has them: opening, what moved them by kind, closing.

Owns the reading of entries. Credit and upfront fees of an account roll apart, because each ties to
something else: the provider's statement, the plan of the term. Minor units, an asset positive.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tieout.core.period import Period, period_of
from tieout.ledger.amortisation import of_fees
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, JournalType
from tieout.ledger.trial_balance import account_balance

PrepaidWhat = Literal["credit", "upfront fees"]
PrepaidKind = Literal["opening_balance", "purchase", "grant", "usage", "expiry", "fee", "other"]
KINDS: tuple[PrepaidKind, ...] = (
    "opening_balance",
    "purchase",
    "grant",
    "usage",
    "expiry",
    "fee",
    "other",
)
_KIND_OF: dict[JournalType, PrepaidKind] = {
    "opening": "opening_balance",
    "credit_purchase": "purchase",
    "manual": "grant",
    "drawdown": "usage",
    "breakage": "expiry",
    "amortisation": "fee",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepaidRoll:
    """One prepaid balance through one period: opening + movements = closing, by construction.

    `movements` has every kind, those of nothing as 0; a reversal counts with what it reverses.
    `drawdowns` is how many times usage was posted up to the end of the period.
    """

    provider: str
    billing_account_id: str
    currency: str
    what: PrepaidWhat
    period: Period
    opening_minor: int
    movements: Mapping[PrepaidKind, int]
    drawdowns: int

    @property
    def subject(self) -> str:
        """How the account is named."""
        return f"{self.provider}/{self.billing_account_id}"

    @property
    def closing_minor(self) -> int:
        """What is left at the end of the period."""
        return self.opening_minor + sum(self.movements.values())


def prepaid_rolls(
    entries: Sequence[JournalEntry], *, chart: Chart, period: Period
) -> tuple[PrepaidRoll, ...]:
    """Every prepaid balance that has been moved up to a period, by account and what it is of."""
    kinds = {one.idempotency_key: _KIND_OF.get(one.journal_type, "other") for one in entries}
    fees = {one.idempotency_key for one in of_fees(entries)}
    found: dict[tuple[str, str, str, PrepaidWhat], list[JournalEntry]] = {}
    for entry in entries:
        if entry.posting_on < period.end_on and _amount(entry, chart):
            what: PrepaidWhat = "upfront fees" if entry.idempotency_key in fees else "credit"
            key = (entry.provider, entry.billing_account_id, entry.currency, what)
            found.setdefault(key, []).append(entry)
    return tuple(
        PrepaidRoll(
            provider=provider,
            billing_account_id=account,
            currency=currency,
            what=what,
            period=period,
            opening_minor=_sum((one for one in own if one.posting_on < period.start_on), chart),
            movements=_movements(own, kinds, chart=chart, period=period),
            drawdowns=sum(1 for one in own if one.journal_type == "drawdown"),
        )
        for (provider, account, currency, what), own in sorted(found.items())
    )


def _movements(
    entries: Sequence[JournalEntry],
    kinds: Mapping[str, PrepaidKind],
    *,
    chart: Chart,
    period: Period,
) -> dict[PrepaidKind, int]:
    found: dict[PrepaidKind, int] = dict.fromkeys(KINDS, 0)
    for entry in entries:
        if period_of(entry.posting_on) == period:
            found[kinds[entry.reverses or entry.idempotency_key]] += _amount(entry, chart)
    return found


def _sum(entries: Iterable[JournalEntry], chart: Chart) -> int:
    return sum(_amount(entry, chart) for entry in entries)


def _amount(entry: JournalEntry, chart: Chart) -> int:
    code = chart.control_account("prepaid", provider=entry.provider)
    return account_balance([entry], account=code)
