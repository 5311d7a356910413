"""A receipt of prepaid credit that comes after its month was closed is credit of the open month."""

from pathlib import Path
from typing import Any

import pytest
from demo.story import NOVEMBER
from tests import month

from tieout.core.money import to_units
from tieout.steps import normalise, post, receive, reconcile, status
from tieout.steps.context import Context
from tieout.steps.match import Given
from tieout.store import journal

ACCOUNT = "nordlicht-labs"
SHOWN = "392.55"  # what the console shows, with the 100.00 of the late receipt
MOVING = ("ledger_seq", "audit_events")
RECEIPT = (
    b"number,kind,seller,bill_to,currency,issued_on,service_start,service_end,description,"
    b"amount,total\n"
    b'LATE-1,receipt,"Anthropic, PBC",Nordlicht,USD,2026-10-29,2026-10-29,2026-10-29,Credit,'
    b"100.00,100.00\n"
)


def _roll(worker: Context, period: str) -> dict[str, Any]:
    found = status.statement(worker, period=period)["bridges"]
    (one,) = [one for one in found if one["section"] == "credit_rollforward"]
    return dict(one)


def _statement(worker: Context) -> dict[str, Any]:
    """October's, without how far the books are by now."""
    found = status.statement(worker, period=month.PERIOD)
    return {name: value for name, value in found.items() if name not in MOVING}


def _bought(worker: Context) -> list[tuple[object, ...]]:
    with worker.store.transaction() as tx:
        found = [one for one in journal.entries(tx) if "LATE-1" in one["source_refs"]]
    facts = ("journal_type", "posting_on", "service_period")
    return [
        (*(one[name] for name in facts), sum(line["debit_minor"] for line in one["lines"]))
        for one in found
    ]


@pytest.fixture
def november(closed_world: month.World, tmp_path: Path) -> month.World:
    """November up to its reconciliation, with October's receipt handed in after October's close."""
    worker = closed_world.worker(day=NOVEMBER.draft_on)
    given = Given(provider="anthropic", account=ACCOUNT, period=month.PERIOD)
    handed = receive.invoice(worker, name="late.csv", content=RECEIPT, given=given)
    assert handed.summary["state"] == "accepted", handed.summary
    normalise.run(worker, provider="anthropic", period=month.PERIOD)
    worker.close()
    text = (NOVEMBER.policies / "accounts.yaml").read_text().replace("292.55", SHOWN)
    (tmp_path / "accounts.yaml").write_text(text)
    month._policy(closed_world, kind="accounts", folder=tmp_path)
    month.run(closed_world, begin=1, upto=month.place("settle", month.SECOND), period=month.SECOND)
    return closed_world


def test_a_late_receipt_is_credit_of_the_open_month_once(november: month.World) -> None:
    worker = november.worker(day=NOVEMBER.final_on)
    october = _statement(worker)
    roll = _roll(worker, month.SECOND)
    assert int(roll["unexplained_units"]) == 0
    bought = [line for line in roll["lines"] if "LATE-1" in str(line)]
    assert [int(line["amount_units"]) for line in bought] == [to_units("100.00")]
    assert _roll(worker, month.PERIOD)["end_units"] == roll["start_units"]
    for expected in ("done", "unchanged"):
        assert post.settle(worker, period=month.SECOND).status == expected
        assert _bought(worker) == [("credit_purchase", "2026-11-01", "2026-11", 10_000)]
    assert reconcile.run(worker, period=month.SECOND).status == "unchanged"
    assert _statement(worker) == october
    worker.close()
