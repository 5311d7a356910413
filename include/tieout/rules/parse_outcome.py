"""How an outcome is written under `then`: a class, or where to take it from.

Owns the reading only; the values are `rule_set`'s, their meaning is `outcomes`'s.
"""

from collections.abc import Collection, Mapping

from tieout.rules.fields import entries, fields, one_of, text_of
from tieout.rules.predicate import read_column
from tieout.rules.register import REGISTER_COLUMNS
from tieout.rules.rule_set import (
    BySource,
    Constant,
    FromDimension,
    FromInitiative,
    FromLookup,
    FromTag,
    Missing,
    Outcome,
)
from tieout.rules.yaml_text import Node

LOOKUP_KEYS = ("lookup", "by", "give")
LOOKUP_OPTIONS = ("missing",)
BY_SOURCES: tuple[BySource, ...] = ("tag", "column", "dimension")
MISSING: tuple[Missing, ...] = ("pass", "fail")

_SHAPES = (
    "{tag: name}, {initiative: column}, {dimension: name} or {lookup: table, by: ..., give: column}"
)


def read_outcome(node: Node, *, dimension: str, dimensions: Collection[str]) -> Outcome:
    """Read what stands under `then` of a rule of `dimension`; `dimensions` are those of the file.

    Raises:
        RuleFileError: another shape, an unknown register column, column or dimension, or the
            dimension itself.
    """
    if isinstance(node.content, str):
        return Constant(text_of(node))
    content = entries(node)
    keys = set(content)
    if keys == {"tag"}:
        return FromTag(text_of(content["tag"]))
    if keys == {"dimension"}:
        return FromDimension(_other(content["dimension"], dimension, dimensions))
    if keys == {"initiative"}:
        if dimension == "initiative":
            raise node.error(
                "the initiative cannot come from itself; name it or take it from a tag."
            )
        return FromInitiative(one_of(content["initiative"], REGISTER_COLUMNS))
    if "lookup" in keys:
        return _lookup(node, dimension, dimensions)
    raise node.error(
        f"expected a class, {_SHAPES}; found keys {', '.join(content)[:80] or 'none'}."
    )


def _lookup(node: Node, dimension: str, dimensions: Collection[str]) -> FromLookup:
    content = fields(node, required=LOOKUP_KEYS, optional=LOOKUP_OPTIONS)
    by, name = _key(content["by"], dimension, dimensions)
    missing = one_of(content["missing"], MISSING) if "missing" in content else MISSING[0]
    return FromLookup(
        table=text_of(content["lookup"]),
        by=by,
        name=name,
        give=text_of(content["give"]),
        missing=next(known for known in MISSING if known == missing),
    )


def _key(node: Node, dimension: str, dimensions: Collection[str]) -> tuple[BySource, str]:
    content: Mapping[str, Node] = entries(node)
    found = [known for known in BY_SOURCES if known in content]
    if len(content) != 1 or not found:
        raise node.error(
            f"expected one of {', '.join(BY_SOURCES)}; found {', '.join(content)[:80] or 'none'}."
        )
    by = found[0]
    inner = content[by]
    if by == "column":
        return by, read_column(inner)
    return by, text_of(inner) if by == "tag" else _other(inner, dimension, dimensions)


def _other(node: Node, dimension: str, dimensions: Collection[str]) -> str:
    name = one_of(node, dimensions)
    if name == dimension:
        raise node.error(f"{name} cannot come from itself; take it from another dimension.")
    return name
