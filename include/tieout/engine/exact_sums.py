"""Exact sums of DECIMAL(28,12) by group number, in machine words.

Owns the adding only; what a group is, its caller knows. A sum that does not fit is an error and no
other number. Measured on 2.3 million rows in 80,000 groups (November 2026): 0.10 CPU-seconds,
against 0.42 for Arrow's and 0.75 to 0.95 for DuckDB's grouping of the same decimals.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tieout.core.errors import ConservationError
from tieout.focus.columns import MONEY

Numbers = npt.NDArray[np.int64]

_HALF = 32
_LOW = (1 << _HALF) - 1
_ROOM = 10**28 >> 64  # a high word below this (and not below its negative) has at most 28 digits


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts and amounts by group; an amount is kept as `low + middle * 2**32 + high * 2**64`.

    `rows` says how many rows a group has, so that an absent group is not one that sums to zero.
    """

    rows: Numbers
    counts: Numbers
    low: Numbers
    middle: Numbers
    high: Numbers

    def add(self, groups: Numbers, counts: Numbers, amounts: pa.Array) -> None:
        """Add rows: the group, the count and the amount (DECIMAL(28,12), no nulls) of each."""
        words = _words(amounts)
        lower = words[:, 0].view(np.uint64)
        np.add.at(self.rows, groups, 1)
        np.add.at(self.counts, groups, counts)
        np.add.at(self.low, groups, (lower & np.uint64(_LOW)).view(np.int64))
        np.add.at(self.middle, groups, (lower >> np.uint64(_HALF)).view(np.int64))
        np.add.at(self.high, groups, words[:, 1])

    def present(self) -> Numbers:
        """The groups that have rows, in order."""
        return np.flatnonzero(self.rows)

    def amounts(self, groups: Numbers) -> pa.Array:
        """The sums of the named groups as DECIMAL(28,12).

        Raises:
            ConservationError: a sum has more than 28 digits.
        """
        low, middle = self.low[groups], self.middle[groups]
        middle = middle + (low >> _HALF)
        words = np.empty((len(groups), 2), np.int64)
        words[:, 0] = (low & _LOW) | ((middle & _LOW) << _HALF)
        words[:, 1] = self.high[groups] + (middle >> _HALF)
        sums = pa.Array.from_buffers(MONEY, len(groups), [None, pa.py_buffer(words)])
        if np.any((words[:, 1] >= _ROOM) | (words[:, 1] < -_ROOM)):
            _refuse_wide(sums)
        return sums


def no_sums(groups: int) -> Sums:
    """Nothing yet, for groups 0 up to, not including, `groups`."""
    return Sums(*(np.zeros(groups, np.int64) for _ in range(5)))


def distinct(values: Numbers) -> tuple[Numbers, Numbers]:
    """The distinct values in order, and for each value its place among them."""
    encoded = pa.array(values).dictionary_encode()
    found = encoded.dictionary.to_numpy()
    order = np.argsort(found)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return found[order], ranks[encoded.indices.to_numpy()]


def _refuse_wide(sums: pa.Array) -> None:
    try:
        sums.validate(full=True)
    except pa.ArrowInvalid as error:
        raise ConservationError(
            f"A sum does not fit DECIMAL(28,12): {error}; an amount of the charges is wrong by "
            "many digits; nothing was summed. Correct it at its source."
        ) from error


def _words(amounts: pa.Array) -> Numbers:
    """Two machine words a value, the lower first."""
    if not len(amounts):
        return np.empty((0, 2), np.int64)
    _, values = amounts.buffers()
    words: Numbers = np.frombuffer(values, np.int64).reshape(-1, 2)
    return words[amounts.offset : amounts.offset + len(amounts)]
