"""Number the classes of charges: one integer for each distinct tuple of a ledger line's keys.

Owns the numbering, which depends on the keys alone: neither row order nor file order changes it.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.engine.exact_sums import Numbers, distinct
from tieout.focus.coded import coded, codes_of

_WORD = 1 << 62


def number_classes(
    assignments: Sequence[pa.Table], keys: Sequence[str]
) -> tuple[pa.Table, list[pa.Table]]:
    """The legend [class_id int32, keys] of all the assignments, and each one's classes.

    An assignment has `attr_id` and the keys (texts, plain or dictionary-coded); its classes are
    [attr_id int64, class_id int32] in its row order. Class ids count from 0 in the order of the
    keys, texts by bytes, null last; the legend's texts are dictionary-coded.
    """
    ranked = [_ranked([one.column(key) for one in assignments]) for key in keys]
    words = np.zeros(sum(one.num_rows for one in assignments), np.int64)
    span = 1
    for ranks, texts in ranked:
        size = len(texts) + 1
        if span * size > _WORD:
            found, words = distinct(words)
            span = len(found)
        words, span = words * size + ranks, span * size
    ids, numbers = distinct(words)
    firsts = np.empty(len(ids), np.int64)
    firsts[numbers] = np.arange(len(numbers))
    legend = {"class_id": pa.array(np.arange(len(ids), dtype=np.int32))}
    legend |= {
        key: _coded(ranks[firsts], texts) for key, (ranks, texts) in zip(keys, ranked, strict=True)
    }
    ends = np.cumsum([one.num_rows for one in assignments])[:-1]
    parts = np.split(numbers.astype(np.int32), ends)
    classes = [
        pa.table({"attr_id": one.column("attr_id").cast(pa.int64()), "class_id": part})
        for one, part in zip(assignments, parts, strict=True)
    ]
    return pa.table(legend), classes


def _ranked(columns: Sequence[pa.ChunkedArray]) -> tuple[Numbers, pa.Array]:
    """For each row the rank of its text among the texts, which come in order; null ranks last."""
    whole = pa.concat_tables([pa.table({"text": coded(column)}) for column in columns])
    one = coded(whole.column("text"))
    order = pc.array_sort_indices(one.dictionary).to_numpy()
    ranks = np.empty(len(order) + 1, np.int64)
    ranks[order] = np.arange(len(order))
    ranks[-1] = len(order)  # the code of null is -1
    return ranks[codes_of(one)], one.dictionary.take(pa.array(order))


def _coded(ranks: Numbers, texts: pa.Array) -> pa.DictionaryArray:
    indices = pa.array(ranks.astype(np.int32), mask=ranks == len(texts))
    return pa.DictionaryArray.from_arrays(indices, texts)
