"""A month of two legal entities with a fiscal year from July, from the accrual to the pack."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import NotReadyError, RuleFileError, UnknownSubjectError, UsageError
from tieout.ledger.entry import entry_from_json
from tieout.ledger.intercompany import PARTNER, disagreements
from tieout.steps import close, entity_books, erp_export, pack, policies, post, sign, status
from tieout.steps.context import Context
from tieout.store import journal

ACCOUNTS = (month.POLICIES / "accounts.yaml").read_text()
CHART = (month.POLICIES / "chart.yaml").read_text()
CLOSE = (month.POLICIES / "close.yaml").read_text()
TARGET = (month.POLICIES / "erp_netsuite.yaml").read_text()
MUTUAL = """\
  - {code: "1500", name: Due from affiliates, type: asset}
  - {code: "2500", name: Due to affiliates, type: liability}
"""
ENTITIES = """\
entities: nordlicht
default: gmbh
intercompany: {due_from: "1500", due_to: "2500"}
members:
  - id: gmbh
    name: Nordlicht Labs GmbH
    currency: USD
    cost_centers: [CC-210 Engineering]
  - id: inc
    name: Nordlicht Labs Inc.
    currency: USD
    cost_centers: [CC-410 Customer support]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The settled month of a group."""

    worker: Context
    web: Context
    world: month.World


def _approved(worker: Context, web: Context, kind: str, text: str) -> None:
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
def group(world_at: WorldAt) -> Iterator[Group]:
    world = world_at("classify final")
    worker, web = world.worker(), world.web()
    with pytest.raises(NotReadyError, match="books are those of one legal entity"):
        entity_books.run(worker, period=month.PERIOD)
    with pytest.raises(RuleFileError, match=r"account 1500 is not in the chart"):
        _approved(worker, web, "entities", ENTITIES)
    billed = ACCOUNTS.replace("    name: AWS payer account\n", "    name: AWS\n    entity: inc\n")
    with pytest.raises(RuleFileError, match=r"aws/417000000001 bills entity 'inc'"):
        _approved(worker, web, "accounts", billed)
    _approved(worker, web, "chart", CHART.replace("control:\n", f"{MUTUAL}control:\n"))
    _approved(worker, web, "entities", ENTITIES)
    _approved(worker, web, "accounts", billed)
    with pytest.raises(RuleFileError, match=r"entity inc is gone"):
        _approved(worker, web, "entities", ENTITIES[: ENTITIES.index("  - id: inc")])
    _approved(worker, web, "close", CLOSE.replace("  holidays", "  first_month: 7\n  holidays"))
    for name in ("allocate final", "reconcile", "match", "settle", "request close"):
        month.act(name)(world)
    yield Group(worker=worker, web=web, world=world)
    worker.close()
    web.close()


def test_every_entry_balances_by_entity_and_settles_once(group: Group) -> None:
    with group.worker.store.transaction() as tx:
        entries = [entry_from_json(one) for one in journal.entries(tx)]
    assert any(PARTNER in line.dimensions for entry in entries for line in entry.lines)
    assert [text for entry in entries for text in disagreements(entry)] == []
    assert post.settle(group.worker, period=month.PERIOD).status == "unchanged"
    assert close.request(group.worker, period=month.PERIOD).status == "unchanged"


def test_the_checklist_compares_the_pairs(group: Group) -> None:
    checks = status.period_status(group.worker, period=month.PERIOD)["checks"]
    (pairs,) = [one for one in checks if one["check_id"] == "C13"]
    assert (pairs["state"], pairs["detail"]) == ("passed", "1 pairs of entities")


def test_trial_balances_of_all_entities_are_zero_and_pairs_eliminate(group: Group) -> None:
    found = entity_books.run(group.worker, period=month.PERIOD)
    for one in found["entities"]:
        assert sum(Decimal(row["balance"]) for row in one["trial_balance"]) == 0
    (pair,) = found["pairs"]
    assert Decimal(pair["first_is_owed"]) == -Decimal(pair["second_is_owed"]) != 0
    assert Decimal(found["left"]) == 0
    own = entity_books.run(group.worker, period=month.PERIOD, entity="inc")
    assert [one["entity"] for one in own["entities"]] == ["inc"]


def test_statements_of_the_entities_add_up_to_the_groups(group: Group) -> None:
    whole = status.statement(group.worker, period=month.PERIOD)
    own = [
        status.statement(group.worker, period=month.PERIOD, entity=one) for one in ("gmbh", "inc")
    ]
    for figure in ("ledger_total", "ledger_net", "unallocated", "expense"):
        assert sum(Decimal(one[figure]) for one in own) == Decimal(whole[figure])
    assert whole["expense"] == "15821.61"
    assert [row["provider"] for row in own[1]["rows"]] == ["aws"]
    with pytest.raises(UnknownSubjectError):
        status.statement(group.worker, period=month.PERIOD, entity="sarl")


def test_a_target_of_one_entity_takes_its_lines_alone(group: Group, tmp_path: Path) -> None:
    codes = TARGET.replace('  "2000"', '  "1500": "15000"\n  "2500": "25000"\n  "2000"')
    _approved(group.worker, group.web, "erp:netsuite", codes)
    _approved(group.worker, group.web, "erp:netsuite-inc", f"entity: inc\n{codes}")
    export = partial(erp_export.run, group.worker, period=month.PERIOD, folder=tmp_path)
    both = export(target="netsuite")
    inc = export(target="netsuite-inc", entity="inc")
    assert int(inc.summary["lines"] or 0) < int(both.summary["lines"] or 0)
    with pytest.raises(UsageError, match=r"ledger of no single entity.*`entity: inc`"):
        export(target="netsuite", entity="inc")


def test_entities_are_shown_as_json_and_refused_inside_a_month(group: Group) -> None:
    assert json.loads(json.dumps(entity_books.run(group.worker, period=month.PERIOD)))
    with pytest.raises(RuleFileError, match="inside a month"):
        policies.propose(
            group.worker,
            kind="entities",
            text=ENTITIES,
            name="entities",
            valid_from=date(2026, 10, 2),
            person=month.PREPARER,
        )


def test_the_fiscal_year_numbers_what_is_posted_under_it(group: Group) -> None:
    with group.worker.store.transaction() as tx:
        entries = journal.entries(tx)
    years = {(one["document_no"][:4], one.get("fiscal_period")) for one in entries}
    assert years == {("2026", None), ("2027", "2027-04"), ("2027", "2027-05")}
    for one in entries:
        assert (one["posting_on"] > "2026-10-31") == (one.get("fiscal_period") == "2027-05")


def test_the_month_closes_and_its_pack_verifies_on_its_own(group: Group, tmp_path: Path) -> None:
    for name in ("preparer signs", "controller signs", "publish"):
        month.act(name)(group.world)
    done = pack.run(group.worker, period=month.PERIOD, folder=tmp_path)
    folder = Path(str(done.summary["folder"]))
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
