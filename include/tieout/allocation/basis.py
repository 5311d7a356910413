"""What a method of a pool sees: targets, driver values and the file's parameters. Computes nothing.

A key of weights is an initiative's id, `pool:<id>` for a pool further down the chain,
`unused:<initiative>` for capacity that nobody used, or `held:<pool>` for what stays in a pool.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Literal

from tieout.core.period import Period, period_of
from tieout.rules.register import POOL_PREFIX

UNUSED_PREFIX = "unused:"
HELD_PREFIX = "held:"

_MOST_PLACES = 200  # a number of a file: 60 after the point and an exponent of two digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Usage above the tier before, up to `up_to` (None: without end), weighs `rate` a unit."""

    up_to: Fraction | None
    rate: Fraction


By = Literal["days", "months"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The days that a fee was paid for, from `start_on` up to before `end_on`, at least one.

    By `days` a month counts its days in the term, by `months` every month that it touches counts 1.
    """

    start_on: date
    end_on: date
    by: By = "days"

    def counts(self) -> dict[Period, int]:
        """What each month of the term counts, in order."""
        month, last = period_of(self.start_on), period_of(self.end_on - timedelta(days=1))
        found: dict[Period, int] = {}
        while month <= last:
            days = min(month.end_on, self.end_on) - max(month.start_on, self.start_on)
            found[month] = days.days if self.by == "days" else 1
            month = month.next()
        return found

    def elapsed(self, through: Period) -> Fraction:
        """Of one: what has passed of the term at the end of a month."""
        counts = self.counts()
        passed = sum(count for month, count in counts.items() if month <= through)
        return Fraction(passed, sum(counts.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a pool says to its method beyond the driver; None or empty where it says nothing.

    `percent` is exact and complete: 100 in all. `fixed_units` is money in units of 1e-12,
    `capacity` counts in the unit of the driver.
    """

    percent: tuple[tuple[str, Fraction], ...] = ()
    budget_driver: str | None = None
    fixed_percent: Fraction | None = None
    fixed_units: int | None = None
    capacity: Fraction | None = None
    unused_owner: str | None = None
    tiers: tuple[Tier, ...] = ()
    order: int | None = None
    term: Term | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """One pool in one period.

    `driver` and `budget` have a value, zero or more, for every target. `gone` are the targets that
    take no part any more or not yet; `closed` the pools that this one may not give to (itself, and
    for step-down those before it). `total_units` is the size of the pool's amount, never negative.
    `month` is that of the lines; for a pool with a term it is always known.
    """

    driver: Mapping[str, Fraction]
    budget: Mapping[str, Fraction]
    gone: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    total_units: int = 0
    parameters: Parameters = field(default_factory=Parameters)
    pool_id: str = ""
    month: Period | None = None


def pool_of(key: str) -> str | None:
    """The pool's id when the key is `pool:<id>`, else None."""
    return key.removeprefix(POOL_PREFIX) if key.startswith(POOL_PREFIX) else None


def decimal_text(value: Fraction) -> str:
    """A decimal number in plain digits; `numerator/denominator` when it has no end."""
    places = next((n for n in range(_MOST_PLACES) if 10**n % value.denominator == 0), None)
    if places is None:
        return f"{value.numerator}/{value.denominator}"
    digits = f"{abs(value.numerator) * 10**places // value.denominator:0{places + 1}d}"
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"
