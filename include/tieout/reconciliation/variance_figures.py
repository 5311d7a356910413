"""From charges to the figures of a variance bridge: what is metered, a fee, a credit, late.

Owns which charge goes where; every charge goes to one place. The arithmetic is `variance`'s.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import from_decimal
from tieout.core.period import Period, utc_midnight
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.compare import of_category
from tieout.reconciliation.variance import Amount, Figures, Metered, Pair

# What is priced alike; its first parts are what a quantity can be added up over.
_GROUP = ("service_name", "service_subcategory")
_TOKENS = ("x_model", "x_service_tier", "x_token_kind")
_KEY = (*_GROUP, "sku_id", "sku_meter", *_TOKENS)
_UNIT = "consumed_unit"
_EMBEDDING = "embed"
_NO_CHARGES: Sequence[str] = ()

_Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """One key of a side; `unit` is None when a row counts nothing or the rows count differently."""

    unit: str | None
    quantity: Fraction
    units: int


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
    charges, without a charge for rounding; without invoices it is the figure itself. Usage is
    metered by service, SKU, model, tier and token kind; an own estimate knows no SKU of tokens, so
    tokens are told by model, tier and kind alone. A key that one side does not count, or in another
    unit, is `uncounted`. Usage whose charge period starts in another month is timing in;
    `billed_elsewhere` names the `line_id`s of the estimate that come on another invoice; purchases
    and adjustments are fees.
    """
    is_late = pc.is_in(estimate["line_id"], value_set=pa.array(billed_elsewhere, pa.string()))
    own = _in_period(invoiced, period)
    other = pc.and_(pc.equal(invoiced["charge_category"], "Usage"), pc.invert(own))
    here, there = estimate.filter(pc.invert(is_late)), invoiced.filter(pc.invert(other))
    found = _sorted(here, there)
    credit, tax = (
        Pair(
            estimated_units=total_units(of_category(here, category)),
            invoiced_units=total_units(of_category(there, category)),
        )
        for category in ("Credit", "Tax")
    )
    figures = replace(
        found,
        printed_lines=sum(len(one.lines) for one in invoices),
        credits=credit,
        tax=tax,
        timing_in_units=total_units(invoiced.filter(other)),
        timing_out_units=total_units(estimate.filter(is_late)),
    )
    fees = Pair(
        estimated_units=total_units(estimate) - figures.estimate_units,
        invoiced_units=total_units(invoiced) - figures.lines_units,
    )
    billed = sum(one.total_units for one in invoices) if invoices else total_units(invoiced)
    return replace(figures, fees=fees, invoice_total_units=billed)


def _in_period(charges: pa.Table, period: Period) -> pa.ChunkedArray:
    start = charges["charge_period_start"]
    first, after = (
        pa.scalar(utc_midnight(day), start.type) for day in (period.start_on, period.end_on)
    )
    return pc.and_(pc.greater_equal(start, first), pc.less(start, after))


def _sorted(estimate: pa.Table, invoiced: pa.Table) -> Figures:
    """Metered and uncounted keys; the totals are not known yet."""
    knows_meters = not _is_own(estimate)
    before, after = (_counted(side, knows_meters=knows_meters) for side in (estimate, invoiced))
    keys = sorted(before.keys() | after.keys(), key=_text)
    unlike = [key for key in keys if _is_unlike(before.get(key), after.get(key))]
    return Figures(
        metered=tuple(
            _metered(key, before.get(key), after.get(key)) for key in keys if key not in set(unlike)
        ),
        invoice_total_units=0,
        printed_lines=0,
        uncounted=Pair(
            estimated_units=sum(before[key].units for key in unlike),
            invoiced_units=sum(after[key].units for key in unlike),
        ),
        uncounted_keys=tuple(_text(key) for key in unlike),
    )


def _is_own(estimate: pa.Table) -> bool:
    """An own estimate prices tokens and has no meter of the provider on any of them."""
    tokens = estimate.filter(pc.is_valid(estimate["x_token_kind"]))
    return bool(tokens.num_rows) and tokens["sku_meter"].null_count == tokens.num_rows


def _counted(charges: pa.Table, *, knows_meters: bool) -> dict[_Key, _Counted]:
    usage = of_category(charges, "Usage")
    usage = usage.set_column(
        usage.column_names.index(_UNIT), _UNIT, pc.utf8_lower(usage[_UNIT])
    ).combine_chunks()
    if not knows_meters:
        usage = _without_meters(usage)
    sums = usage.group_by([*_KEY, _UNIT]).aggregate(
        [
            ("consumed_quantity", "sum"),
            ("consumed_quantity", "count"),
            ("billed_cost", "sum"),
            ("line_id", "count"),
        ]
    )
    found: dict[_Key, _Counted] = {}
    for row in sums.to_pylist():
        key = tuple(row[name] for name in _KEY)
        is_counted = row["consumed_quantity_count"] == row["line_id_count"]
        one = _Counted(
            unit=(row[_UNIT] or "") if is_counted else None,
            quantity=Fraction(row["consumed_quantity_sum"] or 0),
            units=from_decimal(row["billed_cost_sum"]),
        )
        found[key] = _together(found[key], one) if key in found else one
    return found


def _without_meters(usage: pa.Table) -> pa.Table:
    """Tokens by model, tier and kind only: what an own estimate can be compared by."""
    is_token = pc.is_valid(usage["x_token_kind"])
    for name in ("sku_id", "sku_meter"):
        kept = pc.if_else(is_token, pa.scalar(None, pa.string()), usage[name])
        usage = usage.set_column(usage.column_names.index(name), name, kept)
    return usage


def _together(one: _Counted, other: _Counted) -> _Counted:
    return _Counted(
        unit=one.unit if one.unit == other.unit else None,
        quantity=one.quantity + other.quantity,
        units=one.units + other.units,
    )


def _is_unlike(before: _Counted | None, after: _Counted | None) -> bool:
    """Whether both sides have the key and cannot be compared by quantity."""
    if before is None or after is None:
        return False
    return before.unit is None or before.unit != after.unit


def _metered(key: _Key, before: _Counted | None, after: _Counted | None) -> Metered:
    units = {one.unit for one in (before, after) if one}
    return Metered(
        key=_text(key),
        group=_text((*key[: len(_GROUP)], min(unit or "" for unit in units), _sort_of(key))),
        estimated=_amount(before),
        invoiced=_amount(after),
    )


def _amount(one: _Counted | None) -> Amount | None:
    return None if one is None else Amount(quantity=one.quantity, units=one.units)


def _sort_of(key: _Key) -> str:
    """Embeddings never stand with what talks, though both count tokens of one service."""
    model = dict(zip(_KEY, key, strict=True))["x_model"] or ""
    return "embeddings" if _EMBEDDING in model else ""


def _text(key: Iterable[str | None]) -> str:
    return " / ".join(part or "-" for part in key)
