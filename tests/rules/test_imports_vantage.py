"""Virtual tags of Vantage become rules that say the same, or a sentence says why not."""

import json
from typing import Any

import pyarrow as pa
import pytest
from tests.rules.lint_cases import attributes

from tieout.core.errors import RuleFileError
from tieout.rules.classify import classify
from tieout.rules.imports import vantage
from tieout.rules.imports.base import Imported, load
from tieout.rules.parse import parse_rules

NAMES = {"AmazonECS": "Amazon Elastic Container Service"}


def value(name: str, text: str, **other: Any) -> dict[str, Any]:
    return {"name": name, "filter": text, **other}


def config(*values: Any, **other: Any) -> str:
    return json.dumps({"key": "Team", "overridable": True, "values": list(values), **other})


def imported(text: str) -> Imported:
    return vantage.to_rules(text, name="tag.json", dimension="project", service_names=NAMES)


def matched(text: str, rows: list[dict[str, str]]) -> list[bool]:
    rules = parse_rules(imported(config(value("hit", text))).text, name="rules.yaml")
    table: pa.Table = attributes({"provider": "aws", **row} for row in rows)
    found = classify(table, rules, initiatives={}).column("project").to_pylist()
    return [one == "hit" for one in found]


@pytest.mark.parametrize(
    ("text", "rows", "expected"),
    [
        (
            (
                "(costs.provider = 'aws' AND costs.region = 'us-east-1') OR "
                "(costs.provider = 'gcp' AND costs.region = 'us-central1')"
            ),
            [
                {"region_id": "us-east-1"},
                {"provider": "gcp", "region_id": "us-central1"},
                {"region_id": "us-central1"},
            ],
            [True, True, False],
        ),
        (
            "costs.provider='aws' AND costs.region = 'a' OR costs.provider = 'gcp'",
            [{"region_id": "a"}, {"provider": "gcp"}, {"region_id": "b"}],
            [True, True, False],
        ),
        (
            (
                "costs.provider = 'aws' AND costs.account_id IN ('1', '2') "
                "AND costs.provider_account_id != '9'"
            ),
            [
                {"sub_account_id": "2", "billing_account_id": "8"},
                {"sub_account_id": "2", "billing_account_id": "9"},
                {"sub_account_id": "3"},
            ],
            [True, False, False],
        ),
        (
            "costs.provider = 'aws' and costs.region not in ('x', 'y')",
            [{"region_id": "x"}, {"region_id": "z"}],
            [False, True],
        ),
        (
            "costs.provider = 'aws' AND costs.service = 'AmazonECS'",
            [{"service_name": "Amazon Elastic Container Service"}, {"service_name": "AmazonECS"}],
            [True, False],
        ),
        (
            "costs.provider = 'aws' AND tags.name = 'env' AND tags.value = 'prod'",
            [{"tags": '{"env":"prod"}'}, {"tags": '{"env":"dev"}'}, {}],
            [True, False, False],
        ),
        (
            "costs.provider = 'aws' AND tags.name = 'env' AND tags.value NOT LIKE '%prod%'",
            [{"tags": '{"env":"xprod1"}'}, {"tags": '{"env":"dev"}'}, {}],
            [False, True, False],
        ),
        (
            "costs.provider IN ('aws', 'azure') AND tags.name = 'env' AND tags.value LIKE 'p%'",
            [{"tags": '{"env":"prod"}'}, {"tags": '{"env":"xp"}'}],
            [True, False],
        ),
        (
            "costs.provider = 'aws' AND costs.resource_id LIKE '%prod'",
            [{"resource_id": "db-prod"}, {"resource_id": "prod-db"}],
            [True, False],
        ),
        (
            "costs.provider = 'aws' AND costs.resource_id LIKE 'prod' ",
            [{"resource_id": "prod"}, {"resource_id": "prod-db"}],
            [True, False],
        ),
        (
            "costs.provider = 'aws' AND (costs.region = 'a' OR costs.account_id = '1')",
            [{"region_id": "a"}, {"sub_account_id": "1"}, {}],
            [True, True, False],
        ),
    ],
)
def test_a_filter_selects_the_same_charges(
    text: str, rows: list[dict[str, str]], expected: list[bool]
) -> None:
    assert matched(text, rows) == expected


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (value("b", "costs.provider = 'mongo'"), "provider 'mongo', not known here"),
        (value("b", "costs.provider = NULL"), "provider 'NULL'"),
        (value("b", "costs.provider = 'aws' AND tags.name = NULL"), "cannot be said here"),
        (value("b", "costs.provider = 'aws' AND tags.name != 'x'"), "cannot be said here"),
        (value("b", "costs.provider = 'aws' AND tags.value = 'x'"), "without a tags.name"),
        (value("b", "costs.provider = 'aws' AND costs.region = NULL"), "with NULL"),
        (value("b", "costs.provider = 'aws' AND costs.service = 'EC2'"), "is given for 'EC2'"),
        (value("b", "costs.provider = 'aws' AND costs.category = 'x'"), "looks at costs.category"),
        (value("b", "costs.provider = 'gcp' AND costs.account_id = 'x'"), "costs.account_id"),
        (value("b", "costs.account_id = 'x'"), "costs.account_id"),
        (value("b", "costs.provider = 'aws' AND costs.allocation = 0.5"), "text in quotes"),
        (value("b", "costs.provider > 'aws'"), "not read from"),
        (value("b", "costs.provider IS 'aws'"), "compares with 'IS'"),
        (value("b", 'costs.provider = "aws"'), "not read from"),
        (value("b", "costs.provider = 'aws' AND"), "ends too early"),
        (value("b", "(costs.provider = 'aws' costs.region"), "lacks ')'"),
        (value("b", "costs.provider = 'aws' 'x'"), "too much"),
        (value("b", "costs.provider = 'aws' AND costs.resource_id LIKE 'a%b'"), "wildcards inside"),
        (value("b", "costs.provider = 'aws' AND costs.resource_id LIKE 'a_%'"), "wildcards inside"),
        (value("b", "costs.provider = 'aws' AND costs.resource_id LIKE '%'"), "wildcards inside"),
        (value("b", "costs.provider = 'aws'", business_metric_token="bsm"), "allocation file"),
        (value("b", "(" * 5000), "nested too deeply"),
        ({"filter": "costs.provider = 'aws'"}, "no name and filter"),
        ("b", "no name and filter"),
    ],
)
def test_a_value_that_cannot_be_said_is_left_out_whole_with_a_reason(bad: Any, reason: str) -> None:
    found = imported(config(value("a", "costs.provider = 'aws'"), bad))
    (group,) = parse_rules(found.text, name="rules.yaml").dimensions
    assert [rule.rule_id for rule in group.rules] == ["a"]
    notes = [note for note in found.notes if note.startswith("value 2")]
    assert len(notes) == 1
    assert reason in notes[0]


def test_what_a_config_says_beside_its_values_is_told() -> None:
    found = imported(
        config(
            value("a", "costs.provider = 'aws' AND costs.resource_id LIKE 'x%'"),
            overridable=False,
            backfill_until="2026-01-01",
            collapsed_tag_keys=[{"key": "x"}],
        )
    )
    assert [note.split(" ")[0] for note in found.notes] == [
        "Vantage", "backfill_until", "collapsed_tag_keys", "LIKE",
    ]  # fmt: skip


def test_the_list_answer_with_one_config_is_read() -> None:
    one = json.loads(config(value("a b", "costs.provider = 'aws'", token="t")))
    found = imported(json.dumps({"virtual_tag_configs": [one]}))
    assert "id: a-b\n" in found.text
    assert 'then: "a b"\n' in found.text
    with pytest.raises(RuleFileError, match="2 virtual tags; give one in a file"):
        imported(json.dumps({"virtual_tag_configs": [one, one]}))
    with pytest.raises(RuleFileError, match="no virtual tag config"):
        imported(json.dumps({"virtual_tag_configs": [1]}))


def test_the_import_is_found_by_its_file_name() -> None:
    assert load("vantage") is vantage
