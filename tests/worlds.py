"""Worlds for whole-month tests: stand-ins of the providers, a fresh ledger database, a lake."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from demo.postgres import Logins, Server
from demo.standins import DRAFT_ON, FINAL_ON, StandIns
from psycopg import sql
from tests import month

TEMPLATE = "tieout_template"
FINAL_WORLD = month.place("final world")
# After which acts tests want worlds: on the way to a later one the earlier ones are kept as well.
STOPS = tuple(
    month.place(act) + 1
    for act in (
        "draft world",
        "draft pull azure",
        "accrue",
        "final normalise azure",
        "classify final",
        "settle",
        "request close",
        "controller signs",
    )
)


@contextmanager
def _database(server: Server, logins: Logins, name: str, *, template: str) -> Iterator[Logins]:
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    yield replace(
        logins,
        owner_url=_on(logins.owner_url, name),
        worker_url=_on(logins.worker_url, name),
        web_url=_on(logins.web_url, name),
        reader_url=_on(logins.reader_url, name),
    )
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    with psycopg.connect(server.admin_url, autocommit=True) as admin:
        admin.execute(drop.format(sql.Identifier(name)))


def _on(url: str, database: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, ""))


@contextmanager
def a_world(
    server: Server, logins: Logins, home: Path, *, template: str = TEMPLATE, acts: int = 0
) -> Iterator[month.World]:
    """One month's world in `home`, as a template database has it after the first `acts` acts."""
    standins = StandIns(home, as_of=FINAL_ON if acts > FINAL_WORLD else DRAFT_ON)
    standins.start()
    name = f"month_{os.getpid()}_{home.name.replace('-', '_')}"
    with (
        pytest.MonkeyPatch.context() as patch,
        _database(server, logins, name, template=template) as own,
    ):
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


@contextmanager
def brought_to(
    server: Server, logins: Logins, home: Path, *, acts: int, shared: Path
) -> Iterator[month.World]:
    """A world after the first `acts` acts: a copy of the one that was made once a session."""
    with (shared / "acts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        template, kept = f"tieout_after_{acts}", shared / f"after-{acts}"
        for upto in (*(one for one in STOPS if one < acts), acts):
            if not (shared / f"after-{upto}").exists() and not kept.exists():
                _make(server, logins, shared, acts=upto)
        shutil.copytree(kept, home, dirs_exist_ok=True)
    with a_world(server, logins, home, template=template, acts=acts) as world:
        yield world


def _make(server: Server, logins: Logins, shared: Path, *, acts: int) -> None:
    """Run the acts that the longest kept world lacks, and keep database and files."""
    home = shared / f"making-{acts}"
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    shutil.rmtree(home, ignore_errors=True)  # of an attempt that failed
    known = [int(one.name.removeprefix("after-")) for one in shared.glob("after-*")]
    begun = max((one for one in known if one < acts), default=0)
    start = f"tieout_after_{begun}" if begun else TEMPLATE
    if begun:
        shutil.copytree(shared / f"after-{begun}", home)
    with a_world(server, logins, home, template=start, acts=begun) as world:
        for _, act in month.acts()[begun:acts]:
            act(world)
        name = urlsplit(world.worker_url).path.lstrip("/")
        with psycopg.connect(server.admin_url, autocommit=True) as admin:
            admin.execute(
                rename.format(sql.Identifier(name), sql.Identifier(f"tieout_after_{acts}"))
            )
    home.rename(shared / f"after-{acts}")


WorldAt = Callable[[int | str], month.World]


@pytest.fixture(scope="module")
def world_at(
    postgres_server: Server,
    postgres_logins: Logins,
    postgres_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WorldAt]:
    """Gives worlds of their own after an act (its name, or how many): copies, so they are quick."""
    shared = postgres_home.parent / "worlds"
    shared.mkdir(exist_ok=True)
    with ExitStack() as stack:

        def made(upto: int | str) -> month.World:
            acts = upto if isinstance(upto, int) else month.place(upto) + 1
            return stack.enter_context(
                brought_to(
                    postgres_server,
                    postgres_logins,
                    tmp_path_factory.mktemp("world"),
                    acts=acts,
                    shared=shared,
                )
            )

        yield made


@pytest.fixture
def fresh_world(
    postgres_server: Server, postgres_logins: Logins, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[month.World]:
    """A world of a test's own, untouched at first."""
    with a_world(postgres_server, postgres_logins, tmp_path_factory.mktemp("fresh")) as made:
        yield made


@pytest.fixture(scope="module")
def closed_world(world_at: WorldAt) -> month.World:
    """A world after the whole month, shared by the tests of one module."""
    world = world_at("controller signs")
    month.act("publish")(world)  # a publication names its place, so it is made in each copy
    return world
