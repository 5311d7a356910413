"""Even: the same share for every target that takes part in the period."""

from fractions import Fraction

from tieout.allocation.basis import Basis

REQUIRED: tuple[str, ...] = ("targets",)
CHOICES: tuple[tuple[str, ...], ...] = ()
OPTIONAL: tuple[str, ...] = ()


def weights(basis: Basis) -> dict[str, Fraction]:
    """One each; a target that has ended or not begun is not counted, so it leaves no gap."""
    return {target: Fraction(target not in basis.gone) for target in basis.driver}
