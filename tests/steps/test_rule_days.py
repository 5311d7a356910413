"""Rules and tables that change inside a month hold by the day of the charge, in every step."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import RuleFileError
from tieout.core.period import parse_period
from tieout.engine.base import EngineChoice, load
from tieout.engine.month_cube import month_cube_of_files
from tieout.steps import (
    allocate,
    check_rules,
    classify,
    explain,
    export,
    history,
    policies,
    preview,
    reapply,
    sign,
    status,
    views,
)
from tieout.steps.context import Context
from tieout.steps.inputs import latest_outputs
from tieout.store import periods

CUT = date(2026, 10, 16)
RULES = (month.POLICIES / "classification.yaml").read_text()
MOVED = RULES.replace(
    """    - id: openai-internal
""",
    """    - id: openai-internal-moved
      description: Since the 16th support pays for the project
      valid_from: 2026-10-16
      when:
        all: [{column: provider, equals: openai}, {column: sub_account_name, equals: Internal}]
      then: support-assistant
    - id: openai-internal
""",
)
REGIONS = "key,area\nSupportBot,First\nSearchRank,Second\n"
BY_TABLE = RULES.replace(
    "  product_line:\n",
    "  product_line:\n    - {id: by-table, when: always, "
    "then: {lookup: areas, by: {column: sub_account_name}, give: area}}\n",
)
Charges = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Both logins of an October that is settled and open."""

    worker: Context
    web: Context

    def propose(self, text: str, kind: str = "classification") -> str:
        made = policies.propose(
            self.worker,
            kind=kind,
            text=text,
            name=f"{kind}.yaml",
            valid_from=date(2026, 1, 1),
            person=month.PREPARER,
        )
        return made.subject

    def approve(self, label: str) -> None:
        kind, _, version = label.partition("@")
        sign.approve_policy(self.web, kind=kind, version=int(version), person=month.CONTROLLER)

    def compute(self) -> str:
        """Classify and allocate; gives the hash of the lines."""
        classify.run(self.worker, period=month.PERIOD, stage="final")
        allocate.run(self.worker, period=month.PERIOD, stage="final")
        return str(self.outputs("allocate")["lines"]["sha256"])

    def outputs(self, step: str) -> dict[str, Any]:
        with self.worker.store.transaction() as tx:
            return latest_outputs(tx, step, f"{month.PERIOD}/final")

    def preview(self, label: str) -> dict[str, Any]:
        return preview.run(
            self.worker,
            label=label,
            first=month.PERIOD,
            last=month.PERIOD,
            person=month.PREPARER,
        )

    def lines(self) -> Charges:
        stored = self.outputs("classify")["lines"]
        return list(self.worker.lake.get_table(stored["path"], stored["sha256"]).to_pylist())

    def charges(self) -> Charges:
        tables = [
            self.worker.lake.get_table(one["path"], one["sha256"])
            for one in self.outputs("classify")["charges"]
        ]
        return [row for table in tables for row in table.to_pylist()]


@pytest.fixture
def ledger(world_at: WorldAt) -> Iterator[Ledger]:
    world = world_at("settle")
    made = Ledger(worker=world.worker(), web=world.web())
    yield made
    made.worker.close()
    made.web.close()


def internal(rows: Charges) -> Charges:
    return [
        row for row in rows if (row["provider"], row["sub_account_name"]) == ("openai", "Internal")
    ]


def by_rule(rows: Charges) -> Counter[str | None]:
    found: Counter[str | None] = Counter()
    for row in rows:
        found[row["initiative_rule"]] += row["billed_cost"]
    return found


def expected(charges: Charges) -> Counter[str | None]:
    """What a person with a calendar would say."""
    found: Counter[str | None] = Counter()
    for row in internal(charges):
        is_moved = row["charge_period_start"].date() >= CUT
        found["openai-internal-moved" if is_moved else "openai-internal"] += row["billed_cost"]
    return found


def test_a_rule_that_starts_inside_a_month_decides_the_charges_of_its_days(
    ledger: Ledger, tmp_path: Path
) -> None:
    before, charges = ledger.lines(), ledger.charges()
    label = ledger.propose(MOVED)
    shown = ledger.preview(label)
    moves = [
        one
        for one in preview.charges(ledger.worker, preview=shown["preview"])
        if one["new_initiative_rule"] == "openai-internal-moved"
    ]
    days = {date.fromisoformat(one["charge_period_start"][:10]) for one in moves}
    assert min(days) == CUT
    sign.approve_preview(ledger.web, preview=shown["preview"], person=month.CONTROLLER)
    reapply.run(ledger.worker, preview=shown["preview"])
    assert ledger.compute() == shown["months"][0]["after_sha256"], "posting is the preview"

    lines = ledger.lines()
    assert by_rule(internal(lines)) == expected(charges)
    assert len(expected(charges)) == 2
    total = sum(row["billed_cost"] for row in before)
    assert sum(row["billed_cost"] for row in lines) == total
    others = [by_rule([row for row in rows if row["provider"] != "openai"]) for rows in
              (before, lines)]  # fmt: skip
    assert others[0] == others[1]

    line = next(row for row in lines if row["initiative_rule"] == "openai-internal-moved")
    found = explain.run(ledger.worker, period=month.PERIOD, line=line["ledger_line_id"])
    assert Decimal(found["charges_total"]) == line["billed_cost"]
    assert found["charge_count"] == line["charge_count"]
    for one in (moves[0], next(row for row in internal(charges)
                               if row["charge_period_start"].date() < CUT)):  # fmt: skip
        last = history.run(ledger.worker, period=month.PERIOD, charge=one["line_id"])
        decided = last["classifications"][-1]["classes"]["initiative"]["rule"]
        assert decided == ("openai-internal-moved" if one is moves[0] else "openai-internal")

    export.focus(ledger.worker, period=month.PERIOD, folder=tmp_path / "focus")
    usage = pq.read_table(tmp_path / "focus" / "cost_and_usage.parquet").to_pylist()
    assert len(usage) == len(charges)
    own = [row for row in usage if (row["SubAccountName"], row["ProviderName"]) ==
           ("Internal", "OpenAI")]  # fmt: skip
    for row in own:
        wanted = "support-assistant" if row["ChargePeriodStart"].date() >= CUT else "internal-tools"
        assert row["x_Initiative"] == wanted
    assert own

    again = ledger.preview(ledger.propose(RULES))  # from the cube that is cut on the 16th
    assert Decimal(again["summary"]["initiatives"][0]["change"]) == -Decimal(
        shown["summary"]["initiatives"][0]["change"]
    )


def test_an_engine_over_files_cuts_the_month_on_the_same_days(ledger: Ledger) -> None:
    ledger.approve(ledger.propose(MOVED))
    ledger.compute()
    kept, october = ledger.outputs("classify"), parse_period(month.PERIOD)
    with ledger.worker.store.transaction() as tx:
        used = classify.policies_used(tx, october)
        assert periods.state(tx, month.PERIOD) == "open"
    root = ledger.worker.settings.lake_url.removeprefix("file://")
    with load(EngineChoice(kind="duckdb")) as engine:
        paths = [f"{root}/{one['path']}" for one in kept["charges"]]
        cube = month_cube_of_files(engine, paths, views.cuts(used))
    lines = views.classified(cube, october, used).lines
    stored = ledger.worker.lake.put_table(lines, f"lines/period={month.PERIOD}")
    assert stored.sha256 == kept["lines"]["sha256"]


def test_a_look_up_table_gives_classes_and_a_newer_one_is_previewed_like_rules(
    ledger: Ledger,
) -> None:
    with pytest.raises(RuleFileError, match=r"look-up table 'areas' does not exist; known: none"):
        ledger.propose(BY_TABLE)
    ledger.approve(ledger.propose(REGIONS, "lookup:areas"))
    with pytest.raises(RuleFileError, match=r"lookup:areas@1 has no column 'zone'"):
        ledger.propose(BY_TABLE.replace("give: area", "give: zone"))
    rules = ledger.propose(BY_TABLE)
    ledger.approve(rules)
    ledger.compute()
    given = {
        row["sub_account_name"]: row["product_line"]
        for row in ledger.lines()
        if row["product_line_rule"] == "by-table"
    }
    assert given == {"SupportBot": "First", "SearchRank": "Second"}
    assert "lookup:areas@1" in ledger.outputs("classify")["policies"]

    dated = (
        "key,valid_from,valid_to,area\nSupportBot,,2026-10-15,First\nSupportBot,2026-10-16,,Third\n"
    )
    label = ledger.propose(dated, "lookup:areas")
    shown = ledger.preview(label)
    areas = {one["value"]: Decimal(one["change"]) for one in
             shown["months"][0]["dimensions"]["product_line"]}  # fmt: skip
    assert areas["Second"] < 0 < areas["Third"]
    assert sum(areas.values()) == 0
    sign.approve_preview(ledger.web, preview=shown["preview"], person=month.CONTROLLER)
    assert ledger.compute() == shown["months"][0]["after_sha256"]
    with pytest.raises(RuleFileError, match=r"1 rules do not fit.*has no column 'area'"):
        ledger.propose("key,zone\nSupportBot,x\n", "lookup:areas")
    kinds = {one["kind"] for one in status.policies(ledger.worker)}
    assert "lookup:areas" in kinds
    assert check_rules.run(ledger.worker, label=rules, period=month.PERIOD)["money"]
