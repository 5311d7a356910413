"""How long a person waits for a preview: `python -m bench.bench_preview [--rows N]`.

The product itself, not its engine: a ledger of twelve classified and allocated months (1,000,000
charges, or `--rows`, or the environment's BENCH_ROWS) in a real PostgreSQL, 200 rules, and the
command `tieout rules preview` over all of them for a version in which 5 % of the rules changed.
Beside it the same preview without the kept cubes, from the charges themselves.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from demo import postgres

from bench.reapply_data import MONTHS
from bench.reapply_rules import rules_text
from bench.reapply_runs import in_turns, run
from bench.results import Result, merge, python_version, table
from tieout.config import ProviderConnection, Secret, load_settings, utc_now
from tieout.core.money import from_decimal
from tieout.core.period import Period, parse_period
from tieout.focus.columns import CHARGE_SCHEMA, with_attr_ids
from tieout.steps import allocate, classify, policies, sign
from tieout.steps.context import Context
from tieout.store import charge_files, migrate, people, snapshots
from tieout.store.people import Person
from tieout.store.session import Store

POLICIES = Path(__file__).parents[1] / "sample" / "policies"
PROVIDER, ACCOUNT = "aws", "payer"
SINCE = date(2026, 1, 1)
INITIATIVES = 80  # of which the made-up rules name some
RULES, CHANGED = 200, 10
NAME = "preview of a changed rule file over 12 months, product"
DUTIES = ("preparer", "approver")
_POOL = """pools:
  - id: shared
    description: What all use
    owner: ana
    method: proportional
    driver: direct_cost
    zero_driver: hold
    targets: [initiative-000, initiative-001]
"""
_GOAL_S = 60
_PATIENCE_S = 1_800


def main() -> None:
    """Make the ledger, preview, print and keep the figures."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=int(os.environ.get("BENCH_ROWS", "1000000")))
    asked.add_argument("--runs", type=int, default=5)
    options = asked.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="tieout-preview-") as folder,
        _ledger(Path(folder)) as (worker, web),
    ):
        _fill(worker, web, options.rows)
        programs = {"kept": _command(2), "charges": _command(3)}
        found = in_turns(programs, runs=options.runs, patience_s=_PATIENCE_S)
    kept, charges = found["kept"], found["charges"]
    result = Result(
        name=f"{NAME}, {options.rows:,} rows",
        ours=kept.cpu_s(),
        other=charges.cpu_s(),
        unit="CPU-s",
        ratio=round(charges.cpu_s() / kept.cpu_s(), 2),
        goal=f"<= {_GOAL_S} CPU-s",
        met=kept.cpu_s() <= _GOAL_S,
        versions={**python_version(), **{name: version(name) for name in ("pyarrow", "numpy")}},
        note=f"{kept.spread()}, peak {kept.peak_mb():.0f} MB; other: rules that change inside "
        f"every month, {charges.spread()}, peak {charges.peak_mb():.0f} MB",
    )
    merge([result])
    sys.stdout.write(table([result]) + "\n")


def _command(number: int) -> list[str]:
    """The command as a person types it; the database is named by the environment."""
    span = ["--from", MONTHS[0], "--to", MONTHS[-1], "--json"]
    called = "from tieout.cli.main import main; main()"
    return [sys.executable, "-c", called, "rules", "preview", f"classification@{number}", *span]


@contextmanager
def _ledger(home: Path) -> Iterator[tuple[Context, Context]]:
    """An empty ledger database with two people in it, and contexts of both logins."""
    server = postgres.start(home / "postgres", fast=True)
    try:
        logins = postgres.prepare(server.admin_url, home / "postgres", database="tieout")
        migrate.upgrade(logins.owner_url)
        with Store(logins.owner_url) as store, store.transaction() as tx:
            for name in ("ana", "ben"):
                people.add(tx, Person(person_id=name, display_name=name, duties=DUTIES))
        os.environ |= {
            "TIEOUT_HOME": str(home),
            "TIEOUT_WORKER_DATABASE_URL": logins.worker_url,
            "TIEOUT_WEB_DATABASE_URL": logins.web_url,
        }
        settings = load_settings()
        worker, web = (
            Context(
                settings=settings,
                connection=lambda name: ProviderConnection(name=name),
                now=utc_now,
                database_url=Secret(url),
            )
            for url in (logins.worker_url, logins.web_url)
        )
        yield worker, web
        worker.close()
        web.close()
    finally:
        postgres.destroy(home / "postgres")


def _fill(worker: Context, web: Context, rows: int) -> None:
    """Policies, and twelve months of charges that are classified and allocated by the first."""
    texts = {
        "accounts": f"accounts:\n  - {{provider: {PROVIDER}, billing_account_id: {ACCOUNT}, "
        "name: Payer, mode: arrears, currency: USD}\n",
        "chart": (POLICIES / "chart.yaml").read_text(),
        "initiatives": _initiatives(),
        "allocation": _POOL,
        "classification": rules_text(RULES),
    }
    for kind, text in texts.items():
        _propose(worker, kind, text)
        sign.approve_policy(web, kind=kind, version=1, person="ben")
    changed = rules_text(RULES, changed=CHANGED)
    _propose(worker, "classification", changed)
    _propose(worker, "classification", changed + _dated())
    with tempfile.TemporaryDirectory() as folder:
        made = [sys.executable, "-m", "bench.reapply_data", str(rows), folder]
        run(made)
        for month in MONTHS:
            _keep(worker, parse_period(month), Path(folder) / f"charges_{month}.parquet")
            classify.run(worker, period=month, stage="final")
            allocate.run(worker, period=month, stage="final")
            sys.stderr.write(f"{month} is in the ledger\n")


def _propose(worker: Context, kind: str, text: str) -> None:
    policies.propose(
        worker, kind=kind, text=text, name=f"{kind}.yaml", valid_from=SINCE, person="ana"
    )


def _initiatives() -> str:
    lines = [
        f"  - {{id: initiative-{number:03}{end}, name: I{number}, owner: ana, "
        f"cost_center: CC-{number}, pl_category: Cost of revenue, product_line: P{number % 9}, "
        "stage: production}"
        for number in range(INITIATIVES)
        for end in ("", "-new")
    ]
    return "\n".join(["initiatives:", *lines]) + "\n"


def _dated() -> str:
    """Rules that change in the middle of every month, so that no kept cube can answer."""
    rules = [
        f"    - {{id: mid-{month}, description: A day, owner: bench, valid_from: {month}-15, "
        f"valid_to: {month}-16, when: {{column: provider, equals: nobody}}, then: project-000}}"
        for month in MONTHS
    ]
    return "\n".join(rules) + "\n"  # the last list of the made-up rules is the project's


def _keep(worker: Context, month: Period, path: Path) -> None:
    """A month's charges as `normalise` would have kept them."""
    charges = _charges(pq.read_table(path))
    file = worker.lake.put_table(charges, f"charges/period={month}")
    with worker.store.transaction() as tx:
        snapshot, _ = snapshots.add(
            tx,
            snapshots.NewSnapshot(
                provider=PROVIDER,
                billing_account_id=ACCOUNT,
                period=str(month),
                kind="cost",
                content_sha256=file.sha256,
                document_sha256s=(file.sha256,),
                through_on=month.last_on,
                fetched_at=utc_now(),
            ),
        )
        charge_files.add(
            tx,
            charge_files.ChargeFile(
                snapshot_id=snapshot.snapshot_id,
                kind="charges",
                file_sha256=file.sha256,
                lake_path=file.path,
                rows_in=charges.num_rows,
                rows_out=charges.num_rows,
                rows_bad=0,
                source_total=None,
                loaded_units=sum(map(from_decimal, charges["billed_cost"].to_pylist())),
                method_version="1",
            ),
        )


def _charges(made: pa.Table) -> pa.Table:
    """The made-up charges in all columns of CHARGE_SCHEMA; ids are of their attributes."""
    size = made.num_rows
    constants = {
        "billing_currency": "USD",
        "service_category": "Compute",
        "service_provider_name": "Cloud",
        "invoice_issuer_name": "Cloud",
        "source_document": "0" * 64,
    }
    columns = []
    for field in CHARGE_SCHEMA:
        if field.name in made.column_names:
            columns.append(made[field.name].cast(field.type))
        elif field.name in constants:
            columns.append(pa.repeat(pa.scalar(constants[field.name]), size))
        elif field.name == "line_id":
            columns.append(pa.array(np.arange(size)).cast(pa.string()))
        elif field.name == "source_row":
            columns.append(pa.array(np.arange(1, size + 1, dtype=np.int32)))
        elif field.name == "charge_period_end":
            columns.append(made["charge_period_start"])
        else:
            columns.append(pa.nulls(size, field.type))
    table = pa.Table.from_arrays(columns, schema=CHARGE_SCHEMA)
    return with_attr_ids(table.drop_columns(["attr_id"]))


if __name__ == "__main__":
    main()
