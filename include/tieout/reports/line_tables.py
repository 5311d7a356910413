"""Ledger lines as a table, asked for as pages ask: sums by dimensions, those that fit a condition.

Owns what a condition and a sum are, for tables and for the database alike: null is a value like any
other, and a dimension of one's own counts like a built-in one. Reads no file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import from_decimal
from tieout.focus.ledger_columns import OWN_DIMENSIONS
from tieout.rules.own_dimensions import own_columns

Values = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Lines that have one of `values` in a column or own dimension; with `but`, none of them.

    Lines that were in one of `pools` fit as well, whatever they have there.
    """

    name: str
    values: tuple[str | None, ...]
    but: bool = False
    pools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What lines with the same values come to, in units of 1e-12, and how many they are."""

    key: Values
    units: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The last line of a page: the next page begins behind it."""

    amount: Decimal
    line_id: str


def sums(lines: pa.Table, by: Sequence[str]) -> list[Sum]:
    """Sums of lines (LEDGER_SCHEMA) by columns or own dimensions; without any, one sum of all."""
    names = [f"key_{place}" for place in range(len(by))]
    columns = [*(_column(lines, name) for name in by), lines["billed_cost"]]
    grouped = (
        pa.table(columns, names=[*names, "amount"])
        .group_by(names)
        .aggregate([("amount", "sum"), ("amount", "count")])
    )
    return [
        Sum(
            key=tuple(row[name] for name in names),
            units=from_decimal(row["amount_sum"] or Decimal(0)),
            count=row["amount_count"],
        )
        for row in grouped.to_pylist()
    ]


def fitting(lines: pa.Table, wanted: Sequence[Wanted]) -> pa.Table:
    """The lines that fit every condition, in their order."""
    for one in wanted:
        column = _column(lines, one.name)
        found = pc.is_in(column, value_set=pa.array(one.values, pa.string()))
        found = pc.invert(found) if one.but else found
        pooled = pc.is_in(lines["pool_id"], value_set=pa.array(one.pools, pa.string()))
        lines = lines.filter(pc.or_(found, pooled) if one.pools else found)
    return lines


def page(
    lines: pa.Table, *, behind: Place | None, smallest_first: bool, limit: int
) -> list[dict[str, object]]:
    """Lines by amount, the largest first, then by id; from behind a place on."""
    order = "ascending" if smallest_first else "descending"
    if behind is not None:
        beyond = pc.greater if smallest_first else pc.less
        amount = lines["billed_cost"]
        same = pc.and_(
            pc.equal(amount, behind.amount), pc.greater(lines["ledger_line_id"], behind.line_id)
        )
        lines = lines.filter(pc.or_(beyond(amount, behind.amount), same))
    places = pc.sort_indices(
        lines, sort_keys=[("billed_cost", order), ("ledger_line_id", "ascending")]
    )
    found: list[dict[str, object]] = lines.take(places[:limit]).to_pylist()
    return found


def _column(lines: pa.Table, name: str) -> pa.Array:
    if name in lines.column_names:
        return lines[name].combine_chunks()
    own = own_columns(lines[OWN_DIMENSIONS])
    return own.get(name, pa.nulls(lines.num_rows, pa.string()))
