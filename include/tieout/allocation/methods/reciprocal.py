"""Reciprocal: pools that serve each other are solved together, in exact fractions.

Owns the proportions of one pool; `allocation.loops` solves a loop of them.
"""

from fractions import Fraction

from tieout.allocation.basis import Basis, pool_of

REQUIRED: tuple[str, ...] = ()
CHOICES: tuple[tuple[str, ...], ...] = (("driver", "percent"),)
OPTIONAL: tuple[str, ...] = ("residual",)


def weights(basis: Basis) -> dict[str, Fraction]:
    """The driver values of initiatives and other pools; what a pool uses of itself drops out.

    Leaving self-service out and keeping the other proportions gives the same final amounts.
    """
    return {
        target: value
        for target, value in basis.driver.items()
        if pool_of(target) not in basis.closed
    }
