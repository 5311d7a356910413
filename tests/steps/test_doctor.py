"""The doctor finds each thing that is wrong, and a good set-up has no failing point."""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import sqlalchemy as sa
from demo.postgres import Logins, Server
from tests import month
from tests.conftest import Stores
from tests.worlds import WorldAt

from tieout.config import ProviderConnection, Secret, Settings
from tieout.core.errors import ConnectionMissingError, NotReadyError, SourceRefusedError
from tieout.publish.pack_keys import make_key
from tieout.steps import doctor
from tieout.steps.context import Context, make
from tieout.steps.doctor import database, places, providers
from tieout.steps.doctor.points import Area, Point, verdict
from tieout.store import server
from tieout.store.session import Store, Tx

IN_OCTOBER = datetime(2026, 10, 20, 12, tzinfo=UTC)
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def _settings(home: Path, **changed: Any) -> Settings:
    made = Settings(
        home=home,
        lake_url=(home / "lake").as_uri(),
        publish_url=(home / "published").as_uri(),
        worker_database_url=Secret(""),
        web_database_url=Secret(""),
        owner_database_url=Secret(""),
        allow_loopback=True,
        demo=False,
    )
    return replace(made, **changed)


def _no_connection(provider: str) -> ProviderConnection:
    raise ConnectionMissingError(f"No connection tieout_{provider}.")


def _context(
    settings: Settings, connection: Callable[[str], ProviderConnection] = _no_connection
) -> Context:
    return make(settings=settings, connection=connection, now=lambda: NOON)


def _by_name(points: Iterable[Point]) -> dict[str, Point]:
    return {point.name: point for point in points}


def _failing(points: Iterable[Point]) -> list[str]:
    return [point.name for point in points if point.state == "fail"]


@pytest.fixture
def administrator(postgres_server: Server, ledger_database: Logins) -> Iterator[Store]:
    """The server's administrator on the fresh ledger database."""
    parts = urlsplit(postgres_server.admin_url)
    name = urlsplit(ledger_database.owner_url).path
    with Store(urlunsplit((parts.scheme, parts.netloc, name, parts.query, ""))) as store:
        yield store


def _after(store: Store, change: str, look: Callable[[Tx], Iterable[Point]]) -> dict[str, Point]:
    """What a look says after a change, which is undone again: roles belong to the whole server."""
    with store.transaction() as tx:
        inner = tx.begin_nested()
        tx.execute(sa.text(change))
        found = _by_name(look(tx))
        inner.rollback()
    return found


def test_all_decisions_of_a_fresh_schema_are_known_to_the_doctor(stores: Stores) -> None:
    with stores.reader.transaction() as tx:
        web, worker = server.allowed(tx, "t_web"), server.allowed(tx, "t_worker")
    assert web - worker == server.DECISIONS


def test_a_good_database_has_no_failing_point_but_the_tests_lack_of_durability(
    ledger_database: Logins, tmp_path: Path
) -> None:
    settings = _settings(
        tmp_path,
        demo=True,
        worker_database_url=Secret(ledger_database.worker_url),
        web_database_url=Secret(ledger_database.web_url),
        owner_database_url=Secret(ledger_database.owner_url),
    )
    points = list(database.look(_context(settings)))
    unsafe = {"fsync", "full_page_writes", "synchronous_commit"}  # tests leave them off
    assert set(_failing(points)) == unsafe
    names = _by_name(points)
    assert {"login worker", "login web", "login owner", "schema"} <= set(names)
    assert names["server log"].state == "warn"
    assert "log_disconnections" in names["server log"].found


def test_a_database_that_is_not_set_or_away_is_one_failing_point(tmp_path: Path) -> None:
    (point,) = database.look(_context(_settings(tmp_path)))
    assert (point.state, "TIEOUT_WORKER_DATABASE_URL" in point.mend) == ("fail", True)
    away = Secret("postgresql://worker:hunter2@/tieout?host=/nowhere")
    points = list(database.look(_context(_settings(tmp_path, worker_database_url=away))))
    assert _failing(points) == ["login worker"]
    assert "hunter2" not in repr(points)


def test_a_login_in_the_wrong_place_is_found(ledger_database: Logins, tmp_path: Path) -> None:
    settings = _settings(tmp_path, demo=True, web_database_url=Secret(ledger_database.owner_url))
    point = _by_name(database.look(_context(settings)))["login web"]
    assert point.state == "fail"
    assert "tieout_owner is a member of t_owner" in point.found


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        ("ALTER ROLE tieout_worker CREATEROLE", "logins without power", "tieout_worker"),
        ("GRANT t_owner TO tieout_web", "one role per login", "tieout_web holds t_owner"),
        (
            "GRANT EXECUTE ON FUNCTION tieout.approve_reopening TO t_worker",
            "decisions refused to t_worker",
            "approve_reopening",
        ),
        (
            "GRANT EXECUTE ON FUNCTION tieout.close_period TO PUBLIC",
            "decisions refused to t_reader",
            "close_period",
        ),
        (
            "REVOKE EXECUTE ON FUNCTION tieout.record_signoff FROM t_web",
            "decisions open to t_web",
            "record_signoff",
        ),
    ],
)
def test_a_login_that_may_too_much_or_too_little_is_named(
    administrator: Store, change: str, name: str, says: str
) -> None:
    with administrator.transaction() as tx:
        assert _failing(database.roles(tx)) == []
    point = _after(administrator, change, database.roles)[name]
    assert (point.state, says in point.found) == ("fail", True)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (
            "ALTER TABLE tieout.journal_line DISABLE TRIGGER no_update",
            "facts cannot be changed",
        ),
        ("ALTER FUNCTION tieout.append_event(text) RESET search_path", "search path pinned"),
        ("GRANT CREATE ON SCHEMA public TO t_worker", "no objects of applications"),
    ],
)
def test_an_object_that_was_weakened_is_named(administrator: Store, change: str, name: str) -> None:
    with administrator.transaction() as tx:
        assert _failing(database.objects(tx)) == []
    assert _after(administrator, change, database.objects)[name].state == "fail"


def test_another_revision_of_the_schema_is_found(
    administrator: Store, ledger_database: Logins, tmp_path: Path
) -> None:
    with administrator.transaction() as tx:
        tx.execute(sa.text("UPDATE tieout.alembic_version SET version_num = '0001'"))
    settings = _settings(
        tmp_path, demo=True, worker_database_url=Secret(ledger_database.worker_url)
    )
    point = _by_name(database.look(_context(settings)))["schema"]
    assert (point.state, "older" in point.found) == ("fail", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server_version_num", "140011"),
        ("data_checksums", "off"),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "off"),
        ("synchronous_commit", "local"),
        ("password_encryption", "md5"),
    ],
)
def test_a_server_setting_that_loses_or_shows_data_fails(name: str, value: str) -> None:
    good = {
        "server_version_num": "170004",
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "password_encryption": "scram-sha-256",
        "log_connections": "on",
        "log_disconnections": "on",
        "log_statement": "ddl",
    }
    assert {point.state for point in database.settings_of(good)} == {"ok"}
    points = list(database.settings_of({**good, name: value}))
    assert len(_failing(points)) == 1
    assert all(point.mend for point in points if point.state == "fail")


@pytest.mark.parametrize(
    ("query", "demo", "state"),
    [
        ("", False, "fail"),
        ("?sslmode=require", False, "fail"),
        ("?sslmode=verify-full", False, "ok"),
        ("?sslmode=require", True, "warn"),
    ],
)
def test_only_a_verified_line_is_good_outside_a_demo(
    tmp_path: Path, query: str, demo: bool, state: str
) -> None:
    url = Secret(f"postgresql://w:p@127.0.0.1:1/tieout{query}")
    settings = _settings(tmp_path, demo=demo, worker_database_url=url)
    assert _by_name(database.look(_context(settings)))["line worker"].state == state


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "ok"), (29, "ok"), (30, "warn"), (299, "warn"), (300, "fail")]
)
def test_clocks_that_drift_apart_are_found(seconds: int, state: str) -> None:
    assert database.clock(timedelta(seconds=seconds)).state == state


def test_a_clock_years_away_fails_against_a_real_server(
    ledger_database: Logins, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, worker_database_url=Secret(ledger_database.worker_url))
    made = replace(_context(settings), now=lambda: datetime(2001, 1, 1, tzinfo=UTC))
    assert _by_name(database.look(made))["clock"].state == "fail"


def test_folders_that_can_be_written_are_good_and_hold_one_probe(tmp_path: Path) -> None:
    made = _context(_settings(tmp_path, anchor_url=(tmp_path / "anchors").as_uri()))
    for _ in range(2):
        points = list(places.look(made))
    assert _failing(points) == []
    assert _by_name(points)["anchor folder"].state == "ok"
    files = [path for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["probe.txt"]


def test_a_lake_that_is_a_file_and_a_scheme_without_driver_fail(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("not a folder")
    made = _context(_settings(tmp_path, publish_url="nosuch://bucket/x"))
    assert _failing(places.look(made)) == ["lake", "published"]


@pytest.mark.parametrize(
    ("free", "state"),
    [(999_999_999, "fail"), (1_000_000_000, "warn"), (5_000_000_000, "ok")],
)
def test_a_disk_that_fills_is_found(free: int, state: str) -> None:
    assert places.room("/lake", free).state == state


def test_a_signing_key_that_others_can_read_fails_and_none_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    make_key(file)
    kept = _settings(tmp_path, signing_key=str(file))
    assert _by_name(places.look(_context(kept)))["signing key"].state == "ok"
    file.chmod(0o644)
    point = _by_name(places.look(_context(kept)))["signing key"]
    assert (point.state, "0644" in point.found) == ("fail", True)
    names = _by_name(places.look(_context(_settings(tmp_path))))
    assert (names["signing key"].state, names["anchors"].state) == ("warn", "warn")


def test_an_anchor_that_is_no_repository_fails(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    made = _context(_settings(tmp_path, anchor_git=str(clone)))
    assert _failing(places.look(made)) == ["anchor git"]
    subprocess.run(["git", "init", "-q", str(clone)], check=True)
    assert _failing(places.look(made)) == []


def test_the_worst_point_is_the_verdict() -> None:
    area = Area("a")
    ok, warn = area.ok("x", "y"), area.warn("x", "y", "z")
    assert verdict([ok]) == "ok"
    assert verdict([ok, warn]) == "warn"
    assert verdict([warn, area.fail("x", "y", "z"), ok]) == "fail"


def test_each_credential_is_asked_once_and_a_bad_one_is_named(world_at: WorldAt) -> None:
    world = world_at("draft world")
    worker = replace(world.worker(), now=lambda: IN_OCTOBER)
    good = list(providers.look(worker))
    names = {f"connection {one}" for one in ("aws", "azure", "gcp", "openai", "anthropic")}
    assert {point.name for point in good} == names
    assert [point.found for point in good if point.state != "ok"] == []

    def broken(provider: str) -> ProviderConnection:
        found = worker.connection(provider)
        if provider == "openai":
            return replace(found, endpoint="http://127.0.0.1:9/v1")
        if provider == "anthropic":
            raise ConnectionMissingError("No connection tieout_anthropic.")
        return replace(found, secret=Secret("wrong"), login="wrong")

    with closing(replace(worker, connection=broken)) as other:
        points = _by_name(providers.look(other))
    assert points["connection openai"].state == "fail"
    assert points["connection anthropic"].state == "warn"
    worker.close()


@pytest.mark.parametrize(
    ("answer", "state", "mend"),
    [
        (SourceRefusedError("403 Forbidden"), "fail", "permissions"),
        (NotReadyError("no file yet"), "ok", ""),
    ],
)
def test_a_refusal_says_what_to_give_and_an_empty_answer_is_an_answer(
    world_at: WorldAt, answer: Exception, state: str, mend: str
) -> None:
    world = world_at("draft world")

    def refusing(provider: str) -> ProviderConnection:
        raise answer

    worker = replace(world.worker(), connection=refusing)
    points = list(providers.look(worker))
    worker.close()
    assert {point.state for point in points} == {state}
    assert all(mend in point.mend for point in points)


def test_without_a_register_no_provider_is_asked(ledger_database: Logins, tmp_path: Path) -> None:
    settings = _settings(
        tmp_path, demo=True, worker_database_url=Secret(ledger_database.worker_url)
    )
    made = _context(settings)
    points = doctor.run(made, environ={"AIRFLOW_HOME": "/nowhere"})
    made.close()
    register = _by_name(points)["register"]
    assert (register.state, "connect-an-account" in register.mend) == ("warn", True)
    assert month.PERIOD not in {point.name for point in points}
    offline = doctor.run(made, ask_providers=False, environ={"AIRFLOW_HOME": "/nowhere"})
    assert "providers" not in {point.area for point in offline}
