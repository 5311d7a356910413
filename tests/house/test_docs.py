"""Documentation under test: what exists is named, and links resolve."""

import ast
import re
from pathlib import Path

import pytest

from tieout.cli import reference
from tieout.cli.main import app

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "tieout"
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *DOCS.rglob("*.md"),
        *(ROOT / "sample").rglob("*.md"),
    ]
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
_PLUGINS = {
    "sources/providers": "reference/providers",
    "sources/invoices": "reference/invoices",
    "allocation/methods": "reference/allocation",
    "publish/erp": "reference/erp",
}


def _plugins() -> list[tuple[str, str]]:
    return [
        (folder, file.stem)
        for folder in _PLUGINS
        for file in sorted((PACKAGE / folder).glob("*.py"))
        if file.stem not in {"__init__", "base"}
    ]


@pytest.mark.parametrize(("folder", "name"), _plugins())
def test_every_plugin_has_a_reference_page(folder: str, name: str) -> None:
    assert (DOCS / _PLUGINS[folder] / f"{name}.md").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_resolves(page: Path) -> None:
    broken = [
        target
        for target in _LINK.findall(page.read_text())
        if not target.startswith(("http://", "https://", "mailto:"))
        and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_error_is_explained() -> None:
    tree = ast.parse((PACKAGE / "core" / "errors.py").read_text())
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    text = (DOCS / "reference" / "errors.md").read_text()
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_step_is_explained() -> None:
    steps = [f.stem for f in (PACKAGE / "steps").glob("*.py") if not f.stem.startswith("_")]
    text = (DOCS / "reference" / "steps.md").read_text()
    assert [name for name in steps if f"`{name}`" not in text] == []


def test_every_setting_is_explained() -> None:
    code = "\n".join(
        file.read_text()
        for folder in ("include", "dags", "plugins", "demo")
        for file in (ROOT / folder).rglob("*.py")
    )
    settings = sorted(set(re.findall(r"\bTIEOUT_[A-Z_]*[A-Z]\b", code)))
    text = (DOCS / "reference" / "settings.md").read_text()
    assert [name for name in settings if f"`{name}`" not in text] == []


def test_every_command_is_explained() -> None:
    bodies = [ast.parse(file.read_text()).body for file in (PACKAGE / "cli").glob("*.py")]
    commands = [
        named[0] if (named := _given_names(node)) else node.name
        for body in bodies
        for node in body
        if isinstance(node, ast.FunctionDef) and _is_command(node)
    ]
    text = (DOCS / "reference" / "cli.md").read_text()
    assert commands
    assert [name for name in commands if not re.search(rf"`tieout [a-z ]*{name}\b", text)] == []


def test_the_reference_of_commands_is_what_the_program_says() -> None:
    kept = (DOCS / "reference" / "commands.md").read_text()
    assert kept == reference.page(app), "run `make docs`"


def test_every_command_stands_in_the_table_of_the_command_line() -> None:
    text = (DOCS / "reference" / "cli.md").read_text()
    missing = [one.path for one in reference.commands(app) if f"`tieout {one.path}" not in text]
    assert missing == []


def test_every_setting_that_is_explained_is_read_by_something() -> None:
    code = "\n".join(
        file.read_text()
        for folder in ("include", "dags", "plugins", "demo", "tests")
        for file in (ROOT / folder).rglob("*.py")
    )
    text = (DOCS / "reference" / "settings.md").read_text()
    explained = set(re.findall(r"^\| `(TIEOUT_[A-Z_]+)`", text, re.MULTILINE))
    assert explained
    assert [name for name in sorted(explained) if name not in code] == []


def test_every_page_can_be_reached_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [DOCS / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in seen or page.suffix != ".md" or not page.is_relative_to(DOCS):
            continue
        seen.add(page)
        waiting += [page.parent / target for target in _LINK.findall(page.read_text())]
    assert sorted(DOCS.rglob("*.md")) == sorted(seen)


def _is_command(node: ast.FunctionDef) -> bool:
    return any("command" in ast.dump(decorator) for decorator in node.decorator_list)


def _given_names(node: ast.FunctionDef) -> list[str]:
    return [
        str(argument.value)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        for argument in decorator.args
        if isinstance(argument, ast.Constant)
    ]
