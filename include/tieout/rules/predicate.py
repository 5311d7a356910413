"""What a rule can ask of a charge: tests on one column or tag, joined by all, any and not.

Owns the values and how they are read from a file; `classify` owns how they are evaluated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tieout.focus.columns import ATTRIBUTES
from tieout.rules.fields import entries, members, one_of, text_of
from tieout.rules.yaml_text import Node

COLUMNS = tuple(name for name in ATTRIBUTES if name != "tags")
MAX_REGEX = 500

Source: TypeAlias = Literal["column", "tag"]
Operator: TypeAlias = Literal["in", "prefix", "suffix", "contains", "regex", "exists", "missing"]
Predicate: TypeAlias = "Condition | AllOf | AnyOf | Not | Always"

_VALUE_OPERATORS: Sequence[Operator] = ("prefix", "suffix", "contains")
_PRESENCE_OPERATORS: Sequence[Operator] = ("exists", "missing")
_OPERATORS = ("equals", "in", *_VALUE_OPERATORS, "regex", *_PRESENCE_OPERATORS)
_SHAPES = "all, any, not, column or tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One question about the text under a column or tag; `equals` is `in` with one value.

    A column or tag that is absent or empty answers no to everything but `missing`.
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


def _condition(node: Node, content: Mapping[str, Node]) -> Condition:
    source: Source = "column" if "column" in content else "tag"
    operators = [key for key in content if key != source]
    if len(operators) != 1 or operators[0] not in _OPERATORS:
        raise node.error(
            f"expected {source} and one of {', '.join(_OPERATORS)}; "
            f"found {', '.join(content)[:120]}."
        )
    name = _column(content["column"]) if source == "column" else text_of(content["tag"])
    operator, values = _operands(operators[0], content[operators[0]])
    return Condition(source=source, name=name, operator=operator, values=values)


def _column(node: Node) -> str:
    name = text_of(node)
    if name not in COLUMNS:
        raise node.error(
            f"{name[:60]!r} is not a column that rules can see; known: {', '.join(COLUMNS)} "
            "(and tag: for a tag)."
        )
    return name


def _operands(word: str, node: Node) -> tuple[Operator, tuple[str, ...]]:
    if word == "equals":
        return "in", (text_of(node),)
    if word == "in":
        return "in", tuple(text_of(member) for member in members(node))
    if word == "regex":
        return "regex", (_regex(node),)
    for operator in _PRESENCE_OPERATORS:
        if word == operator:
            one_of(node, ["true"])
            return operator, ()
    operator = next(known for known in _VALUE_OPERATORS if known == word)
    return operator, (_needle(node),)


def _needle(node: Node) -> str:
    """A text to look for inside another; a space around it may be meant."""
    if not isinstance(node.content, str) or not node.content:
        raise node.error("expected a text that is not empty.")
    return node.content


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
