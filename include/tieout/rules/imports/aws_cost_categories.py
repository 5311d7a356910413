"""Cost categories of AWS: the JSON of Create- or DescribeCostCategoryDefinition as our rules.

Owns the way from AWS's expressions to ours. Shapes are those of the public interface description
(Cost Explorer API 2017-10-25, rule version CostCategoryExpression.v1).
"""

from collections.abc import Mapping
from typing import Any

from tieout.core.errors import RuleFileError
from tieout.rules.imports.base import (
    Draft,
    Imported,
    Read,
    any_of,
    ignoring_case,
    listed,
    of_provider,
    read_json,
    texts,
)
from tieout.rules.parse import Constant, FromTag
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Operator, Predicate, Source

PROVIDER = "aws"

_RULE_VERSION = "CostCategoryExpression.v1"
_COLUMNS = {
    "LINKED_ACCOUNT": "sub_account_id",
    "LINKED_ACCOUNT_NAME": "sub_account_name",
    "REGION": "region_id",
    "USAGE_TYPE": "sku_meter",
}
_OPERATORS: Mapping[str, Operator] = {
    "EQUALS": "in",
    "STARTS_WITH": "prefix",
    "ENDS_WITH": "suffix",
    "CONTAINS": "contains",
    "ABSENT": "missing",
}
_CASE = {"CASE_SENSITIVE", "CASE_INSENSITIVE"}
_USAGE_TYPE = (
    "USAGE_TYPE is compared with sku_meter, which is AWS's usage type in cost and usage reports; "
    "a FOCUS export has other words there: check these rules against your charges."
)


def to_rules(text: str, *, name: str, dimension: str, service_names: Mapping[str, str]) -> Imported:
    """Read one cost category; see `Import.to_rules`.

    `service_names` gives the service name of our charges for a service code (AmazonEC2); a rule
    with a code that it lacks is left out.

    Raises:
        RuleFileError: not a cost category, another rule version, or no rule can be taken over.
    """
    content = read_json(text, name=name)
    content = content.get("CostCategory", content)
    version = content.get("RuleVersion") if isinstance(content, dict) else None
    if version != _RULE_VERSION:
        raise RuleFileError(
            f"{name}: RuleVersion is {str(version)[:60]!r}, expected {_RULE_VERSION}: give the "
            "answer of describe-cost-category-definition."
        )
    title = str(content.get("Name", "?"))
    draft = Draft(name=name, dimension=dimension, origin=f"AWS cost category {title}")
    for number, rule in enumerate(listed(content.get("Rules"), what=f"{name}: Rules"), start=1):
        _add(draft, number, rule, service_names)
    if default := content.get("DefaultValue"):
        always = of_provider(PROVIDER, Always())
        draft.add(
            "the default value",
            lambda: (always, Constant(str(default))),
            wanted_id=f"default {default}",
        )
    draft.notes += _left_out(content, text)
    return draft.finished()


def _add(draft: Draft, number: int, rule: object, service_names: Mapping[str, str]) -> None:
    known = rule if isinstance(rule, dict) else {}
    value = known.get("Value")
    label = f"rule {number}" + (f" ({value})" if value else "")

    def read() -> Read:
        kind = known.get("Type", "REGULAR")
        if kind == "INHERITED_VALUE":
            return _inherited(known.get("InheritedValue"))
        if kind != "REGULAR" or not isinstance(value, str):
            raise RuleFileError("it is neither a REGULAR rule with a Value nor INHERITED_VALUE.")
        when = _expression(known.get("Rule"), service_names)
        return of_provider(PROVIDER, when), Constant(value)

    draft.add(label, read, wanted_id=str(value or f"rule {number}"))


def _inherited(value: object) -> Read:
    """The class is the value of a tag; an account name as class has no rule here."""
    known = value if isinstance(value, dict) else {}
    key = known.get("DimensionKey")
    if known.get("DimensionName") != "TAG" or not isinstance(key, str):
        raise RuleFileError("it inherits the account's name; write one rule for each account.")
    exists = Condition(source="tag", name=key, operator="exists")
    return of_provider(PROVIDER, exists), FromTag(key)


def _expression(value: object, service_names: Mapping[str, str]) -> Predicate:
    """One expression: it has exactly one root."""
    if not isinstance(value, dict) or len(value) != 1:
        raise RuleFileError("its expression does not have exactly one root.")
    ((root, inner),) = value.items()
    if root in ("And", "Or"):
        parts = tuple(
            _expression(part, service_names) for part in listed(inner, what=f"its {root}")
        )
        return AllOf(parts) if root == "And" else AnyOf(parts)
    if root == "Not":
        return Not(_expression(inner, service_names))
    if root == "Tags":
        return _match("tag", _key(inner), inner)
    if root == "Dimensions":
        return _dimension(inner, service_names)
    raise RuleFileError(f"it looks at {root}, which charges here do not carry.")


def _dimension(inner: object, service_names: Mapping[str, str]) -> Predicate:
    key = _key(inner)
    if key in _COLUMNS:
        return _match("column", _COLUMNS[key], inner)
    operator, ignores_case = _options(inner)
    exact = operator == "in" and not ignores_case
    if key == "SERVICE_CODE" and exact:
        codes = _values(inner)
        unknown = [code for code in codes if code not in service_names]
        if unknown:
            raise RuleFileError(
                f"no service name is given for the service code {unknown[0][:60]!r}; charges carry "
                "names: say which one it is."
            )
        return any_of("column", "service_name", "in", [service_names[code] for code in codes])
    if key == "RECORD_TYPE" and exact and _values(inner) == ("Tax",):
        return any_of("column", "charge_category", "in", ["Tax"])
    if key == "RECORD_TYPE":
        raise RuleFileError(
            "it looks at RECORD_TYPE; charges here know FOCUS's charge_category, of which only "
            "Tax means the same."
        )
    raise RuleFileError(f"it looks at {key[:60]} in a way that charges here cannot answer.")


def _match(source: Source, place: str, inner: object) -> Predicate:
    operator, ignores_case = _options(inner)
    if operator == "missing":
        return Condition(source=source, name=place, operator="missing")
    values = _values(inner)
    if ignores_case:
        return any_of(source, place, "regex", ignoring_case(operator, values))
    return any_of(source, place, operator, values)


def _options(inner: Any) -> tuple[Operator, bool]:
    """Operator, and whether case is ignored; without values AWS means that the key is absent."""
    given = inner.get("MatchOptions") or []
    if not isinstance(given, list):
        raise RuleFileError("its MatchOptions are no list.")
    names = [option for option in given if option not in _CASE]
    if not names:
        names = ["EQUALS" if inner.get("Values") else "ABSENT"]
    if len(names) != 1 or names[0] not in _OPERATORS:
        raise RuleFileError(f"its match options {', '.join(map(str, given))[:80]} are not read.")
    return _OPERATORS[names[0]], "CASE_INSENSITIVE" in given


def _key(inner: object) -> str:
    key = inner.get("Key") if isinstance(inner, dict) else None
    if not isinstance(key, str) or not key:
        raise RuleFileError("it names no key; AWS then means charges without any tag at all.")
    return key


def _values(inner: Any) -> tuple[str, ...]:
    return texts(inner.get("Values"), what="its Values")


def _left_out(content: Mapping[str, Any], text: str) -> list[str]:
    """Sentences about the parts of a cost category that are no rules."""
    notes = [
        f"The split charge rule of {_split(split)} was not taken over: make it a pool in the "
        "allocation file."
        for split in content.get("SplitChargeRules") or []
    ]
    notes += [
        f"{key} {content[key]} was not taken over: these rules hold for all months; add valid_from "
        "or valid_to where they must not."
        for key in ("EffectiveStart", "EffectiveEnd")
        if content.get(key)
    ]
    if '"USAGE_TYPE"' in text:
        notes.append(_USAGE_TYPE)
    return notes


def _split(value: object) -> str:
    known = value if isinstance(value, dict) else {}
    source = known.get("Source") or "uncategorised costs"
    targets = ", ".join(map(str, known.get("Targets") or []))
    return f"{source} ({known.get('Method')} over {targets})"
