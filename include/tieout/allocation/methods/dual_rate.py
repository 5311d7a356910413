"""Dual rate: the fixed cost by what was booked, the variable cost by what was used."""

from fractions import Fraction

from tieout.allocation.basis import UNUSED_PREFIX, Basis

REQUIRED: tuple[str, ...] = ("driver", "budget_driver")
CHOICES: tuple[tuple[str, ...], ...] = (("fixed_percent", "fixed_amount"),)
OPTIONAL: tuple[str, ...] = ("capacity", "unused_owner")


def weights(basis: Basis) -> dict[str, Fraction]:
    """Fixed part x booked / capacity + variable part x used / all used, for each target.

    Without `capacity` all that was booked is the capacity. With it, capacity that nobody booked is
    its own key, `unused:<owner>`, so that bookers pay the rate of practical capacity. All zero when
    a part that is there has nothing to be shared by.
    """
    fixed = _fixed_part(basis)
    booked, used = sum(basis.budget.values()), sum(basis.driver.values())
    capacity = max(basis.parameters.capacity or 0, booked)
    if (fixed and not capacity) or (fixed < 1 and not used):
        return dict.fromkeys(basis.driver, Fraction(0))
    # Where a sum is zero its part is too: any divisor will do.
    by_booking, by_use = fixed / (capacity or 1), (1 - fixed) / (used or 1)
    result = {
        target: by_booking * basis.budget[target] + by_use * value
        for target, value in basis.driver.items()
    }
    if basis.parameters.unused_owner:
        result[f"{UNUSED_PREFIX}{basis.parameters.unused_owner}"] = by_booking * (capacity - booked)
    return result


def _fixed_part(basis: Basis) -> Fraction:
    """Of one. A fixed amount that is more than the pool holds takes all of it."""
    parameters = basis.parameters
    if parameters.fixed_units is None:
        return (parameters.fixed_percent or Fraction(0)) / 100
    if parameters.fixed_units >= basis.total_units:
        return Fraction(1)
    return Fraction(parameters.fixed_units, basis.total_units)
