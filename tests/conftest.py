"""One PostgreSQL per test session, one fresh ledger database per test that asks for one."""

import fcntl
import gc
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from demo.postgres import Logins, Server, destroy, prepare, start
from psycopg import sql
from tests import examples

from tieout.store import migrate, people
from tieout.store.people import Person
from tieout.store.session import Store

examples.use()
pytest_plugins = ["tests.emulators", "tests.worlds"]

TEMPLATE = "tieout_template"
PEOPLE = (
    Person(person_id="ana", display_name="Ana Preparer", duties=("preparer",)),
    Person(person_id="ben", display_name="Ben Controller", duties=("controller", "approver")),
    Person(person_id="cem", display_name="Cem All", duties=("preparer", "controller", "approver")),
    Person(person_id="dee", display_name="Dee Auditor", duties=("auditor",)),
)
# Files of tests by what they cost, the most costly first; a file is run by one worker.
LONGEST = {
    f"test_{name}.py": place
    for place, name in enumerate(
        (
            "month_through_airflow",
            "killed_month",
            "spark_cluster",
            "focus_export",
            "engine_choice",
            "month",
            "reapply",
            "classify_law",
            "post",
        )
    )
}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """One store per login on one database."""

    owner: Store
    worker: Store
    web: Store
    reader: Store


@pytest.fixture(scope="session")
def postgres_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of the session's server, shared by all xdist workers; the last one removes it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    home = shared / "postgres-home"
    users = shared / "postgres-users"
    users.mkdir(exist_ok=True)
    mine = users / str(os.getpid())
    with _locked(shared):
        mine.touch()
    yield home
    with _locked(shared):
        mine.unlink()
        if not any(users.iterdir()):
            destroy(home)


@pytest.fixture(scope="session")
def postgres_server(postgres_home: Path) -> Server:
    """A running server without durability."""
    return start(postgres_home, fast=True)


@pytest.fixture(scope="session")
def postgres_logins(postgres_server: Server, postgres_home: Path) -> Logins:
    """Logins for the template database: migrated, with people; only ever cloned."""
    with _locked(postgres_home):
        logins = prepare(postgres_server.admin_url, postgres_home, database=TEMPLATE)
        ready = postgres_home / "template-is-ready"
        if not ready.exists():  # a template with a session in it cannot be cloned
            _fill_template(logins.owner_url)
            ready.touch()
    return logins


@pytest.fixture
def ledger_database(
    postgres_server: Server, postgres_logins: Logins, request: pytest.FixtureRequest
) -> Iterator[Logins]:
    """A fresh ledger database with the people of PEOPLE in it."""
    name = f"ledger_{os.getpid()}_{next(_numbers)}"
    _admin(postgres_server, "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, TEMPLATE)
    yield _on(postgres_logins, name)
    _admin(postgres_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def stores(ledger_database: Logins) -> Iterator[Stores]:
    """Stores of all logins on a fresh ledger database."""
    with (
        Store(ledger_database.owner_url) as owner,
        Store(ledger_database.worker_url) as worker,
        Store(ledger_database.web_url) as web,
        Store(ledger_database.reader_url) as reader,
    ):
        yield Stores(owner=owner, worker=worker, web=web, reader=reader)


def _fill_template(owner_url: str) -> None:
    migrate.upgrade(owner_url)
    with Store(owner_url) as store, store.transaction() as tx:
        for person in PEOPLE:
            people.add(tx, person)


def _on(logins: Logins, database: str) -> Logins:
    urls = {field.name: getattr(logins, field.name) for field in fields(logins)}
    moved = {
        name: url if name.startswith("airflow") else _move(url, database)
        for name, url in urls.items()
    }
    return Logins(**moved)


def _move(url: str, database: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, ""))


def _admin(server: Server, statement: str, *names: str) -> None:
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "pytest.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector need not walk it at each of its rounds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_sessionfinish() -> None:
    """What was frozen is let go in the usual order."""
    gc.unfreeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long tests begin first, so that no worker starts one when the others are done."""
    items.sort(key=lambda item: LONGEST.get(item.path.name, len(LONGEST)))
