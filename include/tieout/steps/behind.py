"""What stands behind a ledger line: its charges, out of the files of the classification it is of.

Shared by what explains a figure on the command line and on the pages; it shows nothing itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.focus.ledger_columns import CLASS_COLUMNS, LINE_KEY, with_own_dimensions
from tieout.steps.context import Context
from tieout.steps.views import rows_of

_CLASS_KEY: Final = tuple(name for pair in CLASS_COLUMNS for name in pair)
_CHARGE_KEY: Final = tuple(name for name in LINE_KEY if name not in {"period", *_CLASS_KEY})


def charges_of(
    context: Context, classified: Mapping[str, Any], source: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The charges of a direct line, largest amount first; they add up to the line.

    `classified` names the files of one classification: `assignment`, and the list `charges`.
    """
    assignment = with_own_dimensions(
        context.lake.get_table(classified["assignment"]["path"], classified["assignment"]["sha256"])
    )
    of_class = _have(assignment, source, _CLASS_KEY)
    own: list[dict[str, Any]] = []
    for file in classified["charges"]:
        table = context.lake.get_table(file["path"], file["sha256"])
        classed = table.filter(of_class.take(rows_of(table, assignment)))
        own += classed.filter(_have(classed, source, _CHARGE_KEY)).to_pylist()
    return sorted(own, key=lambda row: (-abs(row["billed_cost"]), row["line_id"]))


def _have(table: pa.Table, wanted: Mapping[str, Any], names: Sequence[str]) -> pa.Array:
    """Which rows have the wanted values; null equals null."""
    found = pa.array(np.ones(table.num_rows, np.bool_))
    for name in names:
        column = table[name].combine_chunks()
        same = column.is_null() if wanted[name] is None else pc.equal(column, wanted[name])
        found = pc.and_(found, same.fill_null(False))
    return found
