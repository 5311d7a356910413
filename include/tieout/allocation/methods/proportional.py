"""Proportional: each target bears the pool in the proportion of its driver value."""

from fractions import Fraction

from tieout.allocation.basis import Basis

REQUIRED: tuple[str, ...] = ("driver",)
CHOICES: tuple[tuple[str, ...], ...] = ()
OPTIONAL: tuple[str, ...] = ()


def weights(basis: Basis) -> dict[str, Fraction]:
    """The driver values themselves; a target with driver zero gets exactly 0."""
    return dict(basis.driver)
