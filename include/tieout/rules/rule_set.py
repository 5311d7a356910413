"""The values of a parsed rule file: outcomes, rules, dimensions, tests, and what follows from what.

Owns the syntax tree only; `parse` reads it, `classify` applies it, `rule_days` takes its days away.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeAlias

from tieout.core.errors import RuleFileError
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.predicate import Predicate

BySource: TypeAlias = Literal["tag", "column", "dimension"]
Missing: TypeAlias = Literal["pass", "fail"]
Outcome: TypeAlias = "Constant | FromTag | FromInitiative | FromDimension | FromLookup"


@dataclass(frozen=True, slots=True)
class Constant:
    """The class itself; for the initiative also `pool:<pool id>`."""

    value: str


@dataclass(frozen=True, slots=True)
class FromTag:
    """The value of a tag; the rule passes over charges that lack it."""

    tag: str


@dataclass(frozen=True, slots=True)
class FromInitiative:
    """A register column of the initiative that was decided; passes over charges without one."""

    column: str


@dataclass(frozen=True, slots=True)
class FromDimension:
    """What another dimension decided, never a pool; passes over charges without it."""

    dimension: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FromLookup:
    """Column `give` of the row of `table` whose key is the text of a tag, column or dimension.

    A charge without that text is passed over. Where the table has no row, or an empty cell, the
    rule passes as well (`missing` is "pass") or the classification is refused ("fail").
    """

    table: str
    by: BySource
    name: str
    give: str
    missing: Missing = "pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; in force from `valid_from` up to, not including, `valid_to` (None: no limit).

    `line` is where it stands in its file (0: made by a program); rules that differ in it only are
    equal.
    """

    rule_id: str
    description: str
    owner: str | None
    valid_from: date | None
    valid_to: date | None
    when: Predicate
    then: Outcome
    line: int = field(default=0, compare=False)

    def holds_on(self, day: date) -> bool:
        """Whether the rule is in force for charges of this day."""
        started = self.valid_from is None or self.valid_from <= day
        return started and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class DimensionRules:
    """The rules of one dimension in file order; `values` are its valid classes (empty: any)."""

    dimension: str
    rules: tuple[Rule, ...]
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """A charge and what the rules must make of it.

    `columns` and `tags` are the charge, all else is absent; `on` is its day. `expect` names result
    columns (`<dimension>` or `<dimension>_rule`) with their text, None for an absent one.
    """

    columns: Mapping[str, str]
    tags: Mapping[str, str]
    on: date | None
    expect: Mapping[str, str | None]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """A parsed rule file; `dimensions`: the built-in ones in their order, then the file's own.

    `file` names the text in errors. The order of evaluation is `evaluation_order`'s.
    """

    name: str
    dimensions: tuple[DimensionRules, ...]
    tests: tuple[RuleTest, ...] = ()
    file: str = field(default="", compare=False)

    def rules(self) -> Iterator[tuple[str, Rule]]:
        """Every rule with its dimension, in the order of `dimensions`."""
        for group in self.dimensions:
            for rule in group.rules:
                yield group.dimension, rule

    def place_of(self, rule: Rule) -> str:
        """The rule and where it stands, to begin a sentence with."""
        place = f"{self.file}, line {rule.line}: " if self.file else ""
        return f"{place}rule {rule.rule_id}"


def dimensions_of(rules: RuleSet) -> tuple[str, ...]:
    """The dimensions of the result: all built-in ones, then the rule file's own in file order."""
    own = (one.dimension for one in rules.dimensions if one.dimension not in DIMENSIONS)
    return (*DIMENSIONS, *own)


def source_dimension(outcome: Outcome) -> str | None:
    """The dimension that has to be decided before this outcome can be given."""
    if isinstance(outcome, FromInitiative):
        return "initiative"
    if isinstance(outcome, FromDimension):
        return outcome.dimension
    if isinstance(outcome, FromLookup) and outcome.by == "dimension":
        return outcome.name
    return None


def evaluation_order(rules: RuleSet) -> tuple[DimensionRules, ...]:
    """The dimensions so that each comes after those it takes values from.

    Where the outcomes leave it open, the order of `rules.dimensions` stands.

    Raises:
        RuleFileError: dimensions take values from each other in a circle; names the rules.
    """
    waiting = {group.dimension: group for group in rules.dimensions}
    needs = {
        dimension: {source_dimension(rule.then) for rule in group.rules}
        for dimension, group in waiting.items()
    }
    ordered: list[DimensionRules] = []
    while waiting:
        ready = next((one for one in waiting if not needs[one] & waiting.keys()), None)
        if ready is None:
            raise _circle(rules, waiting)
        ordered.append(waiting.pop(ready))
    return tuple(ordered)


def _circle(rules: RuleSet, stuck: Mapping[str, DimensionRules]) -> RuleFileError:
    """The error that names one circle among dimensions that all wait for another of them."""
    path: dict[str, Rule] = {}
    dimension = next(iter(stuck))
    while dimension not in path:
        path[dimension], dimension = next(
            (rule, source)
            for rule in stuck[dimension].rules
            if (source := source_dimension(rule.then)) in stuck and source
        )
    names = [*path][[*path].index(dimension) :]
    ids = ", ".join(f"{path[name].rule_id} (line {path[name].line})" for name in names)
    return RuleFileError(
        f"{rules.place_of(path[dimension])}: dimensions take values from each other in a circle: "
        f"{' from '.join([*names, dimension])}, by rules {ids}; let one of them decide by columns "
        "and tags alone."
    )
