"""Limits of architecture 9: files of 400 lines, functions of 70, DAG files of 80."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = sorted(
    file
    for folder in ("include", "dags", "plugins", "demo", "sample", "tests")
    for file in (ROOT / folder).rglob("*.py")
)
MOST_PARAMETERS = 7  # six are the habit; a seventh needs a reason that a reviewer accepts


def _functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_and_functions_stay_small(file: Path) -> None:
    text = file.read_text()
    limit = 80 if file.parent.name == "dags" and file.parent.parent == ROOT else 400
    assert len(text.splitlines()) <= limit
    for function in _functions(ast.parse(text)):
        assert (function.end_lineno or 0) - function.lineno < 70, function.name


@pytest.mark.parametrize(
    "file",
    [file for file in CODE if "include" in file.parts],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_functions_take_few_parameters(file: Path) -> None:
    for function in _functions(ast.parse(file.read_text())):
        given = function.args
        count = len([a for a in (*given.args, *given.kwonlyargs) if a.arg not in {"self", "cls"}])
        cli = file.parent.name == "cli"
        assert cli or count <= MOST_PARAMETERS, f"{function.name} takes {count}"


@pytest.mark.parametrize(
    "file",
    [file for file in CODE if "include" in file.parts],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_every_module_says_what_it_owns(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert ast.get_docstring(tree), "a module begins with one sentence about what it owns"
