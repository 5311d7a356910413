"""The published schema is the one that reading goes by; what is read fits it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import (  # type: ignore[import-untyped]  # the package has no type information
    Draft202012Validator,
)

from tieout.core.errors import RuleFileError
from tieout.rules.json_schema import json_schema
from tieout.rules.parse import parse_rules

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "reference" / "rules.schema.json"
EXAMPLES = re.findall(
    r"```yaml\n(rule_set:.*?)```", (ROOT / "docs" / "reference" / "rules.md").read_text(), re.DOTALL
)
SAMPLE = (ROOT / "sample" / "policies" / "classification.yaml").read_text()
PLAIN = "id: a, when: always, then: x"
VALIDATOR = Draft202012Validator(json_schema())


def _rule(rule: str) -> str:
    return f"rule_set: s\ndimensions:\n  project:\n    - {{{rule}}}\n"


class _Editor(yaml.SafeLoader):
    """YAML 1.2 as editors read it: only true and false are truth values, a day is a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012  a class attribute of the library
        first: [pair for pair in pairs if not pair[0].endswith((":bool", ":timestamp"))]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Editor.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def _wrong(text: str) -> list[str]:
    """What an editor would underline."""
    content: Any = yaml.load(text, Loader=_Editor)  # noqa: S506  a safe loader, see above
    return [error.message for error in VALIDATOR.iter_errors(content)]


def test_the_published_file_is_the_schema() -> None:
    made = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    assert FILE.read_text() == made, (
        "write json.dumps(json_schema(), indent=2, ensure_ascii=False) and a line end to the file"
    )
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("text", [SAMPLE, *EXAMPLES])
def test_what_is_published_fits(text: str) -> None:
    assert parse_rules(text, name="f")
    assert _wrong(text) == []


def test_a_text_may_look_like_a_number_or_a_truth_value() -> None:
    text = _rule("id: 12, when: {tag: priority, in: [1, true]}, then: 7, owner: no")
    assert parse_rules(text, name="f")
    assert _wrong(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "rule_set: s\n",
        "rule_set: s\ndimensions: {}\n",
        "rule_set: s\ndimensions: {Team: [{id: a, when: always, then: x}]}\n",
        "rule_set: s\ndimensions: {team: []}\n",
        "rule_set: s\nvalue: {}\ndimensions: {team: [{id: a, when: always, then: x}]}\n",
        "rule_set: s\nvalues: {team: []}\ndimensions: {team: [{id: a, when: always, then: x}]}\n",
        f"tests: [{{charge: {{}}}}]\n{_rule(PLAIN)}",
        f"tests: [{{charge: {{cost: a}}, expect: {{project: x}}}}]\n{_rule(PLAIN)}",
        _rule("id: a, then: x"),
        _rule("id: a b, when: always, then: x"),
        _rule("id: a, when: sometimes, then: x"),
        _rule("id: a, when: always, then: x, note: y"),
        _rule("id: a, when: always, then: x, valid_from: soon"),
        _rule("id: a, when: {all: []}, then: x"),
        _rule("id: a, when: {column: billed_cost, gt: 1}, then: x"),
        _rule("id: a, when: {column: provider}, then: x"),
        _rule("id: a, when: {column: provider, equals: a, prefix: b}, then: x"),
        _rule("id: a, when: {column: provider, like: a}, then: x"),
        _rule("id: a, when: {column: provider, tag: b, equals: a}, then: x"),
        _rule("id: a, when: {tag: a, exists: false}, then: x"),
        _rule("id: a, when: {tag: a, gt: high}, then: x"),
        _rule("id: a, when: {any: [always], all: [always]}, then: x"),
        _rule("id: a, when: always, then: {initiative: owner}"),
        _rule("id: a, when: always, then: {tag: a, dimension: b}"),
        _rule("id: a, when: always, then: {lookup: t, by: {tag: a}}"),
        _rule("id: a, when: always, then: {lookup: t, by: {tag: a}, give: b, missing: never}"),
        _rule("id: a, when: always, then: {lookup: t, by: {tag: a, column: sku_id}, give: b}"),
    ],
)
def test_what_reading_refuses_for_its_shape_the_schema_refuses(text: str) -> None:
    assert _wrong(text) != []
    with pytest.raises(RuleFileError):
        parse_rules(text, name="f")
