"""What the register of accounts decides: currencies, invoices to wait for, balances to prove."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import NotReadyError, SourceAnswerError
from tieout.core.money import to_units
from tieout.steps import (
    allocate,
    classify,
    close,
    normalise,
    policies,
    post,
    pull,
    rate,
    reconcile,
    sign,
    status,
)
from tieout.steps.context import Context
from tieout.store import charge_files, findings, snapshots

STATED = "418.82"
REGISTER = (month.POLICIES / "accounts.yaml").read_text()
GATEWAY = """
  - provider: focus_file
    billing_account_id: gateway-1
    name: A gateway that only estimates
    mode: arrears
    currency: USD
"""
FOCUS_ROW = {
    "BilledCost": "0",
    "EffectiveCost": "0",
    "ListCost": "12.50",
    "ContractedCost": "12.50",
    "BillingAccountId": "gateway-1",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargePeriodStart": "2026-10-05T00:00:00Z",
    "ChargePeriodEnd": "2026-10-06T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeDescription": "tokens",
    "ProviderName": "Gateway",
    "ServiceName": "Proxy",
}


def _approve(world: month.World, text: str) -> None:
    worker, web = world.worker(), world.web()
    made = policies.propose(
        worker,
        kind="accounts",
        text=text,
        name="accounts.yaml",
        valid_from=date(2026, 1, 1),
        person=month.PREPARER,
    )
    version = int(made.summary["version"] or 0)
    sign.approve_policy(web, kind="accounts", version=version, person=month.CONTROLLER)
    worker.close()
    web.close()


def _blocking(context: Context) -> list[tuple[str, str]]:
    with context.store.transaction() as tx:
        found = [one.finding for one in findings.for_period(tx, month.PERIOD)]
    return sorted((one.kind, one.subject) for one in found if one.severity == "blocking")


@pytest.fixture
def settled(world_at: WorldAt) -> month.World:
    return world_at("settle")


@pytest.fixture
def worker(settled: month.World) -> Iterator[Context]:
    made = settled.worker()
    yield made
    made.close()


def test_a_balance_that_the_console_shows_and_the_receipts_do_not_give_stops_the_close(
    settled: month.World, worker: Context
) -> None:
    _approve(settled, REGISTER.replace(STATED, "468.82"))
    reconcile.run(worker, period=month.PERIOD)
    bridges = status.statement(worker, period=month.PERIOD)["bridges"]
    (roll,) = [one for one in bridges if one["section"] == "credit_rollforward"]
    computed = to_units("418.81930903")
    assert int(roll["unexplained_units"]) == to_units("468.82") - computed
    assert [kind for kind, _ in _blocking(worker)] == ["unexplained"]
    post.settle(worker, period=month.PERIOD)
    with pytest.raises(NotReadyError, match="2 of 21 checks fail"):
        close.request(worker, period=month.PERIOD)
    _approve(settled, REGISTER)
    reconcile.run(worker, period=month.PERIOD)
    assert _blocking(worker) == []


def test_books_in_one_currency_take_no_account_in_another(
    settled: month.World, worker: Context
) -> None:
    aws, euro = 'billing_account_id: "417000000001"', "currency: EUR"
    place = REGISTER.index(aws)
    _approve(settled, REGISTER[:place] + REGISTER[place:].replace("currency: USD", euro, 1))
    with pytest.raises(NotReadyError, match="bills in EUR: expected USD, the currency of the ch"):
        classify.run(worker, period=month.PERIOD, stage="final")


def test_a_report_in_another_currency_than_registered_is_not_loaded(world_at: WorldAt) -> None:
    world = world_at("draft pull azure")
    _approve(world, REGISTER.replace("currency: USD", "currency: EUR"))
    worker = world.worker()
    for provider in ("aws", "anthropic"):
        with pytest.raises(SourceAnswerError, match=r"is in USD: expected EUR as registered"):
            normalise.run(worker, provider=provider, period=month.PERIOD)
    with worker.store.transaction() as tx:
        kept = [one for one in snapshots.heads(tx, month.PERIOD) if one.kind == "cost"]
        files = [charge_files.get(tx, one.snapshot_id, "charges") for one in kept]
    assert files == [None] * len(month.PROVIDERS)
    worker.close()


def test_nobody_waits_for_the_invoice_of_an_account_that_bills_nothing(
    settled: month.World, tmp_path: Path
) -> None:
    folder = tmp_path / month.PERIOD
    folder.mkdir()
    with (folder / "gateway.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, FOCUS_ROW)
        rows.writeheader()
        rows.writerow(FOCUS_ROW)
    extra = {"files_url": tmp_path.as_uri(), "whole_month": "on"}
    gateway = json.dumps({"conn_type": "generic", "extra": extra})
    connections = {**settled.connections, "AIRFLOW_CONN_TIEOUT_FOCUS_FILE": gateway}
    world = replace(settled, connections=connections)
    _approve(world, REGISTER + GATEWAY)
    worker = world.worker()
    assert not close.invoices_present(worker, period=month.PERIOD), "its report is not read yet"
    for step in (pull.run, normalise.run, rate.run):
        step(worker, provider="focus_file", period=month.PERIOD)
    assert close.invoices_present(worker, period=month.PERIOD)
    for call in (classify.run, allocate.run):
        call(worker, period=month.PERIOD, stage="final")
    for last in (reconcile.run, post.settle):
        last(worker, period=month.PERIOD)
    assert _blocking(worker) == []
    assert close.request(worker, period=month.PERIOD).status == "done"
    worker.close()
