"""The plan of a close and its fiscal calendar, and what the calendar says of an entry.

Owns which policy counts: of a month the one in force then, of an entry that of the month in which
it is posted. Years and periods are `close.calendar`'s.
"""

from collections.abc import Sequence
from dataclasses import replace

from tieout.close.calendar import fiscal_name
from tieout.close.plan import DEFAULT_PLAN, Plan, parse_plan
from tieout.core.period import Period, period_of
from tieout.ledger.entry import JournalEntry
from tieout.steps.inputs import optional_policy
from tieout.store.session import Tx


def plan(tx: Tx, month: Period) -> Plan:
    """The plan of the close in force for the month, or what holds without a policy."""
    known = optional_policy(tx, "close", month)
    return parse_plan(known.body, name=known.label) if known else DEFAULT_PLAN


def dated(tx: Tx, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """The entries with the fiscal period of their posting dates, whose year numbers them.

    None, where the calendar's years and periods are calendar years and months.
    """
    months = {period_of(entry.posting_on) for entry in entries}
    calendars = {month: plan(tx, month).calendar for month in sorted(months)}
    return [
        replace(
            entry,
            fiscal_period=fiscal_name(calendars[period_of(entry.posting_on)], entry.posting_on),
        )
        for entry in entries
    ]
