"""Every rule against the charges: what it matches, what it decides, who was there before it.

Owns the counting for one dimension. Each condition is evaluated once per distinct value; a rule
costs what it matches, and pairs of rules are met only where they share a charge.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from tieout.rules.lint_cover import listed_values
from tieout.rules.lint_evidence import NOTHING, Evidence, Sum, Weights, winners_of
from tieout.rules.masks import Codes, Evaluator, Mask, Rows, encode
from tieout.rules.parse import (
    Constant,
    DimensionRules,
    FromInitiative,
    FromTag,
    Outcome,
    Rule,
)

_BATCH = 2_000_000  # matches that are summed at once: bounds memory, not the result
_SILENT = -1  # no class, or one that cannot be told
_UNSEEN = -2  # a class that no rule gave anywhere


@dataclass(slots=True)
class Met:
    """What one rule met. `taken` and `differs` are by the earlier rule that decided instead.

    `decides` is what it decides itself, `passed` what it matched but had no outcome for; `taken`
    what an earlier rule decided, `differs` the part of that to which it would have given another
    class.
    """

    rule: Rule
    decides: Sum = NOTHING
    passed: Sum = NOTHING
    taken: dict[int, Sum] = field(default_factory=dict)
    differs: dict[int, Sum] = field(default_factory=dict)

    @property
    def matches(self) -> int:
        """How many attribute tuples its condition holds for."""
        taken = sum(one.tuples for one in self.taken.values())
        return self.decides.tuples + self.passed.tuples + taken


@dataclass(slots=True)
class Walk:
    """One dimension's rules in force, walked over all tuples."""

    evidence: Evidence
    evaluator: Evaluator
    weights: Weights
    group: DimensionRules
    rules: tuple[Rule, ...]

    def met(self, passed_by: Collection[Rule] = ()) -> tuple[Met, ...]:
        """One entry a rule, in rule order; of rules `passed_by` only what they decide.

        Raises:
            IntegrityError: the assignment was made by other rules.
        """
        found = tuple(Met(rule=rule) for rule in self.rules)
        winners = self.winners()
        for number, decides in self.weights.by_key(winners, np.arange(len(winners))).items():
            if number >= 0:
                found[number].decides = decides
        pairs = _Pairs(self.weights, len(self.rules))
        given = Given.of(self.evidence, self.evaluator, self.group)
        everything = np.ones(len(winners), dtype=np.bool_)
        for number, rule in enumerate(self.rules):
            if rule in passed_by:
                continue
            rows = self.evaluator.select(rule.when, everything)
            rows = rows[winners[rows] != number]
            pairs.add(number, winners[rows], rows, given.differs(rule.then, rows))
        pairs.into(found)
        return found

    def winners(self) -> Rows:
        """For each tuple the place of the rule that decided it, -1 where none did."""
        ids = [rule.rule_id for rule in self.rules]
        return winners_of(self.evidence, self.group.dimension, ids)

    def classes(self) -> Codes:
        """For each tuple the class it was given."""
        return encode(self.evidence.assignment.column(self.group.dimension))

    def by_class(self) -> dict[tuple[int, str], Sum]:
        """Money by deciding rule (its place) and class."""
        winners, classes = self.winners(), self.classes()
        width = len(classes.values) + 1
        rows = np.flatnonzero(winners >= 0)
        sums = self.weights.by_key(winners[rows] * width + classes.codes[rows], rows)
        texts = classes.texts()
        return {(key // width, texts[key % width]): one for key, one in sums.items()}


@dataclass(frozen=True, slots=True)
class Given:
    """What a rule would give to a tuple, beside what the tuple was given."""

    evaluator: Evaluator
    classes: Codes
    known: Mapping[str, int]
    evidence: Evidence
    group: DimensionRules

    @classmethod
    def of(cls, evidence: Evidence, evaluator: Evaluator, group: DimensionRules) -> "Given":
        """For one dimension of the assignment."""
        classes = encode(evidence.assignment.column(group.dimension))
        known = {text: code for code, text in enumerate(classes.texts())}
        return cls(evaluator, classes, known, evidence, group)

    def differs(self, outcome: Outcome, rows: Rows) -> Mask:
        """Where the outcome is certainly another class than the tuple was given."""
        own = self._codes(outcome, rows)
        mask: Mask = (own != _SILENT) & (own != self.classes.codes[rows])
        return mask

    def _codes(self, outcome: Outcome, rows: Rows) -> Rows:
        if isinstance(outcome, Constant):
            return np.full(len(rows), self._code(outcome.value), dtype=np.int64)
        if isinstance(outcome, FromTag):
            source = self.evaluator.codes("tag", outcome.tag)
            wanted = [text if self._fits(text) else None for text in source.texts()]
        elif isinstance(outcome, FromInitiative):
            source = encode(self.evidence.assignment.column("initiative"))
            drawn = [self._of_initiative(text, outcome.column) for text in source.texts()]
            wanted = [text if text is None or self._fits(text) else None for text in drawn]
        else:  # an outcome that this module cannot foretell: nothing is claimed about it
            return np.full(len(rows), _SILENT, dtype=np.int64)
        lookup = np.array([*(self._code(text) for text in wanted), _SILENT], dtype=np.int64)
        found: Rows = lookup[source.codes[rows]]
        return found

    def _fits(self, text: str) -> bool:
        """A tag can give no initiative and no value that is not in its list."""
        values = listed_values(self.group)
        if values and text not in values:
            return False
        return self.group.dimension != "initiative" or text in self.evidence.initiatives

    def _of_initiative(self, initiative_id: str, column: str) -> str | None:
        entry = self.evidence.initiatives.get(initiative_id)
        return entry.column(column) if entry else None

    def _code(self, text: str | None) -> int:
        return _SILENT if text is None else self.known.get(text, _UNSEEN)


@dataclass(slots=True)
class _Pairs:
    """Matches that a rule did not win, by the rule that did; summed in batches."""

    weights: Weights
    width: int
    keys: list[Rows] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)
    waiting: int = 0
    sums: dict[int, Sum] = field(default_factory=lambda: defaultdict(Sum))

    def add(self, number: int, winners: Rows, rows: Rows, differs: Mask) -> None:
        """A winner that does not stand before the rule means that the rule passed over."""
        earlier = (winners >= 0) & (winners < number)
        slot = np.where(earlier, winners, self.width)
        key = (number * (self.width + 1) + slot) * 2 + (differs & earlier)
        self.keys.append(key)
        self.rows.append(rows)
        self.waiting += len(rows)
        if self.waiting >= _BATCH:
            self._sum()

    def into(self, found: tuple[Met, ...]) -> None:
        """Hand the sums to the rules they belong to."""
        self._sum()
        for key in sorted(self.sums):
            pair, differs = divmod(key, 2)
            number, slot = divmod(pair, self.width + 1)
            met, one = found[number], self.sums[key]
            if slot == self.width:
                met.passed = one
                continue
            met.taken[slot] = added(met.taken.get(slot, NOTHING), one)
            if differs:
                met.differs[slot] = one

    def _sum(self) -> None:
        if self.waiting:
            sums = self.weights.by_key(np.concatenate(self.keys), np.concatenate(self.rows))
            for key, one in sums.items():
                self.sums[key] = added(self.sums[key], one)
        self.keys, self.rows, self.waiting = [], [], 0


def added(one: Sum, other: Sum) -> Sum:
    """The sum of both."""
    return Sum(
        units=one.units + other.units,
        absolute_units=one.absolute_units + other.absolute_units,
        charges=one.charges + other.charges,
        tuples=one.tuples + other.tuples,
    )
