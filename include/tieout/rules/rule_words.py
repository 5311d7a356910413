"""Rules in words for a person who does not read YAML: what is asked, what is given, since when.

Owns the wording of conditions, outcomes and days; findings and differences put it in sentences.
"""

from collections.abc import Mapping

from tieout.rules.parse import Constant, FromInitiative, FromTag, Outcome, Rule
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Predicate

_TESTS: Mapping[str, str] = {
    "prefix": "starts with",
    "suffix": "ends with",
    "contains": "contains",
    "regex": "matches the regex",
    "gt": "is greater than",
    "ge": "is at least",
    "lt": "is less than",
    "le": "is at most",
}
_PRESENCE: Mapping[str, str] = {"exists": "is there", "missing": "is missing"}


def predicate_words(predicate: Predicate) -> str:
    """A condition as a clause: `provider is 'aws' and tag app is missing`."""
    if isinstance(predicate, Condition):
        return _condition(predicate)
    if isinstance(predicate, Always):
        return "whatever it is"
    if isinstance(predicate, Not):
        return f"not ({predicate_words(predicate.part)})"
    joint = " and " if isinstance(predicate, AllOf) else " or "
    return joint.join(_part(part) for part in predicate.parts)


def outcome_words(outcome: Outcome) -> str:
    """What a rule gives: `'bot'`, `the value of tag app`, `the cost_center of the initiative`."""
    if isinstance(outcome, Constant):
        return quoted([outcome.value])
    if isinstance(outcome, FromTag):
        return f"the value of tag {outcome.tag}"
    if isinstance(outcome, FromInitiative):
        return f"the {outcome.column} of the initiative"
    return str(outcome)


def days_words(rule: Rule) -> str:
    """When a rule holds: `from 2026-10-01 until before 2027-01-01`, `always`."""
    first = f"from {rule.valid_from}" if rule.valid_from else ""
    last = f"until before {rule.valid_to}" if rule.valid_to else ""
    return " ".join(part for part in (first, last) if part) or "always"


def quoted(texts: tuple[str, ...] | list[str]) -> str:
    """Texts in quotes, with commas between them."""
    return ", ".join(f"'{text}'" for text in texts)


def place_words(condition: Condition) -> str:
    """Where a test looks: `provider`, `tag app`."""
    return (
        condition.name if condition.source == "column" else f"{condition.source} {condition.name}"
    )


def _condition(condition: Condition) -> str:
    place = place_words(condition)
    if condition.operator in _PRESENCE:
        return f"{place} {_PRESENCE[condition.operator]}"
    if condition.operator == "in":
        several = "is one of" if len(condition.values) > 1 else "is"
        return f"{place} {several} {quoted(condition.values)}"
    test = _TESTS.get(condition.operator, condition.operator)
    return f"{place} {test} {quoted(condition.values)}"


def _part(part: Predicate) -> str:
    words = predicate_words(part)
    return f"({words})" if isinstance(part, AllOf | AnyOf) else words
