"""The page about imports shows what they really make, and names every one of them."""

import re
from pathlib import Path

import pytest

from tieout.rules.imports.base import known_imports, load
from tieout.rules.parse import parse_rules

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "rule-imports.md").read_text()
EXPORTS = re.findall(r"```(?:json|yml)\n(.*?)```", PAGE, re.DOTALL)
FILES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SENTENCES = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(
    ("place", "name", "dimension"),
    [
        (0, "aws_cost_categories", "project"),
        (1, "vantage", "environment"),
        (2, "cloudzero", "environment"),
    ],
)
def test_an_example_becomes_what_the_page_says(place: int, name: str, dimension: str) -> None:
    found = load(name).to_rules(
        EXPORTS[place], name="export", dimension=dimension, service_names={}
    )
    assert found.text == FILES[place]
    assert list(found.notes) == SENTENCES[place].strip().splitlines()
    assert parse_rules(found.text, name="rules.yaml").dimensions[0].dimension == dimension


@pytest.mark.parametrize("name", known_imports())
def test_every_import_is_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in PAGE
