"""Small sides to match: rows as (id, amount, keys), and what came of them in short."""

from collections.abc import Sequence

import pyarrow as pa

from tieout.core.money import to_decimal, to_units
from tieout.reconciliation.match_sides import SIDE_SCHEMA, Side
from tieout.reconciliation.match_values import Match, Matching, Pass, Shape

CENT = 10**10
SHAPES: tuple[Shape, ...] = ("1:1", "1:n", "n:1", "n:m")
PASSES = (
    Pass(
        name="line number",
        keys=("invoice_id", "invoice_detail_id"),
        shape="1:1",
        required=("invoice_id", "invoice_detail_id"),
    ),
    *(Pass(name=f"sku {shape}", keys=("sku_id", "region_id"), shape=shape) for shape in SHAPES),
    *(Pass(name=f"service {shape}", keys=("service_name",), shape=shape) for shape in SHAPES),
)


def side(name: str, *rows: tuple[str, str, dict[str, str | None]], step_units: int = 1) -> Side:
    """Rows as (id, amount, keys); what is not named is empty."""
    values = [
        {"member_id": row_id, "amount": to_decimal(to_units(amount)), **keys}
        for row_id, amount, keys in rows
    ]
    return Side(name=name, rows=pa.Table.from_pylist(values, SIDE_SCHEMA), step_units=step_units)


def shown(matches: Sequence[Match]) -> list[tuple[str, str, str]]:
    return [
        (
            one.pass_name,
            " ".join(member.member_id for member in one.earlier),
            " ".join(member.member_id for member in one.later),
        )
        for one in matches
    ]


def ids(matching: Matching) -> tuple[list[str], list[str]]:
    return (
        [one.member_id for one in matching.open_earlier],
        [one.member_id for one in matching.open_later],
    )
