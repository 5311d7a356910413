"""Changing a rule over the past from a shell."""

import csv
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from tests import month
from tests.cli.command import Answer, here

from tieout.rules.parse import parse_rules
from tieout.steps import sign

OLD = (month.POLICIES / "classification.yaml").read_text()
NEW = OLD.replace("in: [staging, dev]", "in: [dev]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A shell on a closed and published October."""

    world: month.World

    def tieout(self, *arguments: str) -> Answer:
        settings = self.world.settings()
        environment = {
            "TIEOUT_HOME": self.world.home,
            "TIEOUT_LAKE_URL": settings.lake_url,
            "TIEOUT_PUBLISH_URL": settings.publish_url,
            "TIEOUT_WORKER_DATABASE_URL": self.world.worker_url,
        }
        return here(arguments, environment)

    def approve(self, preview: str) -> None:
        web = self.world.web()
        sign.approve_preview(web, preview=preview, person=month.CONTROLLER)
        web.close()


@pytest.fixture(scope="module")
def shell(closed_world: month.World) -> Shell:
    """One for all tests: the only rules that any of them proposes are NEW."""
    return Shell(world=closed_world)


def test_propose_preview_approve_reapply(shell: Shell, tmp_path: Path) -> None:
    file, table = tmp_path / "classification.yaml", tmp_path / "moved.csv"
    file.write_text(NEW)
    asked = ("rules", "propose", str(file), "--as", "ana", "--valid-from", "2026-01-01")
    assert "classification@2" in shell.tieout(*asked).out
    question = ("rules", "preview", "classification@2", "--from", "2026-10", "--to", "2026-10")
    said = shell.tieout(*question, "--csv", str(table))
    assert said.code == 0, said.error
    assert "not approved" in said.out
    assert "rules behind the moves" in said.out
    assert "Closed months touched: 2026-10" in said.out
    found = json.loads(shell.tieout(*question, "--json").out)
    with table.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == found["summary"]["charges_moved"]
    assert "before-production" in str(found["months"][0]["moves"])
    refused = shell.tieout("reapply", found["preview"][:12])
    assert (refused.code, "is not approved" in refused.error) == (1, True)
    shell.approve(found["preview"])
    assert "approved by ben" in shell.tieout("rules", "show", found["preview"][:12]).out
    assert "ben" in shell.tieout("rules", "previews").out
    applied = shell.tieout("reapply", found["preview"])
    assert (applied.code, "restated 1" in applied.out) == (0, True)
    assert "unchanged" in shell.tieout("reapply", found["preview"]).out
    reported = shell.tieout("lines", "2026-10", "--json").out
    restated = shell.tieout("lines", "2026-10", "--basis", "restated", "--json").out
    assert reported != restated
    history = shell.tieout("explain", "2026-10", rows[0]["line_id"], "--charge")
    assert (history.code, "approved by ben" in history.out) == (0, True)
    assert json.loads(
        shell.tieout("explain", "2026-10", rows[0]["line_id"], "--charge", "--json").out
    )["classifications"]
    assert json.loads(shell.tieout("rules", "previews", "--json").out)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("rules", "preview", "rules@1", "--from", "2026-10", "--to", "2026-10"), 2,
         "found 'rules'"),
        (("rules", "preview", "classification@9", "--from", "2026-10", "--to", "2026-10"), 2,
         "no classification version 9"),
        (("rules", "show", "abc"), 2, "0 previews begin with 'abc'"),
        (("lines", "2026-10", "--basis", "guessed"), 2, "Expected a basis of reported, restated"),
        (("lines", "2026-10", "--as-of", "1"), 2, "Nothing of 2026-10 was published when"),
    ],
)  # fmt: skip
def test_a_wrong_question_is_one_sentence(
    shell: Shell, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    answer = shell.tieout(*arguments)
    assert (answer.code, answer.out) == (code, "")
    assert answer.error.startswith("tieout: ")
    assert sentence in answer.error


def test_a_day_that_is_none_is_one_sentence(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(NEW)
    said = shell.tieout("rules", "propose", str(file), "--as", "ana", "--valid-from", "January")
    assert (said.code, said.error.count("\n")) == (2, 0)
    assert "--valid-from is 'January': expected a day such as 2026-01-01" in said.error


def test_rules_are_checked_on_the_charges_of_a_month_and_compared(
    shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "classification.yaml"
    file.write_text(NEW)
    shell.tieout("rules", "propose", str(file), "--as", "ana", "--valid-from", "2026-01-01")
    said = shell.tieout("rules", "lint", "classification@2", "--on", "2026-10")
    assert (said.code, said.error) == (0, "")
    assert "What each rule of classification@2 decides in 2026-10" in said.out
    found = json.loads(
        shell.tieout("rules", "lint", "classification@2", "--on", "2026-10", "--json").out
    )
    totals = {
        dimension: sum(Decimal(one["amount"]) for one in found["money"]
                       if one["dimension"] == dimension)
        for dimension in {one["dimension"] for one in found["money"]}
    }  # fmt: skip
    assert len(set(totals.values())) == 1, "each dimension decides all of the money"
    changed = shell.tieout("rules", "diff", "classification@1", "classification@2")
    assert "before-production" in changed.out
    wrong = shell.tieout("rules", "diff", "chart@1", "classification@2")
    assert (wrong.code, "are no rules" in wrong.error) == (2, True)


def test_rules_of_another_tool_are_printed_in_our_language(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "category.json"
    file.write_text(json.dumps({
        "CostCategory": {
            "Name": "Team",
            "RuleVersion": "CostCategoryExpression.v1",
            "Rules": [{"Value": "search-ranking", "Rule": {"Tags": {
                "Key": "team", "Values": ["search"], "MatchOptions": ["EQUALS"]}}}],
        }
    }))  # fmt: skip
    said = shell.tieout("rules", "import", "aws_cost_categories", str(file))
    assert said.code == 0, said.error
    assert "search-ranking" in said.out
    assert parse_rules(said.out, name="imported").dimensions[0].dimension == "initiative"
    unknown = shell.tieout("rules", "import", "abacus", str(file))
    assert (unknown.code, "abacus" in unknown.error) == (2, True)
