"""verify.py on a pack of a million ledger lines, and events appended in batches, per minute.

    python -m bench.bench_verify [--lines N] [--runs N]

The pack is synthetic (bench.pack_data) and sealed like a real one; verify.py runs as an auditor
runs it: a process of its own, isolated, without site packages. Both goals are absolute.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from demo.postgres import destroy, prepare, start

from bench.pack_data import a_case, seal
from bench.results import Result, merge, python_version, table
from tieout.store import audit, migrate
from tieout.store.audit import NewEvent
from tieout.store.session import Store

_GOAL_S, _GOAL_PER_MINUTE = 60, 200_000
_BATCH, _BATCHES = 5_000, 8


def main() -> None:
    """Measure both, print the table, keep the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    results = [verified(given.lines, given.runs), appended(given.runs)]
    merge(results)
    sys.stdout.write(f"{table(results)}\n")


def verified(lines: int, runs: int) -> Result:
    """Seconds to verify a pack of so many ledger lines and a fifth of that in journal lines."""
    with tempfile.TemporaryDirectory() as home:
        # one classified line in eight is shared in two: 8 lines in give 9 lines out
        case = a_case(lines=lines * 8 // 9, entries=lines // 50, entry_lines=10)
        folder = seal(case, Path(home))
        command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder)]
        seconds = []
        for _ in range(runs):
            begun = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds.append(time.perf_counter() - begun)
        if f"{len(case.ledger)} ledger lines" not in done.stdout:
            raise SystemExit(f"verify.py did not see all lines: {done.stdout}")
    median = statistics.median(seconds)
    return Result(
        name=f"verify.py on a pack of {lines:,} ledger lines",
        ours=round(median, 2),
        other=None,
        unit="s",
        ratio=None,
        goal=f"under {_GOAL_S} s",
        met=median < _GOAL_S,
        versions=python_version(),
        note=f"{runs} runs, {min(seconds):.1f} to {max(seconds):.1f} s; {len(case.entries):,} "
        "entries of 10 lines",
    )


def appended(runs: int) -> Result:
    """Audit events per minute, in batches of one transaction each, without durability of disks."""
    rates = []
    with tempfile.TemporaryDirectory() as home:
        server = start(Path(home), fast=True)
        try:
            logins = prepare(server.admin_url, Path(home), database="bench_audit")
            migrate.upgrade(logins.owner_url)
            payload = {"figure": "12.34", "document": "0" * 64}
            with Store(logins.worker_url) as store:
                for _ in range(runs):
                    begun = time.perf_counter()
                    for batch in range(_BATCHES):
                        events = [
                            NewEvent(action="bench", subject=f"{batch}/{n}", payload=payload)
                            for n in range(_BATCH)
                        ]
                        with store.transaction() as tx:
                            audit.record_all(tx, events)
                    rates.append(_BATCH * _BATCHES * 60 / (time.perf_counter() - begun))
        finally:
            destroy(Path(home))
    median = statistics.median(rates)
    return Result(
        name=f"audit events appended in batches of {_BATCH:,}",
        ours=round(median),
        other=None,
        unit="events/min",
        ratio=None,
        goal=f"{_GOAL_PER_MINUTE:,} a minute",
        met=median >= _GOAL_PER_MINUTE,
        versions=python_version(),
        note=f"{runs} runs, {min(rates):,.0f} to {max(rates):,.0f}; fsync off",
    )


if __name__ == "__main__":
    main()
