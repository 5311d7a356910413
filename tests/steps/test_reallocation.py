"""A month whose shared platform is assessed by a secondary account, from approval to the pack."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import RuleFileError
from tieout.core.money import from_minor, to_decimal
from tieout.ledger.entry import JournalLine, entry_from_json
from tieout.ledger.grouping import is_cost
from tieout.ledger.sides import POOL
from tieout.steps import erp_export, explain, line_sources, lineage, pack, policies, sign, status
from tieout.steps.context import Context
from tieout.store import journal

CHART = (month.POLICIES / "chart.yaml").read_text()
POOLS = (month.POLICIES / "allocation.yaml").read_text()
TARGET = (month.POLICIES / "erp_netsuite.yaml").read_text()
SHARED, GENERAL = "6800", "6200"
ACCOUNT = '  - {code: "6800", name: Shared cost assessed, type: expense}\ncontrol:\n'
POSTING = """\
    zero_driver: hold
    posting: assessment
    account: "6800"
    sender: {cost_center: CC-900 Platform, pl_category: General and administrative}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """A settled month whose pool is assessed."""

    worker: Context
    web: Context
    world: month.World

    def cost(self) -> list[JournalLine]:
        """The lines of cost that October bears."""
        with self.worker.store.transaction() as tx:
            entries = [entry_from_json(one) for one in journal.entries(tx, period=month.PERIOD)]
        return [line for entry in entries for line in entry.lines if is_cost(line)]

    def shares(self) -> list[dict[str, Any]]:
        """The lines that came out of the pool, the largest first."""
        with self.worker.store.transaction() as tx:
            one = line_sources.one_source(
                self.worker, tx, month.PERIOD, basis="reported", as_of=None
            )
            return line_sources.page(
                tx,
                one,
                [("pool_id", "shared-platform")],
                behind=None,
                smallest_first=False,
                limit=100,
            )


def approved(worker: Context, web: Context, kind: str, text: str) -> None:
    made = policies.propose(
        worker,
        kind=kind,
        text=text,
        name=kind,
        valid_from=date(2026, 10, 1),
        person=month.PREPARER,
    )
    version = int(made.summary["version"] or 0)
    sign.approve_policy(web, kind=kind, version=version, person=month.CONTROLLER)


@pytest.fixture(scope="module")
def books(world_at: WorldAt) -> Iterator[Books]:
    world = world_at("classify final")
    worker, web = world.worker(), world.web()
    assessed = POOLS.replace("    zero_driver: hold\n", POSTING, 1)
    with pytest.raises(RuleFileError, match="account 6800 is not in the chart"):
        approved(worker, web, "allocation", assessed)
    approved(worker, web, "chart", CHART.replace("control:\n", ACCOUNT, 1))
    approved(worker, web, "allocation", assessed)
    for name in ("allocate final", "reconcile", "match", "settle"):
        month.act(name)(world)
    yield Books(worker=worker, web=web, world=world)
    worker.close()
    web.close()


def test_the_secondary_account_is_zero_and_the_sender_keeps_the_gross_cost(books: Books) -> None:
    moved, gross = Counter[str](), 0
    for line in books.cost():
        if line.account == SHARED:
            moved[line.dimensions["cost_center"] or ""] += line.amount_minor
        elif line.dimensions["initiative"] == "pool:shared-platform":
            assert (line.account, POOL in line.dimensions) == (GENERAL, False)
            gross += line.amount_minor
    assert moved["CC-900 Platform"] == -gross < 0
    assert sum(moved.values()) == 0
    assert len(moved) > 2


def test_the_accounts_of_the_lines_tie_to_those_of_the_journal(books: Books) -> None:
    posted = Counter[str]()
    for line in books.cost():
        posted[line.account] += line.amount_minor
    lines = len(books.cost())
    with books.worker.store.transaction() as tx:
        one = line_sources.one_source(books.worker, tx, month.PERIOD, basis="reported", as_of=None)
        cost = [("charge_category", name) for name in ("Usage", "Purchase", "Credit", "Adjustment")]
        found = Counter[str | None]()
        for where in cost:
            for own in line_sources.sums(tx, [one], ["account"], [where])[month.PERIOD]:
                found[own.key[0]] += own.units
        for code in (GENERAL, "5100", "6100", "6900"):
            one_way = line_sources.sums(tx, [one], [], [("account", code)])[month.PERIOD]
            other = line_sources.sums(tx, [one], ["account"], [])[month.PERIOD]
            assert sum(own.units for own in one_way) == sum(
                own.units for own in other if own.key == (code,)
            )
    assert SHARED not in found
    assert found[GENERAL] > 0
    for account, units in found.items():
        assert account is not None
        assert (
            abs(to_decimal(units) - to_decimal(from_minor(posted[account], 2)))
            <= Decimal(lines) / 100
        )


def test_a_share_opens_to_its_three_places_in_the_journal(books: Books) -> None:
    share = next(one for one in books.shares() if one["pool_line_id"])
    assert share["account"] == GENERAL
    found = lineage.line(
        books.worker,
        period=month.PERIOD,
        line=share["ledger_line_id"],
        basis="reported",
        as_of=None,
    )
    explained = explain.run(books.worker, period=month.PERIOD, line=share["ledger_line_id"])
    for shown in (found["journal"], explained["journal"]):
        sums = Counter[str]()
        for one in shown:
            if str(one["posting_on"]) <= "2026-10-31":
                sums[one["account"]] += 1
        assert set(sums) >= {GENERAL, SHARED}
    assert found["account_name"] == "General and administrative - AI and hosting"


def test_the_month_has_the_same_cost_as_ever_and_its_pack_verifies(
    books: Books, tmp_path: Path
) -> None:
    for name in ("request close", "preparer signs", "controller signs", "publish"):
        month.act(name)(books.world)
    assert status.statement(books.worker, period=month.PERIOD)["expense"] == "15821.61"
    approved(
        books.worker,
        books.web,
        "erp:netsuite",
        TARGET.replace('  "6900":', '  "6800": "68000"\n  "6900":', 1).replace(
            "cost_center: {", 'cost_center: {CC-900 Platform: "900", ', 1
        ),
    )
    made = erp_export.run(
        books.worker, period=month.PERIOD, target="netsuite", folder=tmp_path / "erp"
    )
    assert int(made.summary["lines"] or 0) > 0
    done = pack.run(books.worker, period=month.PERIOD, folder=tmp_path / "pack")
    folder = Path(str(done.summary["folder"]))
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
    with books.worker.store.transaction() as tx:
        one = line_sources.one_source(books.worker, tx, month.PERIOD, basis="reported", as_of=None)
        assert one.publication_id is not None
        by = line_sources.sums(tx, [one], ["account"], [])[month.PERIOD]
        for account in by:
            assert account.key[0] is not None
            own = line_sources.sums(tx, [one], [], [("account", account.key[0])])[month.PERIOD]
            assert [single.units for single in own] == [account.units]
