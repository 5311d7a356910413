"""Handing in, reviewing and entering documents from a shell: one line each, and an exit code."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo.postgres import Logins
from tests.cli.command import ROOT, Answer, here
from tests.steps.handed_in import LETTER, a_desk, context, csv, typed

from tieout.steps import review

PNG = b"\x89PNG\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A shell of the ledger where October is open."""

    home: Path
    logins: Logins

    def tieout(self, *arguments: str | Path) -> Answer:
        environment = {
            "TIEOUT_HOME": str(self.home),
            "TIEOUT_WORKER_DATABASE_URL": self.logins.worker_url,
        }
        return here([*map(str, arguments)], environment)

    def file(self, name: str, content: bytes) -> Path:
        path = self.home / name
        path.write_bytes(content)
        return path

    def approve(self, document: str, person: str) -> None:
        """What the finance API does for the person who is logged in."""
        pages = context(self.logins.web_url, self.home)
        review.approve(pages, document=document, person=person)
        pages.close()

    def waiting(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.tieout("review", "list", "--json").out)
        return found


@pytest.fixture
def shell(ledger_database: Logins, tmp_path: Path) -> Iterator[Shell]:
    with a_desk(ledger_database, tmp_path):
        yield Shell(home=tmp_path, logins=ledger_database)


def one_sentence(text: str) -> bool:
    return text.startswith("tieout: ") and "Traceback" not in text and len(text) < 700


def test_several_invoices_are_one_line_each(shell: Shell) -> None:
    files = [shell.file(f"{number}.csv", csv(f"INV-{number}")) for number in (1, 2)]
    made = shell.tieout("import", "invoice", *files)
    assert (made.code, made.error) == (0, "")
    lines = made.out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["receive", "1.csv", "done"],
        ["receive", "2.csv", "done"],
    ]
    assert "state accepted, account openai/org-1, period 2026-10" in lines[0]
    again = shell.tieout("import", "invoice", files[0], "--json")
    assert json.loads(again.out)["status"] == "unchanged"


def test_what_waits_for_a_person_ends_with_1_and_stands_in_the_list(shell: Shell) -> None:
    file = shell.file("acme.csv", csv(seller="Acme Ltd"))
    made = shell.tieout("import", "invoice", file)
    assert made.code == 1
    assert "whose account is not known" in made.out
    assert "acme.csv" in shell.tieout("review", "list", "2026-10").out
    assert shell.tieout("review", "list", "2026-09").out.startswith("Review: 0 waiting")
    given = ("--provider", "openai", "--account", "org-1", "--period", "2026-10")
    assert shell.tieout("import", "invoice", file, *given, "--person", "ana").code == 0
    assert shell.waiting() == []


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (("--account", "org-9"), 2, "No registered account is any provider/org-9"),
        (("--provider", "opanai"), 2, "No provider is called 'opanai'"),
        (("--period", "2026-13"), 2, "Expected a period such as 2026-10"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    shell: Shell, given: tuple[str, ...], code: int, words: str
) -> None:
    made = shell.tieout("import", "invoice", shell.file("a.csv", csv()), *given)
    assert (made.code, one_sentence(made.error)) == (code, True)
    assert words in made.error


def test_a_letter_is_shown_corrected_and_approved_by_another_person(shell: Shell) -> None:
    content = (ROOT / "sample" / "bills" / "invoices" / "openai-arrears.pdf").read_bytes()
    made = shell.tieout("import", "invoice", shell.file("letter.pdf", content))
    assert made.code == 1
    (letter,) = shell.waiting()
    picture = shell.home / "page.png"
    shown = shell.tieout("review", "show", letter["document"][:8], "--picture", picture)
    assert shown.code == 0
    assert "queued by service:tieout_worker" in shown.out
    assert picture.read_bytes().startswith(PNG)
    figures = shell.file("typed.yaml", typed().content)
    said = ("--person", "ana", "--reason", "Read from the page.")
    proposed = shell.tieout("review", "correct", letter["document"][:8], figures, *said, "--json")
    assert proposed.code == 0, proposed.error
    document = json.loads(proposed.out)["document"]
    shell.approve(document, "ben")
    assert [one["state"] for one in shell.waiting()] == []
    shown = shell.tieout("review", "show", document)
    assert "approved by ben" in shown.out
    assert "Tokens: 12.50" in shown.out


def test_a_letter_is_set_aside_with_a_reason(shell: Shell) -> None:
    shell.tieout("import", "invoice", shell.file("letter.pdf", LETTER))
    (letter,) = shell.waiting()
    stranger = shell.tieout(
        "review", "reject", letter["document"], "--person", "eve", "--reason", "No."
    )
    assert (stranger.code, one_sentence(stranger.error)) == (1, True)
    made = shell.tieout(
        "review", "reject", letter["document"], "--person", "ana", "--reason", "An offer."
    )
    assert (made.code, "state rejected" in made.out) == (0, True)
    assert shell.waiting() == []
    nobody = shell.tieout("review", "show", "000000")
    assert (nobody.code, one_sentence(nobody.error)) == (2, True)


def test_an_invoice_is_entered_with_evidence(shell: Shell) -> None:
    figures = shell.file("typed.yaml", typed().content)
    proof = shell.file("mail.txt", b"Please pay 12.50")
    made = shell.tieout(
        "enter", "invoice", figures, "--evidence", proof, "--person", "ana", "--json"
    )
    assert made.code == 0, made.error
    (waiting,) = shell.waiting()
    assert (waiting["state"], waiting["author"]) == ("proposed", "ana")
    wrong = shell.file("wrong.yaml", typed(total="99").content)
    refused = shell.tieout("enter", "invoice", wrong, "--evidence", proof, "--person", "ana")
    assert (refused.code, one_sentence(refused.error)) == (3, True)
    nothing = shell.tieout("enter", "invoice", figures, "--person", "ana")
    assert nothing.code == 2


def test_saved_answers_are_taken_from_a_folder(shell: Shell) -> None:
    bills = ROOT / "sample" / "bills" / "openai"
    folder = shell.home / "answers"
    shutil.copytree(bills / "as_of_2026-11-03", folder)
    place = ("--account", "org-1", "--period", "2026-10")
    made = shell.tieout("import", "raw", "openai", folder, *place, "--kind", "cost")
    assert made.code == 0, made.error
    assert "documents 5, kinds cost, through 2026-10-31, new versions 1" in made.out
    again = shell.tieout("import", "raw", "openai", folder, *place, "--json")
    assert json.loads(again.out)["status"] == "unchanged"
    wrong = shell.tieout("import", "raw", "openai", folder, *place, "--kind", "all")
    assert (wrong.code, one_sentence(wrong.error)) == (2, True)


def test_a_focus_file_is_taken_with_a_mapping_of_its_columns(shell: Shell) -> None:
    case = ROOT / "tests" / "golden" / "focus_file" / "mapped_names"
    rows = (case / "rechnung.csv").read_bytes().splitlines(keepends=True)[:4]
    file = shell.file("rechnung.csv", b"".join(rows))
    place = ("--account", "K-1", "--period", "2026-10")
    bare = shell.tieout("import", "focus", file, *place)
    assert (bare.code, one_sentence(bare.error)) == (3, True)
    settings = json.loads((case / "settings.json").read_text())
    mapping = shell.file("mapping.json", json.dumps(settings["mapping"]).encode())
    made = shell.tieout("import", "focus", file, *place, "--mapping", mapping)
    assert made.code == 0, made.error
    assert "documents 2, kinds cost" in made.out
    wrong = shell.file("wrong.json", b'{"columns": {"Betrag": "Cost"}}')
    refused = shell.tieout("import", "focus", file, *place, "--mapping", wrong)
    assert (refused.code, one_sentence(refused.error)) == (2, True)
