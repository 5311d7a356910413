"""Proportional: each initiative bears the pool in the proportion of its driver value."""

from collections.abc import Mapping
from fractions import Fraction

from tieout.core import shares as core_shares


def shares(amount_units: int, weights: Mapping[str, Fraction | int]) -> dict[str, int]:
    """Largest remainder over exact fractions; ties by initiative id in byte order.

    Each share is within one unit of its quota, an initiative with driver zero gets exactly 0, and
    a credit is the mirror of the debit. Source: Hamilton's method, docs/reference/allocation.

    Raises:
        ConservationError: a weight is negative, or all are zero while the amount is not.
    """
    return core_shares.split(amount_units, weights)
