"""The linter of rule files: rules that do nothing, collide, or give what nobody knows.

Owns which facts become findings and how they are said; logic is `lint_logic`'s and `lint_cover`'s,
money and matches are `lint_walk`'s. It judges, it never changes a rule.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from tieout.core.finding import Severity
from tieout.core.money import format_units
from tieout.rules.lint_cover import (
    Covered,
    Known,
    conditions,
    covered,
    impossible,
    is_catch_all,
    known_rules,
    listed_values,
)
from tieout.rules.lint_evidence import NOTHING, Evidence, Sum, Weights
from tieout.rules.lint_logic import implies
from tieout.rules.lint_walk import Met, Walk, added
from tieout.rules.masks import Evaluator
from tieout.rules.parse import Constant, DimensionRules, Rule, RuleSet
from tieout.rules.predicate import Condition

Kind = Literal[
    "contradicting",
    "duplicate",
    "unreachable",
    "shadowed",
    "regex_never_matched",
    "decides_nothing",
    "unknown_outcome",
    "overlapping",
    "dead",
]
_SEVERITY: Mapping[Kind, Severity] = {
    "unknown_outcome": "blocking",
    "overlapping": "info",
    "decides_nothing": "info",
    "dead": "info",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """One fact about one rule; `message` is one sentence with what to do.

    `amount_units` (1e-12, signed) and `charges` are what is at stake: for `overlapping` and
    `shadowed` the charges that `other_rule_id` decides instead, for `unknown_outcome` those that
    got the unknown class, 0 where logic alone decides. `absolute_units` counts credits as costs.
    """

    kind: Kind
    severity: Severity
    dimension: str
    rule_id: str
    message: str
    other_rule_id: str | None = None
    amount_units: int = 0
    absolute_units: int = 0
    charges: int = 0


def lint(
    rules: RuleSet,
    *,
    evidence: Evidence,
    on: date,
    valid_values: Mapping[str, Collection[str]] | None = None,
) -> tuple[LintFinding, ...]:
    """What is odd about a rule set, in rule order; empty when nothing is.

    `rules` may carry days; `evidence.assignment` was made with those in force `on` (a day of the
    month that was classified). `valid_values` lists the classes a dimension may have (for the
    initiative its ids and `pool:<id>`); where it says nothing the rule file's own list counts, and
    a dimension without any list is not judged. Without any attribute tuple only logic, days and
    constant outcomes are judged.

    A rule gets one finding for the reason why it does nothing, the strongest: contradicting,
    duplicate, unreachable, then what the charges show. An overlap is not reported where the
    earlier rule is the narrower one (exceptions first is how lists are written) or the later one
    matches everything.

    Raises:
        IntegrityError: the tables of the evidence do not belong together.
    """
    weights = Weights.of(evidence)
    evaluator = Evaluator(evidence.attributes)
    found: list[LintFinding] = []
    for group in rules.dimensions:
        live = tuple(rule for rule in group.rules if _in_force(rule, on))
        walk = Walk(evidence, evaluator, weights, group, live)
        listed = listed_values(group) or None
        own = _Dimension(group, on, walk, (valid_values or {}).get(group.dimension, listed))
        found += own.findings()
    return tuple(found)


def _in_force(rule: Rule, on: date) -> bool:
    started = rule.valid_from is None or rule.valid_from <= on
    return started and (rule.valid_to is None or on < rule.valid_to)


@dataclass(slots=True)
class _Dimension:
    """One dimension while it is being judged."""

    group: DimensionRules
    on: date
    walk: Walk
    valid: Collection[str] | None

    def findings(self) -> list[LintFinding]:
        """All findings, ordered by rule; those of one rule in the order they are made."""
        dead = [one for one in self.group.rules if one.valid_to and one.valid_to <= self.on]
        known = known_rules([one for one in self.group.rules if one not in dead], self.group)
        found = [self._dead(rule) for rule in dead]
        never = impossible(known)
        covers = covered([one for one in known if one.rule not in never])
        found += self._by_logic(never, covers)
        if self.walk.evidence.attributes.num_rows:
            explained = frozenset([*never, *(one.rule for one in covers)])
            found += self._by_charges(known, explained)
        found += self._outcomes(known)
        order = dict.fromkeys(rule.rule_id for rule in self.group.rules)
        places = {rule_id: place for place, rule_id in enumerate(order)}
        return sorted(found, key=lambda one: places[one.rule_id])

    def _dead(self, rule: Rule) -> LintFinding:
        return self._finding(
            "dead",
            rule,
            f"it ended before {rule.valid_to}; keep it as long as earlier months may be classified "
            "again, then remove it.",
        )

    def _by_logic(self, never: tuple[Rule, ...], covers: tuple[Covered, ...]) -> list[LintFinding]:
        why = "its condition can never hold for any charge; correct what contradicts itself."
        found = [self._finding("contradicting", rule, why) for rule in never]
        return found + [self._covered(one) for one in covers]

    def _covered(self, one: Covered) -> LintFinding:
        by = one.by.rule_id
        if one.same:
            why = f"it asks and gives the same as {by} before it; remove one of the two."
            return self._finding("duplicate", one.rule, why, other=one.by)
        why = (
            f"whatever it matches is always decided by {by} before it; move it before {by} or "
            "remove it."
        )
        return self._finding("unreachable", one.rule, why, other=one.by)

    def _by_charges(
        self, known: tuple[Known, ...], explained: frozenset[Rule]
    ) -> Iterator[LintFinding]:
        normal = {one.rule: one.when for one in known}
        mets = self.walk.met(explained)
        for met in mets:
            if met.rule in explained:
                continue
            dead_regexes = [one for one in _regexes(met.rule) if not self._ever_holds(one)]
            yield from (self._regex(met.rule, one) for one in dead_regexes)
            if not met.matches and dead_regexes:
                continue
            if not met.decides.tuples:
                yield self._idle(met, mets)
                continue
            for number, stake in met.differs.items():
                winner = mets[number].rule
                narrower = implies(normal[winner], normal[met.rule])
                if not narrower:
                    yield self._overlapping(met.rule, winner, stake)

    def _ever_holds(self, condition: Condition) -> bool:
        everything = np.ones(self.walk.evidence.attributes.num_rows, dtype=np.bool_)
        return len(self.walk.evaluator.select(condition, everything)) > 0

    def _idle(self, met: Met, mets: tuple[Met, ...]) -> LintFinding:
        """A rule in force that decides nothing, and why."""
        if met.passed.tuples or not met.taken:
            return self._decides_nothing(met)
        number, _ = max(met.taken.items(), key=lambda pair: (pair[1].absolute_units, -pair[0]))
        stake = NOTHING
        for one in met.taken.values():
            stake = added(stake, one)
        others = len(met.taken) - 1
        more = f" and {_count(others, 'other rule')}" if others else ""
        return self._finding(
            "shadowed",
            met.rule,
            f"everything it matches ({self._money(stake)}) is already decided by "
            f"{mets[number].rule.rule_id}{more}; move it up, narrow the rule before it or "
            "remove it.",
            stake=stake,
            other=mets[number].rule,
        )

    def _decides_nothing(self, met: Met) -> LintFinding:
        why = "it matches no charge of these months; correct its condition or remove it."
        if met.passed.tuples:
            why = (
                f"it matches {self._money(met.passed)}, but what it should give is absent there; "
                "fill the tag or register, or name the class itself."
            )
        return self._finding("decides_nothing", met.rule, why, stake=met.passed)

    def _overlapping(self, rule: Rule, winner: Rule, stake: Sum) -> LintFinding:
        return self._finding(
            "overlapping",
            rule,
            f"{winner.rule_id} stands before it and gives another class to {self._money(stake)} "
            "that both match; check that the order is meant, or let one rule exclude the other.",
            stake=stake,
            other=winner,
        )

    def _regex(self, rule: Rule, condition: Condition) -> LintFinding:
        return self._finding(
            "regex_never_matched",
            rule,
            f"the regex {condition.values[0]!r} matches no value of {condition.source} "
            f"{condition.name}; correct it (case counts, (?i) ignores it) or remove it.",
        )

    def _outcomes(self, known: tuple[Known, ...]) -> Iterator[LintFinding]:
        """Classes outside the list of valid ones: constants of all rules, others as given."""
        if self.valid is None:
            return
        valid = frozenset(self.valid)
        given = self.walk.by_class()
        by_place: dict[int, set[str]] = {}
        for number, text in given:
            by_place.setdefault(number, set()).add(text)
        places = {rule: place for place, rule in enumerate(self.walk.rules)}
        for one in known:
            place = places.get(one.rule, -1)
            texts = by_place.get(place, set())
            if isinstance(one.rule.then, Constant):
                texts = {one.rule.then.value}
            for text in sorted(texts - valid):
                stake = given.get((place, text), NOTHING)
                yield self._finding(
                    "unknown_outcome",
                    one.rule,
                    f"it gives {text!r} ({self._money(stake)}), which is not in the list of valid "
                    "values; add the value to the list or correct the rule.",
                    stake=stake,
                )

    def _finding(
        self, kind: Kind, rule: Rule, why: str, *, stake: Sum = NOTHING, other: Rule | None = None
    ) -> LintFinding:
        severity = _SEVERITY.get(kind, "warning")
        if kind == "shadowed" and is_catch_all(rule):
            severity = "info"  # a last rule that nothing reaches is a safety net
        return LintFinding(
            kind=kind,
            severity=severity,
            dimension=self.group.dimension,
            rule_id=rule.rule_id,
            message=f"Rule {rule.rule_id} ({self.group.dimension}): {why}",
            other_rule_id=other.rule_id if other else None,
            amount_units=stake.units,
            absolute_units=stake.absolute_units,
            charges=stake.charges,
        )

    def _money(self, stake: Sum) -> str:
        shown = f"{format_units(stake.units, 2)} {self.walk.evidence.currency}"
        return f"{_count(stake.charges, 'charge')}, {shown}"


def _regexes(rule: Rule) -> list[Condition]:
    return list(dict.fromkeys(one for one in conditions(rule.when) if one.operator == "regex"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
