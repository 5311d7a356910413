"""Dictionary codes of text columns: whatever depends on values only is worked out once per value.

Owns the coding and the distinct tuples over several columns; knows no column's meaning. A code
counts from 0 in its dictionary, -1 is null.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Codes = npt.NDArray[np.int32]
Texts = tuple[str | None, ...]

_SLICE = 1 << 18  # rows that are compared at a time
_WORD = 1 << 62


def coded(column: pa.Array | pa.ChunkedArray) -> pa.DictionaryArray:
    """The column as one array over one dictionary, in which no text stands twice."""
    if not pa.types.is_dictionary(column.type):
        return _whole(column.dictionary_encode())
    whole = _whole(column)
    if len(whole.dictionary.unique()) < len(whole.dictionary):
        return whole.cast(whole.type.value_type).dictionary_encode()
    return whole


def codes_of(column: pa.DictionaryArray) -> Codes:
    """The codes of a coded column, -1 for null."""
    indices = column.indices.fill_null(-1) if column.null_count else column.indices
    codes: Codes = indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return codes


def distinct_tuples(columns: Sequence[pa.DictionaryArray]) -> tuple[Codes, Iterator[Texts]]:
    """For each row the number of its tuple, and the tuples by number in order of appearance.

    The columns have equal lengths; no tuple comes twice.
    """
    codes = [codes_of(column) for column in columns]
    groups = _groups([len(column.dictionary) + 1 for column in columns])
    numbers = np.empty(len(codes[0]), np.int32)
    seen: dict[bytes, int] = {}
    for start in range(0, len(numbers), _SLICE):
        part = slice(start, start + _SLICE)
        words = np.stack([_packed([codes[at][part] for at in one], one) for one in groups], axis=1)
        found, keys = _distinct_keys(words)
        places = [seen.setdefault(key, len(seen)) for key in keys]
        numbers[part] = np.array(places, np.int32)[found]
    words = np.frombuffer(b"".join(seen), np.int64).reshape(len(seen), len(groups))
    matrix = np.empty((len(seen), len(columns)), np.int32)
    for word, group in zip(words.T, groups, strict=True):
        _unpack(word, group, matrix)
    return numbers, _tuples(columns, matrix)


def _whole(column: pa.DictionaryArray | pa.ChunkedArray) -> pa.DictionaryArray:
    if isinstance(column, pa.ChunkedArray):
        return column.unify_dictionaries().combine_chunks()
    return column


def _groups(sizes: Sequence[int]) -> list[dict[int, int]]:
    """Columns (place and number of codes) whose codes fit together into one 63-bit word."""
    groups: list[dict[int, int]] = [{}]
    for place, size in enumerate(sizes):
        if prod(groups[-1].values()) * size >= _WORD:
            groups.append({})
        groups[-1][place] = size
    return groups


def _packed(codes: Sequence[Codes], group: dict[int, int]) -> npt.NDArray[np.int64]:
    word = np.zeros(len(codes[0]), np.int64)
    for one, size in zip(codes, group.values(), strict=True):
        if size > 1:
            word *= size
            word += one
            word += 1
    return word


def _unpack(word: npt.NDArray[np.int64], group: dict[int, int], matrix: Codes) -> None:
    for place in reversed(group):
        word, code = np.divmod(word, group[place])
        matrix[:, place] = code - 1


def _distinct_keys(words: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], list[bytes]]:
    rows, width = words.shape
    keys = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(8 * width), rows, [None, pa.py_buffer(np.ascontiguousarray(words))]
    ).dictionary_encode()
    return keys.indices.to_numpy(), keys.dictionary.to_pylist()


def _tuples(columns: Sequence[pa.DictionaryArray], matrix: Codes) -> Iterator[Texts]:
    """The texts of each row of codes; some rows at a time, because texts take far more memory."""
    for start in range(0, len(matrix), _SLICE >> 3):
        some = matrix[start : start + (_SLICE >> 3)]
        texts = [_texts(column, some[:, place]) for place, column in enumerate(columns)]
        yield from zip(*texts, strict=True)


def _texts(column: pa.DictionaryArray, codes: Codes) -> list[str | None]:
    taken = column.dictionary.take(pa.array(codes, mask=codes < 0))
    values: list[str | None] = taken.to_pylist()
    return values
