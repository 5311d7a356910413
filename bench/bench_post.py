"""Lines a second into the ledger's journal: `python -m bench.bench_post [--lines N] [--runs N]`.

From entries in memory to the commit: canonical text, hash, gapless numbers, balance proven by the
database, and the audit event with the Merkle root over all texts. Beside it, in the same run and in
turns, beancount reads the same entries from a file, as it has to before it knows that they balance.
beancount keeps nothing; the ledger is a real PostgreSQL (without fsync, as in the tests).
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

from beancount import loader
from demo import postgres

from bench.results import Result, merge, python_version, table
from tieout.ledger.entry import JournalEntry, numbered, signed_line
from tieout.steps import booking
from tieout.store import migrate, periods
from tieout.store.session import Store

MONTH, ON = "2026-10", date(2026, 10, 31)
EXPENSE, ACCRUED = "6100", "2100"
GOAL_LINES_S, GOAL_TIMES = 100_000, 8
PER_ENTRY = 10


def main() -> None:
    """Post and load in turns; print and keep medians and spread."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--lines", type=int, default=100_000)
    asked.add_argument("--runs", type=int, default=5)
    options = asked.parse_args()
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(prefix="tieout-post-") as folder:
        home = Path(folder)
        server = postgres.start(home / "postgres", fast=True)
        try:
            logins = postgres.prepare(server.admin_url, home / "postgres", database="tieout")
            migrate.upgrade(logins.owner_url)
            with Store(logins.worker_url) as store:
                for run in range(options.runs):
                    entries = _entries(options.lines // PER_ENTRY, run)
                    ours.append(options.lines / _posted_s(store, entries))
                    theirs.append(options.lines / _loaded_s(home / "book.beancount", entries))
                    sys.stderr.write(f"run {run + 1}: {ours[-1]:,.0f} and {theirs[-1]:,.0f}\n")
        finally:
            postgres.destroy(home / "postgres")
    results = _results(options.lines, ours, theirs)
    merge(results)
    sys.stdout.write(table(results) + "\n")


def _entries(count: int, run: int) -> list[JournalEntry]:
    """Accruals of ten lines, each with dimensions and a reference as the product's have."""
    return [_entry(f"{run}-{number}") for number in range(count)]


def _entry(key: str) -> JournalEntry:
    expense = [
        signed_line(
            EXPENSE,
            100 + number,
            memo=f"gpt-6-sol, initiative-{number}",
            dimensions={"initiative": f"initiative-{number}", "provider": "openai"},
            source_line_ref=f"{number:064x}",
        )
        for number in range(1, PER_ENTRY)
    ]
    total = sum(line.amount_minor for line in expense)
    accrued = signed_line(ACCRUED, -total, memo="accrued", dimensions={"provider": "openai"})
    return JournalEntry(
        journal_type="accrual",
        posting_on=ON,
        document_on=ON,
        service_period=MONTH,
        currency="USD",
        description="Accrual of usage received and not invoiced",
        provider="openai",
        billing_account_id="org-1",
        lines=numbered([*expense, accrued]),
        source_refs=("d" * 64,),
        reverses=None,
        idempotency_key=key,
    )


def _posted_s(store: Store, entries: Sequence[JournalEntry]) -> float:
    """Seconds until all entries stand, proven and bound to the audit log."""
    began = time.perf_counter()
    with store.transaction() as tx:
        periods.ensure(tx, MONTH)
        booking.record(tx, MONTH, entries, booking.post_all(tx, entries), {})
    return time.perf_counter() - began


def _loaded_s(path: Path, entries: Sequence[JournalEntry]) -> float:
    """Seconds until beancount has read, booked and validated the same entries without an error."""
    lines = [f"2026-01-01 open Expenses:A{EXPENSE}", f"2026-01-01 open Liabilities:A{ACCRUED}"]
    for entry in entries:
        lines.append(f'{entry.posting_on} * "{entry.provider}" "{entry.description}"')
        for line in entry.lines:
            top = "Expenses" if line.account == EXPENSE else "Liabilities"
            cents = abs(line.amount_minor)
            sign = "-" if line.amount_minor < 0 else ""
            amount = f"{sign}{cents // 100}.{cents % 100:02}"
            lines.append(f"  {top}:A{line.account}  {amount} USD")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    began = time.perf_counter()
    loaded, errors, _ = loader.load_file(str(path))
    took = time.perf_counter() - began
    if errors or len(loaded) != len(entries) + 2:
        raise SystemExit(f"beancount read {len(loaded)} entries with {len(errors)} errors.")
    return took


def _results(lines: int, ours: Sequence[float], theirs: Sequence[float]) -> list[Result]:
    own, other = statistics.median(ours), statistics.median(theirs)
    versions = {**python_version(), "beancount": version("beancount")}
    spread = f"{min(ours):,.0f}-{max(ours):,.0f} and {min(theirs):,.0f}-{max(theirs):,.0f}"
    name = f"posting with proof and audit, {lines:,} lines of {PER_ENTRY} an entry"
    whole = Result(
        name=name,
        ours=own,
        other=other,
        unit="lines/s",
        ratio=round(own / GOAL_LINES_S, 2),
        goal=f">= {GOAL_LINES_S:,} lines/s",
        met=own >= GOAL_LINES_S,
        versions=versions,
        note=f"other: beancount's load rate; {spread}",
    )
    against = replace(
        whole,
        name=f"{name}, against beancount",
        ratio=round(own / other, 2),
        goal=f">= {GOAL_TIMES} x beancount's load rate",
        met=own >= GOAL_TIMES * other,
        note=spread,
    )
    return [whole, against]


if __name__ == "__main__":
    main()
