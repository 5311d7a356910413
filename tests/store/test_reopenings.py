"""A closed month is reopened by two people, inside a scope and a time, or locked for good."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from demo.postgres import Logins
from tests.conftest import Stores
from tests.store.samples import (
    CONTENT,
    OCTOBER,
    an_entry,
    ask,
    close,
    ledger_lines,
    publish,
    together,
)

from tieout.config import utc_now
from tieout.core.errors import (
    IntegrityError,
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    UnknownSubjectError,
)
from tieout.core.ids import sha256_hex
from tieout.store import journal, periods, publications, reopenings, signoffs
from tieout.store.reopenings import NewReopening

NEW = sha256_hex(b"after the reopening")
NOVEMBER = "2026-11"


def soon(**delta: int) -> datetime:
    return utc_now() + timedelta(**(delta or {"days": 2}))


def asked(stores: Stores, person: str | None = "ben", **fields: Any) -> int:
    new = NewReopening(
        period=OCTOBER,
        reason_code="late_document",
        remark="A credit note came.",
        scope=("reclass", "credit_note"),
        expires_at=soon(),
    )
    with stores.web.transaction(person) as tx:
        return reopenings.request(tx, replace(new, **fields))


def approved(stores: Stores, reopening_id: int, person: str = "cem") -> None:
    with stores.web.transaction(person) as tx:
        reopenings.approve(tx, reopening_id)


@pytest.fixture
def closed(stores: Stores) -> Stores:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, OCTOBER)
        journal.post(tx, an_entry())
    close(stores)
    close(stores, period=NOVEMBER)
    return stores


def state(stores: Stores, period: str = OCTOBER) -> str | None:
    with stores.reader.transaction() as tx:
        return periods.state(tx, period)


def test_two_people_reopen_a_month_and_close_it_again(closed: Stores) -> None:
    number = asked(closed)
    assert state(closed) == "closed"
    approved(closed, number)
    with closed.reader.transaction() as tx:
        assert periods.find(tx, OCTOBER) is not None
        assert [one.is_current for one in signoffs.listing(tx, OCTOBER)] == [False, False]
        assert {one.voided_because for one in signoffs.listing(tx, OCTOBER)} == {
            "Reopened by ben and cem."
        }
        assert signoffs.latest_request(tx, OCTOBER) is None
        (request,) = reopenings.listing(tx, OCTOBER)
        assert (request.requested_by, request.approved_by) == ("ben", "cem")
        (flag,) = reopenings.flags(tx, NOVEMBER)
        assert flag.reason == "Opening balance may change: 2026-10 was reopened."
        assert reopenings.flags(tx, OCTOBER) == []
    with closed.worker.transaction() as tx:
        journal.post(tx, an_entry("correction", journal_type="reclass"))
        ask(tx, NEW)
    with closed.web.transaction("ana") as tx:
        assert signoffs.record(tx, OCTOBER, "preparer", NEW, comment="") == "reopened"
    with closed.web.transaction("ben") as tx:
        assert signoffs.record(tx, OCTOBER, "controller", NEW, comment="") == "closed"
    with closed.reader.transaction() as tx:
        first, second = reopenings.closes(tx, OCTOBER)
    assert (first.close_no, first.content_hash, first.closed_by) == (1, CONTENT, "ben")
    assert (second.close_no, second.content_hash) == (2, NEW)
    assert second.closed_seq > first.closed_seq


def test_the_same_content_is_signed_again_after_a_reopening(closed: Stores) -> None:
    approved(closed, asked(closed))
    with closed.worker.transaction() as tx:
        ask(tx)
    with (
        pytest.raises(NotReadyError, match="No preparer has signed this content"),
        closed.web.transaction("ben") as tx,
    ):
        signoffs.record(tx, OCTOBER, "controller", CONTENT, comment="")
    close(closed)
    assert state(closed) == "closed"


def test_what_was_published_before_stays_beside_the_new_version(closed: Stores) -> None:
    with closed.worker.transaction() as tx:
        before, _ = publish(tx, ledger_lines("1"))
    approved(closed, asked(closed))
    with (
        pytest.raises(NotReadyError, match="Period 2026-10 is reopened: expected closed"),
        closed.worker.transaction() as tx,
    ):
        publish(tx, ledger_lines("2"), NEW)
    close(closed, NEW)
    with closed.worker.transaction() as tx:
        after, is_new = publish(tx, ledger_lines("2"), NEW)
        assert is_new
        assert publications.as_of(tx, OCTOBER, before.ledger_seq) == before
        assert publications.head(tx, OCTOBER) == after


def test_one_person_does_not_reopen_alone(closed: Stores) -> None:
    number = asked(closed, "cem")
    with pytest.raises(SegregationError, match="cem asked for the reopening of 2026-10"):
        approved(closed, number, "cem")
    with pytest.raises(SegregationError, match="Expected a person with the duty controller or"):
        approved(closed, number, "ana")
    with pytest.raises(SegregationError, match="the duty controller, found ana"):
        asked(closed, "ana")
    with pytest.raises(SegregationError, match="people decide, services propose"):
        asked(closed, None)
    assert state(closed) == "closed"


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"scope": ()}, UnknownSubjectError, "found none"),
        ({"scope": ("wish",)}, UnknownSubjectError, "found wish"),
        ({"expires_at": soon(days=-1)}, NotReadyError, "expected a time from now on"),
        ({"expires_at": soon(days=32)}, NotReadyError, "at most 31 days ahead"),
        ({"period": "2026-12"}, NotReadyError, "2026-12 is not open yet"),
        ({"reason_code": "because"}, IntegrityError, "reason_code"),
        ({"remark": " "}, IntegrityError, "remark"),
    ],
)
def test_a_request_needs_reason_scope_and_time(
    closed: Stores, fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        asked(closed, **fields)


def test_only_what_is_in_scope_enters_a_reopened_month(closed: Stores) -> None:
    approved(closed, asked(closed))
    with (
        pytest.raises(PeriodClosedError, match="reopened for reclass, credit_note only, found"),
        closed.worker.transaction() as tx,
    ):
        journal.post(tx, an_entry("other", journal_type="manual"))


def test_nothing_enters_a_reopened_month_after_its_time(
    closed: Stores, ledger_database: Logins
) -> None:
    approved(closed, asked(closed, expires_at=soon(seconds=1)))
    with psycopg.connect(ledger_database.worker_url, autocommit=True) as worker:
        worker.execute("SELECT pg_sleep(1.1)")
    with (
        pytest.raises(PeriodClosedError, match="The reopening of 2026-10 ended at"),
        closed.worker.transaction() as tx,
    ):
        journal.post(tx, an_entry("late", journal_type="reclass"))
    close(closed, NEW)
    assert state(closed) == "closed"


def test_a_request_lapses_with_its_time_and_with_the_next_close(closed: Stores) -> None:
    late = asked(closed, expires_at=soon(seconds=1))
    stale = asked(closed)
    with closed.web.transaction("ben") as tx:
        tx.exec_driver_sql("SELECT pg_sleep(1.1)")
    with pytest.raises(NotReadyError, match="before it was approved"):
        approved(closed, late)
    approved(closed, asked(closed))
    with pytest.raises(NotReadyError, match="does not hold any more: the period is reopened"):
        approved(closed, stale)
    close(closed, NEW)
    with pytest.raises(NotReadyError, match="was closed after it was asked for"):
        approved(closed, stale)
    with pytest.raises(UnknownSubjectError, match="Nobody asked for reopening 99"):
        approved(closed, 99)


def test_a_locked_month_is_closed_for_good(closed: Stores) -> None:
    stale = asked(closed)
    with (
        pytest.raises(NotReadyError, match="needs a reason"),
        closed.web.transaction("ben") as tx,
    ):
        reopenings.lock(tx, OCTOBER, " ")
    for _ in range(2):
        with closed.web.transaction("ben") as tx:
            reopenings.lock(tx, OCTOBER, "The year is audited.")
    with closed.reader.transaction() as tx:
        found = periods.find(tx, OCTOBER)
    assert found is not None
    assert (found.state, found.is_locked) == ("closed", True)
    with pytest.raises(NotReadyError, match="the period is locked"):
        approved(closed, stale)
    with pytest.raises(NotReadyError, match="2026-10 is locked: only a closed period"):
        asked(closed)
    for entry_type in ("reclass", "true_up"):
        with (
            pytest.raises(PeriodClosedError, match="Period 2026-10 is locked"),
            closed.worker.transaction() as tx,
        ):
            journal.post(tx, an_entry("late", journal_type=entry_type))
    with (
        pytest.raises(PeriodClosedError, match="2026-10 is locked already"),
        closed.worker.transaction() as tx,
    ):
        ask(tx, NEW)
    with closed.worker.transaction() as tx:
        publish(tx, ledger_lines("1"))


def test_months_are_locked_in_order_and_by_a_controller(closed: Stores) -> None:
    approved(closed, asked(closed))
    with (
        pytest.raises(NotReadyError, match="2026-10 is reopened: expected it and all before it"),
        closed.web.transaction("ben") as tx,
    ):
        reopenings.lock(tx, NOVEMBER, "The year is audited.")
    with (
        pytest.raises(SegregationError, match="the duty controller, found ana"),
        closed.web.transaction("ana") as tx,
    ):
        reopenings.lock(tx, NOVEMBER, "The year is audited.")


def test_a_month_does_not_close_on_top_of_a_reopened_one(stores: Stores) -> None:
    close(stores)
    approved(stores, asked(stores))
    with pytest.raises(NotReadyError, match="Period 2026-10 is not closed"):
        close(stores, period=NOVEMBER)


def test_closing_and_posting_into_a_reopened_month_wait_for_each_other(closed: Stores) -> None:
    approved(closed, asked(closed))
    with closed.worker.transaction() as tx:
        ask(tx, NEW)
    with closed.web.transaction("ana") as tx:
        signoffs.record(tx, OCTOBER, "preparer", NEW, comment="")

    def post() -> str:
        with closed.worker.transaction() as tx:
            journal.post(tx, an_entry("race", journal_type="reclass"))
        return "posted"

    def sign() -> str:
        with closed.web.transaction("ben") as tx:
            return signoffs.record(tx, OCTOBER, "controller", NEW, comment="")

    outcomes = sorted(one.split(":")[0] for one in together([post, sign]))
    assert outcomes in (["NotReadyError", "posted"], ["PeriodClosedError", "closed"])
    assert (state(closed) == "closed") == ("closed" in outcomes)
