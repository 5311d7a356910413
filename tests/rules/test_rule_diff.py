"""Differences of two rule sets: what a controller reads, and what has to be classified again."""

from dataclasses import dataclass, replace
from datetime import date
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.rules.lint_cases import REGISTER, ROWS, RULE_SETS, Row, attributes, holds, rule

from tieout.rules.classify import classify
from tieout.rules.parse import Constant, DimensionRules, Outcome, Rule, RuleSet, parse_rules
from tieout.rules.predicate import Always, Condition, Operator, Source
from tieout.rules.rule_diff import affected, rule_diff
from tieout.rules.rule_words import outcome_words, predicate_words

BEFORE = """
rule_set: classification
dimensions:
  initiative:
    - {id: bot, owner: maria, when: {column: sub_account_name, in: [Bot, Helper]}, then: bot}
    - id: search
      when: {all: [{column: provider, equals: aws}, {tag: app, equals: search}]}
      then: search
    - {id: rest, when: always, then: bot}
  cost_center:
    - {id: own, when: always, then: {initiative: cost_center}}
  environment:
    - {id: tagged, when: {tag: env, exists: true}, then: {tag: env}}
"""


def sets(*replacements: tuple[str, str]) -> tuple[RuleSet, RuleSet]:
    text = BEFORE
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return parse_rules(BEFORE, name="old"), parse_rules(text, name="new")


def messages(*replacements: tuple[str, str]) -> list[str]:
    return [change.message for change in rule_diff(*sets(*replacements))]


def test_equal_sets_differ_in_nothing() -> None:
    old, new = sets()
    assert rule_diff(old, new) == ()
    assert not affected(old, new).rules
    assert not affected(old, new).dimensions


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "in: [Bot, Helper]",
            "in: [Bot, Support]",
            (
                "Rule bot (initiative) adds 'Support' and drops 'Helper' in the list of "
                "sub_account_name."
            ),
        ),
        (
            "in: [Bot, Helper]",
            "in: [Bot, Helper, Support]",
            "Rule bot (initiative) adds 'Support' in the list of sub_account_name.",
        ),
        (
            "in: [Bot, Helper]",
            "equals: Bot",
            "Rule bot (initiative) drops 'Helper' in the list of sub_account_name.",
        ),
        (
            "{column: sub_account_name, in: [Bot, Helper]}",
            "{any: [{column: x_model, prefix: gpt}, {not: {tag: app, missing: true}}]}",
            (
                "Rule bot (initiative) asks whether x_model starts with 'gpt' or not (tag app is "
                "missing) instead of whether sub_account_name is one of 'Bot', 'Helper'."
            ),
        ),
        (
            "[{column: provider, equals: aws}, {tag: app, equals: search}]",
            "[{tag: app, equals: search}, {column: provider, in: [aws]}]",
            "Rule search (initiative) writes its condition differently but asks the same.",
        ),
        (
            "then: search",
            "then: {tag: app}\n      valid_from: 2026-10-01",
            (
                "Rule search (initiative) gives the value of tag app instead of 'search'; "
                "holds from 2026-10-01 instead of no set day."
            ),
        ),
        (
            "owner: maria",
            "owner: jonas, description: The bot, valid_to: 2027-01-01",
            (
                "Rule bot (initiative) holds until before 2027-01-01 instead of no set day; has "
                "description 'The bot' instead of ''; has owner 'jonas' instead of 'maria'."
            ),
        ),
        (
            "    - {id: rest,",
            (
                "    - {id: new, when: {any: [{all: [{column: sku_id, regex: '^a'}, "
                "{tag: b, exists: true}]}, {column: region_id, suffix: x}]}, then: 'pool:p', "
                "valid_from: 2026-10-01, valid_to: 2027-01-01}\n    - {id: rest,"
            ),
            (
                "Rule new (initiative) is new in place 3: a charge where (sku_id matches the regex "
                "'^a' and tag b is there) or region_id ends with 'x' gets 'pool:p' from 2026-10-01 "
                "until before 2027-01-01."
            ),
        ),
        (
            "    - {id: own, when: always, then: {initiative: cost_center}}",
            "    - {id: own, when: always, then: {initiative: pl_category}}",
            (
                "Rule own (cost_center) gives the pl_category of the initiative instead of the "
                "cost_center of the initiative."
            ),
        ),
        (
            "  environment:\n    - {id: tagged, when: {tag: env, exists: true}, then: {tag: env}}",
            "",
            (
                "Rule tagged (environment) is gone; it said: a charge where tag env is there "
                "gets the value of tag env."
            ),
        ),
    ],
)
def test_one_change_is_one_sentence(old: str, new: str, message: str) -> None:
    assert messages((old, new)) == [message]


def test_a_rule_that_moved_is_named_and_the_others_are_not() -> None:
    old, new = sets()
    first, *others = old.dimensions[0].rules
    new = replace(
        new, dimensions=(replace(new.dimensions[0], rules=(*others, first)), *new.dimensions[1:])
    )
    (change,) = rule_diff(old, new)
    assert (change.kind, change.old_place, change.new_place) == ("moved", 1, 3)
    assert change.message == ("Rule bot (initiative) moved from place 1 to 3, after all others.")
    (back,) = rule_diff(new, old)
    assert back.message == "Rule bot (initiative) moved from place 3 to 1, before search."
    assert affected(old, new).rules == {("initiative", "bot"), ("cost_center", "own")}


def test_what_is_only_for_people_or_written_differently_affects_nothing() -> None:
    old, new = sets(
        ("owner: maria", "owner: jonas, description: The bot"),
        ("equals: aws}", "in: [aws, aws]}"),
    )
    assert len(rule_diff(old, new)) == 2
    assert affected(old, new).rules == frozenset()


def test_a_change_outside_the_initiative_touches_rules_that_can_depend_on_it() -> None:
    old, new = sets(("{tag: env, exists: true}", "{tag: env, equals: prod}"))
    found = affected(old, new)
    assert found.rules == {("environment", "tagged"), ("cost_center", "own")}
    assert found.dimensions == {"environment", "cost_center"}


def test_a_rule_under_another_dimension_is_gone_here_and_new_there() -> None:
    one = rule("x", Always(), Constant("prod"))
    old = RuleSet(name="s", dimensions=(DimensionRules(dimension="project", rules=(one,)),))
    new = RuleSet(name="s", dimensions=(DimensionRules(dimension="environment", rules=(one,)),))
    found = rule_diff(old, new)
    assert [(change.kind, change.dimension) for change in found] == [
        ("added", "environment"),
        ("removed", "project"),
    ]
    assert affected(old, new).rules == {("environment", "x"), ("project", "x")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Later(RuleSet):
    """A rule set of a version that keeps more in its files."""

    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterRules(DimensionRules):
    """The same for one dimension: a list of its only values."""

    values: tuple[str, ...] = ()


def test_a_part_that_this_comparison_does_not_know_affects_every_rule() -> None:
    old, _ = sets()
    one = Later(name="s", dimensions=old.dimensions, tables=("t",))
    found = affected(replace(one, tables=()), one)
    assert found.rules == {(dimension, each.rule_id) for dimension, each in old.rules()}
    assert affected(one, one).rules == frozenset()
    group = LaterRules(dimension="project", rules=(rule("x", Always(), Constant("a")),))
    wider = replace(group, values=("a",))
    found = affected(RuleSet(name="s", dimensions=(group,)), RuleSet(name="s", dimensions=(wider,)))
    assert found.rules == {("project", "x")}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ((), ("a", "b"), "are 'a', 'b' from now on; before, any was."),
        (("a",), (), "are no longer listed: any is; before, they were 'a'."),
        (("a", "b"), ("b", "c"), "change: the list adds 'c' and drops 'a'."),
        (("a", "b"), ("b", "a"), "change: the list changes its order."),
    ],
)
def test_a_list_of_valid_values_that_changed_is_told(
    before: tuple[str, ...], after: tuple[str, ...], message: str
) -> None:
    old = LaterRules(dimension="project", rules=(), values=before)
    (change,) = rule_diff(
        RuleSet(name="s", dimensions=(old,)),
        RuleSet(name="s", dimensions=(replace(old, values=after),)),
    )
    assert (change.kind, change.rule_id, change.what) == ("changed", "", ("values",))
    assert change.message == f"The valid values of project {message}"


def test_an_id_that_stands_for_two_rules_on_different_days_is_compared_rule_by_rule() -> None:
    turn = date(2026, 7, 1)
    first = rule("x", Always(), Constant("a"), valid_to=turn)
    second = rule("x", Always(), Constant("b"), valid_from=turn)

    def of(*rules: Rule) -> RuleSet:
        return RuleSet(name="s", dimensions=(DimensionRules(dimension="project", rules=rules),))

    assert rule_diff(of(first, second), of(first, second)) == ()
    (change,) = rule_diff(of(first, second), of(first, replace(second, then=Constant("c"))))
    assert change.message == "Rule x (project) gives 'c' instead of 'b'."
    assert [one.kind for one in rule_diff(of(first), of(first, second))] == ["added"]
    assert [one.kind for one in rule_diff(of(first, second), of(second, first))] == ["moved"]
    assert affected(of(first), of(first, second)).rules == {("project", "x")}


def test_a_question_about_another_dimension_counts_as_depending_on_it() -> None:
    word: str = "ge"
    asks = Condition(
        source=cast("Source", "dimension"),
        name="project",
        operator=cast("Operator", word),
        values=("5",),
    )
    follower = DimensionRules(dimension="environment", rules=(rule("f", asks, Constant("a")),))
    old = RuleSet(name="s", dimensions=(follower,))
    other = DimensionRules(dimension="project", rules=(rule("p", Always(), Constant("a")),))
    assert affected(old, replace(old, dimensions=(other, follower))).rules == {
        ("project", "p"),
        ("environment", "f"),
    }
    assert predicate_words(asks) == "dimension project is at least '5'"
    assert outcome_words(cast("Outcome", "a later outcome")) == "a later outcome"


@examples(120)
@given(RULE_SETS, RULE_SETS, ROWS, st.data())
def test_what_meets_no_affected_rule_is_decided_as_before(
    old: RuleSet, other: RuleSet, rows: list[Row], data: st.DataObject
) -> None:
    new = data.draw(edited(old, other))
    table = attributes(rows)
    before = classify(table, old, initiatives=REGISTER).to_pylist()
    after = classify(table, new, initiatives=REGISTER).to_pylist()
    found = affected(old, new)
    by_dimension = [
        (dimension, one)
        for each in (old, new)
        for dimension, one in each.rules()
        if (dimension, one.rule_id) in found.rules
    ]
    for row, one, two in zip(rows, before, after, strict=True):
        for dimension in ("initiative", "cost_center"):
            names = (dimension, f"{dimension}_rule")
            if [one[name] for name in names] != [two[name] for name in names]:
                assert dimension in found.dimensions
                assert any(holds(rule.when, row) for at, rule in by_dimension if at == dimension)


def edited(old: RuleSet, other: RuleSet) -> st.SearchStrategy[RuleSet]:
    """The old set with rules dropped, moved, replaced and added."""

    def mixed(number: int) -> st.SearchStrategy[DimensionRules]:
        group = old.dimensions[number]
        fresh = [replace(one, rule_id=f"n-{one.rule_id}") for one in other.dimensions[number].rules]
        swapped = [
            replace(one, when=two.when)
            for one, two in zip(group.rules, other.dimensions[number].rules, strict=False)
        ]
        pool = [*group.rules, *group.rules, *fresh, *swapped]
        if not pool:
            return st.just(group)
        rules = st.lists(st.sampled_from(pool), unique_by=lambda one: one.rule_id)
        return rules.map(lambda chosen: replace(group, rules=tuple(chosen)))

    return st.tuples(mixed(0), mixed(1)).map(lambda groups: replace(old, dimensions=groups))


@given(RULE_SETS, RULE_SETS, st.data())
def test_every_difference_is_told(old: RuleSet, other: RuleSet, data: st.DataObject) -> None:
    new = data.draw(edited(old, other))
    changes = rule_diff(old, new)
    told = {(change.dimension, change.rule_id) for change in changes}
    same_rules = {group.dimension: group.rules for group in old.dimensions} == {
        group.dimension: group.rules for group in new.dimensions
    }
    assert (not changes) == same_rules
    certain = affected(old, new).rules
    followers = {(at, one.rule_id) for each in (old, new) for at, one in each.rules()} - told
    assert certain <= told | followers
    for change in changes:
        assert change.message.startswith(f"Rule {change.rule_id} ({change.dimension}) ")
