"""Rows by number: which rows have the same tuple of texts, and what each tuple's rows add up to.

Owns grouping and exact sums of millions of rows; knows no column's meaning.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tieout.focus.coded import Codes, codes_of

Numbers = npt.NDArray[np.int64]
Units = npt.NDArray[Any]  # machine words, or Python's integers where words could overflow
_WORD_LIMIT = 1 << 62


def numbered(columns: Sequence[pa.DictionaryArray]) -> Numbers:
    """For each row the number of its tuple, counted in order of appearance; nulls are equal.

    The columns are `coded` and equally long; at least one.
    """
    return numbered_codes((len(column.dictionary), codes_of(column)) for column in columns)


def numbered_codes(columns: Iterable[tuple[int, Codes]]) -> Numbers:
    """The same for columns that are codes already, each with the length of its dictionary."""
    found, size = np.zeros(1, np.int64), 1
    for texts, codes in columns:
        width = texts + 1
        if size * width >= _WORD_LIMIT:
            found, size = _counted(found), len(found)
        found = found * width + codes + 1
        size *= width
    return _counted(found)


def exact(units: Sequence[int]) -> Units:
    """Units as an array in which the sum of any of them is exact."""
    fits = max(max(units, default=0), -min(units, default=0)) * len(units) < _WORD_LIMIT
    return np.array(units, np.int64 if fits else object)


def sums_of(numbers: Numbers, units: Units, *, size: int) -> Units:
    """What the rows of each number below `size` add up to; 0 without rows."""
    sums: Units = np.zeros(size, units.dtype)
    np.add.at(sums, numbers, units)
    return sums


def _counted(words: Numbers) -> Numbers:
    """Each word's number in order of appearance."""
    found: Numbers = pa.array(words).dictionary_encode().indices.to_numpy().astype(np.int64)
    return found
