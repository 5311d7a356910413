"""Tests inside a rule file: a charge, and what the rules must make of it.

Owns how they are read and run. They see the rules alone: tags stand as they are after mapping.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import pyarrow as pa

from tieout.focus.columns import ATTRIBUTES, tags_json
from tieout.rules.check import check_lookups
from tieout.rules.classify import examine
from tieout.rules.fields import day_of, entries, fields, members, one_of, text_of
from tieout.rules.lookup import LookupTable
from tieout.rules.masks import Evaluator
from tieout.rules.predicate import check_column
from tieout.rules.register import Initiative
from tieout.rules.rule_days import NO_LOOKUPS, changes, rules_on, tables_of
from tieout.rules.rule_set import RuleSet, RuleTest
from tieout.rules.yaml_text import Node

TEST_KEYS = ("charge", "expect")
CHARGE_OPTIONS = ("tags", "on")  # beside COLUMNS
NOTHING = "missing"  # {missing: true} expects that no rule decides


def read_tests(node: Node, *, dimensions: Collection[str]) -> tuple[RuleTest, ...]:
    """Read what stands under `tests`; `dimensions` are those of the file.

    Raises:
        RuleFileError: an unknown key, column or dimension, or nothing expected.
    """
    return tuple(_test(one, dimensions) for one in members(node))


def run_tests(
    rules: RuleSet,
    *,
    initiatives: Mapping[str, Initiative],
    lookups: Mapping[str, LookupTable] = NO_LOOKUPS,
) -> tuple[str, ...]:
    """What the tests of a rule file find, one sentence each in file order; empty when all hold.

    Each test runs with the rules and table rows of its day. Nothing runs while a rule names a
    look-up table or column that does not exist: the sentences then say so.
    """
    unknown = check_lookups(rules, lookups)
    if unknown or not rules.tests:
        return unknown
    is_dated = changes(rules, lookups)
    by_day: dict[date, list[RuleTest]] = {}
    sentences: list[tuple[int, str]] = []
    for test in rules.tests:
        if test.on is None and is_dated:
            problem = "rules or look-up tables hold for some days only; give the charge its day: on"
            sentences.append((test.line, f"{_place(rules, test)}: {problem}."))
        else:
            by_day.setdefault(test.on or date.min, []).append(test)
    for day, tests in by_day.items():
        live = {name: lookups[name].as_of(day) for name in tables_of(rules)}
        sentences += _run(tests, rules_on(rules, day), initiatives, live)
    return tuple(sentence for _, sentence in sorted(sentences))


def _run(
    tests: Sequence[RuleTest],
    rules: RuleSet,
    initiatives: Mapping[str, Initiative],
    lookups: Mapping[str, LookupTable],
) -> list[tuple[int, str]]:
    """The lines and sentences of tests that share their day."""
    sentences = []
    for test in tests:
        found = examine(
            Evaluator(_attributes(test)), rules, initiatives=initiatives, lookups=lookups
        )
        (row,) = found.assignment.to_pylist()
        place = _place(rules, test)
        problems = [f"{place}: {problem}" for problem in found.problems] or [
            f"{place}: {column} is {_shown(row[column])}, expected {_shown(expected)}"
            f"{_decider(row, column)}; correct the rule or the test."
            for column, expected in test.expect.items()
            if row[column] != expected
        ]
        sentences += [(test.line, problem) for problem in problems]
    return sentences


def _test(node: Node, dimensions: Collection[str]) -> RuleTest:
    content = fields(node, required=TEST_KEYS)
    charge = entries(content["charge"])
    tags = entries(charge["tags"]) if "tags" in charge else {}
    columns = {name: inner for name, inner in charge.items() if name not in CHARGE_OPTIONS}
    known = [name for dimension in dimensions for name in (dimension, f"{dimension}_rule")]
    expect = fields(content["expect"], required=(), optional=known)
    if not expect:
        raise content["expect"].error("nothing is expected; name a dimension and its class.")
    return RuleTest(
        columns={check_column(name, inner): text_of(inner) for name, inner in columns.items()},
        tags={name: text_of(inner) for name, inner in tags.items()},
        on=day_of(charge["on"]) if "on" in charge else None,
        expect={name: _expected(inner) for name, inner in expect.items()},
        line=node.line,
    )


def _expected(node: Node) -> str | None:
    if isinstance(node.content, str):
        return text_of(node)
    one_of(fields(node, required=(NOTHING,))[NOTHING], ["true"])
    return None


def _attributes(test: RuleTest) -> pa.Table:
    texts = {**dict.fromkeys(ATTRIBUTES), **test.columns, "tags": tags_json(test.tags)}
    columns = {name: pa.array([text], pa.string()) for name, text in texts.items()}
    return pa.table({"attr_id": pa.array([0], pa.int64()), **columns})


def _place(rules: RuleSet, test: RuleTest) -> str:
    return f"{rules.file}, line {test.line}: test" if rules.file else f"Test in line {test.line}"


def _shown(text: str | None) -> str:
    return "missing" if text is None else repr(text[:60])


def _decider(row: Mapping[str, str | None], column: str) -> str:
    rule = row.get(f"{column}_rule")
    return f" (decided by rule {rule})" if rule else ""
