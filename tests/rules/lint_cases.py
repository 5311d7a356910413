"""Rule sets and charges for the tests of the linter and of rule differences."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from tieout.focus.columns import ATTRIBUTES, MONEY, tags_json
from tieout.rules.classify import classify
from tieout.rules.lint import LintFinding, lint
from tieout.rules.lint_evidence import Evidence
from tieout.rules.parse import (
    Constant,
    DimensionRules,
    FromInitiative,
    FromTag,
    Outcome,
    Rule,
    RuleSet,
    parse_rules,
)
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Predicate
from tieout.rules.register import Initiative
from tieout.rules.rule_days import rules_on

Row = dict[str, str | None]

REGISTER = {
    name: Initiative(
        initiative_id=name, name=name, owner="o", cost_center=f"cc-{name}", pl_category="p"
    )
    for name in ("a", "ab", "bot")
}
PLACES = [("column", "provider"), ("column", "region_id"), ("tag", "a"), ("tag", "ö")]
TEXTS = st.sampled_from(["a", "ab", "b", "ba", "Größe", "x y"])
_VALUES: list[tuple[str, st.SearchStrategy[tuple[str, ...]]]] = [
    ("in", st.lists(TEXTS, min_size=1, max_size=3).map(tuple)),
    ("prefix", st.tuples(TEXTS)),
    ("suffix", st.tuples(TEXTS)),
    ("contains", st.tuples(TEXTS)),
    ("regex", st.tuples(st.sampled_from(["^a", "b$", "a|ß", "x*"]))),
    ("exists", st.just(())),
    ("missing", st.just(())),
]
CONDITIONS = st.one_of(
    *[
        st.builds(
            Condition,
            source=st.just(source),
            name=st.just(name),
            operator=st.just(operator),
            values=values,
        )
        for source, name in PLACES
        for operator, values in _VALUES
    ]
)
PREDICATES: st.SearchStrategy[Predicate] = st.recursive(
    st.one_of(CONDITIONS, CONDITIONS, st.just(Always())),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=5,
)
CELLS = st.none() | TEXTS
ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.fixed_dictionaries(
        {
            "provider": CELLS,
            "region_id": CELLS,
            "tags": st.dictionaries(st.sampled_from(["a", "ö"]), TEXTS, max_size=2).map(tags_json),
        }
    ),
    min_size=1,
    max_size=8,
)
_CONSTANTS = st.sampled_from(["a", "ab", "pool:x"]).map(Constant)
_TAGS = st.sampled_from(["a", "ö"]).map(FromTag)


def rule(rule_id: str, when: Predicate, then: Outcome, **other: Any) -> Rule:
    """A rule without the parts that do not matter."""
    empty: dict[str, Any] = {
        "description": "",
        "owner": None,
        "valid_from": None,
        "valid_to": None,
    }
    return Rule(rule_id=rule_id, when=when, then=then, **(empty | other))


def _group(dimension: str) -> st.SearchStrategy[DimensionRules]:
    given: st.SearchStrategy[Outcome] = st.one_of(_CONSTANTS, _TAGS)
    if dimension != "initiative":
        given = st.one_of(given, st.just(FromInitiative("cost_center")))
    return st.lists(st.tuples(PREDICATES, given), max_size=5).map(
        lambda pairs: DimensionRules(
            dimension=dimension,
            rules=tuple(
                rule(f"{dimension}-{number}", when, then)
                for number, (when, then) in enumerate(pairs)
            ),
        )
    )


RULE_SETS = st.tuples(_group("initiative"), _group("cost_center")).map(
    lambda groups: RuleSet(name="s", dimensions=groups)
)


def holds(predicate: Predicate, row: Row) -> bool:
    """The plain reading of a predicate."""
    match predicate:
        case Always():
            return True
        case Not(part):
            return not holds(part, row)
        case AllOf(parts):
            return all(holds(part, row) for part in parts)
        case AnyOf(parts):
            return any(holds(part, row) for part in parts)
        case Condition() as condition:
            return _answers(condition, row)


def _answers(condition: Condition, row: Row) -> bool:
    tags = json.loads(row["tags"] or "{}")
    text = row[condition.name] if condition.source == "column" else tags.get(condition.name)
    if not text or condition.operator in ("exists", "missing"):
        return (not text) == (condition.operator == "missing")
    wanted = condition.values
    operations: Mapping[str, Any] = {
        "in": lambda: text in wanted,
        "prefix": lambda: text.startswith(wanted[0]),
        "suffix": lambda: text.endswith(wanted[0]),
        "contains": lambda: wanted[0] in text,
        "regex": lambda: re.search(wanted[0], text) is not None,
    }
    return bool(operations[condition.operator]())


def attributes(rows: Iterable[Mapping[str, str | None]]) -> pa.Table:
    """An attribute dictionary; a row may leave out what is empty."""
    listed = [{"tags": "{}", **row} for row in rows]
    columns = {
        name: pa.array([row.get(name) for row in listed], pa.string()) for name in ATTRIBUTES
    }
    return pa.table({"attr_id": pa.array(range(len(listed)), pa.int64()), **columns})


def amounts(lines: Iterable[tuple[int, str, int]]) -> pa.Table:
    """Amounts from attr_id, money as text, number of charges."""
    listed = list(lines)
    return pa.table(
        {
            "attr_id": pa.array([line[0] for line in listed], pa.int64()),
            "billed_cost": pa.array([Decimal(line[1]) for line in listed], MONEY),
            "charge_count": pa.array([line[2] for line in listed], pa.int64()),
        }
    )


def evidence(rules: RuleSet, table: pa.Table, money: pa.Table) -> Evidence:
    """What the rules met, classified for real."""
    return Evidence(
        attributes=table,
        assignment=classify(table, rules, initiatives=REGISTER),
        amounts=money,
        initiatives=REGISTER,
    )


def read(*rules: str, dimension: str = "initiative") -> RuleSet:
    """A rule set of one dimension from rules in flow style, without ids: r1, r2, ..."""
    lines = [f"    - {{id: r{number}, {one}}}" for number, one in enumerate(rules, start=1)]
    return parse_rules(
        "\n".join(["rule_set: s", "dimensions:", f"  {dimension}:", *lines]), name="s.yaml"
    )


OCTOBER = date(2026, 10, 1)
CHARGES = attributes(
    [
        {"provider": "aws", "service_name": "Amazon S3", "tags": '{"app":"bot"}'},
        {"provider": "aws", "service_name": "Amazon EC2"},
        {"provider": "gcp", "service_name": "BigQuery", "tags": '{"app":"other"}'},
    ]
)
SPEND = amounts([(0, "10.00", 2), (1, "5.50", 1), (1, "-0.50", 1), (2, "7.25", 3)])


def judge(
    rules: RuleSet, *, valid: list[str] | None = None, charges: pa.Table = CHARGES
) -> tuple[LintFinding, ...]:
    """The findings on one dimension's rules, with what happened in October."""
    (group,) = rules.dimensions
    money = SPEND if charges.num_rows else amounts([])
    met = evidence(rules_on(rules, date(2026, 10, 1)), charges, money)
    given = None if valid is None else {group.dimension: valid}
    return lint(rules, evidence=met, on=OCTOBER, valid_values=given)


def said(found: tuple[LintFinding, ...]) -> list[tuple[str, str, str | None]]:
    """Kind, rule and other rule of each finding."""
    return [(one.kind, one.rule_id, one.other_rule_id) for one in found]
