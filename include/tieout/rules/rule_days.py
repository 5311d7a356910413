"""Rules hold by charge date: on which days they change, and which of them hold on a day.

Owns days only. `classify` takes rules and tables without days: those of one day.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from tieout.rules.lookup import LookupTable
from tieout.rules.rule_set import FromLookup, RuleSet

NO_LOOKUPS: Mapping[str, LookupTable] = {}


def changes(rules: RuleSet, lookups: Mapping[str, LookupTable]) -> set[date]:
    """The days from which rules, or tables that they take from, differ from the day before."""
    days = {day for _, rule in rules.rules() for day in (rule.valid_from, rule.valid_to) if day}
    used = (lookups[name] for name in tables_of(rules) if name in lookups)
    return days.union(*(table.changes_on() for table in used))


def rules_on(rules: RuleSet, day: date) -> RuleSet:
    """The rules in force for charges of one day, without their days.

    A dimension left without rules stays in the set.
    """
    groups = []
    for group in rules.dimensions:
        kept = tuple(
            replace(rule, valid_from=None, valid_to=None)
            for rule in group.rules
            if rule.holds_on(day)
        )
        groups.append(replace(group, rules=kept))
    return replace(rules, dimensions=tuple(groups))


def tables_of(rules: RuleSet) -> set[str]:
    """The names of the look-up tables that the rules take from."""
    return {rule.then.table for _, rule in rules.rules() if isinstance(rule.then, FromLookup)}
