"""Changing a rule over the past from a shell."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import month
from tests.cli.command import Answer, here
from tests.worlds import WorldAt

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


@pytest.fixture
def shell(world_at: WorldAt) -> Shell:
    world = world_at("controller signs")
    month.act("publish")(world)
    return Shell(world=world)


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
        (("rules", "preview", "rules@1", "--from", "2026-10", "--to", "2026-10"), 2, "no rules"),
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
