"""Two tables of charges side by side by an exact key. Owns sums and matching; names no causes.

Arrow only sums, counts and joins here; whatever multiplies is done on the few rows that differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import from_decimal

CHARGE_DAY = "charge_day"

_WORD_BITS = 64

# Arrow's join never matches null with null; no provider sends this text.
_NULL_TEXT = "\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a key: sums over its charges, all zero when the side lacks the key.

    List cost and quantity are None when a charge of the key lacks the figure.
    """

    billed_units: int
    list_units: int | None
    quantity: Fraction | None
    rows: int
    first_line_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A key on which the two sides do not bill the same; a side of no rows lacks the key."""

    key: tuple[Any, ...]
    left: Side
    right: Side


_ABSENT = Side(billed_units=0, list_units=None, quantity=None, rows=0, first_line_id="")


def units_of(amounts: pa.ChunkedArray) -> list[int]:
    """Each amount of a DECIMAL(28,12) column without nulls in units of 1e-12, in order.

    Read from the bytes of the column, because a month has millions: a DECIMAL(28,12) is kept as
    two machine words that hold exactly its units.
    """
    whole = amounts.combine_chunks()
    if not len(whole):
        return []
    words = np.frombuffer(whole.buffers()[1], np.int64).reshape(-1, 2)
    low, high = words[whole.offset : whole.offset + len(whole)].T
    if np.array_equal(high, low >> (_WORD_BITS - 1)):
        units: list[int] = low.tolist()
        return units
    pairs = zip(low.tolist(), high.tolist(), strict=True)
    return [(upper << _WORD_BITS) + lower % (1 << _WORD_BITS) for lower, upper in pairs]


def of_category(charges: pa.Table, category: str) -> pa.Table:
    """The charges of one FOCUS charge category."""
    return charges.filter(pc.equal(charges["charge_category"], category))


def with_charge_day(charges: pa.Table) -> pa.Table:
    """Add the UTC day on which each charge starts as `charge_day` (date)."""
    day = pc.cast(pc.floor_temporal(charges["charge_period_start"], unit="day"), pa.date32())
    return charges.append_column(CHARGE_DAY, day)


def differences(left: pa.Table, right: pa.Table, *, keys: Sequence[str]) -> tuple[Difference, ...]:
    """Keys whose billed sums differ or that only one side has, ordered by key.

    The sum of (right - left) over the result equals total(right) - total(left) exactly.
    """
    joined = _summed(left, keys).join(
        _summed(right, keys),
        keys=list(keys),
        join_type="full outer",
        left_suffix="_left",
        right_suffix="_right",
    )
    same = pc.fill_null(pc.equal(joined["billed_left"], joined["billed_right"]), fill_value=False)
    rows = joined.filter(pc.invert(same)).to_pylist()
    found = [
        Difference(
            key=tuple(_null_again(row[key]) for key in keys),
            left=_side(row, "_left"),
            right=_side(row, "_right"),
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda difference: str(difference.key)))


def _summed(charges: pa.Table, keys: Sequence[str]) -> pa.Table:
    filled = charges.select([*keys, "billed_cost", "list_cost", "consumed_quantity", "line_id"])
    for position, key in enumerate(keys):
        if pa.types.is_string(filled.schema.field(key).type):
            filled = filled.set_column(position, key, pc.fill_null(filled[key], _NULL_TEXT))
    grouped = filled.group_by(list(keys)).aggregate(
        [
            ("billed_cost", "sum"),
            ("list_cost", "sum"),
            ("list_cost", "count"),
            ("consumed_quantity", "sum"),
            ("consumed_quantity", "count"),
            ("line_id", "count"),
            ("line_id", "min"),
        ]
    )
    names = {
        "billed_cost_sum": "billed",
        "list_cost_sum": "list",
        "list_cost_count": "list_rows",
        "consumed_quantity_sum": "quantity",
        "consumed_quantity_count": "quantity_rows",
        "line_id_count": "rows",
        "line_id_min": "first",
    }
    return grouped.select([*keys, *names]).rename_columns([*keys, *names.values()])


def _side(row: dict[str, Any], suffix: str) -> Side:
    rows = row[f"rows{suffix}"]
    if rows is None:
        return _ABSENT
    complete_list = row[f"list_rows{suffix}"] == rows
    complete_quantity = row[f"quantity_rows{suffix}"] == rows
    return Side(
        billed_units=from_decimal(row[f"billed{suffix}"]),
        list_units=from_decimal(row[f"list{suffix}"]) if complete_list else None,
        quantity=Fraction(row[f"quantity{suffix}"]) if complete_quantity else None,
        rows=rows,
        first_line_id=row[f"first{suffix}"],
    )


def _null_again(value: Any) -> Any:
    return None if value == _NULL_TEXT else value
