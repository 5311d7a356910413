"""Draw a commitment down: what was promised, what counted towards it, what lapses, what is short.

Owns the balance of one commitment (an enterprise agreement, a consumption commitment) through its
term and the forecast of its shortfall. What is bought up front and amortised is not its business.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import ConservationError
from tieout.core.finding import Finding
from tieout.core.money import format_units, minor_digits, round_half_even, to_minor
from tieout.core.period import Period, period_of, utc_midnight
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.rollforward import Tie
from tieout.rules.masks import Evaluator
from tieout.rules.predicate import Condition, Predicate

USAGE: Predicate = Condition(
    source="column", name="charge_category", operator="in", values=("Usage",)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """A promise to spend `committed_units` (1e-12) from `start_on` up to before `end_on`."""

    commitment_id: str
    provider: str
    billing_account_id: str
    currency: str
    start_on: date
    end_on: date
    committed_units: int

    @property
    def subject(self) -> str:
        """How findings name it."""
        return f"{self.provider}/{self.billing_account_id}: {self.commitment_id}"

    @property
    def first(self) -> Period:
        """The month in which the term begins."""
        return period_of(self.start_on)

    @property
    def last(self) -> Period:
        """The month of the last day of the term."""
        end = period_of(self.end_on)
        return end.previous() if self.end_on == end.start_on else end


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one month counted towards a commitment; `evidence` is the statement or the report."""

    period: Period
    eligible_units: int
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """A commitment through one month: opening - drawn - lapsed = closing, all in units.

    `beyond_units` is eligible spend that found nothing left to draw; `lapsed_units` is what the
    last month of the term leaves, an expense of that month.

    Raises:
        ConservationError: it does not add up.
    """

    commitment: Commitment
    period: Period
    opening_units: int
    drawn_units: int
    beyond_units: int
    lapsed_units: int
    closing_units: int
    evidence: tuple[str, ...]

    def __post_init__(self) -> None:
        found = self.opening_units - self.drawn_units - self.lapsed_units
        if found != self.closing_units:
            raise ConservationError(
                f"The commitment {self.commitment.commitment_id} should close at "
                f"{format_units(found)} {self.commitment.currency} and closes at "
                f"{format_units(self.closing_units)}: draw it down again from its months."
            )


def drawdown(commitment: Commitment, draws: Iterable[Draw], *, period: Period) -> Drawdown:
    """The commitment through a month; months outside the term and after `period` do not count.

    A credit note gives back what it takes from the eligible spend. In the month of the last day of
    the term what is left lapses.
    """
    counted = [draw for draw in draws if commitment.first <= draw.period <= commitment.last]
    before = sum(draw.eligible_units for draw in counted if draw.period < period)
    now = [draw for draw in counted if draw.period == period]
    after = before + sum(draw.eligible_units for draw in now)
    promised = commitment.committed_units
    opening = 0 if period > commitment.last else promised - min(before, promised)
    drawn = min(after, promised) - min(before, promised)
    lapsed = opening - drawn if period == commitment.last else 0
    return Drawdown(
        commitment=commitment,
        period=period,
        opening_units=opening,
        drawn_units=drawn,
        beyond_units=after - before - drawn,
        lapsed_units=lapsed,
        closing_units=opening - drawn - lapsed,
        evidence=tuple(sorted(draw.evidence for draw in now)),
    )


def eligible_units(charges: pa.Table, commitment: Commitment, *, counts: Predicate = USAGE) -> int:
    """What charges (CHARGE_SCHEMA) of the account count: those of the term that `counts` names.

    A charge belongs to the term when it starts on one of its days. Without a word of the contract
    usage counts; tax, credits and purchases (marketplace, support) do not draw a commitment down.
    """
    starts = charges["charge_period_start"]
    is_open = pc.and_(
        pc.greater_equal(starts, pa.scalar(utc_midnight(commitment.start_on), starts.type)),
        pc.less(starts, pa.scalar(utc_midnight(commitment.end_on), starts.type)),
    ).to_numpy(zero_copy_only=False)
    rows = Evaluator(charges).select(counts, is_open.astype(np.bool_))
    return total_units(charges.take(pa.array(rows)))


def forecast_units(commitment: Commitment, *, eligible: int, through: Period) -> int:
    """Eligible spend still to come at the daily rate of the term so far, rounded half-even.

    `eligible` is what counted from the first day of the term through the end of `through`.
    """
    until = min(through.end_on, commitment.end_on)
    passed, left = (until - commitment.start_on).days, (commitment.end_on - until).days
    return max(0, round_half_even(Fraction(eligible * left, passed)))


def shortfall_units(found: Drawdown, *, forecast_units: int) -> int:
    """Units that will be missing at the end: max(0, still to draw - forecast eligible spend)."""
    return max(0, found.closing_units - forecast_units)


def shortfall(found: Drawdown, *, forecast_units: int) -> tuple[Finding, ...]:
    """A warning when the forecast does not reach the commitment: accrue it when it is probable."""
    missing = shortfall_units(found, forecast_units=forecast_units)
    if not missing:
        return ()
    one = found.commitment
    return (
        Finding(
            kind="commitment_shortfall",
            severity="warning",
            subject=one.subject,
            message=(
                f"Expected {format_units(found.closing_units)} {one.currency} more of eligible "
                f"spend until {one.end_on.isoformat()}, the forecast has "
                f"{format_units(forecast_units)}: decide whether the shortfall is accrued."
            ),
            amount_units=missing,
            currency=one.currency,
        ),
    )


def tie_of_drawdown(found: Drawdown, *, ledger_minor: int, stated_minor: int) -> Tie:
    """The remaining commitment beside the memo account and what the provider shows as remaining."""
    currency = found.commitment.currency
    return Tie(
        subject=found.commitment.subject,
        currency=currency,
        rolled_minor=to_minor(found.closing_units, minor_digits(currency)),
        ledger_minor=ledger_minor,
        open_minor=stated_minor,
    )
