"""Shared AI capacity split by a table of tokens, from the table to the books and back in time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import NotReadyError, RuleFileError
from tieout.steps import allocate, classify, policies, preview, reapply, sign, status
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import latest_outputs
from tieout.store import allocations, runs

Bearers = dict[tuple[str, str], Decimal]  # cost by initiative and rule
FINAL = f"{month.PERIOD}/final"
TABLE = """driver,target,valid_from,valid_to,value,source,measure
ai_tokens,search-ranking,2026-10-01,2026-10-31,500000000,gateway log,total
ai_tokens,support-assistant,2026-10-01,2026-10-15,120000000,gateway log,total
ai_tokens,support-assistant,2026-10-16,2026-10-31,80000000,gateway log,total
headcount,internal-tools,,2026-10-10,12,HR of September,
headcount,internal-tools,2026-10-11,,14.5,HR of October,
"""
POOLS = (
    (month.POLICIES / "allocation.yaml").read_text()
    + """
  - id: azure-openai
    owner: maria
    method: usage_split
    driver: ai_tokens
    capacity: 1000000000
    unused_owner: internal-tools
    zero_driver: fail
  - id: bedrock
    owner: maria
    method: proportional
    driver: ai_tokens
    zero_driver: fail
"""
)
RULES = (
    (month.POLICIES / "classification.yaml")
    .read_text()
    .replace(
        "    - id: cloud-app-tag\n",
        """    - id: azure-openai-accounts
      description: All Azure OpenAI accounts share one capacity
      owner: maria
      when: {all: [{column: provider, equals: azure}, {column: resource_name, prefix: oai-nl}]}
      then: "pool:azure-openai"
    - id: bedrock
      description: One Bedrock account serves all
      owner: maria
      when: {all: [{column: provider, equals: aws}, {column: service_name, contains: Bedrock}]}
      then: "pool:bedrock"
    - id: cloud-app-tag
""",
    )
)
SHARES = {  # of one, by initiative and rule
    ("search-ranking", "pool:azure-openai"): Decimal("0.5"),
    ("support-assistant", "pool:azure-openai"): Decimal("0.2"),
    ("internal-tools", "pool:azure-openai/unused"): Decimal("0.3"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Both logins of an October whose final charges are there."""

    world: month.World
    worker: Context
    web: Context

    def propose(self, kind: str, text: str, valid_from: date = date(2026, 1, 1)) -> StepResult:
        return policies.propose(
            self.worker,
            kind=kind,
            text=text,
            name=f"{kind}.txt",
            valid_from=valid_from,
            person=month.PREPARER,
        )

    def approve(self, made: StepResult) -> None:
        kind, version = made.subject.split("@")
        sign.approve_policy(self.web, kind=kind, version=int(version), person=month.CONTROLLER)

    def adopt(self, kind: str, text: str) -> None:
        self.approve(self.propose(kind, text))

    def allocate(self) -> StepResult:
        classify.run(self.worker, period=month.PERIOD, stage="final")
        return allocate.run(self.worker, period=month.PERIOD, stage="final")

    def lines(self, pool_id: str) -> list[dict[str, Any]]:
        with self.worker.store.transaction() as tx:
            stored = latest_outputs(tx, "allocate", FINAL)["lines"]
        found = self.worker.lake.get_table(stored["path"], stored["sha256"]).to_pylist()
        return [line for line in found if line["pool_id"] == pool_id]

    def restated(self) -> Bearers:
        """Cost of the Azure pool by initiative and rule, as restated."""
        return by_bearer(
            [
                line
                for line in status.ledger_lines(self.worker, period=month.PERIOD, basis="restated")
                if line["pool_id"] == "azure-openai"
            ]
        )


def by_bearer(lines: list[dict[str, Any]]) -> Bearers:
    found: Bearers = {}
    for line in lines:
        bearer = (line["initiative"], line["initiative_rule"])
        found[bearer] = found.get(bearer, Decimal(0)) + Decimal(line["billed_cost"])
    return found


@pytest.fixture
def ledger(world_at: WorldAt) -> Iterator[Ledger]:
    world = world_at("classify final")
    made = Ledger(world=world, worker=world.worker(), web=world.web())
    yield made
    made.worker.close()
    made.web.close()


@pytest.fixture
def sharing(ledger: Ledger) -> Ledger:
    """With the table, the pools that need it and the rules that fill them, all approved."""
    for kind, text in (("drivers", TABLE), ("allocation", POOLS), ("classification", RULES)):
        ledger.adopt(kind, text)
    return ledger


def test_shared_capacity_is_borne_by_tokens_and_what_nobody_used_by_its_owner(
    sharing: Ledger,
) -> None:
    assert sharing.allocate().status == "done"
    azure = sharing.lines("azure-openai")
    found = by_bearer(azure)
    whole = sum(found.values())
    assert whole > 100
    assert found.keys() == SHARES.keys()
    for bearer, share in SHARES.items():
        assert abs(found[bearer] - whole * share) < Decimal("1e-10")  # a unit at most a line
    bedrock = by_bearer(sharing.lines("bedrock"))
    assert {name for name, _ in bedrock} == {"search-ranking", "support-assistant"}
    ratio = bedrock["search-ranking", "pool:bedrock"] / sum(bedrock.values())
    assert round(ratio, 9) == round(Decimal(5) / 7, 9)


def test_the_run_names_the_table_and_its_certificate_shows_the_weights(sharing: Ledger) -> None:
    sharing.allocate()
    assert sharing.allocate().status == "unchanged"
    with sharing.worker.store.transaction() as tx:
        run = runs.latest(tx, "allocate", FINAL)
        assert run is not None
        kept = allocations.certificate_of(tx, run.run_id)
    assert run.outputs["policies"] == ["allocation@2", "initiatives@1", "drivers@1"]
    assert kept is not None
    (pool,) = [one for one in kept["pools"] if one["pool_id"] == "azure-openai"]
    assert pool["weights"] == {
        "search-ranking": "500000000/1",
        "support-assistant": "200000000/1",
        "unused:internal-tools": "300000000/1",
    }
    sharing.adopt("drivers", TABLE.replace("500000000", "600000000"))
    assert sharing.allocate().status == "done"


def test_a_month_that_the_table_says_nothing_about_waits_for_it(sharing: Ledger) -> None:
    sharing.adopt(
        "drivers", TABLE.replace("2026-10", "2026-09").replace("2026-09-31", "2026-09-30")
    )
    with pytest.raises(NotReadyError, match="driver ai_tokens is zero for all 0 targets"):
        sharing.allocate()


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("allocation", POOLS, "2 pools do not fit, first: .* no driver 'ai_tokens'"),
        (
            "drivers",
            TABLE.replace("headcount", "token_spend"),
            "2 lines do not fit, first: line 5: driver token_spend is measured",
        ),
        (
            "drivers",
            TABLE.replace("internal-tools", "internal-tool"),
            "2 lines do not fit, first: line 5: 'internal-tool' is no initiative",
        ),
        (
            "drivers",
            TABLE.replace("internal-tools", "pool:cluster"),
            "first: line 5: 'pool:cluster' is no initiative of the register and no approved pool",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_stored(
    ledger: Ledger, kind: str, text: str, sentence: str
) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        ledger.propose(kind, text)


def test_a_new_table_keeps_the_drivers_of_approved_pools_and_may_name_them(sharing: Ledger) -> None:
    with pytest.raises(RuleFileError, match=r"Pool azure-openai: no driver 'ai_tokens'; known"):
        sharing.propose("drivers", TABLE.replace("ai_tokens", "tokens"))
    assert sharing.propose("drivers", f"{TABLE}seats,pool:bedrock,,,3,HR,\n").status == "done"


@pytest.mark.parametrize(("kind", "text"), [("allocation", POOLS), ("drivers", TABLE)])
def test_pools_and_tables_are_in_force_for_whole_months(
    ledger: Ledger, kind: str, text: str
) -> None:
    with pytest.raises(RuleFileError, match=r"in force from 2026-10-15, inside a month"):
        ledger.propose(kind, text, valid_from=date(2026, 10, 15))


def test_a_corrected_table_is_previewed_and_reapplied_over_a_closed_month(sharing: Ledger) -> None:
    classify.run(sharing.worker, period=month.PERIOD, stage="final")
    for _, act in month.acts()[month.place("allocate final") :]:
        act(sharing.world)
    before = sharing.restated()
    label = sharing.propose("drivers", TABLE.replace("500000000", "600000000")).subject
    shown = preview.run(
        sharing.worker,
        label=label,
        first=month.PERIOD,
        last=month.PERIOD,
        person=month.PREPARER,
    )
    (october,) = shown["months"]
    assert october["state"] == "closed"
    assert october["reclass"]
    assert sharing.restated() == before
    sign.approve_preview(sharing.web, preview=shown["preview"], person=month.CONTROLLER)
    assert reapply.run(sharing.worker, preview=shown["preview"]).status == "done"
    after, whole = sharing.restated(), sum(before.values(), Decimal(0))
    assert sum(after.values()) == whole
    changes = {bearer: after[bearer] - before[bearer] for bearer in SHARES}
    moved = whole / 10  # 100 of 1,000 million tokens
    assert abs(changes["search-ranking", "pool:azure-openai"] - moved) < Decimal("1e-10")
    assert abs(changes["internal-tools", "pool:azure-openai/unused"] + moved) < Decimal("1e-10")
    assert reapply.run(sharing.worker, preview=shown["preview"]).status == "unchanged"
