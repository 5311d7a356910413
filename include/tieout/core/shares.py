"""Splitting a whole into parts that add up to it: largest remainder over integers, nothing else."""

from collections.abc import Mapping
from fractions import Fraction

from tieout.core.errors import ConservationError


def split(total: int, weights: Mapping[str, Fraction | int]) -> dict[str, int]:
    """Split `total` units in proportion to `weights` by largest remainder.

    Each part is within one unit of its exact quota; leftover units go to the largest fractional
    parts, ties by key in byte order; a key of weight zero gets exactly 0. Sign-symmetric:
    `split(-t, w) == {k: -v for k, v in split(t, w).items()}`. Guarantees
    `sum(result.values()) == total`. Source: Hamilton's method, ledger practice.

    Raises:
        ConservationError: a weight is negative, or all are zero while `total` is not.
    """
    if any(weight < 0 for weight in weights.values()):
        raise ConservationError("A weight is negative: expected zero or more; correct the driver.")
    whole = sum((Fraction(weight) for weight in weights.values()), Fraction(0))
    if whole == 0:
        if total:
            raise ConservationError(
                f"Cannot split {total} units: all {len(weights)} weights are zero; "
                "name a fallback in the allocation rule."
            )
        return dict.fromkeys(weights, 0)
    size = abs(total)
    quotas = {key: Fraction(weight) * size / whole for key, weight in weights.items()}
    parts = {key: quota.numerator // quota.denominator for key, quota in quotas.items()}
    left = size - sum(parts.values())
    order = sorted(quotas, key=lambda key: (parts[key] - quotas[key], key.encode()))
    for key in order[:left]:
        parts[key] += 1
    return {key: -part for key, part in parts.items()} if total < 0 else parts


def round_parts(parts: Mapping[str, int], *, step: int, total: int) -> dict[str, int]:
    """Round signed parts (units) to multiples of `step` so that they add up to `total` multiples.

    Each part is floored (toward minus infinity), the leftover steps go to the largest fractional
    parts, ties by key in byte order. The result counts steps (cents, say), not units.

    Raises:
        ConservationError: `total` is further from the parts' own sum than one step a part.
    """
    floors = {key: value // step for key, value in parts.items()}
    left = total - sum(floors.values())
    if not 0 <= left <= len(parts):
        raise ConservationError(
            f"Cannot round {len(parts)} parts to {total} steps of {step} units: their floors add "
            f"up to {sum(floors.values())}; the total belongs to other parts."
        )
    order = sorted(parts, key=lambda key: (-(parts[key] % step), key.encode()))
    raised = set(order[:left])
    return {key: floor + (1 if key in raised else 0) for key, floor in floors.items()}
