"""From the draft report of the first days to the final one: late, restated, withdrawn rows."""

from datetime import datetime

import pyarrow as pa

from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.bridge import Bridge, Part, gather
from tieout.reconciliation.compare import Difference, differences

# What a charge is, without where it was read: line ids name the document and differ by pull.
_KEY = (
    "charge_period_start",
    "sub_account_id",
    "charge_category",
    "charge_description",
    "service_name",
    "region_id",
    "resource_id",
    "sku_id",
    "sku_meter",
    "tags",
    "x_model",
    "x_service_tier",
    "x_token_kind",
)
_CAUSES = {
    "late_rows": "{{rows}} charges of {days} were not yet in the draft.",
    "restated_rows": "The provider restated {{rows}} charges of {days} after the draft.",
    "withdrawn_rows": "{{rows}} draft charges of {days} are gone from the final report.",
}


def restatement_bridge(
    *, provider: str, account: str, draft: pa.Table, final: pa.Table, currency: str
) -> Bridge:
    """Bridge between two pulls of the same report; rows agree when all but their place agrees."""
    found = differences(draft, final, keys=_KEY)
    days: dict[str, list[datetime]] = {component: [] for component in _CAUSES}
    for difference in found:
        days[_component(difference)].append(difference.key[0])
    causes = {
        component: cause.format(days=_days(days[component])) for component, cause in _CAUSES.items()
    }
    lines = gather("draft_to_final", map(_part, found), causes=causes)
    start, end = total_units(draft), total_units(final)
    return Bridge(
        provider=provider,
        billing_account_id=account,
        section="draft_to_final",
        currency=currency,
        start_label="Provider report (draft)",
        start_units=start,
        end_label="Provider report (final)",
        end_units=end,
        lines=lines,
        unexplained_units=end - start - sum(line.amount_units for line in lines),
    )


def _component(difference: Difference) -> str:
    if not difference.left.rows:
        return "late_rows"
    return "restated_rows" if difference.right.rows else "withdrawn_rows"


def _part(difference: Difference) -> Part:
    side = difference.right if difference.right.rows else difference.left
    return Part(
        component=_component(difference),
        amount_units=difference.right.billed_units - difference.left.billed_units,
        rows=side.rows,
        evidence=side.first_line_id,
    )


def _days(found: list[datetime]) -> str:
    if not found:
        return "no day"
    first, last = min(found).date().isoformat(), max(found).date().isoformat()
    return first if first == last else f"{first} to {last}"
