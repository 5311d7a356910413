"""How fast two figures are matched and explained: `python -m bench.bench_match [--rows N]`.

A three-way match (estimate, report, invoice: two matchings) and a keyed reconciliation of two
figures with a cause for every difference, of which one key in a hundred has one. Each run is a
process of its own that times only the comparison, in CPU-seconds; the figures are rows a second of
all sides together. With `--peers VENV` threeway and fastrecon do the same in turns with ours.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from bench.results import Result, merge, python_version, table
from tieout.core.ids import content_key
from tieout.core.money import UNITS_PER_ONE, to_decimal
from tieout.focus.columns import CHARGE_SCHEMA, MONEY
from tieout.reconciliation.cases import open_case
from tieout.reconciliation.explaining import explain
from tieout.reconciliation.match_passes import ESTIMATE_TO_REPORT, REPORT_TO_INVOICE
from tieout.reconciliation.match_sides import SIDE_SCHEMA, Side, charges_side
from tieout.reconciliation.matching import match

GOALS = {"match": 300_000, "explain": 500_000}
NAMES = {
    "match": "three-way match, estimate to report to invoice",
    "explain": "keyed reconciliation with causes",
}
_ONE_IN = 100
_PEERS = Path(__file__).with_name("peers")
_START = datetime(2026, 10, 1, tzinfo=UTC)


class Peer(NamedTuple):
    """A program that does the same: its name, our wrapper, its sides, and the goal against it."""

    title: str
    script: str
    sides: int
    times: float


PEERS = {
    "match": Peer("threeway 1.1.0", "threeway_match.py", 3, 8),
    "explain": Peer("fastrecon 0.9.3", "fastrecon_compare.py", 2, 2.5),
}


def main() -> None:
    """Time both, print and keep the figures; with `--only` one of them, alone and once."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=int(os.environ.get("BENCH_ROWS", "1000000")))
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--only", choices=sorted(GOALS))
    asked.add_argument("--peers", type=Path, help="virtual environment with threeway, fastrecon")
    options = asked.parse_args()
    if options.only:
        sys.stdout.write(json.dumps(_rate(options.only, options.rows)))
        return
    peer = options.peers / "bin" / "python" if options.peers else None
    found = [_result(name, options.rows, options.runs, peer) for name in GOALS]
    merge(found)
    sys.stdout.write(table(found) + "\n")


def _result(name: str, rows: int, runs: int, peer: Path | None) -> Result:
    """Ours and the peer in turns, each run a process of its own."""
    command = [sys.executable, "-m", "bench.bench_match", "--only", name, "--rows", str(rows)]
    rates: list[float] = []
    others: list[float] = []
    for _ in range(runs):
        rates.append(float(_printed_by(command)))
        if peer:
            found = _printed_by([str(peer), str(_PEERS / PEERS[name].script), str(rows)])
            others.append(PEERS[name].sides * found["keys"] / found["cpu_s"])
    rate, other = statistics.median(rates), statistics.median(others) if others else None
    ratio = round(rate / other, 2) if other else None
    against = f"{PEERS[name].title} {min(others):,.0f}-{max(others):,.0f}" if others else "no peer"
    return Result(
        name=f"{NAMES[name]}, {rows:,} rows a side",
        ours=round(rate),
        other=other and round(other),
        unit="rows/CPU-s",
        ratio=ratio,
        goal=f">= {GOALS[name]:,} rows/CPU-s, {PEERS[name].times} x {PEERS[name].title}",
        met=rate >= GOALS[name] and (ratio is None or ratio >= PEERS[name].times),
        versions={**python_version(), **{one: version(one) for one in ("pyarrow", "numpy")}},
        note=f"{runs}x {min(rates):,.0f}-{max(rates):,.0f}; {against}",
    )


def _printed_by(command: Sequence[str]) -> Any:
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def _rate(name: str, rows: int) -> float:
    """Rows a CPU-second of one comparison; the tables are made before the clock starts."""
    run, sides = (_match, _sides(rows)) if name == "match" else (_explain, _figures(rows))
    started = time.process_time()
    run(*sides)
    return rows * len(sides) / (time.process_time() - started)


def _match(estimate: Side, report: Side, invoice: Side) -> None:
    first = match(estimate, report, passes=ESTIMATE_TO_REPORT)
    second = match(report, invoice, passes=REPORT_TO_INVOICE)
    if first.open_earlier or first.open_later or second.open_earlier or second.open_later:
        raise SystemExit("The three figures should have matched.")


def _explain(earlier: pa.Table, later: pa.Table) -> None:
    found = explain(open_case(earlier, later))
    if found.unexplained_units or len(found.explanations) != -(-earlier.num_rows // _ONE_IN):
        raise SystemExit("Every difference should have a cause.")


def _sides(rows: int) -> tuple[Side, Side, Side]:
    """Three figures of the same lines, each under ids of its own."""
    own, report = (charges_side(tag, _charges(tag, rows, dear=False)) for tag in ("own", "report"))
    return own, report, _printed(report)


def _printed(report: Side) -> Side:
    """The report's lines as an invoice prints them."""
    ids = pa.array([content_key(("paper", number)) for number in range(report.rows.num_rows)])
    columns = {name: report.rows[name] for name in SIDE_SCHEMA.names} | {"member_id": ids}
    return Side(name="invoice", rows=pa.table(columns, schema=SIDE_SCHEMA))


def _figures(rows: int) -> tuple[pa.Table, pa.Table]:
    return _charges("own", rows, dear=False), _charges("report", rows, dear=True)


def _charges(tag: str, rows: int, *, dear: bool) -> pa.Table:
    """One charge a sub-account; `dear` has one in a hundred at a hundred times its cost."""
    cents, full = to_decimal(15 * UNITS_PER_ONE // 10), to_decimal(150 * UNITS_PER_ONE)
    one = {
        "provider": "openai",
        "billing_account_id": "org-1",
        "billing_currency": "USD",
        "billing_period_start": date(2026, 10, 1),
        "charge_category": "Usage",
        "service_category": "AI and Machine Learning",
        "service_name": "OpenAI API",
        "service_provider_name": "OpenAI",
        "invoice_issuer_name": "OpenAI",
        "tags": "{}",
        "source_document": "0" * 64,
        "source_row": 1,
        "attr_id": 0,
        "x_model": "gpt-6-sol",
        "x_service_tier": "standard",
        "x_token_kind": "input",
        "consumed_quantity": to_decimal(10),
        "charge_period_start": _START,
        "charge_period_end": _START + timedelta(days=1),
        "effective_cost": cents,
        "line_id": "",
        "billed_cost": cents,
    }
    made = pa.Table.from_pylist([one], CHARGE_SCHEMA).take(pa.array(np.zeros(rows, np.int64)))
    costs = [full if dear and number % _ONE_IN == 0 else cents for number in range(rows)]
    changes = {
        "line_id": pa.array([content_key((tag, number)) for number in range(rows)]),
        "sub_account_id": pa.array([f"project-{number}" for number in range(rows)]),
        "charge_description": pa.array([f"project-{number}, input" for number in range(rows)]),
        "billed_cost": pa.array(costs, MONEY),
    }
    for name, column in changes.items():
        made = made.set_column(made.column_names.index(name), name, column)
    return made


if __name__ == "__main__":
    main()
