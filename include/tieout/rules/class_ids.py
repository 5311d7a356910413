"""Classes as integers: an engine groups by one number instead of a dozen texts.

Owns the numbering only. A class is one distinct tuple of all dimensions and the rules that decided.
"""

import numpy as np
import pyarrow as pa

from tieout.focus.coded import coded, distinct_tuples


def class_ids(assignment: pa.Table) -> tuple[pa.Array, pa.Table]:
    """For each row of `classify`'s result its class, and the classes.

    The first is int32, dense from 0 in order of appearance. The second has one row per class in
    that order: `class_id` (int32) and every column of the assignment but `attr_id`, as texts.
    """
    names = [name for name in assignment.column_names if name != "attr_id"]
    columns = [coded(assignment.column(name)) for name in names]
    numbers, _ = distinct_tuples(columns)
    count = int(numbers.max(initial=-1)) + 1
    first = np.empty(count, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # the last to write is the first row
    rows = pa.array(first)
    texts = {
        name: column.take(rows).cast(pa.string())
        for name, column in zip(names, columns, strict=True)
    }
    ids = pa.array(np.arange(count, dtype=np.int32))
    return pa.array(numbers), pa.table({"class_id": ids, **texts})
