"""The server of our own: found again, closed to others, back after a kill."""

import os
import pwd
import shutil
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from demo import postgres
from demo.postgres import Server

from tieout.core.errors import SettingError, SourceUnreachableError
from tieout.store import logins as store_logins
from tieout.store import migrate


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    postgres.destroy(tmp_path / "home")


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row
        return row[0]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.fault
def test_a_server_starts_survives_a_kill_and_stops(home: Path) -> None:
    server = postgres.start(home, fast=True)
    assert postgres.start(home, fast=True) == server
    _is_closed_to_others(server, home)
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute("CREATE TABLE kept AS SELECT 1 AS one")
        admin.execute("CHECKPOINT")
    _kill(server)
    again = postgres.start(home, fast=True)
    assert again == server
    assert one(again.admin_url, "SELECT one FROM kept") == 1
    logins = postgres.prepare(_plain_administrator(server), home)
    migrate.upgrade(logins.owner_url)
    assert one(logins.worker_url, "SELECT session_user") == "tieout_worker"
    assert one(logins.web_url, "SELECT current_database()") == "tieout"
    assert vars_of(postgres.prepare(server.admin_url, home)) == vars_of(logins)
    assert {mode(path) for path in (home / "secrets").iterdir()} == {0o600}
    assert one(logins.reader_url, "SELECT count(*) FROM tieout.period") == 0
    (home / "secrets" / "worker.url").unlink()
    with pytest.raises(SettingError, match="already has a login tieout_worker"):
        postgres.prepare(server.admin_url, home)
    assert postgres.stop(home)
    assert not postgres.stop(home)


def _plain_administrator(server: Server) -> str:
    """A managed service gives no superuser: only the right to make roles and databases."""
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE dba LOGIN CREATEROLE CREATEDB PASSWORD 'only-here'")
    parts = urlsplit(server.admin_url)
    return f"postgresql://dba:only-here@/postgres?{parts.query}"


def _is_closed_to_others(server: Server, home: Path) -> None:
    assert mode(home / "secrets") == mode(server.socket_dir) == 0o700
    assert one(server.admin_url, "SHOW listen_addresses") == ""
    assert one(server.admin_url, "SHOW data_checksums") == "on"
    rules = "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules"
    assert one(server.admin_url, rules) == "scram-sha-256"
    without = server.admin_url.replace(server.admin_url.split(":")[2].split("@")[0], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(without)


def _kill(server: Server) -> None:
    pid_file = Path(str(one(server.admin_url, "SHOW data_directory"))) / "postmaster.pid"
    pid = int(pid_file.read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists() and time.monotonic():
        time.sleep(0.01)
    assert pid_file.exists()


def vars_of(logins: postgres.Logins) -> list[str]:
    return [getattr(logins, name) for name in logins.__slots__]


def test_two_homes_do_not_collide(home: Path, tmp_path: Path) -> None:
    first = postgres._place((tmp_path / "a").resolve())
    second = postgres._place((tmp_path / "b").resolve())
    assert first.socket_dir != second.socket_dir
    assert first.data != second.data
    assert len(str(first.socket_dir / f".s.PGSQL.{postgres.PORT}")) < 107


def test_a_socket_directory_of_somebody_else_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a directory for somebody else")
    place = postgres._place(home.resolve())
    place.socket_dir.mkdir()
    os.chown(place.socket_dir, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(SettingError, match="belongs to another user"):
        postgres.start(home)


def test_the_commands_speak_to_a_person(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert postgres.main(["stop", "--home", str(home)]) == 0
    assert postgres.main(["url", "web", "--home", str(home)]) == 2
    assert "run `python demo/postgres.py start` first" in capsys.readouterr().err
    assert postgres.main(["start", "--home", str(home), "--fast"]) == 0
    assert "socket only" in capsys.readouterr().err
    assert postgres.main(["url", "web", "--home", str(home)]) == 0
    assert capsys.readouterr().out.startswith("postgresql://tieout_web:")


def test_without_useradd_root_gets_a_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SYSTEM_USER", "tieout-nobody-at-all")
    monkeypatch.setattr("shutil.which", lambda *_names, **_paths: None)
    with pytest.raises(SettingError, match="there is no useradd"):
        postgres._make_system_user()


def test_a_server_that_is_away_or_too_old_is_named(
    postgres_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceUnreachableError, match="Cannot prepare the server"):
        postgres.prepare("postgresql://dba:only-here@/postgres?host=/nowhere", tmp_path)
    monkeypatch.setattr(store_logins, "_OLDEST", 99)
    with pytest.raises(SettingError, match="Expected PostgreSQL 99 or newer, found 18"):
        postgres.prepare(postgres_server.admin_url, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root keeps the data outside of the checkout")
def test_data_of_a_checkout_that_is_gone_is_set_aside(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = postgres.start(home, fast=True)
    with psycopg.connect(first.admin_url, autocommit=True) as admin:
        admin.execute("CREATE TABLE kept AS SELECT 1 AS one")
    shutil.rmtree(home)
    second = postgres.start(home, fast=True)
    assert second.admin_url != first.admin_url
    assert one(second.admin_url, "SELECT to_regclass('kept') IS NULL") is True
    assert "was set aside" in capsys.readouterr().err
