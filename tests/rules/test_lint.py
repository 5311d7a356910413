"""The linter's findings, one small rule set each."""

import pytest
from tests.rules.lint_cases import (
    CHARGES,
    OCTOBER,
    SPEND,
    evidence,
    judge,
    read,
    said,
)

from tieout.core.money import to_units
from tieout.rules.lint import LintFinding, lint
from tieout.rules.parse import parse_rules


def test_a_sound_rule_set_has_no_findings() -> None:
    rules = read(
        "when: {column: provider, equals: aws}, then: a",
        "when: {column: provider, equals: gcp}, then: ab",
    )
    assert judge(rules, valid=["a", "ab"]) == ()


def test_the_same_question_in_another_order_is_a_duplicate() -> None:
    rules = read(
        "when: {all: [{column: provider, in: [b, a]}, {tag: app, exists: true}]}, then: a",
        "when: {all: [{not: {tag: app, missing: true}}, "
        "{any: [{column: provider, equals: a}, {column: provider, equals: b}]}]}, then: a",
    )
    (found,) = judge(rules, charges=CHARGES.slice(0, 0))
    assert (found.kind, found.rule_id, found.other_rule_id) == ("duplicate", "r2", "r1")
    assert found.message == (
        "Rule r2 (initiative): it asks and gives the same as r1 before it; remove one of the two."
    )


@pytest.mark.parametrize(
    "when",
    [
        "{all: [{column: provider, equals: aws}, {column: provider, equals: gcp}]}",
        "{all: [{column: provider, in: [a, b]}, {column: provider, in: [c]}]}",
        "{all: [{tag: app, exists: true}, {tag: app, missing: true}]}",
        "{all: [{tag: app, equals: x}, {not: {tag: app, prefix: x}}]}",
        "{all: [{tag: app, prefix: x}, {tag: app, prefix: y}]}",
        "{all: [{tag: app, missing: true}, {any: [{tag: app, prefix: x}, {tag: app, equals: y}]}]}",
        "{any: [{not: always}, {all: [{tag: app, equals: x}, {tag: app, missing: true}]}]}",
        "{not: {any: [always, {tag: app, equals: x}]}}",
        "{all: [{column: sku_id, equals: x}, {any: [{not: always}, {not: always}]}]}",
        "{any: [{all: [{tag: b, missing: true}, {tag: b, prefix: x}]}, {not: always}]}",
    ],
)
def test_a_condition_that_cannot_hold_is_contradicting(when: str) -> None:
    (found,) = judge(read(f"when: {when}, then: a"))
    assert (found.kind, found.severity, found.amount_units) == ("contradicting", "warning", 0)


def test_giving_a_tag_that_must_be_missing_is_contradicting() -> None:
    found = judge(read("when: {tag: app, missing: true}, then: {tag: app}"))
    assert said(found) == [("contradicting", "r1", None)]


def test_a_rule_whose_charges_are_all_taken_is_shadowed() -> None:
    rules = read(
        "when: {column: service_name, prefix: Amazon E}, then: ab",
        "when: {column: service_name, contains: S3}, then: ab",
        "when: {column: provider, equals: aws}, then: a",
    )
    (found,) = judge(rules)
    assert (found.kind, found.rule_id, found.other_rule_id) == ("shadowed", "r3", "r2")
    assert (found.amount_units, found.charges) == (to_units("15.00"), 4)
    assert found.absolute_units == to_units("16.00")
    assert found.message == (
        "Rule r3 (initiative): everything it matches (4 charges, 15.00 USD) is already decided by "
        "r2 and 1 other rule; move it up, narrow the rule before it or remove it."
    )


def test_a_last_rule_for_everything_that_nothing_reaches_is_a_safety_net() -> None:
    rules = read(
        "when: {column: provider, in: [aws, gcp]}, then: a",
        "when: always, then: ab",
    )
    (found,) = judge(rules)
    assert (found.kind, found.severity) == ("shadowed", "info")


def test_an_overlap_says_how_much_would_move() -> None:
    rules = read(
        "when: {tag: app, exists: true}, then: a",
        "when: {column: provider, equals: aws}, then: ab",
    )
    (found,) = judge(rules)
    assert found == LintFinding(
        kind="overlapping",
        severity="info",
        dimension="initiative",
        rule_id="r2",
        other_rule_id="r1",
        amount_units=to_units("10"),
        absolute_units=to_units("10"),
        charges=2,
        message=(
            "Rule r2 (initiative): r1 stands before it and gives another class to 2 charges, "
            "10.00 USD that both match; check that the order is meant, or let one rule exclude "
            "the other."
        ),
    )


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("{tag: app, exists: true}", "a"),  # the same class
        ("{all: [{column: provider, equals: aws}, {tag: app, exists: true}]}", "ab"),  # narrower
        ("{tag: app, exists: true}", "{tag: other}"),  # would give nothing
        ("{tag: app, equals: bot}", "{tag: app}"),  # gives what was given
    ],
)
def test_what_is_meant_or_makes_no_difference_is_no_overlap(first: str, then: str) -> None:
    given = "bot" if then == "{tag: app}" else "a"
    rules = read(
        f"when: {first}, then: {given}",
        f"when: {{column: provider, equals: aws}}, then: {then}",
    )
    assert "overlapping" not in {one.kind for one in judge(rules)}


def test_a_tag_outside_the_register_would_not_have_decided() -> None:
    rules = read(
        "when: {column: provider, equals: gcp}, then: a",
        "when: {tag: app, exists: true}, then: {tag: app}",
    )
    assert judge(rules) == ()


def test_an_initiative_column_is_compared_with_what_was_given() -> None:
    text = """
rule_set: s
dimensions:
  initiative:
    - {id: aws, when: {column: provider, equals: aws}, then: a}
    - {id: gcp, when: {column: provider, equals: gcp}, then: "pool:x"}
  cost_center:
    - {id: tagged, when: {tag: app, exists: true}, then: CC-9}
    - {id: own, when: {column: provider, exists: true}, then: {initiative: cost_center}}
"""
    rules = parse_rules(text, name="s.yaml")
    (found,) = lint(rules, evidence=evidence(rules, CHARGES, SPEND), on=OCTOBER)
    assert (found.kind, found.rule_id, found.other_rule_id) == ("overlapping", "own", "tagged")
    assert found.amount_units == to_units("10")  # the tagged charge of the pool has no cost centre


def test_an_outcome_that_nobody_knows_is_blocking_and_says_the_money() -> None:
    rules = read(
        "when: {column: provider, equals: aws}, then: prd",
        "when: {tag: app, equals: other}, then: {tag: app}",
        "when: {column: provider, equals: azure}, then: tst, valid_from: 2026-11-01",
        dimension="environment",
    )
    found = judge(rules, valid=["prod"])
    assert said(found) == [
        ("unknown_outcome", "r1", None),
        ("unknown_outcome", "r2", None),
        ("unknown_outcome", "r3", None),
    ]
    assert [one.severity for one in found] == ["blocking"] * 3
    assert [one.amount_units for one in found] == [to_units("15"), to_units("7.25"), 0]
    assert found[1].message == (
        "Rule r2 (environment): it gives 'other' (3 charges, 7.25 USD), which is not in the list "
        "of valid values; add the value to the list or correct the rule."
    )


def test_a_regex_that_matches_no_value_is_named() -> None:
    rules = read(
        "when: {column: service_name, regex: ^bigquery$}, then: a",
        "when: {any: [{column: provider, equals: aws}, {tag: app, regex: ^x}]}, then: ab",
    )
    found = judge(rules)
    assert said(found) == [("regex_never_matched", "r1", None), ("regex_never_matched", "r2", None)]
    assert "'^bigquery$' matches no value of column service_name" in found[0].message


def test_a_rule_that_matches_nothing_is_named() -> None:
    (found,) = judge(read("when: {column: provider, equals: azure}, then: a"))
    assert (found.kind, found.severity, found.charges) == ("decides_nothing", "info", 0)
    assert "matches no charge of these months" in found.message


def test_a_rule_whose_outcome_is_absent_everywhere_is_named_with_its_money() -> None:
    (found,) = judge(read("when: {column: provider, equals: gcp}, then: {tag: app}"))
    assert (found.kind, found.charges) == ("decides_nothing", 3)
    assert found.amount_units == to_units("7.25")
    assert "what it should give is absent there" in found.message


def test_a_rule_that_ended_is_dead_and_judged_no_further() -> None:
    rules = read(
        "when: always, then: a, valid_to: 2026-10-01",
        "when: {column: provider, equals: aws}, then: ab",
        "when: {column: provider, equals: gcp}, then: ab, valid_to: 2026-11-01",
        "when: {column: provider, equals: azure}, then: ab, valid_from: 2026-11-01",
    )
    (found,) = judge(rules)
    assert (found.kind, found.severity, found.rule_id) == ("dead", "info", "r1")
    assert "ended before 2026-10-01" in found.message


def test_findings_stand_in_the_order_of_the_rules() -> None:
    rules = read(
        "when: {column: provider, equals: azure}, then: a",
        "when: {all: [{tag: x, exists: true}, {tag: x, missing: true}]}, then: a",
        "when: {column: provider, exists: true}, then: ab",
        "when: {column: provider, equals: aws}, then: a",
    )
    assert [one.rule_id for one in judge(rules, valid=["a"])] == ["r1", "r2", "r3", "r4"]
