"""Tiered: usage weighs by the rate of the tier it falls into, scaled to what the pool holds."""

from fractions import Fraction

from tieout.allocation.basis import Basis, Tier

REQUIRED: tuple[str, ...] = ("driver", "tiers")
CHOICES: tuple[tuple[str, ...], ...] = ()
OPTIONAL: tuple[str, ...] = ()


def weights(basis: Basis) -> dict[str, Fraction]:
    """For each target the sum over tiers of units in the tier x rate of the tier.

    The rates are proportions, not prices: the pool is shared in full, so none is over-recovered.
    """
    tiers = basis.parameters.tiers
    return {target: _weighted(value, tiers) for target, value in basis.driver.items()}


def _weighted(value: Fraction, tiers: tuple[Tier, ...]) -> Fraction:
    weight, reached = Fraction(0), Fraction(0)
    for tier in tiers:
        top = value if tier.up_to is None else min(value, tier.up_to)
        weight += max(top - reached, Fraction(0)) * tier.rate
        reached = max(top, reached)
    return weight
