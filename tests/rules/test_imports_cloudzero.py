"""CostFormation dimensions become rules that say the same, or a sentence says why not."""

import textwrap

import pytest
from tests.rules.lint_cases import attributes

from tieout.core.errors import RuleFileError
from tieout.rules.classify import classify
from tieout.rules.imports import cloudzero
from tieout.rules.imports.base import Imported, load
from tieout.rules.parse import parse_rules

NAMES = {"AmazonEC2": "Amazon Elastic Compute Cloud"}


def file(*rules: str, more: str = "Source: Account") -> str:
    listed = "\n".join(f"- {rule}" for rule in rules)
    return (
        f"Dimensions:\n  Team:\n{textwrap.indent(more, '    ')}\n    Rules:\n"
        f"{textwrap.indent(listed, '      ')}\n"
    )


def group(*conditions: str, more: str = "") -> str:
    return f"{{Type: Group, Name: hit{more}, Conditions: [{', '.join(conditions)}]}}"


def imported(text: str) -> Imported:
    return cloudzero.to_rules(text, name="cz.yaml", dimension="project", service_names=NAMES)


def classes(text: str, *rows: dict[str, str]) -> list[str | None]:
    rules = parse_rules(imported(text).text, name="rules.yaml")
    found: list[str | None] = (
        classify(attributes(rows), rules, initiatives={}).column("project").to_pylist()
    )
    return found


@pytest.mark.parametrize(
    ("conditions", "yes", "no"),
    [
        (["{Equals: 012345678901}"], {"sub_account_id": "012345678901"}, {"sub_account_id": "1"}),
        (["{Equals: [a, b]}"], {"sub_account_id": "b"}, {"sub_account_id": "ab"}),
        (["{BeginsWith: prod, Source: 'Tag:env'}"], {"tags": '{"env":"prod1"}'}, {}),
        (["{EndsWith: [x, y], Source: Region}"], {"region_id": "ay"}, {"region_id": "ya"}),
        (["{Contains: b, Source: PayerAccount}"], {"billing_account_id": "abc"}, {}),
        (["{Matches: 'a[0-9]+'}"], {"sub_account_id": "a12"}, {"sub_account_id": "xa12"}),
        (["{HasValue: true, Source: 'Tag:a:b'}"], {"tags": '{"a:b":"x"}'}, {}),
        (["{HasValue: False}"], {}, {"sub_account_id": "x"}),
        (
            ["{Equals: AmazonEC2, Source: Service}"],
            {"service_name": "Amazon Elastic Compute Cloud"},
            {"service_name": "AmazonEC2"},
        ),
        (["{Equals: AWS, Source: CloudProvider}"], {"provider": "aws"}, {"provider": "gcp"}),
        (
            ["{Equals: x, Sources: ['Tag:a', 'Tag:b']}"],
            {"tags": '{"b":"x"}'},
            {"tags": '{"c":"x"}'},
        ),
        (["{Equals: a}", "{Equals: b}"], {"sub_account_id": "b"}, {"sub_account_id": "c"}),
        (
            ["{And: [{Equals: a}, {Equals: p, Source: 'Tag:env'}]}"],
            {"sub_account_id": "a", "tags": '{"env":"p"}'},
            {"sub_account_id": "a"},
        ),
        (["{And: [{Equals: a}]}"], {"sub_account_id": "a"}, {}),
        (["{Not: [{Equals: a}, {Equals: b}]}"], {"sub_account_id": "c"}, {"sub_account_id": "b"}),
        (["{Or: [{Equals: a}], Source: Region}"], {"region_id": "a"}, {"sub_account_id": "a"}),
    ],
)
def test_a_condition_selects_the_same_charges(
    conditions: list[str], yes: dict[str, str], no: dict[str, str]
) -> None:
    assert classes(file(group(*conditions)), yes, no) == ["hit", None]


def test_a_rule_has_its_own_source_and_a_tag_gives_its_value_and_the_default_is_last() -> None:
    text = file(
        group("{Equals: eu}", more=", Source: Region"),
        "{Type: GroupBy, Source: 'Tag:team'}",
        more="Name: Teams\nType: Grouping\nDefaultValue: Other",
    )
    rows: tuple[dict[str, str], ...] = (
        {"region_id": "eu", "tags": '{"team":"blue"}'},
        {"tags": '{"team":"blue"}'},
        {},
    )
    assert classes(text, *rows) == ["hit", "blue", "Other"]
    assert imported(text).notes == ()


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("{Type: Metadata, Values: [a]}", "expected one of Group, GroupBy; found 'Metadata'"),
        ("{Name: x}", "expected a text"),
        ("[a]", "expected keys and values"),
        ("{Type: Group, Name: [x], Conditions: [{Equals: a}]}", "expected a text"),
        ("{Type: Group, Conditions: [{Equals: a}]}", "without Name"),
        ("{Type: Group, Name: x}", "without Conditions"),
        (group("{Equals: a}", more=", Transforms: [{Type: Lower}]"), "it says Transforms"),
        (group("{Equals: a, Transforms: [{Type: Lower}]}"), "not exactly one test"),
        (group("{Or: [{Equals: a}], Sources: [Region]}"), "it says Sources"),
        (group("{Before: a}"), "Before is not read"),
        (group("{HasValue: perhaps}"), "expected one of true"),
        (group("{HasValue: true, Source: Service}"), "looks at Service"),
        (group("{Contains: EC2, Source: Service}"), "looks at Service"),
        (group("{Equals: x, Source: Resource}"), "looks at Resource"),
        (group("{Equals: AmazonS3, Source: Service}"), "given for Service 'AmazonS3'"),
        (group("{Equals: Azure, Source: CloudProvider}"), "given for CloudProvider 'Azure'"),
        (group("{Matches: 'a(?=b)'}"), "RE2 does not read"),
        ("{Type: GroupBy}", "it groups by Account"),
        ("{Type: GroupBy, Source: 'Tag:a', Format: x}", "it says Format"),
    ],
)
def test_a_rule_that_cannot_be_said_is_left_out_whole_with_a_reason(rule: str, reason: str) -> None:
    found = imported(file(group("{Equals: a}"), rule))
    (own,) = parse_rules(found.text, name="rules.yaml").dimensions
    assert [one.rule_id for one in own.rules] == ["hit"]
    assert found.notes[0].startswith("rule 2")
    assert reason in found.notes[0]


def test_without_any_source_nothing_can_be_asked() -> None:
    text = file(group("{Equals: a}"), "{Type: GroupBy}", more="Name: x")
    with pytest.raises(RuleFileError, match=r"without a Source.*groups by nothing"):
        imported(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Rules: [a]", "expected the key Dimensions"),
        ("Dimensions: {A: {Rules: [a]}, B: {Rules: [a]}}", "2 dimensions; give one in a file"),
        (file(group("{Equals: a}"), more="Transforms: [{Type: Lower}]"), "says Transforms"),
        (file(group("{Equals: a}"), more="Type: Allocation"), "says Type"),
        ("Dimensions: {A: {Name: x}}", "dimension A has no Rules"),
        ("Dimensions: &x {}", "anchors and aliases"),
    ],
)
def test_what_is_no_single_grouping_dimension_is_refused(text: str, message: str) -> None:
    with pytest.raises(RuleFileError, match=message):
        imported(text)


def test_the_import_is_found_by_its_file_name() -> None:
    assert load("cloudzero") is cloudzero
