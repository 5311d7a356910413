"""A rule set as the text of a rule file: what `parse_rules` reads back as the same rules.

Owns the writing only. Used where rules come from elsewhere; files that people wrote are kept as
they wrote them.
"""

import json
import re

from tieout.core.errors import RuleFileError
from tieout.rules.parse import Constant, FromInitiative, FromTag, Outcome, Rule, RuleSet
from tieout.rules.predicate import AllOf, AnyOf, Condition, Not, Predicate

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def write_rules(rules: RuleSet) -> str:
    """The YAML text of a rule set; `parse_rules` of it gives an equal one.

    Values with characters that rule files refuse are written all the same and refused when read.

    Raises:
        RuleFileError: an outcome that has no way of writing here.
    """
    lines = [f"rule_set: {text(rules.name)}", "dimensions:"]
    for group in rules.dimensions:
        lines.append(f"  {text(group.dimension)}:")
        for rule in group.rules:
            lines += rule_lines(rule)
    return "\n".join(lines) + "\n"


def text(value: str) -> str:
    """One text as YAML: bare where no reader could take it for something else, else in quotes."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def rule_lines(rule: Rule) -> list[str]:
    """One rule as lines of a rule file, indented as `write_rules` does.

    Raises:
        RuleFileError: an outcome that has no way of writing here.
    """
    optional = {
        "description": rule.description,
        "owner": rule.owner,
        "valid_from": rule.valid_from and str(rule.valid_from),
        "valid_to": rule.valid_to and str(rule.valid_to),
    }
    return [
        f"    - id: {text(rule.rule_id)}",
        *(f"      {key}: {text(value)}" for key, value in optional.items() if value),
        f"      when: {_predicate(rule.when)}",
        f"      then: {_outcome(rule.then)}",
    ]


def _predicate(predicate: Predicate) -> str:
    if isinstance(predicate, Condition):
        return _condition(predicate)
    if isinstance(predicate, Not):
        return f"{{not: {_predicate(predicate.part)}}}"
    if isinstance(predicate, AllOf | AnyOf):
        shape = "all" if isinstance(predicate, AllOf) else "any"
        parts = ", ".join(_predicate(part) for part in predicate.parts)
        return f"{{{shape}: [{parts}]}}"
    return "always"


def _condition(condition: Condition) -> str:
    place = f"{condition.source}: {text(condition.name)}"
    if not condition.values:
        return f"{{{place}, {condition.operator}: true}}"
    if condition.operator != "in":
        return f"{{{place}, {condition.operator}: {text(condition.values[0])}}}"
    if len(condition.values) == 1:
        return f"{{{place}, equals: {text(condition.values[0])}}}"
    return f"{{{place}, in: [{', '.join(text(value) for value in condition.values)}]}}"


def _outcome(outcome: Outcome) -> str:
    if isinstance(outcome, Constant):
        return text(outcome.value)
    if isinstance(outcome, FromTag):
        return f"{{tag: {text(outcome.tag)}}}"
    if isinstance(outcome, FromInitiative):
        return f"{{initiative: {text(outcome.column)}}}"
    raise RuleFileError(f"No way to write the outcome {outcome!r}: expected a class or a tag.")
