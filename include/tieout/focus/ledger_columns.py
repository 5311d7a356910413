"""The ledger line: charges of one period, summed by who pays and why.

Owns names, types and order of the columns after classification and allocation; amounts are
DECIMAL(28,12) in the billing currency.
"""

import pyarrow as pa

from tieout.core.ids import content_key
from tieout.focus.columns import MONEY

DIMENSIONS = (
    "initiative",
    "cost_center",
    "pl_category",
    "product_line",
    "environment",
    "project",
)

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
    """The id of each line, made from LINE_KEY and the pool columns: same facts, same id."""
    names = (*LINE_KEY, "pool_id", "pool_line_id")
    columns = [lines.column(name).to_pylist() for name in names]
    return [content_key(row) for row in zip(*columns, strict=True)]
