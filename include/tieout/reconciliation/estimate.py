"""From our own estimate (tokens x rate card) to the provider's report, by cause.

Owns the components price, quantity, discount and the keys that only one side has. Rounding and
billing documents are not its business.
"""

from collections.abc import Iterator
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import round_half_even
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.bridge import Bridge, Part, gather
from tieout.reconciliation.compare import (
    CHARGE_DAY,
    Difference,
    Side,
    differences,
    with_charge_day,
)

_KEY = (CHARGE_DAY, "sub_account_id", "x_model", "x_service_tier", "x_token_kind")
_TIER = _KEY.index("x_service_tier")
_NAMES_SHOWN = 3
_CAUSES = {
    "quantity": "The report counts other quantities than the usage did ({rows} charges), valued at "
    "the estimated price.",
    "price": "The report's price before discount is not the rate card's ({rows} charges).",
    "negotiated_discount": "The provider bills other than its own list price ({rows} charges): "
    "negotiated discount.",
    "contract_rate": "The provider bills other than the contract's rate of its list price "
    "({rows} charges).",
    "priority_tier": "Priority tier is billed under contract and is never in the cost report "
    "({rows} estimated charges).",
    "only_in_estimate": "Usage was metered and the report has no charge for it "
    "({rows} estimated charges).",
    "only_in_report": "The report has token charges without metered usage or without a price "
    "({rows} charges).",
}


def estimate_bridge(
    *, provider: str, account: str, estimate: pa.Table, report: pa.Table, currency: str
) -> Bridge:
    """Bridge from the estimate's total to the report's total (CHARGE_SCHEMA both).

    Matched by charge day, sub-account, model, service tier and token kind. On a matched key:
    quantity = (q1 - q0) x p0, price = list - q1 x p0, discount = billed - list, in exact fractions
    rounded once to 1e-12, the remainder with the price; a side without quantities has no quantity
    effect, a report without list cost no discount; what a contract rate of the estimate already
    takes off the list is none either; a bill beside that rate is off by `contract_rate`. Source:
    variance bridge, joint effect to price.
    """
    metered = pc.is_valid(report["x_token_kind"])
    other = report.filter(pc.invert(metered))
    found = differences(
        with_charge_day(estimate), with_charge_day(report.filter(metered)), keys=_KEY
    )
    parts = [part for difference in found for part in _parts(difference)]
    lines = gather(
        "estimate_to_report",
        [*parts, *_unmetered(other)],
        causes={**_CAUSES, "not_metered_by_tokens": _unmetered_cause(other)},
    )
    start, end = total_units(estimate), total_units(report)
    return Bridge(
        provider=provider,
        billing_account_id=account,
        section="estimate_to_report",
        currency=currency,
        start_label="Own estimate",
        start_units=start,
        end_label="Provider report (final)",
        end_units=end,
        lines=lines,
        unexplained_units=end - start - sum(line.amount_units for line in lines),
    )


def _parts(difference: Difference) -> Iterator[Part]:
    estimate, report = difference.left, difference.right
    if not estimate.rows:
        yield _part("only_in_report", report.billed_units, report)
    elif report.rows:
        yield from _matched(estimate, report)
    else:
        priority = difference.key[_TIER] == "priority"
        component = "priority_tier" if priority else "only_in_estimate"
        yield _part(component, -estimate.billed_units, estimate)


def _matched(estimate: Side, report: Side) -> Iterator[Part]:
    discount = _discount(estimate, report)
    undiscounted = report.billed_units - discount
    quantity = _quantity_effect(estimate, report, before_discount=undiscounted)
    effects = {
        "quantity": quantity,
        "price": undiscounted - estimate.billed_units - quantity,
        "contract_rate" if _is_negotiated(estimate) else "negotiated_discount": discount,
    }
    for component, units in effects.items():
        if units:
            yield _part(component, units, report)


def _discount(estimate: Side, report: Side) -> int:
    """What the report is discounted by, beyond the rate that the estimate knows of the contract.

    The estimate's own rate is taken over to the report's list cost, as if it had been billed so.
    A report that lists nothing is at list price when it is nearer to our list cost.
    """
    if report.list_units is None:
        return _unlisted_discount(estimate, report)
    rate = Fraction(1)
    if estimate.list_units and _is_negotiated(estimate):
        rate = Fraction(estimate.billed_units, estimate.list_units)
    return report.billed_units - round_half_even(report.list_units * rate)


def _unlisted_discount(estimate: Side, report: Side) -> int:
    if estimate.list_units is None or not _is_negotiated(estimate):
        return 0
    scale = Fraction(1)
    if estimate.quantity and report.quantity is not None:
        scale = report.quantity / estimate.quantity
    listed, agreed = estimate.list_units * scale, estimate.billed_units * scale
    is_listed = abs(report.billed_units - listed) < abs(report.billed_units - agreed)
    return round_half_even(listed - agreed) if is_listed else 0


def _is_negotiated(estimate: Side) -> bool:
    """Whether our own estimate is at the rate of a contract."""
    return estimate.list_units not in {None, estimate.billed_units}


def _quantity_effect(estimate: Side, report: Side, *, before_discount: int) -> int:
    if estimate.quantity is None or report.quantity is None:
        return 0
    if estimate.quantity == 0:
        return before_discount - estimate.billed_units if report.quantity else 0
    added = report.quantity - estimate.quantity
    return round_half_even(Fraction(estimate.billed_units) * added / estimate.quantity)


def _part(component: str, units: int, side: Side) -> Part:
    return Part(
        component=component, amount_units=units, rows=side.rows, evidence=side.first_line_id
    )


def _unmetered(charges: pa.Table) -> Iterator[Part]:
    if charges.num_rows:
        ids = pc.sort_indices(charges["line_id"])[: min(charges.num_rows, 5)]
        first, *others = charges["line_id"].take(ids).to_pylist()
        yield Part(
            component="not_metered_by_tokens",
            amount_units=total_units(charges),
            rows=charges.num_rows,
            evidence=first,
        )
        for line_id in others:
            yield Part(component="not_metered_by_tokens", amount_units=0, rows=0, evidence=line_id)


def _unmetered_cause(charges: pa.Table) -> str:
    named = {name for name in charges["charge_description"].unique().to_pylist() if name}
    shown = ", ".join(sorted(named)[:_NAMES_SHOWN]).replace("{", "(").replace("}", ")")
    return f"{{rows}} charges are not metered by tokens: {shown or 'no description'}."
