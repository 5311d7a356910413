"""From charges to the figures of a variance bridge: what is metered, a fee, a credit, late.

Owns which charge goes where; every charge goes to one place. The arithmetic is `variance`'s.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import from_decimal
from tieout.core.period import Period, utc_midnight
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.compare import of_category
from tieout.reconciliation.variance import Amount, Figures, Metered, Pair

# What is priced alike; its first parts are what a quantity can be added up over.
_GROUP = ("service_name", "service_subcategory", "consumed_unit")
_KEY = (*_GROUP, "sku_id", "sku_meter", "x_model", "x_service_tier", "x_token_kind")
_NO_CHARGES: Sequence[str] = ()


def variance_figures(
    estimate: pa.Table,
    invoiced: pa.Table,
    *,
    period: Period,
    invoices: Sequence[BillingDocument],
    billed_elsewhere: Sequence[str] = _NO_CHARGES,
) -> Figures:
    """Sort both sides (CHARGE_SCHEMA, one account and currency) into the places of `Figures`.

    `invoiced` is what the invoices' lines say in detail: the final report with tax and credit
    charges, without a charge for rounding. Usage with a quantity is metered by service, unit, SKU,
    model, tier and token kind; usage whose charge period starts in another month is timing in;
    `billed_elsewhere` names the `line_id`s of the estimate that come on another invoice; purchases,
    adjustments and usage without a quantity are fees.
    """
    is_late = pc.is_in(estimate["line_id"], value_set=pa.array(billed_elsewhere, pa.string()))
    own = _in_period(invoiced, period)
    other = pc.and_(pc.equal(invoiced["charge_category"], "Usage"), pc.invert(own))
    here, there = estimate.filter(pc.invert(is_late)), invoiced.filter(pc.invert(other))
    metered = _metered(here, there)
    in_keys = (
        sum(one.estimated.units for one in metered if one.estimated),
        sum(one.invoiced.units for one in metered if one.invoiced),
    )
    credit, tax = (
        Pair(
            estimated_units=total_units(of_category(here, category)),
            invoiced_units=total_units(of_category(there, category)),
        )
        for category in ("Credit", "Tax")
    )
    return Figures(
        metered=metered,
        invoice_total_units=sum(one.total_units for one in invoices),
        printed_lines=sum(len(one.lines) for one in invoices),
        credits=credit,
        tax=tax,
        fees=Pair(
            estimated_units=total_units(here)
            - in_keys[0]
            - credit.estimated_units
            - tax.estimated_units,
            invoiced_units=total_units(there)
            - in_keys[1]
            - credit.invoiced_units
            - tax.invoiced_units,
        ),
        timing_in_units=total_units(invoiced.filter(other)),
        timing_out_units=total_units(estimate.filter(is_late)),
    )


def _in_period(charges: pa.Table, period: Period) -> pa.ChunkedArray:
    start = charges["charge_period_start"]
    first, after = (
        pa.scalar(utc_midnight(day), start.type) for day in (period.start_on, period.end_on)
    )
    return pc.and_(pc.greater_equal(start, first), pc.less(start, after))


def _metered(estimate: pa.Table, invoiced: pa.Table) -> tuple[Metered, ...]:
    sides = _amounts(estimate), _amounts(invoiced)
    return tuple(
        Metered(
            key=_text(key),
            group=_text(key[: len(_GROUP)]),
            estimated=sides[0].get(key),
            invoiced=sides[1].get(key),
        )
        for key in sorted(sides[0].keys() | sides[1].keys(), key=_text)
    )


def _amounts(charges: pa.Table) -> dict[tuple[str | None, ...], Amount]:
    usage = of_category(charges, "Usage")
    counted = usage.filter(pc.is_valid(usage["consumed_quantity"]))
    sums = counted.group_by(list(_KEY)).aggregate(
        [("consumed_quantity", "sum"), ("billed_cost", "sum")]
    )
    return {tuple(row[name] for name in _KEY): _amount(row) for row in sums.to_pylist()}


def _amount(row: dict[str, Any]) -> Amount:
    return Amount(
        quantity=Fraction(row["consumed_quantity_sum"]), units=from_decimal(row["billed_cost_sum"])
    )


def _text(key: Sequence[str | None]) -> str:
    return " / ".join(part or "-" for part in key)
