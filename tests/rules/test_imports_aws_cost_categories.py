"""AWS cost categories become rule files that say the same, or a sentence says why not."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import botocore
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.rules.lint_cases import RULE_SETS, attributes

from tieout.core.errors import RuleFileError, UnknownPluginError
from tieout.rules.classify import classify
from tieout.rules.imports import aws_cost_categories
from tieout.rules.imports.base import Imported, known_imports, load
from tieout.rules.parse import Constant, DimensionRules, Outcome, RuleSet, parse_rules
from tieout.rules.rule_text import write_rules

NAMES = {"AmazonEC2": "Amazon Elastic Compute Cloud"}


def dimension(key: str, *values: str, options: list[str] | None = None) -> dict[str, Any]:
    inner: dict[str, Any] = {"Key": key, "Values": list(values)}
    return {"Dimensions": inner | ({"MatchOptions": options} if options else {})}


def tag(key: str, *values: str, options: list[str] | None = None) -> dict[str, Any]:
    inner: dict[str, Any] = {"Key": key} | ({"Values": list(values)} if values else {})
    return {"Tags": inner | ({"MatchOptions": options} if options else {})}


def category(*rules: Any, **other: Any) -> str:
    return json.dumps(
        {"Name": "Team", "RuleVersion": "CostCategoryExpression.v1", "Rules": list(rules), **other}
    )


def rule(value: str, expression: Any) -> dict[str, Any]:
    return {"Value": value, "Rule": expression, "Type": "REGULAR"}


def imported(text: str) -> Imported:
    return aws_cost_categories.to_rules(
        text, name="team.json", dimension="project", service_names=NAMES
    )


def classes(text: str, rows: list[dict[str, str]]) -> list[str | None]:
    rules = parse_rules(imported(text).text, name="rules.yaml")
    table: pa.Table = attributes({"provider": "aws", **row} for row in rows)
    found: list[str | None] = classify(table, rules, initiatives={}).column("project").to_pylist()
    return found


@pytest.mark.parametrize(
    ("expression", "rows", "expected"),
    [
        (
            dimension("LINKED_ACCOUNT", "417000000001", "417000000002"),
            [{"sub_account_id": "417000000002"}, {"sub_account_id": "41"}, {}],
            [True, False, False],
        ),
        (
            dimension("LINKED_ACCOUNT_NAME", "-prod", "-live", options=["ENDS_WITH"]),
            [{"sub_account_name": "x-prod"}, {"sub_account_name": "x-live"}, {}],
            [True, True, False],
        ),
        (
            dimension("REGION", "eu-", options=["STARTS_WITH", "CASE_SENSITIVE"]),
            [{"region_id": "eu-central-1"}, {"region_id": "us-east-1"}],
            [True, False],
        ),
        (
            dimension("USAGE_TYPE", "BoxUsage", options=["CONTAINS"]),
            [{"sku_meter": "EUC1-BoxUsage:m5.large"}, {"sku_meter": "x"}],
            [True, False],
        ),
        (
            dimension("SERVICE_CODE", "AmazonEC2"),
            [{"service_name": "Amazon Elastic Compute Cloud"}, {"service_name": "AmazonEC2"}],
            [True, False],
        ),
        (
            dimension("RECORD_TYPE", "Tax"),
            [{"charge_category": "Tax"}, {"charge_category": "Usage"}],
            [True, False],
        ),
        (
            tag("team", "A.b", options=["EQUALS", "CASE_INSENSITIVE"]),
            [{"tags": '{"team":"a.B"}'}, {"tags": '{"team":"axb"}'}, {"tags": '{"team":"a.bc"}'}],
            [True, False, False],
        ),
        (
            tag("team", "a", options=["CASE_INSENSITIVE", "STARTS_WITH"]),
            [{"tags": '{"team":"AB"}'}, {"tags": '{"team":"ba"}'}],
            [True, False],
        ),
        (
            tag("team", "(x)", options=["CASE_INSENSITIVE", "ENDS_WITH"]),
            [{"tags": '{"team":"a(X)"}'}, {"tags": '{"team":"(x)a"}'}],
            [True, False],
        ),
        (tag("team", options=["ABSENT"]), [{}, {"tags": '{"team":"a"}'}], [True, False]),
        (tag("team"), [{}, {"tags": '{"team":"a"}'}], [True, False]),
        (
            {"Not": tag("team", "a")},
            [{}, {"tags": '{"team":"a"}'}, {"provider": "gcp"}],
            [True, False, False],
        ),
        (
            {"And": [tag("team", "a"), {"Or": [dimension("REGION", "x"), tag("env", "p")]}]},
            [
                {"tags": '{"team":"a"}', "region_id": "x"},
                {"tags": '{"env":"p","team":"a"}'},
                {"tags": '{"env":"p"}', "region_id": "x"},
            ],
            [True, True, False],
        ),
    ],
)
def test_an_expression_selects_the_same_charges(
    expression: Any, rows: list[dict[str, str]], expected: list[bool]
) -> None:
    found = classes(category(rule("Team 1", expression)), rows)
    assert found == ["Team 1" if hit else None for hit in expected]


def test_the_first_rule_wins_then_the_tag_then_the_default() -> None:
    text = category(
        rule("Team 1", dimension("REGION", "eu-west-1")),
        {
            "Type": "INHERITED_VALUE",
            "InheritedValue": {"DimensionName": "TAG", "DimensionKey": "team"},
        },
        DefaultValue="Other",
    )
    rows = [
        {"region_id": "eu-west-1", "tags": '{"team":"blue"}'},
        {"tags": '{"team":"blue"}'},
        {},
        {"provider": "gcp"},
    ]
    assert classes(text, rows) == ["Team 1", "blue", "Other", None]


def test_the_file_is_readable_and_names_where_it_comes_from() -> None:
    text = category(rule("Team 1", tag("team", "a")), rule("Team 1", tag("team", "no", "b")))
    assert imported(text).text == (
        "rule_set: classification\n"
        "dimensions:\n"
        "  project:\n"
        "    - id: team-1\n"
        '      description: "AWS cost category Team: rule 1 (Team 1)"\n'
        "      when: {all: [{column: provider, equals: aws}, {tag: team, equals: a}]}\n"
        '      then: "Team 1"\n'
        "    - id: team-1-2\n"
        '      description: "AWS cost category Team: rule 2 (Team 1)"\n'
        '      when: {all: [{column: provider, equals: aws}, {tag: team, in: ["no", b]}]}\n'
        '      then: "Team 1"\n'
    )
    assert imported(text).notes == ()


def test_the_answer_of_describe_is_read_as_well() -> None:
    inner = json.loads(category(rule("a", tag("team", "a")), EffectiveStart="2026-01-01T00:00:00Z"))
    found = imported(json.dumps({"CostCategory": inner}))
    assert len(found.notes) == 1
    assert "EffectiveStart 2026-01-01T00:00:00Z was not taken over" in found.notes[0]


def test_split_charges_are_named_and_belong_into_the_allocation_file() -> None:
    split = {"Source": "Shared", "Targets": ["a", "b"], "Method": "EVEN"}
    found = imported(
        category(
            rule("a", tag("team", "a")),
            SplitChargeRules=[split, {"Source": "", "Targets": ["a"], "Method": "EVEN"}, None],
        )
    )
    assert found.notes[0] == (
        "The split charge rule of Shared (EVEN over a, b) was not taken over: make it a pool in "
        "the allocation file."
    )
    assert "of uncategorised costs (EVEN over a)" in found.notes[1]


def test_usage_types_come_with_a_warning() -> None:
    found = imported(category(rule("a", dimension("USAGE_TYPE", "x"))))
    assert "compared with sku_meter" in found.notes[0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (rule("b", {"CostCategories": {"Key": "x", "Values": ["y"]}}), "looks at CostCategories"),
        (rule("b", dimension("SERVICE_CODE", "AmazonS3")), "service code 'AmazonS3'"),
        (rule("b", dimension("SERVICE_CODE", "A", options=["CONTAINS"])), "SERVICE_CODE in a way"),
        (rule("b", dimension("RECORD_TYPE", "Usage")), "of which only Tax means the same"),
        (rule("b", dimension("AZ", "x")), "looks at AZ"),
        (rule("b", tag("t", "x", options=["GREATER_THAN_OR_EQUAL"])), "are not read"),
        (rule("b", tag("t", "x", options=["EQUALS", "CONTAINS"])), "EQUALS, CONTAINS are not read"),
        (rule("b", {"Tags": {"Key": "t", "Values": ["x"], "MatchOptions": "EQUALS"}}), "no list"),
        (rule("b", tag("t", "")), "no text"),
        (rule("b", {"Tags": {"Key": "t", "Values": "x"}}), "no list with members"),
        (rule("b", {"Tags": {"MatchOptions": ["ABSENT"]}}), "without any tag at all"),
        (rule("b", {"Tags": ["t"]}), "names no key"),
        (rule("b", {"Tags": {}, "Not": {}}), "exactly one root"),
        (rule("b", None), "exactly one root"),
        (rule("b", {"And": []}), "no list with members"),
        (rule("b", tag("t", "x\u200b")), "invisible character"),
        (rule("b", tag("t", "x" * 600, options=["CASE_INSENSITIVE"])), "at most 500"),
        ({"Value": "b", "Type": "SOMETHING"}, "neither a REGULAR rule"),
        ({"Rule": tag("t", "x")}, "neither a REGULAR rule"),
        ("b", "neither a REGULAR rule"),
        (
            {"Type": "INHERITED_VALUE", "InheritedValue": {"DimensionName": "LINKED_ACCOUNT_NAME"}},
            "inherits the account's name",
        ),
        ({"Type": "INHERITED_VALUE"}, "inherits the account's name"),
    ],
)
def test_a_rule_that_cannot_be_said_is_left_out_whole_with_a_reason(bad: Any, reason: str) -> None:
    found = imported(category(rule("a", tag("team", "a")), bad))
    (group,) = parse_rules(found.text, name="rules.yaml").dimensions
    assert [one.rule_id for one in group.rules] == ["a"]
    assert found.notes[0].startswith("rule 2")
    assert "was not taken over: " in found.notes[0]
    assert reason in found.notes[0]
    assert "meet the rules after them" in found.notes[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "team.json: not JSON"),
        ("[]", "expected a JSON object, found a list"),
        ("{}", "RuleVersion is 'None', expected CostCategoryExpression.v1"),
        ('{"CostCategory": []}', "RuleVersion is 'None'"),
        (category(), "team.json: Rules is no list with members"),
        (category(rule("b", dimension("AZ", "x"))), "no rule can be taken over: rule 1"),
        (" " * 10_000_001, "more than 10,000,000 characters"),
    ],
)
def test_what_is_no_cost_category_is_refused(text: str, message: str) -> None:
    with pytest.raises(RuleFileError, match=message):
        imported(text)


def test_the_import_is_found_by_its_file_name() -> None:
    assert "aws_cost_categories" in known_imports()
    assert load("aws_cost_categories") is aws_cost_categories
    with pytest.raises(UnknownPluginError, match="No import of rules 'excel'; known: aws_cost"):
        load("excel")


def test_shapes_are_those_of_the_published_interface() -> None:
    folder = Path(botocore.__file__).parent / "data" / "ce"
    (file,) = folder.glob("*/service-2.json.gz")
    shapes = json.loads(gzip.decompress(file.read_bytes()))["shapes"]
    assert {
        "Name",
        "RuleVersion",
        "Rules",
        "DefaultValue",
        "SplitChargeRules",
        "EffectiveStart",
    } <= (shapes["CostCategory"]["members"].keys())
    assert shapes["CostCategoryRule"]["members"].keys() == {
        "Value", "Rule", "InheritedValue", "Type",
    }  # fmt: skip
    assert {"And", "Or", "Not", "Tags", "Dimensions"} <= shapes["Expression"]["members"].keys()
    assert set(aws_cost_categories._COLUMNS) <= set(shapes["Dimension"]["enum"])
    known = set(aws_cost_categories._OPERATORS) | set(aws_cost_categories._CASE)
    assert set(shapes["MatchOption"]["enum"]) - known == {"GREATER_THAN_OR_EQUAL"}


def test_an_outcome_without_a_way_of_writing_is_refused() -> None:
    (group,) = parse_rules(imported(category(rule("a", tag("t", "a")))).text, name="x").dimensions
    odd = replace(group.rules[0], then=cast("Outcome", ("table", "column")))
    with pytest.raises(RuleFileError, match="No way to write the outcome"):
        write_rules(RuleSet(name="s", dimensions=(replace(group, rules=(odd,)),)))


@examples(100)
@given(RULE_SETS, st.sampled_from(["plain", "a: b", "#no", "012", "Größe 😀", '"', "null"]))
def test_a_written_rule_file_reads_back_as_the_same_rules(rules: RuleSet, word: str) -> None:
    first = DimensionRules(
        dimension="project",
        rules=tuple(
            replace(one, rule_id=f"p{number}", description=word, then=Constant(word))
            for number, one in enumerate(rules.dimensions[0].rules)
        ),
    )
    kept = tuple(group for group in (*rules.dimensions, first) if group.rules)
    if kept:
        written = replace(rules, dimensions=kept)
        assert parse_rules(write_rules(written), name="x") == written
