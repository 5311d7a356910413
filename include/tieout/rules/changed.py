"""Which attribute tuples a change of rules can touch: the fast path of a reapply.

Owns the comparison of two rule sets and nothing of classifying. A tuple that meets no rule that was
added, removed, altered or moved meets the same rules in the same order as before, so its classes
stay; any other tuple is to be classified by both sets.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

from tieout.rules.masks import Evaluator, Rows
from tieout.rules.predicate import AllOf, AnyOf, Condition, Not, Predicate
from tieout.rules.rule_set import DimensionRules, FromLookup, FromTag, Rule, RuleSet


def changed_rules(old: RuleSet, new: RuleSet) -> tuple[Rule, ...]:
    """Rules of either set that the other lacks, writes otherwise or has in another order.

    Only what decides counts: id, days, condition and outcome, and a dimension's valid values. The
    initiative register and look-up tables are not compared: when one of them differs as well,
    classify everything.
    """
    before = {group.dimension: group for group in old.dimensions}
    after = {group.dimension: group for group in new.dimensions}
    found: list[Rule] = []
    for dimension in sorted({*before, *after}):
        found += _differing(before.get(dimension), after.get(dimension))
    return tuple(found)


def touched_rows(evaluator: Evaluator, changed: Sequence[Rule]) -> Rows:
    """Row numbers, in order, of the tuples that one of the changed rules holds for.

    Raises:
        IntegrityError: the tags of a tuple are not a JSON object of texts.
    """
    is_open = np.ones(evaluator.attributes.num_rows, dtype=np.bool_)
    for rule in changed:
        is_open[evaluator.select(rule.when, is_open)] = False
    return np.flatnonzero(~is_open)


def columns_read(rules: RuleSet) -> tuple[str, ...]:
    """The attribute columns that the rules look at, sorted; `tags` for any tag."""
    found = {name for _, rule in rules.rules() for name in _columns(rule)}
    return tuple(sorted(found))


def _differing(old: DimensionRules | None, new: DimensionRules | None) -> list[Rule]:
    before, after = (old.rules if old else ()), (new.rules if new else ())
    if old is None or new is None or old.values != new.values:
        return [*before, *after]
    found: list[Rule] = []
    matcher = SequenceMatcher(
        None, [_deciding(rule) for rule in before], [_deciding(rule) for rule in after], False
    )
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind != "equal":
            found += [*before[start:end], *after[other_start:other_end]]
    return found


def _deciding(rule: Rule) -> tuple[object, ...]:
    """What of a rule can decide a class or be shown as its reason."""
    return rule.rule_id, rule.valid_from, rule.valid_to, rule.when, rule.then


def _columns(rule: Rule) -> set[str]:
    found = _sources(rule.when)
    if isinstance(rule.then, FromTag) or (
        isinstance(rule.then, FromLookup) and rule.then.by == "tag"
    ):
        found.add("tags")
    if isinstance(rule.then, FromLookup) and rule.then.by == "column":
        found.add(rule.then.name)
    return found


def _sources(predicate: Predicate) -> set[str]:
    if isinstance(predicate, Condition):
        return {predicate.name if predicate.source == "column" else "tags"}
    if isinstance(predicate, Not):
        return _sources(predicate.part)
    parts = predicate.parts if isinstance(predicate, AllOf | AnyOf) else ()
    return {name for part in parts for name in _sources(part)}
