"""The reference of allocation is true: every example is read, and is about its page's method."""

import re
from pathlib import Path

import pytest

from tieout.allocation.base import known_methods, load
from tieout.allocation.drivers import parse_drivers
from tieout.allocation.parse import parse_pools

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "allocation"
POOLS = (DOCS / "pools.md").read_text()


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("method", known_methods())
def test_the_example_of_a_method_is_read_and_names_it(method: str) -> None:
    examples = _blocks((DOCS / f"{method}.md").read_text(), "yaml")
    assert examples
    for example in examples:
        assert {pool.method for pool in parse_pools(example, name="example")} == {method}


@pytest.mark.parametrize("method", known_methods())
def test_every_key_of_a_method_is_explained_on_its_page(method: str) -> None:
    module = load(method)
    keys = {*module.REQUIRED, *module.OPTIONAL, *(key for group in module.CHOICES for key in group)}
    text = (DOCS / f"{method}.md").read_text()
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


def test_the_page_of_pools_names_every_method_and_its_examples_are_read() -> None:
    assert [name for name in known_methods() if f"({name}.md)" not in POOLS] == []
    for example in _blocks(POOLS, "yaml"):
        assert parse_pools(example, name="example")
    for table in _blocks(POOLS, "csv"):
        assert parse_drivers(table, name="example")
