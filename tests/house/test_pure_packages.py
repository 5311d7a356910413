"""House rules of the pure packages that a machine can hold: no float, no rounding."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "include" / "tieout"
PURE = (
    "core", "audit", "focus", "rating", "rules", "allocation",
    "reconciliation", "ledger", "close", "reports",
)  # fmt: skip
FILES = sorted(file for package in PURE for file in (ROOT / package).rglob("*.py"))


def _float_use(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"line {node.lineno}: float literal {node.value}")
        if isinstance(node, ast.Name) and node.id == "float":
            found.append(f"line {node.lineno}: float")
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == "round":
            found.append(f"line {called.lineno}: round()")
    return found


def test_the_check_sees_a_float() -> None:
    planted = ast.parse("x = 0.1\ny = round(2)\nz = float('3')")
    assert len(_float_use(planted)) == 3


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_pure_package_has_no_float_and_no_round(file: Path) -> None:
    assert _float_use(ast.parse(file.read_text())) == []


def test_importlib_is_used_only_inside_load_functions() -> None:
    wrong = []
    for file in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(file.read_text())
        loads = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name.startswith(("load", "_load"))
        ]
        inside = {id(child) for load in loads for child in ast.walk(load)}
        for node in ast.walk(tree):
            called = isinstance(node, ast.Attribute) and node.attr == "import_module"
            if called and id(node) not in inside:
                wrong.append(f"{file.relative_to(ROOT)}:{ast.unparse(node)}")
    assert wrong == []
