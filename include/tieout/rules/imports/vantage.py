"""Virtual tags of Vantage: the JSON of its virtual tag configs, with VQL filters, as our rules.

Owns VQL as far as Vantage publishes it (the WHERE clause of its Query Language page): costs.* and
tags.* with =, !=, <>, IN, LIKE, NOT, AND, OR and parentheses. The first value that fits wins.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tieout.core.errors import RuleFileError
from tieout.rules.imports.base import Draft, Imported, Read, any_of, listed, read_json
from tieout.rules.parse import Constant
from tieout.rules.predicate import AllOf, AnyOf, Condition, Not, Operator, Predicate, Source

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*')|(?P<word>[A-Za-z_][A-Za-z_.]*)|(?P<number>[0-9.]+)"
    r"|(?P<sign>!=|<>|=|\(|\)|,))"
)
_PROVIDERS = frozenset({"aws", "azure", "gcp"})  # the ones that Vantage and we call the same
_COLUMNS = {"costs.region": "region_id", "costs.resource_id": "resource_id"}
_AWS_COLUMNS = {
    "costs.account_id": "sub_account_id",
    "costs.provider_account_id": "billing_account_id",
}
_LIKE_NOTE = (
    "LIKE is compared with case as it is written; Vantage does not publish whether it does so: "
    "check these rules against your charges."
)
_SAYS_NOTHING = frozenset({"name", "filter", "token"})  # of a value, beside what is read


def to_rules(text: str, *, name: str, dimension: str, service_names: Mapping[str, str]) -> Imported:
    """Read one virtual tag config, or the list answer with one in it; see `Import.to_rules`.

    `service_names` gives the service name of our charges for one of Vantage; a value whose filter
    names another service is left out.

    Raises:
        RuleFileError: not a virtual tag config, more than one, or nothing can be taken over.
    """
    content = read_json(text, name=name)
    if "virtual_tag_configs" in content:
        configs = listed(content["virtual_tag_configs"], what=f"{name}: virtual_tag_configs")
        if len(configs) > 1:
            raise RuleFileError(f"{name}: {len(configs)} virtual tags; give one in a file.")
        content = configs[0] if isinstance(configs[0], dict) else {}
    key = content.get("key")
    if not isinstance(key, str):
        raise RuleFileError(f"{name}: no virtual tag config: expected key and values.")
    draft = Draft(name=name, dimension=dimension, origin=f"Vantage virtual tag {key}")
    for number, value in enumerate(listed(content.get("values"), what=f"{name}: values"), start=1):
        _add(draft, number, value, service_names)
    draft.notes += _left_out(content, key, text)
    return draft.finished()


def _add(draft: Draft, number: int, value: object, service_names: Mapping[str, str]) -> None:
    known = value if isinstance(value, dict) else {}
    title = known.get("name")
    label = f"value {number}" + (f" ({title})" if title else "")

    def read() -> Read:
        more = sorted(key for key in known if known[key] and key not in _SAYS_NOTHING)
        if more:
            raise RuleFileError(
                f"it also says {', '.join(more)[:80]}: costs that are shared out "
                "belong into the allocation file."
            )
        if not isinstance(title, str) or not isinstance(known.get("filter"), str):
            raise RuleFileError("it has no name and filter.")
        return _Vql.of(known["filter"], service_names).predicate(), Constant(title)

    draft.add(label, read, wanted_id=str(title or f"value {number}"))


def _left_out(content: Mapping[str, Any], key: str, text: str) -> list[str]:
    notes = []
    if not content.get("overridable"):
        notes.append(
            f"Vantage keeps a provider's own tag {key} where there is one (overridable is false): "
            f"if you mean that, put a rule before these that gives the value of tag {key}."
        )
    if content.get("backfill_until"):
        notes.append(
            f"backfill_until {content['backfill_until']} was not taken over: these rules hold for "
            "all months; add valid_from where they must not."
        )
    if content.get("collapsed_tag_keys"):
        notes.append("collapsed_tag_keys were not taken over: use the tag table for them.")
    if re.search(r"\bLIKE\b", text):
        notes.append(_LIKE_NOTE)
    return notes


@dataclass(frozen=True, slots=True)
class _Test:
    """One comparison as written; `values` None stands for NULL."""

    name: str
    word: str
    negated: bool
    values: tuple[str, ...] | None


_Parsed: TypeAlias = "_Test | _Joint"


@dataclass(frozen=True, slots=True)
class _Joint:
    """Parts joined by AND or OR."""

    word: str
    parts: tuple[_Parsed, ...]


@dataclass(slots=True)
class _Vql:
    """One filter while it is read."""

    tokens: list[str]
    service_names: Mapping[str, str]
    place: int = field(default=0)

    @classmethod
    def of(cls, text: str, service_names: Mapping[str, str]) -> "_Vql":
        return cls([*_tokens(text)], service_names)

    def predicate(self) -> Predicate:
        parsed = self._joint("OR")
        if self.place < len(self.tokens):
            raise RuleFileError(f"its filter has {self.tokens[self.place][:40]!r} too much.")
        return self._meaning(parsed, frozenset())

    def _joint(self, word: str) -> _Parsed:
        """Parts with AND between them bind closer than those with OR, as in SQL."""
        parts = [self._part(word)]
        while self._peek().upper() == word:
            self._next()
            parts.append(self._part(word))
        return parts[0] if len(parts) == 1 else _Joint(word, tuple(parts))

    def _part(self, word: str) -> _Parsed:
        if word == "OR":
            return self._joint("AND")
        if self._peek() == "(":
            self._next()
            inner = self._joint("OR")
            self._expect(")")
            return inner
        return self._test()

    def _test(self) -> _Test:
        name = self._next()
        word = self._next().upper()
        negated = word in ("NOT", "!=", "<>")
        if word == "NOT":
            word = self._next().upper()
        if word == "IN":
            self._expect("(")
            values = [_text(self._next())]
            while self._peek() == ",":
                self._next()
                values.append(_text(self._next()))
            self._expect(")")
            return _Test(name, "IN", negated, tuple(values))
        if word not in ("=", "!=", "<>", "LIKE"):
            raise RuleFileError(f"its filter compares with {word[:20]!r}, which is not read.")
        found = self._next()
        values_or_null = None if found.upper() == "NULL" else (_text(found),)
        return _Test(name, "LIKE" if word == "LIKE" else "IN", negated, values_or_null)

    def _peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def _next(self) -> str:
        found = self._peek()
        if not found:
            raise RuleFileError("its filter ends too early.")
        self.place += 1
        return found

    def _expect(self, sign: str) -> None:
        if self._next() != sign:
            raise RuleFileError(f"its filter lacks {sign!r}.")

    def _meaning(self, parsed: _Parsed, providers: frozenset[str]) -> Predicate:
        """`providers` are those that all charges in question come from, when that is known."""
        if isinstance(parsed, _Test):
            return self._all([parsed], providers)
        if parsed.word == "OR":
            return AnyOf(tuple(self._meaning(part, providers) for part in parsed.parts))
        return self._all(list(parsed.parts), providers)

    def _all(self, parts: list[_Parsed], providers: frozenset[str]) -> Predicate:
        """Parts joined by AND: a tags.value belongs to the tags.name before it."""
        for part in parts:
            if isinstance(part, _Test) and part.name == "costs.provider" and not part.negated:
                providers = frozenset(part.values or ())
        found: list[Predicate] = []
        tag: str | None = None
        for part in parts:
            if isinstance(part, _Joint):
                found.append(self._meaning(part, providers))
            elif part.name == "tags.name":
                tag = _tag_name(part)
                found.append(Condition(source="tag", name=tag, operator="exists"))
            elif part.name == "tags.value":
                if tag is None:
                    raise RuleFileError("it has a tags.value without a tags.name before it.")
                found.append(_compare("tag", tag, part))
            else:
                found.append(self._cost(part, providers))
        return found[0] if len(found) == 1 else AllOf(tuple(found))

    def _cost(self, test: _Test, providers: frozenset[str]) -> Predicate:
        if test.name == "costs.provider":
            unknown = sorted(set(test.values or ("NULL",)) - _PROVIDERS)
            if unknown:
                raise RuleFileError(f"it looks at provider {unknown[0][:40]!r}, not known here.")
            return _compare("column", "provider", test)
        if test.name == "costs.service" and test.word == "IN":
            return _compare("column", "service_name", self._services(test))
        if test.name in _AWS_COLUMNS and providers == {"aws"}:
            return _compare("column", _AWS_COLUMNS[test.name], test)
        if test.name in _COLUMNS:
            return _compare("column", _COLUMNS[test.name], test)
        raise RuleFileError(f"it looks at {test.name[:40]}, which charges here do not answer so.")

    def _services(self, test: _Test) -> _Test:
        names = test.values or ()
        unknown = [name for name in names if name not in self.service_names]
        if unknown:
            raise RuleFileError(
                f"no service name of your charges is given for {unknown[0][:60]!r}: say which one "
                "it is."
            )
        known = tuple(self.service_names[name] for name in names)
        return _Test(test.name, test.word, test.negated, known)


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while place < len(text.rstrip()):
        found = _TOKEN.match(text, place)
        if not found:
            raise RuleFileError(f"its filter is not read from {text[place : place + 30]!r} on.")
        yield found.group().strip()
        place = found.end()


def _text(token: str) -> str:
    if not token.startswith("'"):
        raise RuleFileError(f"its filter has {token[:40]!r} where a text in quotes is expected.")
    return token[1:-1]


def _tag_name(test: _Test) -> str:
    if test.negated or test.word != "IN" or test.values is None or len(test.values) != 1:
        raise RuleFileError("it names tags in a way that cannot be said here: one tags.name = ''.")
    return test.values[0]


def _compare(source: Source, place: str, test: _Test) -> Predicate:
    if test.values is None:
        raise RuleFileError(f"it compares {test.name} with NULL.")
    operator: Operator = "in"
    values = test.values
    if test.word == "LIKE":
        operator, values = _like(values[0])
    found = any_of(source, place, operator, values)
    return Not(found) if test.negated else found


def _like(pattern: str) -> tuple[Operator, tuple[str, ...]]:
    """A LIKE pattern with % at its ends only; _ may or may not be a wildcard there."""
    inner = pattern.strip("%")
    if not inner or "%" in inner or "_" in inner:
        raise RuleFileError(f"its LIKE pattern {pattern[:60]!r} has wildcards inside.")
    starts, ends = pattern.startswith("%"), pattern.endswith("%")
    if starts and ends:
        return "contains", (inner,)
    if starts:
        return "suffix", (inner,)
    return ("prefix" if ends else "in"), (inner,)
