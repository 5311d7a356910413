"""From the provider's own preliminary figures to its final report, by account and day.

Owns the bridge of feeds that know no tokens (AWS Cost Explorer, Azure cost queries). Their service
names differ from those of the report, so the key is the charge day and the sub-account.
"""

import pyarrow as pa

from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.bridge import Bridge, Part, gather
from tieout.reconciliation.compare import (
    CHARGE_DAY,
    Difference,
    differences,
    with_charge_day,
)

_KEY = (CHARGE_DAY, "sub_account_id")
_CAUSES = {
    "restated": "The report has other amounts than the preliminary figures of the same day and "
    "account ({rows} charges).",
    "only_in_estimate": "Preliminary figures for which the report has no charge ({rows} figures).",
    "only_in_report": "The report has charges on days or accounts without preliminary figures "
    "({rows} charges).",
}


def preliminary_bridge(
    *, provider: str, account: str, estimate: pa.Table, report: pa.Table, currency: str
) -> Bridge:
    """Bridge from the preliminary total to the report's total (CHARGE_SCHEMA both)."""
    found = differences(with_charge_day(estimate), with_charge_day(report), keys=_KEY)
    lines = gather("estimate_to_report", [_part(one) for one in found], causes=_CAUSES)
    start, end = total_units(estimate), total_units(report)
    return Bridge(
        provider=provider,
        billing_account_id=account,
        section="estimate_to_report",
        currency=currency,
        start_label="Provider's preliminary figures",
        start_units=start,
        end_label="Provider report (final)",
        end_units=end,
        lines=lines,
        unexplained_units=end - start - sum(line.amount_units for line in lines),
    )


def _part(found: Difference) -> Part:
    if not found.right.rows:
        component, side = "only_in_estimate", found.left
    elif found.left.rows:
        component, side = "restated", found.right
    else:
        component, side = "only_in_report", found.right
    return Part(
        component=component,
        amount_units=found.right.billed_units - found.left.billed_units,
        rows=side.rows,
        evidence=side.first_line_id,
    )
