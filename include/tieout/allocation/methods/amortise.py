"""Amortise: a commitment or an upfront fee over the months of its term, without drift.

Owns the schedule of one amount and what of it a month bears; the rest stays in the pool. The
entries that carry the rest to later months are `ledger.amortisation`'s.
"""

from fractions import Fraction

from tieout.allocation.basis import HELD_PREFIX, Basis, Term
from tieout.core.errors import ConservationError
from tieout.core.period import Period

REQUIRED: tuple[str, ...] = ("start_on", "percent")
CHOICES: tuple[tuple[str, ...], ...] = (("last_on", "months"),)
OPTIONAL: tuple[str, ...] = ("by", "residual")


def weights(basis: Basis) -> dict[str, Fraction]:
    """The part of the term that has passed by the targets' percentages; the rest is held.

    A fee that is billed after its term began catches up, one that is billed before it is held
    whole, and after the end nothing is.
    """
    term, month = basis.parameters.term, basis.month
    passed = term.elapsed(month) if term and month else Fraction(0)
    whole = sum(basis.driver.values(), Fraction(0))
    shared = {target: passed * value / (whole or 1) for target, value in basis.driver.items()}
    return {**shared, f"{HELD_PREFIX}{basis.pool_id}": 1 - passed}


def schedule(amount_units: int, term: Term, *, step_units: int = 1) -> dict[Period, int]:
    """What each month of a term bears of an amount (units of 1e-12, or whatever is counted).

    A month takes the rounded cumulative minus what was taken before, so the last month takes
    what is left, and a schedule cut at any month is right to the step. Rounded half up away from
    zero to multiples of `step_units` (10**10 for cents): `sum(result.values()) == amount_units`,
    each month is within one step of its exact part, a credit is the mirror of the fee.

    Raises:
        ConservationError: the term has no day, or the amount is no multiple of the step.
    """
    if term.start_on >= term.end_on:
        raise ConservationError(
            f"Cannot amortise over a term from {term.start_on} to before {term.end_on}: expected "
            "at least one day; correct the dates."
        )
    steps, rest = divmod(abs(amount_units), step_units)
    if rest:
        raise ConservationError(
            f"Cannot amortise {amount_units} units in steps of {step_units}: {rest} units would "
            "be left over; round the amount first or take a finer step."
        )
    size = step_units if amount_units >= 0 else -step_units
    counts = term.counts()
    whole, passed, taken = sum(counts.values()), 0, 0
    result = {}
    for month, count in counts.items():
        passed += count
        cumulative = (2 * steps * passed + whole) // (2 * whole)
        result[month] = (cumulative - taken) * size
        taken = cumulative
    return result
