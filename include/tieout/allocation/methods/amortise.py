"""Amortise: a commitment or an upfront fee over the months of its term, without drift.

Owns the schedule of one amount. A pool cannot have this method: it shares over time, not among
initiatives; the month's part is what a pool then holds.
"""

from datetime import date, timedelta
from typing import Literal

from tieout.core.errors import ConservationError
from tieout.core.period import Period, period_of

By = Literal["days", "months"]


def schedule(
    amount_units: int, *, start_on: date, end_on: date, by: By, step_units: int = 1
) -> dict[Period, int]:
    """What each month bears of an amount (units of 1e-12), from `start_on` up to before `end_on`.

    `days` counts the days of the term in each month. `months` counts every month the term touches
    once. A month takes the rounded cumulative minus what was taken before, so the last month takes
    what is left, and a schedule cut at any month is right to the step. Rounded half up away from
    zero to multiples of `step_units` (10**10 for cents): `sum(result.values()) == amount_units`,
    each month is within one step of its exact part, a credit is the mirror of the fee.

    Raises:
        ConservationError: the term has no day, or the amount is no multiple of the step.
    """
    if start_on >= end_on:
        raise ConservationError(
            f"Cannot amortise over a term from {start_on} to before {end_on}: expected at least "
            "one day; correct the dates."
        )
    steps, rest = divmod(abs(amount_units), step_units)
    if rest:
        raise ConservationError(
            f"Cannot amortise {amount_units} units in steps of {step_units}: {rest} units would "
            "be left over; round the amount first or take a finer step."
        )
    size = step_units if amount_units >= 0 else -step_units
    counts = _counts(start_on, end_on, by)
    whole, passed, taken = sum(counts.values()), 0, 0
    result = {}
    for month, count in counts.items():
        passed += count
        cumulative = (2 * steps * passed + whole) // (2 * whole)
        result[month] = (cumulative - taken) * size
        taken = cumulative
    return result


def _counts(start_on: date, end_on: date, by: By) -> dict[Period, int]:
    month, last = period_of(start_on), period_of(end_on - timedelta(days=1))
    counts: dict[Period, int] = {}
    while month <= last:
        days = min(month.end_on, end_on) - max(month.start_on, start_on)
        counts[month] = days.days if by == "days" else 1
        month = month.next()
    return counts
