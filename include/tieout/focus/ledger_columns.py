"""The ledger line: charges of one period, summed by who pays and why.

Owns names, types and order of the columns after classification and allocation; amounts are
DECIMAL(28,12) in the billing currency. What a dimension of one's own is called and decides, the
rule file says: it stands in two texts, a JSON object each, so that the columns are always the same.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.ids import content_keys
from tieout.core.money import from_decimal
from tieout.focus.coded import coded, codes_of
from tieout.focus.columns import MONEY

DIMENSIONS = (
    "initiative",
    "cost_center",
    "pl_category",
    "product_line",
    "environment",
    "project",
)

# canonical JSON objects by dimension: its class, and the rule that decided; null: none was decided
OWN_DIMENSIONS, OWN_DIMENSION_RULES = "own_dimensions", "own_dimension_rules"
# each column of a class with the one of the rule that decided it
CLASS_COLUMNS = (
    *((dimension, f"{dimension}_rule") for dimension in DIMENSIONS),
    (OWN_DIMENSIONS, OWN_DIMENSION_RULES),
)
_BUILT_IN_END = f"{DIMENSIONS[-1]}_rule"  # in lines and in assignments own dimensions come next

LINE_KEY = (
    "period",
    "provider",
    "billing_account_id",
    "sub_account_id",
    "sub_account_name",
    "service_name",
    "service_category",
    "charge_category",
    "invoice_id",
    *DIMENSIONS,
    *(f"{dimension}_rule" for dimension in DIMENSIONS),
    OWN_DIMENSIONS,
    OWN_DIMENSION_RULES,
)

LEDGER_SCHEMA = pa.schema(
    [
        pa.field("ledger_line_id", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in LINE_KEY),
        pa.field("pool_id", pa.string()),  # null: charged directly
        pa.field("pool_line_id", pa.string()),  # the pool's line that this share came out of
        pa.field("billed_cost", MONEY, nullable=False),
        pa.field("charge_count", pa.int64(), nullable=False),
    ]
)


def ledger_line_ids(lines: pa.Table) -> list[str]:
    """The id of each line, made from LINE_KEY and the pool columns: same facts, same id.

    Own dimensions count only where there are some: a line without keeps the id that it had before
    there were any.
    """
    own = (OWN_DIMENSIONS, OWN_DIMENSION_RULES)
    names = (*(name for name in LINE_KEY if name not in own), "pool_id", "pool_line_id")
    ids = content_keys(_texts(lines.column(name)) for name in names)
    has_own = np.flatnonzero(lines.column(OWN_DIMENSIONS).is_valid().to_numpy())
    others = lines.take(pa.array(has_own))
    whole = content_keys(_texts(others.column(name)) for name in (*names, *own))
    for place, key in zip(has_own.tolist(), whole, strict=True):
        ids[place] = key
    return ids


def _texts(column: pa.ChunkedArray) -> tuple[list[str | None], list[int]]:
    """The distinct texts, null last, and the place of each row's."""
    one = coded(column)
    return [*one.dictionary.to_pylist(), None], codes_of(one).tolist()


def total_units(rows: pa.Table) -> int:
    """Sum of `billed_cost` of lines or charges in units of 1e-12; 0 for no rows."""
    return _units(pc.sum(rows["billed_cost"]))


def unallocated_units(lines: pa.Table) -> int:
    """Sum of absolute amounts (1e-12) of lines that no rule gave an initiative."""
    own = lines.filter(lines["initiative"].is_null())
    return _units(pc.sum(pc.abs(own["billed_cost"])))


def _units(total: pa.Scalar) -> int:
    return from_decimal(total.as_py()) if total.is_valid else 0


def with_own_dimensions(table: pa.Table) -> pa.Table:
    """Lines or an assignment as a file holds them, with the two columns of own dimensions.

    A file that was kept before there were own dimensions lacks them: they are null then.
    """
    if OWN_DIMENSIONS in table.column_names:
        return table
    at = table.column_names.index(_BUILT_IN_END) + 1
    nothing = pa.nulls(table.num_rows, pa.string())
    return table.add_column(at, OWN_DIMENSION_RULES, nothing).add_column(
        at, OWN_DIMENSIONS, nothing
    )
