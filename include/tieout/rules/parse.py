"""The rule file: ordered rules for each dimension, first match wins. Reads, checks, never applies.

Reference with an example of every predicate: docs/reference/rules.md.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

from tieout.core.errors import RuleFileError
from tieout.core.period import Period
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.fields import (
    day_of,
    entries,
    fields,
    identifier_of,
    members,
    note_of,
    one_of,
    refuse_repeats,
    text_of,
)
from tieout.rules.predicate import Predicate, read_predicate
from tieout.rules.register import POOL_PREFIX, REGISTER_COLUMNS, Initiative
from tieout.rules.yaml_text import Node, read_yaml

MAX_RULES = 5_000

Outcome: TypeAlias = "Constant | FromTag | FromInitiative"


@dataclass(frozen=True, slots=True)
class Constant:
    """The class itself; for the initiative also `pool:<pool id>`."""

    value: str


@dataclass(frozen=True, slots=True)
class FromTag:
    """The value of a tag; the rule passes over charges that lack it."""

    tag: str


@dataclass(frozen=True, slots=True)
class FromInitiative:
    """A register column of the initiative that was decided; passes over charges without one."""

    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; in force from `valid_from` up to, not including, `valid_to` (None: no limit)."""

    rule_id: str
    description: str
    owner: str | None
    valid_from: date | None
    valid_to: date | None
    when: Predicate
    then: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class DimensionRules:
    """The rules of one dimension in file order."""

    dimension: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """A parsed rule file; `dimensions` in evaluation order, the initiative first."""

    name: str
    dimensions: tuple[DimensionRules, ...]

    def rules(self) -> Iterator[tuple[str, Rule]]:
        """Every rule with its dimension, in evaluation order."""
        for group in self.dimensions:
            for rule in group.rules:
                yield group.dimension, rule


def parse_rules(text: str, *, name: str) -> RuleSet:
    """Read a rule file; `name` is the file's name in errors.

    Raises:
        RuleFileError: broken YAML, an unknown key, column or dimension, a rule id used twice,
            more than 5,000 rules, or a predicate or outcome out of the language; with the line.
    """
    root = fields(read_yaml(text, name=name), required=["rule_set", "dimensions"])
    groups = entries(root["dimensions"])
    if not groups:
        raise root["dimensions"].error("no dimension; add initiative with its rules.")
    for dimension, node in groups.items():
        if dimension not in DIMENSIONS:
            raise node.error(
                f"unknown dimension {dimension[:60]!r}; known: {', '.join(DIMENSIONS)}."
            )
    nodes = [
        (dimension, node)
        for dimension in DIMENSIONS
        if dimension in groups
        for node in members(groups[dimension])
    ]
    if len(nodes) > MAX_RULES:
        raise root["dimensions"].error(f"{len(nodes)} rules; at most {MAX_RULES} in a set.")
    rules = [(dimension, _rule(node, dimension)) for dimension, node in nodes]
    refuse_repeats(
        ((rule.rule_id, node) for (_, rule), (_, node) in zip(rules, nodes, strict=True)),
        what="rule",
    )
    return RuleSet(name=text_of(root["rule_set"]), dimensions=_grouped(rules))


def in_force(rules: RuleSet, period: Period) -> RuleSet:
    """The rules that hold in a period, without their days: what `classify` takes.

    A rule holds for whole accounting months, because charges of one attribute tuple are classified
    together. A dimension left without rules stays in the set.

    Raises:
        RuleFileError: a rule starts or ends inside the period; move the day to a first of month.
    """
    groups = []
    for group in rules.dimensions:
        kept = tuple(
            replace(rule, valid_from=None, valid_to=None)
            for rule in group.rules
            if _holds(rule, period)
        )
        groups.append(replace(group, rules=kept))
    return replace(rules, dimensions=tuple(groups))


def check_outcomes(
    rules: RuleSet, initiatives: Mapping[str, Initiative], pools: Collection[str]
) -> tuple[str, ...]:
    """What is wrong with constant outcomes, one sentence each in rule order; empty when all fit.

    `initiatives` is keyed by id, `pools` holds pool ids. An initiative must be in the register or
    be `pool:<id>` of a known pool; no other dimension may be a pool.
    """
    sentences = []
    for dimension, rule in rules.rules():
        if isinstance(rule.then, Constant):
            problem = _misfit(dimension, rule.then.value, initiatives, pools)
            if problem:
                sentences.append(f"Rule {rule.rule_id} ({dimension}): {problem}")
    return tuple(sentences)


def _misfit(
    dimension: str, value: str, initiatives: Mapping[str, Initiative], pools: Collection[str]
) -> str | None:
    pooled = value.startswith(POOL_PREFIX)
    if dimension != "initiative":
        return f"{value!r} is a cost pool; only an initiative can be one." if pooled else None
    if pooled:
        known = value.removeprefix(POOL_PREFIX) in pools
        return None if known else f"pool {value!r} is in no allocation file; add it or correct it."
    if value in initiatives:
        return None
    return f"initiative {value!r} is not in the register; register it or correct the rule."


def _grouped(rules: list[tuple[str, Rule]]) -> tuple[DimensionRules, ...]:
    grouped: dict[str, list[Rule]] = {}
    for dimension, rule in rules:
        grouped.setdefault(dimension, []).append(rule)
    return tuple(
        DimensionRules(dimension=dimension, rules=tuple(own)) for dimension, own in grouped.items()
    )


def _rule(node: Node, dimension: str) -> Rule:
    content = fields(
        node,
        required=["id", "when", "then"],
        optional=["description", "owner", "valid_from", "valid_to"],
    )
    rule = Rule(
        rule_id=identifier_of(content["id"]),
        description=note_of(content["description"]) if "description" in content else "",
        owner=text_of(content["owner"]) if "owner" in content else None,
        valid_from=day_of(content["valid_from"]) if "valid_from" in content else None,
        valid_to=day_of(content["valid_to"]) if "valid_to" in content else None,
        when=read_predicate(content["when"]),
        then=_outcome(content["then"], dimension),
    )
    if rule.valid_from and rule.valid_to and rule.valid_to <= rule.valid_from:
        raise content["valid_to"].error("valid_to must lie after valid_from (it is exclusive).")
    return rule


def _outcome(node: Node, dimension: str) -> Outcome:
    if isinstance(node.content, str):
        return Constant(text_of(node))
    content = entries(node)
    if set(content) == {"tag"}:
        return FromTag(text_of(content["tag"]))
    if set(content) != {"initiative"}:
        raise node.error(
            "expected a class, {tag: name} or {initiative: column}; "
            f"found keys {', '.join(content)[:80]}."
        )
    if dimension == "initiative":
        raise node.error("the initiative cannot come from itself; name it or take it from a tag.")
    return FromInitiative(one_of(content["initiative"], REGISTER_COLUMNS))


def _holds(rule: Rule, period: Period) -> bool:
    for day in (rule.valid_from, rule.valid_to):
        if day is not None and period.contains(day) and day != period.start_on:
            raise RuleFileError(
                f"Rule {rule.rule_id}: {day} lies inside {period}; a rule holds for whole months: "
                "move the day to the first of a month."
            )
    started = rule.valid_from is None or rule.valid_from <= period.start_on
    return started and (rule.valid_to is None or period.start_on < rule.valid_to)
