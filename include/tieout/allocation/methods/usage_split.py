"""Usage split: shared AI capacity by what each used of it; what nobody used has its own line."""

from fractions import Fraction

from tieout.allocation.basis import UNUSED_PREFIX, Basis

REQUIRED: tuple[str, ...] = ("driver", "capacity", "unused_owner")
CHOICES: tuple[tuple[str, ...], ...] = ()
OPTIONAL: tuple[str, ...] = ()


def weights(basis: Basis) -> dict[str, Fraction]:
    """The usage of each target, and under `unused:<owner>` the capacity that is left.

    Provisioned throughput costs the same used or not, so a user pays the rate of full capacity and
    the owner of the capacity answers for the rest. When more was used than the capacity says,
    nothing is unused and usage alone decides.
    """
    left = (basis.parameters.capacity or Fraction(0)) - sum(basis.driver.values())
    unused = f"{UNUSED_PREFIX}{basis.parameters.unused_owner}"
    return {**basis.driver, unused: max(left, Fraction(0))}
