"""The rule file: ordered rules for each dimension, first match wins. Reads, checks, never applies.

Reference with an example of every predicate and outcome: docs/reference/rules.md. The values that
reading gives are `rule_set`'s; they can be imported from here as well.
"""

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise

from tieout.focus.columns import CHARGE_SCHEMA
from tieout.focus.ledger_columns import DIMENSIONS, LEDGER_SCHEMA
from tieout.rules.check import check_outcomes
from tieout.rules.fields import (
    day_of,
    entries,
    fields,
    identifier_of,
    members,
    note_of,
    refuse_repeats,
    text_of,
)
from tieout.rules.parse_outcome import read_outcome
from tieout.rules.predicate import read_predicate
from tieout.rules.rule_set import (
    Constant,
    DimensionRules,
    FromDimension,
    FromInitiative,
    FromLookup,
    FromTag,
    Outcome,
    Rule,
    RuleSet,
    RuleTest,
    evaluation_order,
)
from tieout.rules.rule_tests import read_tests
from tieout.rules.yaml_text import Node, read_yaml

__all__ = [
    "MAX_RULES",
    "Constant",
    "DimensionRules",
    "FromDimension",
    "FromInitiative",
    "FromLookup",
    "FromTag",
    "Outcome",
    "Rule",
    "RuleSet",
    "RuleTest",
    "check_outcomes",
    "parse_rules",
]

MAX_RULES = 5_000
MAX_DIMENSIONS = 100
FILE_KEYS = ("rule_set", "dimensions")
FILE_OPTIONS = ("values", "tests")
RULE_KEYS = ("id", "when", "then")
RULE_OPTIONS = ("description", "owner", "valid_from", "valid_to")
OWN_DIMENSION = re.compile(r"[a-z][a-z0-9_]{0,39}")

# what a dimension of one's own would be confused with in a ledger or a charge
_TAKEN = frozenset({*CHARGE_SCHEMA.names, *LEDGER_SCHEMA.names, "class_id", "segment"})


def parse_rules(text: str, *, name: str) -> RuleSet:
    """Read a rule file; `name` is the file's name in errors.

    Raises:
        RuleFileError: broken YAML, an unknown key or column, a dimension that cannot be, a rule id
            used twice for the same days, more than 5,000 rules, a predicate or outcome out of the
            language, a constant that is no valid value, dimensions that take values from each
            other in a circle; with the line.
    """
    root = fields(read_yaml(text, name=name), required=FILE_KEYS, optional=FILE_OPTIONS)
    nodes = _rule_nodes(root["dimensions"])
    values = _values(root.get("values"), nodes)
    groups = {
        dimension: [(_rule(node, dimension, nodes), node) for node in own]
        for dimension, own in nodes.items()
    }
    _refuse_overlaps(groups)
    _refuse_other_values(groups, values)
    rules = RuleSet(
        name=text_of(root["rule_set"]),
        dimensions=tuple(
            DimensionRules(
                dimension=dimension,
                rules=tuple(rule for rule, _ in own),
                values=values.get(dimension, ()),
            )
            for dimension, own in groups.items()
        ),
        tests=read_tests(root["tests"], dimensions=nodes) if "tests" in root else (),
        file=name,
    )
    evaluation_order(rules)  # refuses a circle
    return rules


def _rule_nodes(node: Node) -> dict[str, list[Node]]:
    """The rules of each dimension: the built-in ones in their order, then the file's own."""
    groups = entries(node)
    if not groups:
        raise node.error("no dimension; add initiative with its rules.")
    if len(groups) > MAX_DIMENSIONS:
        raise node.error(f"{len(groups)} dimensions; at most {MAX_DIMENSIONS} in a set.")
    for dimension, inner in groups.items():
        if dimension not in DIMENSIONS:
            _check_name(dimension, inner)
    order = [*(one for one in DIMENSIONS if one in groups), *groups]
    nodes = {dimension: members(groups[dimension]) for dimension in dict.fromkeys(order)}
    count = sum(len(own) for own in nodes.values())
    if count > MAX_RULES:
        raise node.error(f"{count} rules; at most {MAX_RULES} in a set.")
    return nodes


def _check_name(dimension: str, node: Node) -> None:
    """Refuse a name of one's own that is no name, is taken, or is a built-in one misspelt."""
    shown = repr(dimension[:60])
    if not OWN_DIMENSION.fullmatch(dimension):
        raise node.error(
            f"{shown} cannot name a dimension; use lower-case letters, digits and '_', at most 40."
        )
    if dimension in _TAKEN or dimension.endswith("_rule"):
        raise node.error(f"{shown} is a column already; give the dimension another name.")
    near = [one for one in DIMENSIONS if _shortened(one) & _shortened(dimension)]
    if near:
        raise node.error(f"{shown} is nearly {near[0]}; correct it or give it a name of its own.")


def _shortened(word: str) -> set[str]:
    """The word, and the word without each of its letters: shared by words one slip apart."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def _values(node: Node | None, nodes: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """The valid classes of each dimension that lists them."""
    found: dict[str, tuple[str, ...]] = {}
    for dimension, inner in (entries(node) if node else {}).items():
        if dimension not in nodes:
            raise inner.error(
                f"values of {dimension[:60]!r}, which has no rules; dimensions with rules: "
                f"{', '.join(nodes)}."
            )
        texts = [(text_of(member), member) for member in members(inner)]
        refuse_repeats(texts, what="value")
        found[dimension] = tuple(text for text, _ in texts)
    return found


def _rule(node: Node, dimension: str, dimensions: Mapping[str, object]) -> Rule:
    content = fields(node, required=RULE_KEYS, optional=RULE_OPTIONS)
    rule = Rule(
        rule_id=identifier_of(content["id"]),
        description=note_of(content["description"]) if "description" in content else "",
        owner=text_of(content["owner"]) if "owner" in content else None,
        valid_from=day_of(content["valid_from"]) if "valid_from" in content else None,
        valid_to=day_of(content["valid_to"]) if "valid_to" in content else None,
        when=read_predicate(content["when"]),
        then=read_outcome(content["then"], dimension=dimension, dimensions=dimensions),
        line=node.line,
    )
    if rule.valid_from and rule.valid_to and rule.valid_to <= rule.valid_from:
        raise content["valid_to"].error("valid_to must lie after valid_from (it is exclusive).")
    return rule


def _refuse_overlaps(groups: Mapping[str, list[tuple[Rule, Node]]]) -> None:
    """An id stands for one rule on any day; it may stand again in its dimension for other days."""
    same: dict[str, list[tuple[str, Rule, Node]]] = {}
    for dimension, own in groups.items():
        for rule, node in own:
            same.setdefault(rule.rule_id, []).append((dimension, rule, node))
    for found in same.values():
        found.sort(key=lambda one: one[1].valid_from or date.min)
        for before, after in pairwise(found):
            ended = (before[1].valid_to or date.max) <= (after[1].valid_from or date.min)
            if before[0] != after[0] or not ended:
                first, second = sorted((before, after), key=lambda one: one[1].line)
                raise second[2].error(
                    f"rule {second[1].rule_id!r} is already in line {first[1].line}; give it its "
                    "own id or, in the same dimension, days that do not overlap."
                )


def _refuse_other_values(
    groups: Mapping[str, list[tuple[Rule, Node]]], values: Mapping[str, tuple[str, ...]]
) -> None:
    for dimension, known in values.items():
        for rule, node in groups[dimension]:
            if isinstance(rule.then, Constant) and rule.then.value not in known:
                raise entries(node)["then"].error(
                    f"{rule.then.value[:60]!r} is no valid value of {dimension}; use one of "
                    f"{', '.join(known)[:300]}, or add it to values."
                )
