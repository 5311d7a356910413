"""What an import of another tool's rules is, and what all of them share.

Owns the protocol, the loading by name and the draft that rules are collected in; knows no tool. An
import never guesses: a rule that cannot be said in our language is left out whole, with a sentence.
"""

import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, cast

from tieout.core.errors import RuleFileError, UnknownPluginError
from tieout.rules import imports
from tieout.rules.parse import DimensionRules, Outcome, Rule, RuleSet, parse_rules
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Operator, Predicate, Source
from tieout.rules.rule_text import write_rules

Read: TypeAlias = "tuple[Predicate, Outcome]"
_MOST_BYTES = 10_000_000
_ID_LENGTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A rule file, and one sentence about each thing that it does not say."""

    text: str
    notes: tuple[str, ...]


class Import(Protocol):
    """A module in `rules/imports/`; its file name is the name of the import."""

    def to_rules(
        self, text: str, *, name: str, dimension: str, service_names: Mapping[str, str]
    ) -> Imported:
        """Read an export (its text; `name` is its file name) as the rules of one dimension.

        `service_names` says what our charges call a service of the other tool. The order of rules
        is kept, because there as here the first match wins.

        Raises:
            RuleFileError: not an export of that tool, or no rule of it can be taken over.
        """
        ...


def known_imports() -> tuple[str, ...]:
    """Names of all imports, sorted."""
    found = (module.name for module in pkgutil.iter_modules(imports.__path__))
    return tuple(sorted(name for name in found if name != "base"))


def load(name: str) -> Import:
    """The import of that name.

    Raises:
        UnknownPluginError: there is no such file in `rules/imports/`.
    """
    if name not in known_imports():
        raise UnknownPluginError(
            f"No import of rules {name[:60]!r}; known: {', '.join(known_imports())}."
        )
    return cast("Import", importlib.import_module(f"{imports.__name__}.{name}"))


@dataclass(slots=True)
class Draft:
    """Rules of one dimension while they are taken over, in order."""

    name: str
    dimension: str
    origin: str
    rules: list[Rule] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(self, label: str, read: Callable[[], Read], *, wanted_id: str) -> None:
        """Take one rule over, or note why not; `label` is what the other tool calls it."""
        try:
            when, then = read()
            rule = Rule(
                rule_id=self._free_id(wanted_id),
                description=f"{self.origin}: {label}",
                owner=None,
                valid_from=None,
                valid_to=None,
                when=when,
                then=then,
            )
            self._check(rule)
        except RuleFileError as error:
            self.refused.append(f"{label} was not taken over: {error}")
        except RecursionError:
            self.refused.append(f"{label} was not taken over: it is nested too deeply; split it.")
        else:
            self.rules.append(rule)

    def finished(self) -> Imported:
        """The rule file with all notes.

        Raises:
            RuleFileError: no rule could be taken over.
        """
        if not self.rules:
            reasons = " ".join(self.refused) or "it has no rules."
            raise RuleFileError(f"{self.name}: no rule can be taken over: {reasons}"[:2_000])
        notes = [*self.notes, *self.refused]
        if self.refused:
            notes.append(
                "Charges of rules that were not taken over meet the rules after them: write what "
                "is missing before you propose this file."
            )
        return Imported(text=write_rules(self._set(self.rules)), notes=tuple(notes))

    def _check(self, rule: Rule) -> None:
        """Refuse what the rule language refuses: an odd value, an over-long regex."""
        parse_rules(write_rules(self._set([rule])), name=self.name)

    def _set(self, rules: Sequence[Rule]) -> RuleSet:
        group = DimensionRules(dimension=self.dimension, rules=tuple(rules))
        return RuleSet(name="classification", dimensions=(group,))

    def _free_id(self, wanted: str) -> str:
        stem = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-")[:_ID_LENGTH] or "rule"
        taken = {rule.rule_id for rule in self.rules}
        numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
        return next(one for one in (stem, *numbered) if one not in taken)


def read_json(text: str, *, name: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RuleFileError: larger than 10 MB, not JSON, or no object.
    """
    if len(text) > _MOST_BYTES:
        raise RuleFileError(f"{name}: more than {_MOST_BYTES:,} characters: split the export.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RuleFileError(
            f"{name}: not JSON; give the file as the other tool exported it."
        ) from error
    if not isinstance(found, dict):
        raise RuleFileError(f"{name}: expected a JSON object, found a {type(found).__name__}.")
    return found


def listed(value: object, *, what: str) -> list[Any]:
    """A list that is not empty.

    Raises:
        RuleFileError: something else.
    """
    if not isinstance(value, list) or not value:
        raise RuleFileError(f"{what} is no list with members; export it again.")
    return value


def texts(value: object, *, what: str) -> tuple[str, ...]:
    """A list of texts that is not empty.

    Raises:
        RuleFileError: something else.
    """
    found = listed(value, what=what)
    if not all(isinstance(one, str) and one for one in found):
        raise RuleFileError(f"{what} has a member that is no text; correct it there.")
    return tuple(found)


def any_of(source: Source, name: str, operator: Operator, values: Sequence[str]) -> Predicate:
    """A test against one or more values; several mean any of them."""
    if operator == "in":
        return Condition(source=source, name=name, operator="in", values=tuple(values))
    parts = tuple(
        Condition(source=source, name=name, operator=operator, values=(value,)) for value in values
    )
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def ignoring_case(operator: Operator, values: Sequence[str]) -> tuple[str, ...]:
    """Regexes that do what `in`, `prefix`, `suffix` or `contains` does, whatever the case."""
    head = "^" if operator in ("in", "prefix") else ""
    tail = "$" if operator in ("in", "suffix") else ""
    return tuple(f"(?i){head}{_literal(value)}{tail}" for value in values)


def of_provider(provider: str, predicate: Predicate) -> Predicate:
    """The same for charges of one provider only."""
    own = Condition(source="column", name="provider", operator="in", values=(provider,))
    return own if predicate == Always() else AllOf((own, predicate))


def _literal(value: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value)
