"""A change of rules touches no tuple beyond the named ones, whatever is added, moved or altered."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tieout.rules.changed import changed_rules, columns_read, touched_rows
from tieout.rules.classify import examine
from tieout.rules.masks import Evaluator
from tieout.rules.parse import parse_rules
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Predicate
from tieout.rules.rule_set import (
    Constant,
    DimensionRules,
    FromDimension,
    FromLookup,
    FromTag,
    Outcome,
    Rule,
    RuleSet,
)

ATTRIBUTES = pa.table(
    {
        "attr_id": pa.array(range(12)),
        "provider": [provider for provider in ("aws", "gcp", None) for _ in range(4)],
        "tags": ["{}", '{"app":"x"}', '{"app":"y"}', '{"env":"x"}'] * 3,
    }
)

CONDITIONS = st.one_of(
    st.builds(
        lambda values: Condition(source="column", name="provider", operator="in", values=values),
        st.sampled_from([("aws",), ("gcp",), ("aws", "gcp")]),
    ),
    st.builds(
        lambda name, operator: Condition(source="tag", name=name, operator=operator),
        st.sampled_from(["app", "env"]),
        st.sampled_from(["exists", "missing"]),
    ),
)
PREDICATES: st.SearchStrategy[Predicate] = st.recursive(
    st.one_of(CONDITIONS, st.just(Always())),
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(lambda pair: AllOf(tuple(pair)), st.lists(parts, min_size=1, max_size=2)),
        st.builds(lambda pair: AnyOf(tuple(pair)), st.lists(parts, min_size=1, max_size=2)),
    ),
    max_leaves=4,
)
OUTCOMES = {
    "environment": st.one_of(st.builds(Constant, st.sampled_from("pq")), st.just(FromTag("env"))),
    "project": st.one_of(
        st.builds(Constant, st.sampled_from("pq")), st.just(FromDimension("environment"))
    ),
}


def _rule(number: int, when: Predicate, then: Outcome) -> Rule:
    return Rule(
        rule_id=f"r{number}",
        description="",
        owner=None,
        valid_from=None,
        valid_to=None,
        when=when,
        then=then,
    )


@st.composite
def rule_sets(draw: st.DrawFn) -> tuple[RuleSet, RuleSet]:
    """Two sets that share some rules: some are lost, new, rewritten or moved."""
    found: list[list[DimensionRules]] = [[], []]
    for dimension, outcomes in OUTCOMES.items():
        pool = [
            _rule(number, draw(PREDICATES), draw(outcomes))
            for number in range(draw(st.integers(0, 5)))
        ]
        for side in found:
            rules = draw(st.permutations(pool))[: draw(st.integers(0, 5))] if pool else []
            if draw(st.booleans()) or rules:
                group = DimensionRules(dimension=dimension, rules=tuple(rules))
                side.append(group)
    first, second = (RuleSet(name="x", dimensions=tuple(groups)) for groups in found)
    return first, second


@given(sets=rule_sets())
def test_a_tuple_that_is_not_touched_keeps_its_classes(sets: tuple[RuleSet, RuleSet]) -> None:
    touched = set(touched_rows(Evaluator(ATTRIBUTES), changed_rules(*sets)).tolist())
    before, after = (
        examine(Evaluator(ATTRIBUTES), rules, initiatives={}).assignment.to_pylist()
        for rules in sets
    )
    differing = {place for place in range(12) if before[place] != after[place]}
    assert differing <= touched


@given(sets=rule_sets())
def test_equal_sets_have_no_changed_rule(sets: tuple[RuleSet, RuleSet]) -> None:
    assert changed_rules(sets[0], sets[0]) == ()
    assert touched_rows(Evaluator(ATTRIBUTES), ()).tolist() == []


def test_valid_values_of_a_dimension_change_all_its_rules() -> None:
    rules = (_rule(1, Always(), Constant("p")),)
    one, two = (
        RuleSet(
            name="x",
            dimensions=(DimensionRules(dimension="project", rules=rules, values=values),),
        )
        for values in ((), ("p",))
    )
    assert len(changed_rules(one, two)) == 2


def test_the_columns_read_are_those_of_predicates_and_outcomes() -> None:
    text = """
rule_set: x
dimensions:
  environment:
    - {id: a, when: {all: [{column: region_id, equals: r}, {not: {tag: t, exists: true}}]}, then: e}
  project:
    - {id: b, when: always, then: {tag: project}}
"""
    rules = parse_rules(text, name="x")
    assert columns_read(rules) == ("region_id", "tags")
    lookups = [
        FromLookup(table="t", by="column", name="sku_id", give="g"),
        FromLookup(table="t", by="tag", name="app", give="g"),
        FromLookup(table="t", by="dimension", name="project", give="g"),
    ]
    group = DimensionRules(
        dimension="project",
        rules=tuple(_rule(place, Always(), one) for place, one in enumerate(lookups)),
    )
    assert columns_read(RuleSet(name="x", dimensions=(group,))) == ("sku_id", "tags")
