"""Dimensions of CloudZero: a CostFormation file (YAML) with one dimension as our rules.

Owns CostFormation as far as its published reference says what a part means: Group rules, GroupBy
rules over one tag, conditions with their sources. Transforms, allocations, metadata are left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from tieout.core.errors import RuleFileError
from tieout.rules.fields import entries, members, one_of, text_of
from tieout.rules.imports.base import Draft, Imported, Read, any_of
from tieout.rules.parse import Constant, FromTag
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Operator, Predicate
from tieout.rules.yaml_text import Node, read_yaml

_COLUMNS = {
    "Account": "sub_account_id",
    "PayerAccount": "billing_account_id",
    "Region": "region_id",
}
_PROVIDERS = {"AWS": "aws", "GCP": "gcp"}
_OPERATORS: Mapping[str, Operator] = {
    "Equals": "in",
    "BeginsWith": "prefix",
    "EndsWith": "suffix",
    "Contains": "contains",
    "Matches": "regex",
}
_TAG = "Tag:"
_OF_DIMENSION = ("Name", "Type", "Source", "Rules", "DefaultValue", "Child", "Hide", "Disable")


def to_rules(text: str, *, name: str, dimension: str, service_names: Mapping[str, str]) -> Imported:
    """Read one CostFormation dimension; see `Import.to_rules`.

    `service_names` gives the service name of our charges for a service code (AmazonEC2); a rule
    with a code that it lacks is left out.

    Raises:
        RuleFileError: no CostFormation file, more than one dimension, a part of the dimension that
            changes all its rules (transforms, several sources, an allocation), or no rule fits.
    """
    root = entries(read_yaml(text, name=name))
    if "Dimensions" not in root:
        raise RuleFileError(f"{name}: no CostFormation file: expected the key Dimensions.")
    found = entries(root["Dimensions"])
    if len(found) != 1:
        raise root["Dimensions"].error(f"{len(found)} dimensions; give one in a file.")
    ((key, node),) = found.items()
    content = entries(node)
    unread = [part for part in content if part not in _OF_DIMENSION]
    if unread or ("Type" in content and text_of(content["Type"]) != "Grouping"):
        raise node.error(
            f"dimension {key} says {', '.join(unread) or 'Type'}, which cannot be said here: give "
            "a dimension of Type Grouping with one Source."
        )
    if "Rules" not in content:
        raise node.error(f"dimension {key} has no Rules.")
    draft = Draft(name=name, dimension=dimension, origin=f"CloudZero dimension {key}")
    for number, rule in enumerate(members(content["Rules"]), start=1):
        _add(draft, number, rule, _Reader(content.get("Source"), service_names))
    if "DefaultValue" in content:
        default = text_of(content["DefaultValue"])
        draft.add(
            "the default value",
            lambda: (Always(), Constant(default)),
            wanted_id=f"default {default}",
        )
    return draft.finished()


def _add(draft: Draft, number: int, rule: Node, reader: "_Reader") -> None:
    content = rule.content if isinstance(rule.content, dict) else {}
    title = content.get("Name")
    shown = title.content if title and isinstance(title.content, str) else ""
    draft.add(
        f"rule {number}" + (f" ({shown})" if shown else ""),
        lambda: reader.rule(rule),
        wanted_id=shown or f"rule {number}",
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads rules and conditions; `source` is the one they inherit, if any."""

    source: Node | None
    service_names: Mapping[str, str]

    def rule(self, node: Node) -> Read:
        content = entries(node)
        kind = one_of(content.get("Type", node), ("Group", "GroupBy"))
        known = {"Group": ("Type", "Name", "Source", "Conditions"), "GroupBy": ("Type", "Source")}
        _refuse_other(node, content, known[kind])
        inner = _Reader(content.get("Source", self.source), self.service_names)
        if kind == "GroupBy":
            return inner.group_by(node)
        for needed in ("Name", "Conditions"):
            if needed not in content:
                raise node.error(f"a Group rule without {needed}.")
        when = inner.joined("Or", content["Conditions"])
        return when, Constant(text_of(content["Name"]))

    def group_by(self, node: Node) -> Read:
        """One class for each value: only a tag can give its value here."""
        source = text_of(self.source) if self.source else ""
        if not source.startswith(_TAG):
            raise node.error(
                f"it groups by {source[:40] or 'nothing'}; only a tag gives its value."
            )
        tag = source.removeprefix(_TAG)
        return Condition(source="tag", name=tag, operator="exists"), FromTag(tag)

    def joined(self, word: str, node: Node) -> Predicate:
        """A list of conditions: any of them, all of them, or none of them."""
        parts = tuple(self.condition(part) for part in members(node))
        if word == "And":
            return parts[0] if len(parts) == 1 else AllOf(parts)
        any_part = parts[0] if len(parts) == 1 else AnyOf(parts)
        return Not(any_part) if word == "Not" else any_part

    def condition(self, node: Node) -> Predicate:
        content = entries(node)
        words = [word for word in content if word not in ("Source", "Sources")]
        if len(words) != 1:
            raise node.error("a condition that is not exactly one test.")
        (word,) = words
        if word in ("And", "Or", "Not"):
            inner = _Reader(content.get("Source", self.source), self.service_names)
            _refuse_other(node, content, (word, "Source"))
            return inner.joined(word, content[word])
        test = self._test(word, content[word])
        found = tuple(test(source) for source in self._sources(node, content))
        return found[0] if len(found) == 1 else AnyOf(found)

    def _sources(self, node: Node, content: Mapping[str, Node]) -> list[str]:
        """The sources that a condition looks at; of several, any may pass."""
        if "Sources" in content:
            return [text_of(source) for source in members(content["Sources"])]
        source = content.get("Source", self.source)
        if source is None:
            raise node.error("a condition without a Source.")
        return [text_of(source)]

    def _test(self, word: str, node: Node) -> Callable[[str], Predicate]:
        if word == "HasValue":
            present = one_of(node, ("true", "True", "false", "False")) in ("true", "True")
            return lambda source: self._presence(node, source, "exists" if present else "missing")
        if word not in _OPERATORS:
            raise node.error(f"{word[:40]} is not read.")
        several = isinstance(node.content, list)
        values = tuple(text_of(one) for one in (members(node) if several else [node]))
        if word == "Matches":
            values = tuple(f"^(?:{value})$" for value in values)  # theirs match the whole text
        return lambda source: self._comparison(node, source, _OPERATORS[word], values)

    def _presence(
        self, node: Node, source: str, operator: Literal["exists", "missing"]
    ) -> Predicate:
        if source.startswith(_TAG):
            return Condition(source="tag", name=source.removeprefix(_TAG), operator=operator)
        if source in _COLUMNS:
            return Condition(source="column", name=_COLUMNS[source], operator=operator)
        raise _unknown(node, source)

    def _comparison(
        self, node: Node, source: str, operator: Operator, values: tuple[str, ...]
    ) -> Predicate:
        if source.startswith(_TAG):
            return any_of("tag", source.removeprefix(_TAG), operator, values)
        if source in _COLUMNS:
            return any_of("column", _COLUMNS[source], operator, values)
        tables = {
            "Service": ("service_name", self.service_names),
            "CloudProvider": ("provider", _PROVIDERS),
        }
        if source not in tables or operator != "in":
            raise _unknown(node, source)
        column, names = tables[source]
        missing = [value for value in values if value not in names]
        if missing:
            raise node.error(
                f"no name on your charges is given for {source} {missing[0][:60]!r}: say which one "
                "it is."
            )
        return any_of("column", column, "in", [names[value] for value in values])


def _refuse_other(node: Node, content: Mapping[str, Node], known: tuple[str, ...]) -> None:
    other = [key for key in content if key not in known]
    if other:
        raise node.error(f"it says {', '.join(other)[:80]}, which cannot be said here.")


def _unknown(node: Node, source: str) -> RuleFileError:
    return node.error(f"it looks at {source[:40]} in a way that charges here cannot answer.")
