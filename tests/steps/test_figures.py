"""Roll-forwards, bridges and figures of the sample month: as the commands show them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests import month
from tests.cli.command import Answer, here
from tests.worlds import WorldAt

from tieout.core.errors import NotReadyError, UnknownSubjectError
from tieout.core.period import parse_period
from tieout.ledger.accrued import movements
from tieout.reconciliation.rollforward import rollforward
from tieout.steps import daily, evidence, matches, rollforwards
from tieout.steps.context import Context
from tieout.store import audit

DAY = date(2026, 10, 31)


def at(world: month.World, day: int) -> Context:
    """A worker on a day of November."""
    return replace(world.worker(), now=lambda: datetime(2026, 11, day, 3, tzinfo=UTC))


@pytest.fixture(scope="module")
def closed(world_at: WorldAt) -> month.World:
    return world_at("controller signs")


@pytest.fixture
def worker(closed: month.World) -> Iterator[Context]:
    made = closed.worker()
    yield made
    made.close()


def command(world: month.World, *arguments: str) -> Answer:
    environment: Mapping[str, str] = {
        **world.connections,
        "TIEOUT_HOME": world.home,
        "TIEOUT_LAKE_URL": world.settings().lake_url,
        "TIEOUT_WORKER_DATABASE_URL": world.worker_url,
        "TIEOUT_ALLOW_LOOPBACK": "1",
    }
    return here(arguments, environment)


def said(world: month.World, *arguments: str) -> Any:
    return json.loads(command(world, *arguments, "--json").out)


def test_the_closed_month_rolls_forward_and_ties_three_ways(worker: Context) -> None:
    found = rollforwards.run(worker, period=month.PERIOD)
    assert found["problems"] == []
    assert [one for one in found["ties"] if not one["ties"]] == []
    assert {row["provider"] for row in found["accrued"]} == {"aws", "azure", "gcp", "openai"}
    assert sum(Decimal(row["closing"]) for row in found["accrued"]) == Decimal(
        found["accrued_closing"]
    )
    assert [row["provider"] for row in found["prepaid"]] == ["anthropic"]
    later = rollforwards_of_november(worker)
    assert {row["opening"] for row in later} == {row["closing"] for row in found["accrued"]}
    assert {row["closing"] for row in later} == {"0.00"}


def rollforwards_of_november(worker: Context) -> list[dict[str, Any]]:
    """November has no report of its own yet, so its roll is made of October's entries."""
    with worker.store.transaction() as tx:
        found = evidence.load(worker, tx, parse_period(month.PERIOD))
    rolls = rollforward(movements(found.entries, chart=found.chart), period=parse_period("2026-11"))
    return [
        {
            "opening": f"{Decimal(roll.opening_minor) / 100:.2f}",
            "closing": f"{Decimal(roll.closing_minor) / 100:.2f}",
        }
        for roll in rolls
    ]


def test_each_account_has_its_month_as_one_bridge_that_adds_up(worker: Context) -> None:
    found = matches.bridges(worker, period=month.PERIOD)
    assert [one["account"].partition("/")[0] for one in found] == [
        *("anthropic", "aws", "azure", "gcp", "openai")
    ]
    for one in found:
        parts = sum((Decimal(line["amount"]) for line in one["lines"]), Decimal(0))
        whole = Decimal(one["end"]) - Decimal(one["start"])
        assert parts + Decimal(one["unexplained"]) == whole, one["account"]
        assert Decimal(one["unexplained"]) == 0
    components = {one["account"].partition("/")[0]: one for one in found}
    uncounted, new = components["anthropic"]["lines"]
    assert (uncounted["component"], new["component"]) == ("uncounted", "new")
    proven = {one["cause"]: one["amount"] for one in components["anthropic"]["causes"]}
    assert Decimal(proven["negotiated_rate"]).quantize(Decimal("0.01")) == Decimal(
        uncounted["amount"]
    )
    assert "volume" in {line["component"] for line in components["aws"]["lines"]}
    assert matches.bridges(worker, period=month.PERIOD, account="openai") == [components["openai"]]
    with pytest.raises(UnknownSubjectError, match="No account 'nobody' has a bridge"):
        matches.bridges(worker, period=month.PERIOD, account="nobody")


def test_the_statement_has_the_bridges_in_its_json(closed: month.World) -> None:
    sections = [one["section"] for one in said(closed, "statement", month.PERIOD)["bridges"]]
    assert sections.count("estimate_to_invoice") == 5
    shown = command(closed, "statement", month.PERIOD).out
    assert "own estimate to invoice" not in shown


def test_before_the_reconciliation_there_is_no_bridge(world_at: WorldAt) -> None:
    worker = world_at("draft pull azure").worker()
    with pytest.raises(NotReadyError, match="Step reconcile has not run"):
        matches.bridges(worker, period=month.PERIOD)
    worker.close()


def test_the_commands_show_sheets_and_bridges(closed: month.World) -> None:
    rolled = command(closed, "rollforward", month.PERIOD)
    assert (rolled.code, "DOES NOT TIE" in rolled.out) == (0, False)
    assert "Three ways" in rolled.out
    bridge = command(closed, "bridge", month.PERIOD, "--account", "anthropic")
    assert "uncounted" in bridge.out
    assert "proven: negotiated rate" in bridge.out
    figures = said(closed, "figures", month.PERIOD)
    assert {one["state"] for one in figures["accounts"]} == {"closed"}
    assert "closed" in command(closed, "figures", month.PERIOD).out
    refused = command(closed, "daily", "yesterday")
    assert (refused.code, "Expected a day such as 2026-10-31" in refused.error) == (2, True)


def test_a_closed_month_is_left_out_of_the_day(closed: month.World) -> None:
    done = said(closed, "daily", "2026-10-31")
    assert (done["months"], done["moved"]) == (1, 0)  # November, opened by the invoices


def test_every_day_an_open_month_is_reconciled_and_says_what_moved(world_at: WorldAt) -> None:
    world = world_at("accrue")
    first = at(world, 1)
    assert daily.run(first, day=DAY).status == "done"
    assert daily.run(first, day=DAY).status == "unchanged"
    figures = daily.figures(first, period=month.PERIOD)
    assert (figures["state"], figures["since"]) == ("open", None)
    by_account = {one["account"].partition("/")[0]: one for one in figures["accounts"]}
    assert by_account["openai"]["estimated"]["state"] == "estimated"
    assert by_account["openai"]["reported"]["state"] == "provisional"
    assert by_account["aws"]["invoiced"] is None
    first.close()
    month.run(world, begin=month.place("final world"), upto=month.place("classify final"))
    second = at(world, 3)
    done = daily.run(second, day=DAY)
    assert (done.status, done.summary["moved"]) == ("done", 4)
    figures = daily.figures(second, period=month.PERIOD)
    assert (figures["since"], figures["day"]) == ("2026-11-01", "2026-11-03")
    moved = {one["account"].partition("/")[0]: one for one in figures["drift"]}
    assert moved["aws"]["reported"].startswith("48.35")
    assert Decimal(moved["aws"]["invoiced"]) > 0
    states = {one["account"].partition("/")[0]: one["state"] for one in figures["accounts"]}
    assert states["aws"] == "invoiced"
    assert states["anthropic"] == "provisional"
    with second.store.transaction() as tx:
        actions = [json.loads(one.canonical)["action"] for one in audit.events(tx)]
    assert actions.count("reconciled_to_date") == 2
    second.close()
