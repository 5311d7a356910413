"""Worlds for whole-month tests: stand-ins of the providers, a fresh ledger database, a lake."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from demo.postgres import Logins, Server
from demo.standins import StandIns
from psycopg import sql
from tests import month

TEMPLATE = "tieout_template"


@contextmanager
def _database(server: Server, logins: Logins, name: str) -> Iterator[Logins]:
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute(create.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    yield replace(
        logins,
        owner_url=_on(logins.owner_url, name),
        worker_url=_on(logins.worker_url, name),
        web_url=_on(logins.web_url, name),
        reader_url=_on(logins.reader_url, name),
    )
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute(drop.format(sql.Identifier(name)))


def _on(url: str, database: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, ""))


@contextmanager
def a_world(server: Server, logins: Logins, home: Path) -> Iterator[month.World]:
    """One month's world in `home`."""
    standins = StandIns(home)
    standins.start()
    name = f"month_{os.getpid()}_{home.name.replace('-', '_')}"
    with pytest.MonkeyPatch.context() as patch, _database(server, logins, name) as own:
        connections = standins.connection_environment()
        patch.setenv("TIEOUT_ALLOW_LOOPBACK", "1")
        yield month.World(
            home=str(home),
            worker_url=own.worker_url,
            web_url=own.web_url,
            connections=connections,
            standin_url=standins.endpoints["anthropic"],
        )
    standins.stop()


@pytest.fixture(scope="module")
def world(
    postgres_server: Server, postgres_logins: Logins, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[month.World]:
    """A world that the tests of one module share, untouched at first."""
    with a_world(postgres_server, postgres_logins, tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def fresh_world(
    postgres_server: Server, postgres_logins: Logins, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[month.World]:
    """A world of a test's own."""
    with a_world(postgres_server, postgres_logins, tmp_path_factory.mktemp("fresh")) as made:
        yield made


@pytest.fixture(scope="module")
def closed_world(world: month.World) -> month.World:
    """The shared world after the whole month."""
    month.run(world)
    return world
