"""What a rule can ask of a charge: tests on one column or tag, joined by all, any and not.

Owns the values and how they are read from a file; `classify` owns how they are evaluated.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tieout.focus.columns import ATTRIBUTES, CHARGE_SCHEMA
from tieout.rules.fields import DAY, entries, members, one_of, text_of
from tieout.rules.yaml_text import Node

COLUMNS = tuple(name for name in ATTRIBUTES if name != "tags")
MAX_REGEX = 500

Source: TypeAlias = Literal["column", "tag"]
Operator: TypeAlias = Literal[
    "in", "prefix", "suffix", "contains", "regex", "exists", "missing", "gt", "ge", "lt", "le"
]
Measure: TypeAlias = Decimal | date
Predicate: TypeAlias = "Condition | AllOf | AnyOf | Not | Always"

VALUE_OPERATORS: Sequence[Operator] = ("prefix", "suffix", "contains")
PRESENCE_OPERATORS: Sequence[Operator] = ("exists", "missing")
COMPARISONS: Sequence[Operator] = ("gt", "ge", "lt", "le")
OPERATORS = ("equals", "in", *VALUE_OPERATORS, "regex", *PRESENCE_OPERATORS, *COMPARISONS)
NUMBER = re.compile(r"[+-]?[0-9]{1,60}(\.[0-9]{1,60})?")

_BY_PARTS = ("tags", "source_tags", "sku_price_details")
_PLAIN_OPERATORS: Sequence[Operator] = (*VALUE_OPERATORS, *PRESENCE_OPERATORS, *COMPARISONS)
_SHAPES = "all, any, not, column or tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One question about the text under a column or tag; `equals` is `in` with one value.

    A column or tag that is absent or empty answers no to everything but `missing`. Of `gt`, `ge`,
    `lt` and `le` the value is a decimal number or an ISO day, see `measure`: a text that is not of
    the same kind answers no.
    """

    source: Source
    name: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when every part is."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when at least one part is."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when the part is not; so it holds where the column or tag is absent."""

    part: Predicate


@dataclass(frozen=True, slots=True)
class Always:
    """True for every charge: the last rule of a list, say."""


def read_predicate(node: Node) -> Predicate:
    """Read what stands under `when`.

    Raises:
        RuleFileError: an unknown column, operator or shape, an empty list or value, a regex that
            RE2 refuses or that is longer than 500 characters.
    """
    if node.content == "always":
        return Always()
    content = entries(node)
    if "column" in content or "tag" in content:
        return _condition(node, content)
    if len(content) != 1:
        raise node.error(f"expected one of {_SHAPES}; found {', '.join(content)[:80] or 'none'}.")
    (shape, inner), *_ = content.items()
    if shape == "not":
        return Not(read_predicate(inner))
    if shape not in ("all", "any"):
        raise node.error(f"expected {_SHAPES}; found {shape[:60]!r}.")
    parts = tuple(read_predicate(part) for part in members(inner))
    return AllOf(parts) if shape == "all" else AnyOf(parts)


def measure(text: str) -> Measure | None:
    """The decimal number or ISO day that a text holds, None where it holds neither.

    At most 60 digits before and after the point, no exponent, no thousands separator.
    """
    if NUMBER.fullmatch(text):
        return Decimal(text)
    if not DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _condition(node: Node, content: Mapping[str, Node]) -> Condition:
    source: Source = "column" if "column" in content else "tag"
    operators = [key for key in content if key != source]
    if len(operators) != 1 or operators[0] not in OPERATORS:
        raise node.error(
            f"expected {source} and one of {', '.join(OPERATORS)}; "
            f"found {', '.join(content)[:120]}."
        )
    name = read_column(content["column"]) if source == "column" else text_of(content["tag"])
    operator, values = _operands(operators[0], content[operators[0]])
    return Condition(source=source, name=name, operator=operator, values=values)


def read_column(node: Node) -> str:
    """The name of a column that rules can see.

    Raises:
        RuleFileError: any other name, see `check_column`.
    """
    return check_column(text_of(node), node)


def check_column(name: str, node: Node) -> str:
    """The name again, when it is a column that rules can see.

    Raises:
        RuleFileError: any other name; says why an amount, a day or a charge's own id cannot be.
    """
    if name in COLUMNS:
        return name
    known = f"known: {', '.join(COLUMNS)} (and tag: for a tag)"
    if name not in CHARGE_SCHEMA.names:
        raise node.error(f"{name[:60]!r} is not a column that rules can see; {known}.")
    kind = CHARGE_SCHEMA.field(name).type
    if name in _BY_PARTS:
        reason = "is many texts in one: ask for a tag by its name"
    elif pa.types.is_decimal(kind):
        reason = "is an amount: charges that look alike are classified alike, whatever they cost"
    elif pa.types.is_temporal(kind):
        reason = "is a day: give the rule valid_from and valid_to, which go by the charge's day"
    else:
        reason = "differs from charge to charge: ask for what a charge is, not which one it is"
    raise node.error(f"{name!r} is not a column that rules can see: it {reason}; {known}.")


def _operands(word: str, node: Node) -> tuple[Operator, tuple[str, ...]]:
    if word == "equals":
        return "in", (text_of(node),)
    if word == "in":
        return "in", tuple(text_of(member) for member in members(node))
    if word == "regex":
        return "regex", (_regex(node),)
    operator = next(known for known in _PLAIN_OPERATORS if known == word)
    if operator in PRESENCE_OPERATORS:
        one_of(node, ["true"])
        return operator, ()
    return operator, (_bound(node) if operator in COMPARISONS else _needle(node),)


def _needle(node: Node) -> str:
    """A text to look for inside another; a space around it may be meant."""
    if not isinstance(node.content, str) or not node.content:
        raise node.error("expected a text that is not empty.")
    return node.content


def _bound(node: Node) -> str:
    """A number or a day to compare with."""
    text = text_of(node)
    if measure(text) is None:
        raise node.error(
            f"{text[:40]!r} cannot be compared; expected a number such as 1000 or -0.5, or a day "
            "such as 2026-10-31."
        )
    return text


def _regex(node: Node) -> str:
    pattern = _needle(node)
    if len(pattern) > MAX_REGEX:
        raise node.error(f"a regex of {len(pattern)} characters; at most {MAX_REGEX}: split it.")
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")[:200]
        raise node.error(
            f"RE2 does not read this regex: {reason}; back-references and look-around do not exist."
        ) from error
    return pattern
