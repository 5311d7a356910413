"""Money columns of the AWS report: billed, effective, list and contracted cost, quantities.

Owns the amortisation by line item type (AWS, cost and usage report data dictionaries); it reads
amounts of a batch and knows no other column.
"""

from collections.abc import Callable, Mapping
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import MoneyFormatError
from tieout.focus.columns import MONEY
from tieout.sources.amounts import (
    NULL_WORDS,
    Amounts,
    Mask,
    no_amounts,
    read_alike,
    read_amounts,
    zero_where,
)
from tieout.sources.aws_columns import COVERED, NEGATION, UNBLENDED, USAGE_AMOUNT
from tieout.sources.rows import decimal_or_none

Get = Callable[[str], pa.Array | None]

_PLAIN = {
    "consumed_quantity": USAGE_AMOUNT,
    "contracted_cost": "line_item_net_unblended_cost",
    "list_cost": "pricing_public_on_demand_cost",
    "list_unit_price": "pricing_public_on_demand_rate",
}
_COVERED_COST = {
    COVERED: "savings_plan_savings_plan_effective_cost",
    "DiscountedUsage": "reservation_effective_cost",
}
_TWO_COLUMNS = {
    "SavingsPlanRecurringFee": (
        "savings_plan_total_commitment_to_date",
        "savings_plan_used_commitment",
        -1,
    ),
    "RIFee": (
        "reservation_unused_amortized_upfront_fee_for_billing_period",
        "reservation_unused_recurring_fee",
        1,
    ),
}
_PRECISE = Context(prec=200)
_ZERO = pa.scalar(Decimal(0), MONEY)
_ALWAYS_ZERO = (NEGATION, "SavingsPlanUpfrontFee")


def read_unblended(get: Get) -> Amounts:
    """The invoiced amounts as the report writes them; each row must have one."""
    return read_amounts(get(UNBLENDED), required=True)


def read_quantities(get: Get, rows: int, unblended: Amounts) -> Mapping[str, Amounts]:
    """The optional money columns that the report has as they are."""
    known = [(get(UNBLENDED), unblended)]
    found: dict[str, Amounts] = {}
    for name, source in _PLAIN.items():
        column = get(source)
        found[name] = no_amounts(rows) if column is None else read_alike(column, known)
    return {**found, "pricing_quantity": found["consumed_quantity"]}


def effective_cost(billed: Amounts, get: Get, rows_of: Callable[[str], Mask]) -> Amounts:
    """Amortised cost: a covered row its share, a fee what it left unused, else the billed cost.

    `rows_of` says which rows have a line item type; "Fee" means fees of a reservation. A formula's
    columns are read in its own rows only, because AWS fills them with words elsewhere.
    """
    effective = billed
    for kind in (*_ALWAYS_ZERO, "Fee"):
        if rows_of(kind).any():
            effective = zero_where(effective, rows_of(kind))
    for kind, column in _COVERED_COST.items():
        if rows_of(kind).any():
            effective = _taken(effective, get(column), rows_of(kind))
    for kind, (first, second, sign) in _TWO_COLUMNS.items():
        if rows_of(kind).any():
            texts = _combined(get(first), get(second), sign, rows_of(kind))
            effective = _taken(effective, texts, rows_of(kind))
    return effective


def _taken(amounts: Amounts, column: pa.Array | None, rows: Mask) -> Amounts:
    """The column's amounts in these rows; an empty field is 0."""
    if column is None:
        return zero_where(amounts, rows)
    read = read_amounts(column)
    units = pc.if_else(pa.array(rows), pc.fill_null(read.units, _ZERO), amounts.units)
    wrong = {row: reason for row, reason in amounts.wrong.items() if not rows[row]}
    refused = {row: reason for row, reason in read.wrong.items() if rows[row]}
    return Amounts(units=units, exact=units, wrong=wrong | refused)


def _combined(first: pa.Array | None, second: pa.Array | None, sign: int, rows: Mask) -> pa.Array:
    """The first + sign x second of these rows as texts; a text that is no number stays."""
    texts: list[str | None] = [None] * len(rows)
    for row in np.flatnonzero(rows).tolist():
        texts[row] = _sum_text(_text(first, row), _text(second, row), sign)
    return pa.array(texts, pa.string())


def _sum_text(left: str, right: str, sign: int) -> str:
    numbers = []
    for text in (left, right):
        try:
            numbers.append(decimal_or_none(text) or Decimal(0))
        except MoneyFormatError:
            return text
    return f"{_PRECISE.add(numbers[0], _PRECISE.multiply(Decimal(sign), numbers[1])):f}"


def _text(column: pa.Array | None, row: int) -> str:
    value = None if column is None else column[row].as_py()
    return "" if value in {None, *NULL_WORDS} else str(value)
