"""Splitting a whole into parts that add up to it: largest remainder over integers, nothing else."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tieout.core.errors import ConservationError

_WORD_BITS = 62  # of a signed 64-bit integer: one bit spare for a sum of two
_LEAST_STEP = 4  # bits a round of the long division must gain to beat Python's own integers
_BLOCK = 1 << 16  # shares worked on at once: they stay in the processor's cache

_FEW = 256  # shares below which Python's integers are done before numpy has begun

_Part = TypeVar("_Part")
_Words = npt.NDArray[np.int64]


def split(total: int, weights: Mapping[str, Fraction | int]) -> dict[str, int]:
    """Split `total` units in proportion to `weights` by largest remainder.

    Each part is within one unit of its exact quota; leftover units go to the largest fractional
    parts, ties by key in byte order; a key of weight zero gets exactly 0. Sign-symmetric:
    `split(-t, w) == {k: -v for k, v in split(t, w).items()}`. Guarantees
    `sum(result.values()) == total`. Source: Hamilton's method, ledger practice.

    Raises:
        ConservationError: a weight is negative, or all are zero while `total` is not.
    """
    keys = sorted(weights)  # by code point, which is the order of the UTF-8 bytes
    (parts,) = _rows([total], [weights[key] for key in keys])
    return _in_order_of(weights, dict(zip(keys, parts, strict=True)))


def split_many(
    totals: Sequence[int], weights: Mapping[str, Fraction | int]
) -> dict[str, list[int]]:
    """Split each of `totals` (units) by the same weights: the parts of each key, in their order.

    Exactly `split` of each total, in bulk: `split_many([t], w)[k] == [split(t, w)[k]]`, for
    integers of any size. Fastest while the weights, made whole and reduced, add up to less than
    2**31; above 2**58 it is Python's integers that count.

    Raises:
        ConservationError: as `split`.
    """
    keys = sorted(weights)
    rows = _rows(totals, [weights[key] for key in keys])
    columns = zip(*rows, strict=True) if rows else ([] for _ in keys)
    return _in_order_of(weights, dict(zip(keys, map(list, columns), strict=True)))


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


def _in_order_of(
    weights: Mapping[str, Fraction | int], parts: dict[str, _Part]
) -> dict[str, _Part]:
    return {key: parts[key] for key in weights}


def _rows(totals: Sequence[int], weights: Sequence[Fraction | int]) -> list[list[int]]:
    """For each total its parts, in the order of the weights, which settles ties."""
    reduced = _reduced(weights)
    whole = sum(reduced)
    if not whole:
        _refuse_to_split(totals, reduced)
    large = _WORD_BITS - whole.bit_length() < _LEAST_STEP
    if not whole or large or len(totals) * len(weights) < _FEW:
        return [_split_one(total, reduced, whole or 1) for total in totals]
    lines = max(_BLOCK // len(weights), 1)
    starts = range(0, len(totals), lines)
    return [row for at in starts for row in _split_block(totals[at : at + lines], reduced)]


def _reduced(weights: Sequence[Fraction | int]) -> list[int]:
    """The same proportions in the smallest whole numbers."""
    if min(weights, default=0) < 0:
        raise ConservationError("A weight is negative: expected zero or more; correct the driver.")
    common = math.lcm(*{weight.denominator for weight in weights})
    if common == 1:
        whole = [int(weight) for weight in weights]
    else:
        whole = [weight.numerator * (common // weight.denominator) for weight in weights]
    factor = math.gcd(*whole)
    return [weight // factor for weight in whole] if factor > 1 else whole


def _refuse_to_split(totals: Sequence[int], weights: Sequence[int]) -> None:
    total = next((total for total in totals if total), 0)
    if total:
        raise ConservationError(
            f"Cannot split {total} units: all {len(weights)} weights are zero; "
            "name a fallback in the allocation rule."
        )


def _split_one(total: int, weights: Sequence[int], whole: int) -> list[int]:
    size = abs(total)
    quotas = [divmod(size * weight, whole) for weight in weights]
    parts = [floor for floor, _ in quotas]
    left = size - sum(parts)
    if left:
        rests = [rest for _, rest in quotas]
        # A reversed sort of Python keeps equal ones in their order.
        for at in sorted(range(len(rests)), key=rests.__getitem__, reverse=True)[:left]:
            parts[at] += 1
    return [-part for part in parts] if total < 0 else parts


def _split_block(totals: Sequence[int], weights: Sequence[int]) -> list[list[int]]:
    """A total is `turns * whole + rest`: each turn gives every key its weight, the rest is split.

    The rest is smaller than the whole, so its products fit machine words when taken in steps.
    """
    whole = sum(weights)
    pairs = [divmod(abs(total), whole) for total in totals]
    rests = np.array([rest for _, rest in pairs], np.int64)
    small = _split_rests(rests, np.array(weights, np.int64), whole)
    wide = max(abs(total) for total in totals).bit_length() > _WORD_BITS
    kind = object if wide else np.int64
    turns = np.array([turn for turn, _ in pairs], kind)
    signs = np.array([-1 if total < 0 else 1 for total in totals], kind)
    sizes = turns[:, None] * np.array(weights, kind)[None, :] + small.astype(kind)
    parts: list[list[int]] = (sizes * signs[:, None]).tolist()
    return parts


def _split_rests(rests: _Words, weights: _Words, whole: int) -> _Words:
    """Largest remainder of each rest (0 <= rest < whole): one row each, columns as the weights."""
    floors, fractions = _divided(rests, weights, whole)
    left = rests - floors.sum(axis=1)
    order = np.argsort(-fractions, axis=1, kind="stable")
    raised = np.arange(len(weights))[None, :] < left[:, None]
    more = np.empty_like(floors)
    np.put_along_axis(more, order, raised.astype(np.int64), axis=1)
    return floors + more


def _divided(rests: _Words, weights: _Words, whole: int) -> tuple[_Words, _Words]:
    """Quotient and remainder of rest x weight by the whole: a long division, some bits a round."""
    bits = whole.bit_length()
    step = min(_WORD_BITS - bits, bits)
    floors = np.zeros((len(rests), len(weights)), np.int64)
    fractions = np.zeros_like(floors)
    for shift in reversed(range(0, bits, step)):
        digits = (rests >> shift) & ((1 << step) - 1)
        fractions = (fractions << step) + digits[:, None] * weights[None, :]
        quotients = fractions // whole
        fractions -= quotients * whole
        floors = (floors << step) + quotients
    return floors, fractions
