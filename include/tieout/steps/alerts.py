"""Alerts: what people should be told about the months that are not closed yet.

Owns what is worth telling, as sentences; how they reach people is Airflow's notifiers' business.
Writes nothing.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from tieout.close.checklist import Check, checks
from tieout.core.errors import NotReadyError
from tieout.core.period import Period, parse_period
from tieout.steps import close_inputs, evidence
from tieout.steps.context import Context
from tieout.steps.fiscal import plan
from tieout.store import exceptions, periods
from tieout.store.session import Tx

AlertKind = Literal["close_late", "exception_new", "tolerance_broken", "source_missing"]
NEW_FOR = timedelta(hours=24)
_LAST_CHECK = "C20"
_KIND_OF_CHECK: dict[str, AlertKind] = {
    "C01": "source_missing",
    "C05": "tolerance_broken",
    "C10": "tolerance_broken",
    "C16": "tolerance_broken",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to tell; the sentence may hold a provider's words and is plain text."""

    kind: AlertKind
    period: str
    sentence: str


def due(context: Context) -> list[Alert]:
    """What to tell about every month that has ended and is not closed, oldest month first.

    A close is late when the day of its last check has passed; an exception is new for a day.
    """
    today = context.now().date()
    with context.store.transaction() as tx:
        months = [
            parse_period(one.period)
            for one in periods.listing(tx)
            if one.state != "closed" and parse_period(one.period).end_on <= today
        ]
        return [
            alert
            for month in months
            for alert in (
                *_late(tx, month, today=today),
                *_new_exceptions(context, tx, month),
                *_failed_checks(context, tx, month),
            )
        ]


def _late(tx: Tx, month: Period, *, today: date) -> list[Alert]:
    by = plan(tx, month).due_on(_LAST_CHECK, month)
    if today <= by:
        return []
    sentence = (
        f"{month} should have been closed by {by} and is not: see `tieout checklist {month}`."
    )
    return [Alert(kind="close_late", period=str(month), sentence=sentence)]


def _new_exceptions(context: Context, tx: Tx, month: Period) -> list[Alert]:
    return [
        Alert(
            kind="source_missing" if one.type == "missing_source" else "exception_new",
            period=one.period,
            sentence=f"{one.type} {one.subject}: {one.message}",
        )
        for one in exceptions.listing(tx, str(month))
        if one.state == "open" and context.now() - one.first_seen_at <= NEW_FOR
    ]


def _failed_checks(context: Context, tx: Tx, month: Period) -> list[Alert]:
    try:
        results: tuple[Check, ...] = checks(
            close_inputs.gather(tx, evidence.load(context, tx, month))
        )
    except NotReadyError:  # a month that nobody has reconciled has no figures to measure
        return []
    return [
        Alert(
            kind=_KIND_OF_CHECK[one.check_id],
            period=str(month),
            sentence=f"{one.check_id} {one.title}: {one.detail}",
        )
        for one in results
        if one.check_id in _KIND_OF_CHECK and not one.passed
    ]
