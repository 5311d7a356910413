"""Rules inside the text that people wrote: where one stands, and the text with one more.

Owns places and indents only; what a rule says is `parse`'s. Comments and order stay as they are.
"""

import re
import textwrap

from tieout.core.errors import RuleFileError
from tieout.rules.predicate import AllOf, Condition
from tieout.rules.rule_set import Constant, Rule, RuleSet
from tieout.rules.rule_text import rule_lines

UNDECIDED = "choose-an-initiative"
_NOT_IN_AN_ID = re.compile(r"[^a-z0-9]+")
_LONGEST = 60


def source_of(text: str, rule: Rule) -> str:
    """A rule as it is written in its file, without its indent."""
    lines = text.splitlines()
    first = rule.line - 1
    return textwrap.dedent("\n".join(lines[first : _end(lines, first)])).rstrip()


def with_rule(text: str, rules: RuleSet, rule: Rule) -> str:
    """The text with a rule behind the last one of the dimension initiative.

    Raises:
        RuleFileError: the dimension has no rule in a line of its own to stand behind.
    """
    own = [one for dimension, one in rules.rules() if dimension == "initiative"]
    lines = text.splitlines()
    first = max((one.line for one in own), default=0) - 1
    if first < 0 or not lines[first].lstrip().startswith("- "):
        raise RuleFileError(
            f"{rules.file}: no rule of the dimension initiative stands in a line of its own: "
            "expected one to put the new rule behind; add it by hand."
        )
    indent = " " * _indent(lines[first])
    added = textwrap.indent(textwrap.dedent("\n".join(rule_lines(rule))), indent).splitlines()
    end = _end(lines, first)
    while not lines[end - 1].strip():
        end -= 1
    return "\n".join([*lines[:end], *added, *lines[end:]]) + "\n"


def drafted(
    rules: RuleSet, asked: dict[str, str], *, owner: str, initiative: str = UNDECIDED
) -> Rule:
    """A rule for charges whose columns hold `asked` (not empty); UNDECIDED is still to choose.

    Its id is made of the values and is none of the file's.
    """
    known = {one.rule_id for _, one in rules.rules()}
    words = _NOT_IN_AN_ID.sub("-", " ".join(asked.values()).lower()).strip("-")[:_LONGEST]
    wanted = words.strip("-") or "rule"
    found, number = wanted, 2
    while found in known:
        found, number = f"{wanted}-{number}", number + 1
    conditions = tuple(
        Condition(source="column", name=name, operator="in", values=(value,))
        for name, value in asked.items()
    )
    return Rule(
        rule_id=found,
        description=f"Drafted from the unallocated rows of {' / '.join(asked.values())}",
        owner=owner,
        valid_from=None,
        valid_to=None,
        when=conditions[0] if len(conditions) == 1 else AllOf(conditions),
        then=Constant(initiative),
    )


def _end(lines: list[str], first: int) -> int:
    """The line behind the list item that begins in `first`: anything not indented deeper."""
    indent = _indent(lines[first])
    for place in range(first + 1, len(lines)):
        line = lines[place]
        if line.strip() and _indent(line) <= indent:
            return place
    return len(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
