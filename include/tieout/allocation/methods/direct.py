"""Direct: a service pool gives to initiatives only; what other pools use of it is left out."""

from fractions import Fraction

from tieout.allocation.basis import Basis, pool_of

REQUIRED: tuple[str, ...] = ()
CHOICES: tuple[tuple[str, ...], ...] = (("driver", "percent"),)
OPTIONAL: tuple[str, ...] = ("residual",)


def weights(basis: Basis) -> dict[str, Fraction]:
    """The driver values of initiatives: the proportions among them stay, pools drop out."""
    return {target: value for target, value in basis.driver.items() if pool_of(target) is None}
