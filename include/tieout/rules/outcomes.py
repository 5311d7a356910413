"""What rules give to the charges they match, as codes of classes; worked out per distinct text.

Owns the meaning of each outcome; which rule gets a charge is `classify`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeGuard

import numpy as np
import pyarrow as pa

from tieout.rules.lookup import LookupTable
from tieout.rules.masks import Codes, Evaluator, Rows
from tieout.rules.register import POOL_PREFIX, Initiative
from tieout.rules.rule_set import (
    Constant,
    DimensionRules,
    FromDimension,
    FromInitiative,
    FromLookup,
    FromTag,
    Rule,
    RuleSet,
)

_NAMED = 3  # missing keys that a sentence names

Drawn: TypeAlias = FromTag | FromInitiative | FromDimension | FromLookup


@dataclass(slots=True, kw_only=True)
class Outcomes:
    """What outcomes draw on; `decided` holds the dimensions decided so far, as codes."""

    evaluator: Evaluator
    rules: RuleSet
    initiatives: Mapping[str, Initiative]
    lookups: Mapping[str, LookupTable]
    decided: dict[str, Codes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def classes_of(self, group: DimensionRules) -> "Classes":
        """The classes of one dimension, none yet."""
        return Classes(outcomes=self, group=group)

    def source(self, outcome: Drawn) -> Codes:
        """The texts that an outcome starts from, for every row."""
        match outcome:
            case FromTag(tag):
                return self.evaluator.codes("tag", tag)
            case FromLookup(by="tag" | "column" as by, name=name):
                return self.evaluator.codes(by, name)
            case FromLookup(name=dimension) | FromDimension(dimension):
                return self._decided(dimension)
        return self._decided("initiative")

    def texts(self, outcome: Drawn, texts: Sequence[str]) -> list[str | None]:
        """What an outcome makes of each of its source texts, before it is checked."""
        match outcome:
            case FromInitiative(column):
                found = [self.initiatives.get(text) for text in texts]
                return [one.column(column) if one else None for one in found]
            case FromDimension():
                return [None if text.startswith(POOL_PREFIX) else text for text in texts]
            case FromLookup(table=table, give=column):
                cells = self.lookups[table].texts(column)
                return [cells.get(text) for text in texts]
        return list(texts)

    def _decided(self, dimension: str) -> Codes:
        nobody = np.zeros(self.evaluator.attributes.num_rows, dtype=np.int64)
        return self.decided.get(dimension, Codes(nobody, pa.array([], pa.string())))


@dataclass(slots=True, kw_only=True)
class Classes:
    """The classes of one dimension with their codes, in order of appearance."""

    outcomes: Outcomes
    group: DimensionRules
    _codes: dict[str, int] = field(default_factory=dict)
    _drawn: dict[Drawn, tuple[Rows, Rows]] = field(default_factory=dict)

    def names(self) -> pa.Array:
        """The classes in order of their codes."""
        return pa.array(list(self._codes), pa.string())

    def given(self, rule: Rule, rows: Rows) -> Rows:
        """The code of the class that a rule gives to each of `rows`, -1 where it passes."""
        if isinstance(rule.then, Constant):
            return np.full(len(rows), self._code(rule.then.value), dtype=np.int64)
        source = self.outcomes.source(rule.then)
        if rule.then not in self._drawn:
            self._drawn[rule.then] = self._draw(rule.then, source.texts())
        by_code, missing = self._drawn[rule.then]
        own = source.codes[rows]
        if isinstance(rule.then, FromLookup) and rule.then.missing == "fail":
            lacking = missing[np.isin(missing, own)]
            if len(lacking):
                self._note(rule, rule.then, source.values.take(pa.array(lacking)).to_pylist())
        found: Rows = by_code[own]
        return found

    def _draw(self, outcome: Drawn, source: Sequence[str]) -> tuple[Rows, Rows]:
        """For each source code its class code (-1: none), and the source codes without a text."""
        texts = self.outcomes.texts(outcome, source)
        by_code = [*(self._code(text) if self._fits(text) else -1 for text in texts), -1]
        missing = [code for code, text in enumerate(texts) if text is None]
        return np.array(by_code, dtype=np.int64), np.array(missing, dtype=np.int64)

    def _fits(self, text: str | None) -> TypeGuard[str]:
        """Only registered initiatives, and only valid values, come out of a tag or a table."""
        if text is None or (self.group.values and text not in self.group.values):
            return False
        return self.group.dimension != "initiative" or text in self.outcomes.initiatives

    def _code(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def _note(self, rule: Rule, outcome: FromLookup, keys: list[str]) -> None:
        named = ", ".join(repr(key[:60]) for key in sorted(keys)[:_NAMED])
        more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
        self.outcomes.problems.append(
            f"{self.outcomes.rules.place_of(rule)}: look-up table {outcome.table} has no "
            f"{outcome.give} for {named}{more}; add the rows, or remove `missing: fail`."
        )
