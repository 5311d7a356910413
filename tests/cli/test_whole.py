"""The command line as a whole: what help teaches, what every command takes, how wrong use ends."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from tests.cli.command import here

from tieout.cli import shell
from tieout.cli.main import app
from tieout.cli.reference import commands, page

PANELS = ("Daily", "Close", "Rules", "Prove", "Set up")
WIDTH = 80


def _paths() -> Iterator[str]:
    yield from (one.path for one in commands(app))


def test_help_teaches_in_panels_with_examples_and_exit_codes() -> None:
    shown = here(["--help"], {"COLUMNS": str(WIDTH), "TERM": "dumb"})
    assert shown.code == 0
    places = [shown.out.index(f" {panel} ─") for panel in PANELS]
    assert len(places) == len(PANELS)
    assert "tieout explain 2026-10 LINE" in " ".join(shown.out.split())
    assert "Exit codes: 0 good, 1 something blocks" in " ".join(shown.out.split())
    assert max(map(len, shown.out.splitlines())) <= WIDTH


def test_every_top_level_word_stands_in_one_of_the_five_panels() -> None:
    panels = [one.rich_help_panel for one in app.registered_commands]
    panels += [one.rich_help_panel for one in app.registered_groups]
    assert set(panels) == set(PANELS)


@pytest.mark.parametrize("path", list(_paths()))
def test_every_command_takes_json_says_what_it_does_and_fits_the_terminal(path: str) -> None:
    (found,) = (one for one in commands(app) if one.path == path)
    assert "--json" in {name for option in found.options for name in option.names}
    assert found.help.split(".")[0]
    shown = here([*path.split(), "--help"], {"COLUMNS": str(WIDTH), "TERM": "dumb"})
    assert (shown.code, max(map(len, shown.out.splitlines())) <= WIDTH) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pull"], "Missing argument"),
        (["pull", "--sideways"], "No such option"),
        (["nonsense"], "No such command"),
        (["people", "/nowhere/people.yaml"], "does not exist"),
        (["lines", "2026-10", "--as-of", "many"], "valid integer"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments: list[str], says: str) -> None:
    answer = here(arguments, {})
    assert (answer.code, answer.out) == (2, "")
    assert answer.error.startswith("tieout: ")
    assert says in answer.error
    assert "\n" not in answer.error


def test_a_bare_tieout_shows_its_help() -> None:
    assert "Daily" in here([], {"COLUMNS": "80"}).out


def test_texts_for_files_are_one_entry_for_a_program(tmp_path: Path) -> None:
    made = here(["checkpoint", "keygen", str(tmp_path / "key.pem"), "--json"], {})
    assert json.loads(made.out)["verifier_key"].startswith("tieout+")


def test_the_reference_names_every_command_with_its_options() -> None:
    text = page(app)
    assert all(f"`tieout {path}`" in text for path in _paths())
    assert "`--json`" not in text.partition("## Commands")[2]  # said once, above


def test_an_error_that_is_no_misuse_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr("tieout.steps.doctor.verdict")
    with pytest.raises(AttributeError, match="verdict"):
        here(["doctor", "--offline"], {"TIEOUT_HOME": str(tmp_path), "HOME": str(tmp_path)})


def test_progress_is_shown_to_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    with shell.busy("working"):
        pass
    assert capsys.readouterr().err == ""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=WIDTH)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell, "errors", terminal)
        with shell.busy("step 1 of 9"):
            time.sleep(0.2)
    assert isinstance(terminal.file, io.StringIO)
    assert "step 1 of 9" in terminal.file.getvalue()
