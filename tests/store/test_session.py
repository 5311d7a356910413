"""Transactions and the translation of what the database says."""

import threading

import pytest
import sqlalchemy as sa
from demo.postgres import Logins
from tests.conftest import Stores
from tests.store.samples import OCTOBER

from tieout.core.errors import IntegrityError, SettingError, SourceUnreachableError
from tieout.store import migrate, periods
from tieout.store.session import Store


def test_an_exception_rolls_everything_back(stores: Stores) -> None:
    def fail() -> None:
        with stores.worker.transaction() as tx:
            periods.ensure(tx, OCTOBER)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with stores.reader.transaction() as tx:
        assert periods.state(tx, OCTOBER) is None


def test_the_actor_ends_with_the_transaction(stores: Stores) -> None:
    actor = sa.select(sa.func.tieout.current_actor())
    with stores.worker.transaction("ana") as tx:
        assert tx.scalar(actor) == "ana"
    with stores.worker.transaction() as tx:
        assert tx.scalar(actor) == "service:tieout_worker"


def test_every_connection_has_its_time_outs_and_says_who_it_is(ledger_database: Logins) -> None:
    names = ["application_name", "lock_timeout", "statement_timeout", "TimeZone"]
    names.append("idle_in_transaction_session_timeout")
    shown = sa.select(*(sa.func.current_setting(name) for name in names))
    limits = {"lock_timeout_ms": 2_000, "statement_timeout_ms": 10_000}
    with (
        Store(ledger_database.web_url, application_name="pages", **limits) as store,
        store.transaction() as tx,
    ):
        assert tuple(tx.execute(shown).one()) == ("pages", "2s", "10s", "UTC", "1min")


@pytest.mark.parametrize("url", ["", "not a url", "mysql://root:hunter2@host/db", "sqlite://"])
def test_what_is_no_database_url_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SettingError, match="Expected a database URL") as refusal:
        Store(url)
    assert "hunter2" not in str(refusal.value)


def test_a_wrong_password_and_a_missing_database_are_settings(ledger_database: Logins) -> None:
    right = sa.make_url(ledger_database.worker_url)
    for wrong in (right.set(password="hunter2"), right.set(database="nowhere")):
        with (
            Store(wrong.render_as_string(hide_password=False)) as store,
            pytest.raises(SettingError, match="Cannot use database") as refusal,
            store.transaction(),
        ):
            pass
        assert "hunter2" not in str(refusal.value)
        assert str(right.password) not in str(refusal.value)


def test_a_server_that_is_away_is_worth_a_retry() -> None:
    with (
        Store("postgresql://worker:hunter2@/tieout?host=/nowhere") as store,
        pytest.raises(SourceUnreachableError, match="No answer from database tieout") as refusal,
        store.transaction(),
    ):
        pass
    assert "hunter2" not in str(refusal.value)


def test_a_server_that_ends_the_session_is_worth_a_retry(stores: Stores) -> None:
    with pytest.raises(SourceUnreachableError), stores.owner.transaction() as tx:
        tx.execute(sa.select(sa.func.pg_terminate_backend(sa.func.pg_backend_pid())))


def test_a_lock_that_somebody_holds_is_worth_a_retry(ledger_database: Logins) -> None:
    with (
        Store(ledger_database.worker_url) as holder,
        Store(ledger_database.worker_url, lock_timeout_ms=100) as waiter,
        holder.transaction() as tx,
    ):
        periods.ensure(tx, OCTOBER)
        with pytest.raises(SourceUnreachableError, match="lock timeout"), waiter.transaction() as t:
            periods.ensure(t, OCTOBER)


def test_a_pool_that_is_used_up_is_worth_a_retry(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores.reader._engine.pool, "_timeout", 0.1)
    release = threading.Event()
    entered = threading.Barrier(11)

    def hold() -> None:
        with stores.reader.transaction():
            entered.wait()
            release.wait(timeout=30)

    holders = [threading.Thread(target=hold) for _ in range(10)]
    for holder in holders:
        holder.start()
    entered.wait()
    with (
        pytest.raises(SourceUnreachableError, match=r"All connections to .* are in use"),
        stores.reader.transaction(),
    ):
        pass
    release.set()
    for holder in holders:
        holder.join()


def test_a_foreign_schema_is_a_setting_and_a_bad_row_is_integrity(stores: Stores) -> None:
    with (
        pytest.raises(SettingError, match="does not fit this version"),
        stores.worker.transaction() as tx,
    ):
        tx.execute(sa.text("SELECT 1 FROM tieout.nothing"))
    with pytest.raises(IntegrityError, match="refused a row"), stores.worker.transaction() as tx:
        tx.execute(sa.text("SELECT CAST('x' AS integer)"))


def test_the_schema_is_checked_by_its_revision(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stores.worker.transaction() as tx:
        migrate.check(tx)
        for found, message in (("0000", "newer than this"), ("9999", "older than this")):
            monkeypatch.setattr(migrate, "HEAD", found)
            with pytest.raises(SettingError, match=message):
                migrate.check(tx)
    with stores.owner.transaction() as tx:
        tx.execute(sa.text("SET LOCAL ROLE t_owner"))
        tx.execute(sa.text("DROP TABLE tieout.alembic_version"))
        with pytest.raises(SettingError, match="has no tieout schema"):
            migrate.check(tx)
