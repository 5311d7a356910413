"""Small facts for examples: name what matters, the rest is filled in."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from tests.conftest import Stores

from tieout.core.ids import sha256_hex
from tieout.focus.ledger_columns import LEDGER_SCHEMA
from tieout.store import periods, publications, runs, signoffs
from tieout.store.publications import NewPublication, Publication
from tieout.store.runs import NewRun
from tieout.store.session import Tx
from tieout.store.snapshots import NewSnapshot

AT = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
OCTOBER = "2026-10"
CONTENT = sha256_hex(b"what was signed")


def an_entry(key: str = "accrual-1", **fields: Any) -> dict[str, Any]:
    """123.45 USD of inference accrued on 31 October, unless said otherwise."""
    return {
        "journal_type": "accrual",
        "posting_on": "2026-10-31",
        "document_on": "2026-10-31",
        "service_period": OCTOBER,
        "currency": "USD",
        "description": "Accrual of October",
        "provider": "openai",
        "billing_account_id": "org-1",
        "source_refs": ["doc-1"],
        "reverses": None,
        "idempotency_key": key,
        "adjustment_kind": "none",
        "lines": [a_line(1, "6100", 12345), a_line(2, "2100", -12345)],
    } | fields


def a_line(number: int, account: str, amount_minor: int) -> dict[str, Any]:
    """A debit when positive, a credit when negative."""
    return {
        "line_no": number,
        "account": account,
        "debit_minor": max(amount_minor, 0),
        "credit_minor": max(-amount_minor, 0),
        "memo": "",
        "dimensions": {"initiative": "copilot", "project": None},
        "source_line_ref": None,
    }


def mirrored(entry: dict[str, Any], key: str) -> dict[str, Any]:
    """The reversal of an entry on 1 November."""
    lines = [
        line | {"debit_minor": line["credit_minor"], "credit_minor": line["debit_minor"]}
        for line in entry["lines"]
    ]
    return entry | {
        "journal_type": "reversal",
        "posting_on": "2026-11-01",
        "reverses": entry["idempotency_key"],
        "idempotency_key": key,
        "lines": lines,
    }


def a_snapshot(content: str = "first", **fields: Any) -> NewSnapshot:
    """OpenAI's costs of October through the 31st."""
    known: dict[str, Any] = {
        "provider": "openai",
        "billing_account_id": "org-1",
        "period": OCTOBER,
        "kind": "cost",
        "content_sha256": sha256_hex(content.encode()),
        "document_sha256s": (sha256_hex(content.encode()),),
        "through_on": date(2026, 10, 31),
        "fetched_at": AT,
    }
    return NewSnapshot(**known | fields)


def a_run(step: str = "allocate", subject: str = OCTOBER, inputs: str = "inputs") -> NewRun:
    """One second of work on October."""
    return NewRun(
        step=step,
        subject=subject,
        input_key=sha256_hex(inputs.encode()),
        outputs={"rows": 2},
        code_version="0.1.0",
        started_at=AT,
        finished_at=AT,
    )


def run_id(tx: Tx, step: str = "publish") -> int:
    """The number of a kept run."""
    return runs.record(tx, a_run(step)).run_id


def ledger_lines(*amounts: str, period: str = OCTOBER) -> pa.Table:
    """Lines of these amounts, one per initiative."""
    empty = dict.fromkeys(LEDGER_SCHEMA.names)
    rows = [
        empty
        | {
            "ledger_line_id": f"line-{number}",
            "period": period,
            "provider": "openai",
            "initiative": f'initiative, "{number}"\t\\N',
            "billed_cost": Decimal(amount),
            "charge_count": 3,
        }
        for number, amount in enumerate(amounts, start=1)
    ]
    return pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)


def ask(tx: Tx, content: str = CONTENT, period: str = OCTOBER) -> None:
    """Ask for the close with one passed check."""
    periods.ensure(tx, period)
    signoffs.request_close(tx, period, content, checks=[a_check()])


def a_check(**fields: Any) -> dict[str, Any]:
    """A blocking check that has passed."""
    return {"check_id": "C01", "title": "all in", "passed": True, "blocking": True} | fields


def close(stores: Stores, content: str = CONTENT, period: str = OCTOBER) -> None:
    """Ask, let Ana sign as preparer and Ben as controller."""
    with stores.worker.transaction() as tx:
        ask(tx, content, period)
    with stores.web.transaction("ana") as tx:
        signoffs.record(tx, period, "preparer", content, comment="")
    with stores.web.transaction("ben") as tx:
        assert signoffs.record(tx, period, "controller", content, comment="ok") == "closed"


def publish(tx: Tx, lines: pa.Table, content: str = CONTENT) -> tuple[Publication, bool]:
    """Publish October."""
    new = NewPublication(
        period=OCTOBER,
        run_id=run_id(tx),
        content_hash=content,
        files={"ledger.parquet": "ab12"},
        rule_versions={"classification": 3},
    )
    return publications.publish(tx, new, lines)


def together(calls: Sequence[Callable[[], object]]) -> list[str]:
    """Run all calls at the same moment; gives each one's outcome as text."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        begun = [pool.submit(run, call) for call in calls]
    return [_outcome(one) for one in begun]


def _outcome(ended: Future[object]) -> str:
    error = ended.exception()
    return str(ended.result()) if error is None else f"{type(error).__name__}: {error}"
