"""Step-down: pools are closed one after the other; a closed pool receives nothing any more."""

from fractions import Fraction

from tieout.allocation.basis import Basis, pool_of

REQUIRED: tuple[str, ...] = ("order",)
CHOICES: tuple[tuple[str, ...], ...] = (("driver", "percent"),)
OPTIONAL: tuple[str, ...] = ("residual",)


def weights(basis: Basis) -> dict[str, Fraction]:
    """The driver values of initiatives and of pools that are not closed yet.

    The pool receives before it gives: those with a lower `order` have passed their cost on.
    """
    return {
        target: value
        for target, value in basis.driver.items()
        if pool_of(target) not in basis.closed
    }
