"""The money behind rules, and what the linter does with parts of rule files it need not know."""

from dataclasses import dataclass, replace
from typing import cast

import pytest
from tests.rules.lint_cases import (
    CHARGES,
    OCTOBER,
    SPEND,
    amounts,
    evidence,
    judge,
    read,
    rule,
    said,
)

from tieout.core.errors import IntegrityError
from tieout.core.money import to_units
from tieout.rules import lint_walk
from tieout.rules.lint import lint
from tieout.rules.lint_evidence import money_by_rule
from tieout.rules.parse import (
    Constant,
    DimensionRules,
    Outcome,
    RuleSet,
)
from tieout.rules.predicate import Condition
from tieout.rules.rule_days import rules_on


def test_credits_do_not_hide_a_cost() -> None:
    rules = read("when: {column: service_name, equals: Amazon EC2}, then: a")
    met = evidence(rules, CHARGES, amounts([(1, "5", 1), (1, "-5", 1)]))
    (own, rest) = money_by_rule(rules, met)
    assert (own.decides.units, own.decides.absolute_units) == (0, to_units("10"))
    assert (own.decides.charges, own.decides.tuples) == (2, 1)
    assert (rest.rule_id, rest.decides.units, rest.decides.tuples) == (None, 0, 2)


def test_the_size_of_a_batch_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = read(
        "when: {tag: app, exists: true}, then: a",
        "when: {column: provider, in: [aws, gcp]}, then: ab",
        "when: {column: provider, exists: true}, then: bot",
    )
    whole = judge(rules)
    monkeypatch.setattr(lint_walk, "_BATCH", 1)
    assert judge(rules) == whole
    assert said(whole) == [("overlapping", "r2", "r1"), ("shadowed", "r3", "r1")]


def test_sums_are_exact_where_floats_are_not() -> None:
    rules = read("when: always, then: a")
    lines = [(0, "9999999999999999.999999999999", 1), (1, "0.000000000001", 1), (2, "-1", 1)]
    own = money_by_rule(rules, evidence(rules, CHARGES, amounts(lines)))[0]
    assert own.decides.units == to_units("9999999999999999")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(DimensionRules):
    """A dimension whose rule file lists its only values."""

    values: tuple[str, ...] = ()


def test_a_tag_gives_no_value_outside_the_list_of_the_rule_file() -> None:
    rules = read(
        "when: {column: provider, equals: gcp}, then: prod",
        "when: {tag: app, exists: true}, then: {tag: app}",
        "when: {tag: app, prefix: b}, then: prod",
        dimension="environment",
    )
    charges, money = CHARGES, SPEND
    plain = lint(rules, evidence=evidence(rules, charges, money), on=OCTOBER)
    assert said(plain) == [("overlapping", "r2", "r1"), ("unreachable", "r3", "r2")]
    group = Listed(dimension="environment", rules=rules.dimensions[0].rules, values=("prod", "bot"))
    listed = replace(rules, dimensions=(group,))
    found = lint(listed, evidence=evidence(rules, charges, money), on=OCTOBER)
    assert said(found) == [("shadowed", "r3", "r2")]  # other is no value: r2 would have passed
    found = lint(
        replace(rules, dimensions=(replace(group, values=("bot",)),)),
        evidence=evidence(rules, charges, money),
        on=OCTOBER,
    )
    assert ("unknown_outcome", "r1", None) in said(found)


def test_an_id_that_stands_for_two_rules_on_different_days_is_judged_rule_by_rule() -> None:
    when = Condition(source="column", name="provider", operator="in", values=("aws",))
    rules = (
        rule("x", when, Constant("a"), valid_to=OCTOBER),
        rule("first", when, Constant("ab")),
        rule("x", when, Constant("b"), valid_from=OCTOBER),
    )
    whole = RuleSet(name="s", dimensions=(DimensionRules(dimension="project", rules=rules),))
    met = evidence(rules_on(whole, OCTOBER), CHARGES, SPEND)
    found = lint(whole, evidence=met, on=OCTOBER)
    assert said(found) == [("dead", "x", None), ("unreachable", "x", "first")]
    money = money_by_rule(whole, met)
    assert [(one.rule_id, one.decides.charges) for one in money] == [
        ("x", 0), ("first", 4), (None, 3),
    ]  # fmt: skip


def test_an_outcome_that_the_linter_does_not_know_is_not_judged() -> None:
    rules = read(
        "when: {column: provider, equals: aws}, then: a",
        "when: {column: service_name, regex: S3|Q}, then: ab",
    )
    first, second = rules.dimensions[0].rules
    looked_up = replace(second, then=cast("Outcome", ("table", "column")))
    group = replace(rules.dimensions[0], rules=(first, looked_up))
    met = evidence(rules, CHARGES, SPEND)
    known = lint(rules, evidence=met, on=OCTOBER)
    assert "overlapping" in {one.kind for one in known}
    unknown = lint(replace(rules, dimensions=(group,)), evidence=met, on=OCTOBER)
    assert "overlapping" not in {one.kind for one in unknown}


def test_tables_that_do_not_belong_together_are_refused() -> None:
    rules = read("when: always, then: a")
    met = evidence(rules, CHARGES, SPEND)
    with pytest.raises(IntegrityError, match="attr_id 7, which the attribute dictionary lacks"):
        money_by_rule(rules, replace(met, amounts=amounts([(7, "1", 1)])))
    with pytest.raises(IntegrityError, match="differ in attr_id"):
        money_by_rule(rules, replace(met, assignment=met.assignment.slice(1)))
    with pytest.raises(IntegrityError, match="Rule r1 decided initiative but is not among"):
        money_by_rule(replace(rules, dimensions=(replace(rules.dimensions[0], rules=()),)), met)
    with pytest.raises(IntegrityError, match="no column initiative_rule"):
        money_by_rule(
            rules, replace(met, assignment=met.assignment.drop_columns(["initiative_rule"]))
        )
