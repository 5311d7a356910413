"""Things that have hurt somebody: they may not come back."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "tieout"
CODE = sorted(PACKAGE.rglob("*.py"))
_TOOL_LISTS = {".in", ".txt", ".json", ".sh"}
_BANNED = {
    "follow_redirects=True": "keys would travel to another host",
    "verify=False": "nobody would be sure who answered",
    "extractall": "archives are read as streams, never extracted",
    "yaml.load(": "use the strict loader of tieout.rules",
    "xml.etree": "use defusedxml",
    "pickle": "bytes from a file would run",
}


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_nothing_banned_came_back(file: Path) -> None:
    text = file.read_text()
    assert [f"{word}: {why}" for word, why in _BANNED.items() if word in text] == []


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_regular_expressions_are_literals(file: Path) -> None:
    wrong = []
    for node in ast.walk(ast.parse(file.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id == "re" and node.args:
            first = node.args[0]
            if node.func.attr != "escape" and not isinstance(first, (ast.Constant, ast.JoinedStr)):
                wrong.append(node.lineno)
    assert wrong == [], "a pattern from a person goes to RE2, not to re"


def test_no_package_host_and_no_local_path_is_committed() -> None:
    files = [*ROOT.glob("requirements*"), ROOT / "Makefile", ROOT / "README.md"]
    files += [file for file in (ROOT / "demo").rglob("*") if file.suffix in _TOOL_LISTS]
    local = r"index[-_]url|extra[-_]index|--find-links|\"resolved\": *\"|/(?:home|root)/"
    wrong = [file.name for file in files if re.search(local, file.read_text())]
    assert wrong == []


def test_event_names_of_logs_are_constants() -> None:
    wrong = []
    for file in CODE:
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            named_log = isinstance(node.func.value, ast.Name) and node.func.value.id == "log"
            speaks = named_log and node.func.attr in {"info", "warning", "error"} and node.args
            if speaks and not isinstance(node.args[0], ast.Constant):
                wrong.append(f"{file.name}:{node.lineno}")
    assert wrong == []
