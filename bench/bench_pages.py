"""Server time of the ledger's pages on many lines: `python -m bench.bench_pages [--lines N]`.

Twelve closed months of synthetic ledger lines in a real PostgreSQL, without fsync as in the tests;
then the pages through the whole app, one client. A cold request finds nothing kept in memory, a
warm one is the same again. Prints median and 95th percentile, and how many SQL statements a page
takes.
"""

import argparse
import itertools
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from demo import postgres
from demo.postgres import Logins
from fastapi.testclient import TestClient
from tests.dags import airflow_home

from bench.pages_books import ENTRIES
from bench.pages_data import LAST_SEQ, MONTHS, PROVIDERS, READER, TEAMS, Draw, load
from bench.results import Result, merge, python_version, table
from tieout.core.ids import content_key
from tieout.store import migrate
from tieout.web.app import create_app
from tieout.web.auth import logged_in_person
from tieout.web.desk import Kept
from tieout.web.limits import Kind, Limits
from tieout.web.signing import Signer
from tieout.web.table import purpose

GOAL_MS, GOAL_STATEMENTS = 200, 12
SOME_MONTHS, OK = 2, 200
BY = ("account", "provider", "initiative", "cost_center", "environment", "service_name")


def main() -> None:
    """Load, ask each page many times, print and keep what came out."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lines", type=int, default=1_000_000)
    asked.add_argument("--requests", type=int, default=200)
    asked.add_argument("--keep", type=Path, help="a folder that keeps the ledger between runs")
    options = asked.parse_args()
    with ledger(options.lines, options.keep):
        results = _measured(options.lines, options.requests)
    merge(results)
    sys.stdout.write(f"{airflow_home.REPOSITORY}\n{table(results)}\n")


class _Unhurried(Limits):
    """Asks more often than a person may."""

    def count(self, person: str, kind: Kind) -> None:
        """Let everybody in."""


@contextmanager
def ledger(lines: int, keep: Path | None) -> Iterator[Logins]:
    """The ledger, made or (in a folder that keeps it) found, at the newest revision of the schema.

    The environment then names it. A kept ledger is the one that was made first: another number of
    lines needs another folder.
    """
    with tempfile.TemporaryDirectory(prefix="tieout-pages-") as folder:
        home = keep or Path(folder)
        is_new = not (home / "lake").exists()
        server = postgres.start(home / "postgres", fast=True)
        try:
            logins = postgres.prepare(server.admin_url, home / "postgres", database="tieout")
            begun = time.perf_counter()
            migrate.upgrade(logins.owner_url)
            if is_new:
                load(server.admin_url, home, lines)
            sys.stderr.write(f"{lines:,} lines in {time.perf_counter() - begun:.0f} s\n")
            os.environ |= {
                "TIEOUT_DEMO": "1",
                "TIEOUT_HOME": str(home),
                "TIEOUT_WEB_DATABASE_URL": logins.web_url,
            }
            yield logins
        finally:
            (postgres.stop if keep else postgres.destroy)(home / "postgres")


def _measured(lines: int, requests: int) -> list[Result]:
    """Each page `requests` times, with other values each time: first cold, then once more, warm."""
    logging.disable(logging.INFO)  # a line a request costs time that is not the page's
    app = create_app()
    app.dependency_overrides[logged_in_person] = lambda: READER
    app.state.limits = _Unhurried()
    results = []
    with TestClient(app) as client:
        for name, addresses in _pages(app.state.signer).items():
            cold, warm, most = [], [], 0
            for _ in range(requests):
                app.state.kept = Kept()
                address = next(addresses)
                with _counted() as seen:
                    cold.append(_timed(client, address))
                warm.append(_timed(client, address))
                most = max(most, len(seen))
            results.append(_result(name, lines, cold, warm, most))
            sys.stderr.write(f"{name}: {results[-1].note}\n")
    return results


def _timed(client: TestClient, address: str) -> float:
    begun = time.perf_counter()
    answer = client.get(address, headers={"Accept": "text/html"})
    taken = (time.perf_counter() - begun) * 1000
    if answer.status_code != OK:
        raise RuntimeError(f"{address}: expected 200, found {answer.status_code}.")
    return taken


def _pages(signer: Signer) -> dict[str, Iterator[str]]:
    """Addresses without end, by what is asked."""
    return {
        "statement, two months": _statements(SOME_MONTHS),
        "statement, twelve months": _statements(len(MONTHS)),
        "statement, two months, filtered": _filtered(SOME_MONTHS),
        "statement, twelve months, filtered": _filtered(len(MONTHS)),
        "statement as of a sequence": _as_of(),
        "lines, first page": _first_pages(),
        "lines, deep page": _deep_pages(signer),
        "journal": _of_months("journal", "/ledger/{month}/journal"),
        "journal of an account": _of_months(
            "filtered", "/ledger/{month}/journal?where=account:5100"
        ),
        "entry": _entries(),
        "initiatives, twelve months": _of_months("initiatives", "/initiatives/{month}"),
        "unallocated": _of_months("unallocated", "/initiatives/{month}/(unallocated)"),
        "allocation": _of_months("allocation", "/allocation/{month}"),
        "pool": _of_months("pool", "/allocation/{month}/pool-3"),
    }


def _draws(name: str) -> Iterator[Draw]:
    for number in itertools.count():
        yield Draw(content_key([name, number]))


def _statements(months: int) -> Iterator[str]:
    for draw in _draws(f"statement {months}"):
        month = MONTHS[-1] if months > SOME_MONTHS else draw.one_of(MONTHS[1:])
        yield f"/ledger/{month}?by={draw.one_of(BY)}&months={months}"


def _filtered(months: int) -> Iterator[str]:
    for draw in _draws(f"filtered {months}"):
        where = draw.one_of(
            (
                f"provider:{draw.one_of(PROVIDERS)}",
                "account:6100",
                f"initiative:initiative-{draw.below(TEAMS)}",
                f"cost_center:CC-{draw.below(60)}",
                "environment:prod",
            )
        )
        yield f"/ledger/{MONTHS[-1]}?by={draw.one_of(BY)}&months={months}&where={where}"


def _of_months(name: str, address: str) -> Iterator[str]:
    for draw in _draws(name):
        yield address.format(month=draw.one_of(MONTHS))


def _entries() -> Iterator[str]:
    for draw in _draws("entry"):
        place = draw.below(LAST_SEQ - len(MONTHS))
        month = MONTHS[place // ENTRIES]
        yield f"/ledger/{month}/entry/2026-manual-{len(MONTHS) + 1 + place:06d}"


def _as_of() -> Iterator[str]:
    for draw in _draws("as of"):
        seq = 2 + draw.below(len(MONTHS) - 2)
        yield f"/ledger/{MONTHS[seq - 1]}?as_of={seq}&by={draw.one_of(BY)}"


def _first_pages() -> Iterator[str]:
    for draw in _draws("first page"):
        filters = (
            "",
            f"?where=provider:{draw.one_of(PROVIDERS)}",
            f"?where=initiative:initiative-{draw.below(TEAMS)}",
            "?where=account:6100&where=environment:prod",
            "?where=account:6900",
        )
        yield f"/ledger/{draw.one_of(MONTHS)}/lines{draw.one_of(filters)}"


def _deep_pages(signer: Signer) -> Iterator[str]:
    """Anywhere in the middle of a month, as the link of the page before would lead there."""
    for draw in _draws("deep page"):
        token = signer.sign(purpose("lines", ""), (f"{draw.below(1000)}.5", "0" * 64))
        yield f"/ledger/{draw.one_of(MONTHS)}/lines?after={token}"


@contextmanager
def _counted() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(sa.engine.Engine, "before_cursor_execute", note)


def _result(name: str, lines: int, cold: list[float], warm: list[float], statements: int) -> Result:
    late = _late(cold)
    return Result(
        name=f"page: {name}, {lines:,} lines",
        ours=late,
        other=None,
        unit="ms (p95, cold)",
        ratio=None,
        goal=f"p95 under {GOAL_MS} ms, at most {GOAL_STATEMENTS} statements",
        met=late < GOAL_MS and statements <= GOAL_STATEMENTS,
        versions=python_version(),
        note=f"cold: median {statistics.median(cold):.0f} ms, p95 {late:.0f} ms; "
        f"warm: median {statistics.median(warm):.0f} ms, p95 {_late(warm):.0f} ms; "
        f"{statements} statements, {len(cold)} requests",
    )


def _late(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


if __name__ == "__main__":
    main()
