"""The mask classifier equals the plain reading of the rules, row by row, on random rule sets."""

import json
import re
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.focus.columns import ATTRIBUTES, tags_json
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.classify import classify
from tieout.rules.parse import (
    Constant,
    DimensionRules,
    FromInitiative,
    FromTag,
    Outcome,
    Rule,
    RuleSet,
)
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Predicate
from tieout.rules.register import REGISTER_COLUMNS, Initiative

Row = dict[str, str | None]

REGISTER = {
    name: Initiative(
        initiative_id=name,
        name=name,
        owner="o",
        cost_center=f"cc-{name}",
        pl_category="p",
        product_line=line,
    )
    for name, line in [("a", "line"), ("ab", None), ("Größe", "x")]
}

TEXTS = st.sampled_from(["a", "ab", "b", "Größe", "größe", "日本", " a", "a\nb", "pool:x", "😀"])
NAMES = st.sampled_from(["a", "user:app", "ö"])
COLUMNS = st.sampled_from(["provider", "region_id", "sku_id"])
REGEXES = ["^a", "b$", "a|ß", "[^a]", "^$", "(?i)GRÖSSE|A", "日.", "x*"]

CONDITIONS = st.one_of(
    *[
        st.builds(
            Condition,
            source=st.just(source),
            name=names,
            operator=st.just(operator),
            values=values,
        )
        for source, names in [("column", COLUMNS), ("tag", NAMES)]
        for operator, values in [
            ("in", st.lists(TEXTS, min_size=1, max_size=3).map(tuple)),
            ("prefix", st.tuples(TEXTS)),
            ("suffix", st.tuples(TEXTS)),
            ("contains", st.tuples(TEXTS)),
            ("regex", st.tuples(st.sampled_from(REGEXES))),
            ("exists", st.just(())),
            ("missing", st.just(())),
        ]
    ]
)
PREDICATES: st.SearchStrategy[Predicate] = st.recursive(
    st.one_of(CONDITIONS, st.just(Always())),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=5,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            **dict.fromkeys(["provider", "region_id", "sku_id"], st.none() | TEXTS | st.just("")),
            "tags": st.dictionaries(NAMES, TEXTS, max_size=3).map(tags_json),
        }
    ),
    max_size=8,
)


def _outcomes(dimension: str) -> st.SearchStrategy[Outcome]:
    constant: st.SearchStrategy[Outcome] = TEXTS.map(Constant)
    tag: st.SearchStrategy[Outcome] = NAMES.map(FromTag)
    if dimension == "initiative":
        return st.one_of(constant, tag)
    return st.one_of(constant, tag, st.sampled_from(REGISTER_COLUMNS).map(FromInitiative))


def _rules(dimension: str) -> st.SearchStrategy[DimensionRules]:
    pairs = st.lists(st.tuples(PREDICATES, _outcomes(dimension)), max_size=5)
    return pairs.map(
        lambda found: DimensionRules(
            dimension=dimension,
            rules=tuple(
                Rule(
                    rule_id=f"{dimension}-{number}",
                    description="",
                    owner=None,
                    valid_from=None,
                    valid_to=None,
                    when=when,
                    then=then,
                )
                for number, (when, then) in enumerate(found)
            ),
        )
    )


RULE_SETS = st.tuples(*[_rules(name) for name in ("initiative", "cost_center", "project")]).map(
    lambda groups: RuleSet(name="s", dimensions=groups)
)


def _text(row: Row, source: str, name: str) -> str | None:
    found = row[name] if source == "column" else json.loads(row["tags"] or "{}").get(name)
    return found or None


def _holds(predicate: Predicate, row: Row) -> bool:
    match predicate:
        case Always():
            return True
        case Not(part):
            return not _holds(part, row)
        case AllOf(parts):
            return all(_holds(part, row) for part in parts)
        case AnyOf(parts):
            return any(_holds(part, row) for part in parts)
        case Condition() as condition:
            return _answers(condition, _text(row, condition.source, condition.name))


def _answers(condition: Condition, text: str | None) -> bool:
    if text is None or condition.operator in ("exists", "missing"):
        return (text is None) == (condition.operator == "missing")
    operations: dict[str, Any] = {
        "in": lambda: text in condition.values,
        "prefix": lambda: text.startswith(condition.values[0]),
        "suffix": lambda: text.endswith(condition.values[0]),
        "contains": lambda: condition.values[0] in text,
        "regex": lambda: re.search(condition.values[0], text) is not None,
    }
    return bool(operations[condition.operator]())


def _gives(outcome: Outcome, row: Row, dimension: str, initiative: str | None) -> str | None:
    match outcome:
        case Constant(value):
            return value
        case FromTag(tag):
            found = _text(row, "tag", tag)
            return found if dimension != "initiative" or found in REGISTER else None
        case FromInitiative(column):
            entry = REGISTER.get(initiative or "")
            return entry.column(column) if entry else None


def _naive(rules: RuleSet, row: Row) -> dict[str, str | None]:
    decided: dict[str, str | None] = {}
    for name in DIMENSIONS:
        decided |= {name: None, f"{name}_rule": None}
    for group in rules.dimensions:
        for rule in group.rules:
            found = _gives(rule.then, row, group.dimension, decided["initiative"])
            if found is not None and _holds(rule.when, row):
                decided[group.dimension] = found
                decided[f"{group.dimension}_rule"] = rule.rule_id
                break
    return decided


@settings(max_examples=250, deadline=None)
@given(RULE_SETS, ROWS)
def test_masks_and_plain_reading_agree_on_class_and_rule(rules: RuleSet, rows: list[Row]) -> None:
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in ATTRIBUTES}
    table = pa.table({"attr_id": pa.array(range(len(rows)), pa.int64()), **columns})
    found = classify(table, rules, initiatives=REGISTER)
    expected = [{"attr_id": at, **_naive(rules, row)} for at, row in enumerate(rows)]
    assert found.to_pylist() == expected
