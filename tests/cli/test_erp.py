"""Export, list and acknowledge from a shell, and the guide's own commands on the sample month."""

import csv
import json
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from demo.postgres import Logins
from tests import month
from tests.cli.command import ROOT, Answer, here
from tests.steps.handed_in import context
from tests.store.samples import OCTOBER, an_entry
from tests.worlds import WorldAt

from tieout.store import journal, periods, policies

GUIDE = (ROOT / "docs" / "guides" / "export-to-your-erp.md").read_text()
TARGET = 'erp: netsuite\naccounts: {"6100": "61000", "2100": "21000"}\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A shell of a ledger, with the logins it may use."""

    home: Path
    worker_url: str
    web_url: str

    def tieout(self, *arguments: str | Path) -> Answer:
        environment = {
            "TIEOUT_HOME": str(self.home),
            "TIEOUT_WORKER_DATABASE_URL": self.worker_url,
        }
        return here([*map(str, arguments)], environment)

    def approve(self, kind: str) -> None:
        """What the finance API does for the person who is logged in."""
        pages = context(self.web_url, self.home)
        with pages.store.transaction("ben") as tx:
            policies.approve(tx, kind, 1)
        pages.close()


@pytest.fixture
def shell(ledger_database: Logins, tmp_path: Path) -> Shell:
    """An October with one entry and the approved target `books`."""
    worker = context(ledger_database.worker_url, tmp_path)
    with worker.store.transaction("ana") as tx:
        periods.ensure(tx, OCTOBER)
        journal.post(tx, an_entry())
        policies.propose(tx, "erp:books", TARGET, valid_from=date(2026, 1, 1))
    worker.close()
    made = Shell(
        home=tmp_path, worker_url=ledger_database.worker_url, web_url=ledger_database.web_url
    )
    made.approve("erp:books")
    return made


def exported(shell: Shell) -> Path:
    folder = shell.home / "out"
    assert shell.tieout("export", "erp", OCTOBER, "--target", "books", "--to", folder).code == 0
    (file,) = folder.iterdir()
    return file


def test_a_month_is_written_listed_and_acknowledged(shell: Shell) -> None:
    file = exported(shell)
    (kept,) = json.loads(shell.tieout("export", "list", OCTOBER, "--json").out)
    assert (kept["name"], kept["target"], kept["reference"]) == (file.name, "books", None)
    assert len(kept["document_nos"]) == 1
    said = ("export", "acknowledge", kept["sha256"][:12], "--reference", "JE-7", "--as", "ana")
    first, again = shell.tieout(*said), shell.tieout(*said, "--json")
    assert (first.code, again.code) == (0, 0)
    assert json.loads(again.out)["status"] == "unchanged"
    shown = shell.tieout("export", "list", OCTOBER)
    assert (shown.code, shown.error) == (0, "")
    row = shown.out.strip().splitlines()[-1].split()
    assert (row[0], row[-2:]) == (file.name, ["JE-7", "ana"])


def test_what_was_taken_is_not_exported_again(shell: Shell) -> None:
    exported(shell)
    (kept,) = json.loads(shell.tieout("export", "list", OCTOBER, "--json").out)
    shell.tieout("export", "acknowledge", kept["sha256"], "--reference", "JE-7", "--as", "ana")
    answer = shell.tieout("export", "erp", OCTOBER, "--target", "books", "--to", shell.home / "b")
    assert answer.code == 1
    assert answer.error.startswith("tieout: All 1 entries of 2026-10 were taken by books")
    assert not (shell.home / "b").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("erp", OCTOBER, "--target", "other"), 1, "No approved target 'other'"),
        (("erp", "2026-13", "--target", "books"), 2, "2026-13"),
        (("list", "2026-13"), 2, "2026-13"),
        (("acknowledge", "abc", "--reference", "1", "--as", "ana"), 2, "0 export files begin"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    shell: Shell, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    answer = shell.tieout("export", *arguments)
    assert answer.code == code
    assert answer.error.startswith("tieout: ")
    assert sentence in answer.error
    assert "Traceback" not in answer.error


def test_somebody_without_a_duty_cannot_acknowledge(shell: Shell) -> None:
    exported(shell)
    (kept,) = json.loads(shell.tieout("export", "list", OCTOBER, "--json").out)
    said = shell.tieout(
        "export", "acknowledge", kept["sha256"], "--reference", "JE-7", "--as", "dee"
    )
    assert said.code == 1
    assert "found dee" in said.error


def test_the_guides_commands_export_the_sample_month(world_at: WorldAt, tmp_path: Path) -> None:
    world = world_at("settle")
    shell = Shell(home=Path(world.home), worker_url=world.worker_url, web_url=world.web_url)
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    commands = [line.split()[1:] for block in blocks for line in block.splitlines()]
    assert [words[:2] for words in commands] == [
        ["policies", "propose"],
        ["export", "erp"],
        ["export", "list"],
        ["export", "acknowledge"],
    ]
    people = {"maria": month.PREPARER, "to-netsuite": str(tmp_path / "out")}
    propose, erp, listed, acknowledge = (
        [people.get(word, word).replace("sample/", f"{ROOT}/sample/") for word in words]
        for words in commands
    )
    assert shell.tieout(*propose).code == 0
    assert shell.tieout(*erp).code == 1, "nobody has approved the target"
    shell.approve("erp:netsuite")
    assert shell.tieout(*erp).code == 0
    (file,) = (tmp_path / "out").iterdir()
    rows = list(csv.DictReader(file.read_text().splitlines()))
    sums = [sum(Decimal(row[side] or 0) for row in rows) for side in ("Debit", "Credit")]
    assert sums[0] == sums[1] > 0
    assert {row["Department"] for row in rows} == {"", "210", "310", "410"}
    (kept,) = json.loads(shell.tieout(*listed, "--json").out)
    assert file.name == f"netsuite-{month.PERIOD}-{kept['sha256'][:12]}.csv"
    place = acknowledge.index("netsuite/3f6c01")
    acknowledge[place] = f"netsuite/{kept['sha256'][:6]}"
    assert shell.tieout(*acknowledge).code == 0
    assert shell.tieout(*erp).code == 1
