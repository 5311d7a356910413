"""What may stand under `when`."""

import time
from typing import Any

import pytest

from tieout.core.errors import RuleFileError
from tieout.rules.predicate import (
    COLUMNS,
    AllOf,
    Always,
    AnyOf,
    Condition,
    Not,
    Predicate,
    read_predicate,
)
from tieout.rules.yaml_text import read_yaml


def _read(text: str) -> Predicate:
    return read_predicate(read_yaml(text, name="f"))


def test_equals_is_in_with_one_value() -> None:
    same = Condition(source="column", name="provider", operator="in", values=("aws",))
    assert _read("{column: provider, equals: aws}") == same
    assert _read("{column: provider, in: [aws]}") == same


@pytest.mark.parametrize("operator", ["prefix", "suffix", "contains", "regex"])
def test_a_text_operator_takes_one_text(operator: str) -> None:
    found = _read(f'{{tag: "user:app", {operator}: " a"}}')
    assert isinstance(found, Condition)
    assert (found.source, found.name, found.values) == ("tag", "user:app", (" a",))
    assert found.operator == operator


@pytest.mark.parametrize("operator", ["exists", "missing"])
def test_presence_is_asked_with_true(operator: Any) -> None:
    found = _read(f"{{column: region_id, {operator}: true}}")
    assert found == Condition(source="column", name="region_id", operator=operator)


@pytest.mark.parametrize("operator", ["gt", "ge", "lt", "le"])
@pytest.mark.parametrize("bound", ["3", "-0.50", "2026-10-01"])
def test_a_comparison_takes_a_number_or_a_day(operator: str, bound: str) -> None:
    found = _read(f"{{tag: expires, {operator}: {bound}}}")
    assert isinstance(found, Condition)
    assert (found.operator, found.values) == (operator, (bound,))


def test_predicates_nest() -> None:
    aws = Condition(source="column", name="provider", operator="in", values=("aws",))
    one = "{column: provider, equals: aws}"
    assert _read(f"{{all: [{one}, {{not: {one}}}]}}") == AllOf((aws, Not(aws)))
    assert _read(f"{{any: [{one}, always]}}") == AnyOf((aws, Always()))


def test_tags_are_reached_by_tag_and_not_as_a_column() -> None:
    assert "tags" not in COLUMNS
    with pytest.raises(RuleFileError, match=r"'tags' is not a column .* known: provider, "):
        _read("{column: tags, contains: x}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sometimes", "expected keys and values, found the text 'sometimes'"),
        ("{}", "expected one of all, any, not, column or tag; found none"),
        ("{all: [always], any: [always]}", "found all, any"),
        ("{some: [always]}", "found 'some'"),
        ("{all: []}", "the list is empty"),
        ("{column: provider}", "expected column and one of equals, in, "),
        ("{column: provider, tag: a}", "expected column and one of"),
        ("{column: provider, equals: a, prefix: b}", "expected column and one of"),
        ("{column: provider, like: a}", "found column, like"),
        ("{column: colour, equals: 1}", "'colour' is not a column that rules can see; known: "),
        ("{column: billed_cost, equals: 1}", "'billed_cost' is not a .* it is an amount: charges"),
        ("{column: pricing_quantity, gt: 1}", "it is an amount"),
        ("{column: charge_period_start, gt: 2026-10-01}", "it is a day: give the rule valid_from"),
        ("{column: billing_period_start, exists: true}", "it is a day"),
        ("{column: line_id, equals: a}", "it differs from charge to charge"),
        ("{column: source_row, equals: 1}", "it differs from charge to charge"),
        ("{column: source_tags, contains: a}", "it is many texts in one: ask for a tag"),
        ("{tag: a, gt: high}", "'high' cannot be compared; expected a number such as 1000"),
        ("{tag: a, le: 1e3}", "'1e3' cannot be compared"),
        ("{tag: a, le: '1,000'}", "cannot be compared"),
        ("{tag: a, lt: 2026-02-30}", "'2026-02-30' cannot be compared"),
        ("{tag: a, ge: []}", "expected a text"),
        ("{column: provider, equals: ''}", "the text is empty"),
        ("{column: provider, in: aws}", "expected a list"),
        ("{column: provider, prefix: ''}", "a text that is not empty"),
        ("{column: provider, prefix: [a]}", "a text that is not empty"),
        ("{column: provider, exists: false}", "expected one of true; found 'false'"),
        ("{column: provider, regex: '('}", "RE2 does not read this regex: missing \\)"),
        (r"{column: provider, regex: '(a)\1'}", "RE2 does not read this regex: invalid escape"),
        ("{column: provider, regex: '(?=a)'}", "RE2 does not read this regex"),
        ("{column: provider, regex: 'a{1001}'}", "RE2 does not read this regex"),
        (f"{{column: provider, regex: '{'a' * 501}'}}", "a regex of 501 characters; at most 500"),
    ],
)
def test_what_is_not_in_the_language_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=f"f, line 1: .*{sentence}"):
        _read(text)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|a)*b", "(x+x+)+y", "((a{1,30}){1,30})"])
def test_a_catastrophic_regex_is_checked_quickly(pattern: str) -> None:
    start = time.perf_counter()
    _read(f"{{column: provider, regex: '{pattern}'}}")
    assert time.perf_counter() - start < 1
