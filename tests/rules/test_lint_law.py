"""What the linter says is true of every charge: logic is never wrong, money is complete."""

import json
from collections import defaultdict
from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.rules.lint_cases import (
    PREDICATES,
    REGISTER,
    ROWS,
    RULE_SETS,
    Row,
    amounts,
    attributes,
    evidence,
    holds,
)

from tieout.core.money import UNITS_PER_ONE
from tieout.rules.classify import classify
from tieout.rules.lint import LintFinding, lint
from tieout.rules.lint_evidence import money_by_rule
from tieout.rules.lint_logic import implies, never, normal
from tieout.rules.parse import Constant, FromTag, Outcome, RuleSet
from tieout.rules.predicate import AllOf, AnyOf, Not, Predicate

ON = date(2026, 10, 1)
WHOLE = st.integers(-1000, 1000)


@examples(120)
@given(PREDICATES, ROWS)
def test_the_normal_form_asks_the_same(predicate: Predicate, rows: list[Row]) -> None:
    for row in rows:
        assert holds(normal(predicate), row) == holds(predicate, row)
        assert holds(normal(Not(predicate)), row) != holds(predicate, row)


@given(PREDICATES)
def test_the_normal_form_of_a_normal_form_is_itself(predicate: Predicate) -> None:
    assert normal(normal(predicate)) == normal(predicate)


@examples(300)
@given(PREDICATES, PREDICATES, ROWS)
def test_what_is_implied_holds(narrow: Predicate, wide: Predicate, rows: list[Row]) -> None:
    one, other = normal(narrow), normal(wide)
    if implies(one, other):
        assert all(holds(wide, row) for row in rows if holds(narrow, row))
    if never(normal(AllOf((narrow, wide)))):
        assert not any(holds(narrow, row) and holds(wide, row) for row in rows)


@examples(120)
@given(PREDICATES, PREDICATES)
def test_all_implies_its_parts_and_a_part_implies_any(one: Predicate, other: Predicate) -> None:
    assert implies(normal(AllOf((one, other))), normal(one))
    assert implies(normal(one), normal(AnyOf((one, other))))


@examples(120)
@given(RULE_SETS, ROWS)
def test_a_rule_that_logic_calls_useless_decides_nothing(rules: RuleSet, rows: list[Row]) -> None:
    table = attributes(rows)
    met = evidence(rules, table, amounts([]))
    found = lint(rules, evidence=met, on=ON)
    useless = {
        one.rule_id
        for one in found
        if one.kind in {"contradicting", "duplicate", "unreachable", "shadowed", "decides_nothing"}
    }
    for group in rules.dimensions:
        decided = met.assignment.column(f"{group.dimension}_rule").to_pylist()
        assert not useless & set(decided)
        for rule in group.rules:
            assert rule.rule_id in {*decided, *useless} or _regex_only(found, rule.rule_id)


def _regex_only(found: tuple[LintFinding, ...], rule_id: str) -> bool:
    return any(one.rule_id == rule_id and one.kind == "regex_never_matched" for one in found)


@given(RULE_SETS, ROWS)
def test_removing_what_logic_calls_useless_changes_no_class(
    rules: RuleSet, rows: list[Row]
) -> None:
    table = attributes(rows)
    met = evidence(rules, table, amounts([]))
    useless = {
        one.rule_id
        for one in lint(rules, evidence=met, on=ON)
        if one.kind in {"contradicting", "duplicate", "unreachable"}
    }
    kept = RuleSet(
        name="s",
        dimensions=tuple(
            type(group)(
                dimension=group.dimension,
                rules=tuple(one for one in group.rules if one.rule_id not in useless),
            )
            for group in rules.dimensions
        ),
    )
    assert classify(table, kept, initiatives=REGISTER).equals(met.assignment)


@given(RULE_SETS, ROWS, st.data())
def test_the_money_of_all_rules_is_all_the_money(
    rules: RuleSet, rows: list[Row], data: st.DataObject
) -> None:
    size = len(rows)
    lines = data.draw(st.lists(st.tuples(st.integers(0, size - 1), WHOLE, st.integers(0, 9))))
    met = evidence(rules, attributes(rows), amounts((at, str(one), n) for at, one, n in lines))
    total, absolute = sum(one for _, one, _ in lines), sum(abs(one) for _, one, _ in lines)
    for group in rules.dimensions:
        found = [one for one in money_by_rule(rules, met) if one.dimension == group.dimension]
        assert [one.rule_id for one in found] == [*(one.rule_id for one in group.rules), None]
        decided = met.assignment.column(f"{group.dimension}_rule").to_pylist()
        for one in found:
            own = [line for line in lines if decided[line[0]] == one.rule_id]
            assert one.decides.units == sum(line[1] for line in own) * UNITS_PER_ONE
            assert one.decides.charges == sum(line[2] for line in own)
            assert one.decides.tuples == decided.count(one.rule_id)
        assert sum(one.decides.units for one in found) == total * UNITS_PER_ONE
        assert sum(one.decides.absolute_units for one in found) == absolute * UNITS_PER_ONE


@examples(80)
@given(RULE_SETS, ROWS)
def test_overlaps_are_those_of_the_plain_reading(rules: RuleSet, rows: list[Row]) -> None:
    money = amounts((at, str(2**at), 1) for at in range(len(rows)))
    met = evidence(rules, attributes(rows), money)
    found = {
        (one.rule_id, str(one.other_rule_id)): one.amount_units
        for one in lint(rules, evidence=met, on=ON)
        if one.kind == "overlapping" and one.dimension == "initiative"
    }
    by_id = {rule.rule_id: rule for rule in rules.dimensions[0].rules}
    order = list(by_id)
    decided = [
        *zip(
            met.assignment.column("initiative_rule").to_pylist(),
            met.assignment.column("initiative").to_pylist(),
            strict=True,
        )
    ]
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for at, row in enumerate(rows):
        winner, given_class = decided[at]
        for rule in by_id.values():
            later = winner is not None and order.index(winner) < order.index(rule.rule_id)
            if later and holds(rule.when, row) and _would_differ(rule.then, row, given_class):
                expected[(rule.rule_id, winner)] += 2**at * UNITS_PER_ONE
    for pair, units in found.items():
        assert expected[pair] == units
    deciding = {winner for winner, _ in decided}
    for rule_id, winner in expected.keys() - found.keys():
        meant = implies(normal(by_id[winner].when), normal(by_id[rule_id].when))
        assert meant or rule_id not in deciding


def _would_differ(outcome: Outcome, row: Row, given_class: str) -> bool:
    if isinstance(outcome, Constant):
        return outcome.value != given_class
    assert isinstance(outcome, FromTag)
    named = json.loads(row["tags"] or "{}").get(outcome.tag)
    return named in REGISTER and named != given_class
