"""Findings that follow from a finished bridge: what is unexplained, what only one side has."""

from collections.abc import Sequence

from tieout.core.finding import Finding
from tieout.core.money import format_units
from tieout.reconciliation.bridge import Bridge

_ONE_SIDED = ("only_in_estimate", "only_in_report")


def unexplained(bridge: Bridge) -> tuple[Finding, ...]:
    """A blocking finding when something of the bridge has no cause; nothing otherwise."""
    if not bridge.unexplained_units:
        return ()
    amount = f"{format_units(bridge.unexplained_units)} {bridge.currency}"
    return (
        Finding(
            kind="unexplained",
            severity="blocking",
            subject=f"{bridge.provider}/{bridge.billing_account_id}: {bridge.section}",
            message=(
                f"Expected every difference between {bridge.start_label} and {bridge.end_label} to "
                f"have a cause, found {amount} without one: ask the provider before the close."
            ),
            amount_units=bridge.unexplained_units,
            currency=bridge.currency,
        ),
    )


def one_sided(bridges: Sequence[Bridge]) -> tuple[Finding, ...]:
    """A warning for each component that only the estimate or only the report has."""
    return tuple(
        Finding(
            kind=line.component,
            severity="warning",
            subject=f"{bridge.provider}/{bridge.billing_account_id}",
            message=f"{line.cause} Check the usage pull and the rate card for these keys.",
            amount_units=line.amount_units,
            currency=bridge.currency,
        )
        for bridge in bridges
        for line in bridge.lines
        if line.component in _ONE_SIDED
    )
