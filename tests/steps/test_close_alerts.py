"""What people are told, and only of months that have ended and are not closed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from demo.postgres import Logins
from tests.conftest import Stores
from tests.steps.handed_in import context
from tests.store.samples import a_run, close

from tieout.config import utc_now
from tieout.core.finding import Finding
from tieout.steps import alerts, exceptions
from tieout.steps.context import Context
from tieout.store import findings, periods, runs

MONTH = "2025-10"  # ended long before anybody runs this
FOUND = [
    Finding(kind="missing_days", severity="warning", subject="aws/1", message="No 31 October."),
    Finding(kind="unpriced", severity="warning", subject="openai", message="No price."),
]


@pytest.fixture
def worker(stores: Stores, ledger_database: Logins, tmp_path: Path) -> Iterator[Context]:
    """October is open, and two things are wrong in it."""
    made = context(ledger_database.worker_url, tmp_path)
    with made.store.transaction() as tx:
        periods.ensure(tx, MONTH)
        findings.add_all(tx, runs.record(tx, a_run("normalise", MONTH)).run_id, FOUND)
    exceptions.refresh(made, period=MONTH)
    yield made
    made.close()


def told(worker: Context, now: datetime) -> list[tuple[str, str]]:
    then = replace(worker, now=lambda: now)
    found: list[tuple[str, str]] = [(one.kind, one.sentence) for one in alerts.due(then)]
    then.close()
    return found


def test_a_close_is_late_when_the_day_of_its_last_check_has_passed(worker: Context) -> None:
    later = datetime(2126, 11, 20, tzinfo=UTC)
    ((kind, sentence),) = told(worker, later)
    assert kind == "close_late"
    assert sentence.startswith("2025-10 should have been closed by 2025-11-07 and is not")


def test_a_new_exception_is_told_for_a_day(worker: Context) -> None:
    now = utc_now()
    found = [one for one in told(worker, now) if one[0] != "close_late"]
    assert sorted(found) == [
        ("exception_new", "rate_missing openai: No price."),
        ("source_missing", "missing_source aws/1: No 31 October."),
    ]
    assert {kind for kind, _ in told(worker, now + timedelta(hours=25))} <= {"close_late"}


def test_nothing_is_told_of_a_month_that_has_not_ended_or_is_closed(
    worker: Context, stores: Stores
) -> None:
    assert told(worker, datetime(2025, 10, 20, tzinfo=UTC)) == []
    close(stores, period=MONTH)
    assert told(worker, datetime(2126, 11, 20, tzinfo=UTC)) == []
