"""Azure's rounding row: one adjustment that turns exact rows into an invoice of cents."""

from collections.abc import Iterator

from tieout.core.money import SCALE, minor_digits
from tieout.reconciliation.breaks import Case, Row
from tieout.reconciliation.causes.base import Explanation

RANK = 40
SENTENCE = "Azure's rounding adjustment ({rows} charges)."


def find(case: Case) -> Iterator[Explanation]:
    """Adjustments of Azure that name rounding and are no larger than rounding can be.

    That is half a minor unit for each row of the later figure, because each may be a line.
    """
    for one in case.breaks:
        rows = tuple(row for row in one.rows if _is_rounding(row, case.later.num_rows))
        if one.key.category == "Adjustment" and rows:
            yield Explanation(cause="azure_rounding", key=one.key, rows=rows)


def _is_rounding(row: Row, lines: int) -> bool:
    names = (row.charge["charge_description"], row.charge["sku_meter"])
    minor: int = 10 ** (SCALE - minor_digits(row.charge["billing_currency"]))
    is_small = 2 * abs(row.units) <= minor * lines
    is_named = any("rounding" in (name or "").lower() for name in names)
    return row.charge["provider"] == "azure" and is_named and is_small
