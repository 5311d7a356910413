"""Fixed percent: stated percentages that add up to exactly 100."""

from fractions import Fraction

from tieout.allocation.basis import Basis

REQUIRED: tuple[str, ...] = ("percent",)
CHOICES: tuple[tuple[str, ...], ...] = ()
OPTIONAL: tuple[str, ...] = ("residual",)


def weights(basis: Basis) -> dict[str, Fraction]:
    """The percentages; the file was refused unless they add up to exactly 100."""
    return dict(basis.driver)
