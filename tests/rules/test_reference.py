"""The reference of the rule language is true: its examples are read, its columns are complete."""

import re
from pathlib import Path

import pytest

from tieout.allocation.parse import parse_pools
from tieout.rules.parse import parse_rules
from tieout.rules.predicate import COLUMNS, read_predicate
from tieout.rules.register import REGISTER_COLUMNS, parse_initiatives
from tieout.rules.yaml_text import read_yaml

DOCS = Path(__file__).parents[2] / "docs" / "reference"
RULES = (DOCS / "rules.md").read_text()
ALLOCATION = (DOCS / "allocation" / "proportional.md").read_text()
_READERS = {"rule_set": parse_rules, "initiatives": parse_initiatives, "pools": parse_pools}


def _blocks(text: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("block", [*_blocks(RULES), *_blocks(ALLOCATION)])
def test_every_example_file_is_read(block: str) -> None:
    assert _READERS[block.split(":", maxsplit=1)[0]](block, name="example")


@pytest.mark.parametrize("example", re.findall(r"`(\{(?:column|tag|not): [^`]*, [^`]*\}+)`", RULES))
def test_every_example_test_is_read(example: str) -> None:
    assert read_predicate(read_yaml(example.replace("\\|", "|"), name="example"))


@pytest.mark.parametrize("name", [*COLUMNS, *REGISTER_COLUMNS])
def test_every_column_is_named(name: str) -> None:
    assert f"`{name}`" in RULES
