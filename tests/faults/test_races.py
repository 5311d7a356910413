"""Closers against closers, posters against posters, close against post: the database decides.

Each race is a month of its own on real connections. `TIEOUT_SOAK=1` runs 500 of them.
"""

import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import psycopg
import pytest
import sqlalchemy as sa
from demo.postgres import Logins
from tests.conftest import Stores
from tests.examples import SOAK
from tests.store.samples import CONTENT, a_check, an_entry, together

from tieout.core.errors import SourceUnreachableError
from tieout.store import journal, periods, signoffs
from tieout.store.session import Store

pytestmark = pytest.mark.fault
RACES = 500 if SOAK else 30
FROZEN_S = 1.0


def _month(race: int) -> str:
    return f"{2026 + race // 12}-{race % 12 + 1:02}"


def _prepared(stores: Stores, month: str) -> None:
    """The month waits for its controller; until then it takes true-ups."""
    with stores.worker.transaction() as tx:
        periods.ensure(tx, month)
        signoffs.request_close(tx, month, CONTENT, checks=[a_check()])
    with stores.web.transaction("ana") as tx:
        signoffs.record(tx, month, "preparer", CONTENT, comment="")


def _close(stores: Stores, month: str, person: str) -> str:
    with stores.web.transaction(person) as tx:
        return signoffs.record(tx, month, "controller", CONTENT, comment="")


def _true_up(month: str, key: str) -> dict[str, object]:
    return an_entry(
        f"{month} {key}", journal_type="true_up", posting_on=f"{month}-28", service_period=month
    )


def _post(stores: Stores, month: str, keys: str) -> list[bool]:
    with stores.worker.transaction() as tx:
        posted = journal.post_many(tx, [_true_up(month, key) for key in keys])
    return [one.is_new for one in posted]


def _post_one(stores: Stores, month: str, key: str) -> list[bool]:
    with stores.worker.transaction() as tx:
        return [journal.post(tx, _true_up(month, key)).is_new]


def _run(stores: Stores, race: int) -> list[str]:
    """Two closers, two posters with one entry in common; who wins is the machine's choice."""
    month = _month(race)
    _prepared(stores, month)
    calls: list[Callable[[], object]] = [
        partial(_close, stores, month, "ben"),
        partial(_post, stores, month, "ab"),
        partial(_post_one, stores, month, "a"),
        partial(_close, stores, month, "cem"),
    ]
    turn = race % len(calls)
    found = together(calls[turn:] + calls[:turn])
    ended = found[-turn:] + found[:-turn] if turn else found
    with stores.reader.transaction() as tx:
        state = tx.scalar(
            sa.text("SELECT state FROM tieout.period WHERE period = :month"), {"month": month}
        )
    if state != "closed":  # a poster came first: what was signed is stale, so it is asked anew
        _prepared(stores, month)
        assert _close(stores, month, "ben") == "closed"
    return ended


def _check(ended: list[str], kinds: Counter[str]) -> None:
    closed = [ended[0], ended[3]].count("closed")
    posted = [text for text in ended[1:3] if text.startswith("[")]
    refused = [text for text in ended[1:3] if not text.startswith("[")]
    assert closed <= 1
    assert all(text.startswith("PeriodClosedError") for text in refused), ended
    for text in (ended[0], ended[3]):
        assert text.startswith(("closed", "PeriodClosedError", "NotReadyError")), ended
    assert (closed == 1) == (not posted), ended  # a close and a posting never both succeed
    if len(posted) == len(refused) + 2:
        assert sorted(posted) in (["[False, True]", "[True]"], ["[False]", "[True, True]"])
    kinds["closed" if closed else "posted"] += 1


def test_no_race_puts_an_entry_into_a_closed_month_or_leaves_a_gap(stores: Stores) -> None:
    kinds: Counter[str] = Counter()
    for race in range(RACES):
        _check(_run(stores, race), kinds)
    assert set(kinds) == {"closed", "posted"}, f"{kinds}: the races were none"
    with stores.reader.transaction() as tx:
        late = tx.scalar(
            sa.text(
                "SELECT count(*) FROM tieout.journal_entry JOIN tieout.period USING (period) "
                "WHERE ledger_seq > closed_seq"
            )
        )
        taken = tx.scalars(
            sa.text(
                "SELECT ledger_seq FROM tieout.journal_entry UNION ALL "
                "SELECT closed_seq FROM tieout.period ORDER BY 1"
            )
        ).all()
        numbers = tx.execute(
            sa.text(
                "SELECT fiscal_year, count(*), max(number), count(DISTINCT idempotency_key) "
                "FROM tieout.journal_entry GROUP BY 1"
            )
        ).all()
    assert late == 0
    assert list(taken) == list(range(1, len(taken) + 1))
    assert all(count == last == keys for _, count, last, keys in numbers)


def _hold(url: str) -> None:
    """Take the ledger's lock and stand still: nobody is there to end the transaction."""
    with psycopg.connect(url, options=f"-c idle_in_transaction_session_timeout={FROZEN_S}s") as tx:
        tx.execute("SELECT tieout.open_period('2026-11')")
        os.kill(os.getpid(), signal.SIGSTOP)


def test_a_frozen_holder_of_the_lock_stops_nobody_for_ever(
    stores: Stores, ledger_database: Logins
) -> None:
    with stores.worker.transaction() as tx:
        periods.ensure(tx, "2026-10")
    holder = multiprocessing.get_context("fork").Process(
        target=_hold, args=(ledger_database.worker_url,)
    )
    holder.start()
    assert holder.pid is not None
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WNOWAIT)
    began = time.monotonic()
    try:
        with (
            Store(ledger_database.worker_url, lock_timeout_ms=200) as page,
            pytest.raises(SourceUnreachableError, match="lock timeout"),
            page.transaction() as tx,
        ):
            journal.post(tx, an_entry())
        with stores.worker.transaction() as tx:  # waits until the server ends the frozen session
            assert journal.post(tx, an_entry()).ledger_seq == 1
        assert time.monotonic() - began < FROZEN_S + 5
    finally:
        holder.kill()
        holder.join(10)
