"""Give every attribute tuple its dimensions: the first matching rule wins and its id is kept.

The mask classifier: a condition is evaluated once per DISTINCT value of its column or tag,
looked up by dictionary code, and only tuples that no rule has matched yet are looked at again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tieout.core.errors import RuleFileError
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.masks import Codes, Evaluator, Rows
from tieout.rules.parse import Constant, FromTag, Outcome, Rule, RuleSet
from tieout.rules.register import Initiative


def classify(
    attributes: pa.Table, rules: RuleSet, *, initiatives: Mapping[str, Initiative]
) -> pa.Table:
    """Classify the attribute dictionary (`focus.columns.attributes_of`): same rows, same order.

    Result: `attr_id` (int64), then for each of DIMENSIONS its class and `<dimension>_rule`, the id
    of the rule that decided (strings); both null where no rule matched. `initiatives` is keyed by
    id. A tag that should give an initiative but holds something outside the register passes.

    Raises:
        RuleFileError: a rule still carries days; pass the set through `in_force` first.
        IntegrityError: the tags of a tuple are not a JSON object of texts.
    """
    _refuse_dated(rules)
    evaluator = Evaluator(attributes)
    ordered = {group.dimension: group.rules for group in rules.dimensions}
    result = {"attr_id": attributes.column("attr_id").cast(pa.int64())}
    nobody = np.zeros(attributes.num_rows, dtype=np.int64)
    initiative = Codes(nobody, pa.array([], pa.string()))
    for dimension in DIMENSIONS:
        column = _Column(evaluator, dimension, initiatives, initiative)
        result |= column.decide(ordered.get(dimension, ()))
        if dimension == "initiative":
            initiative = column.as_codes()
    return pa.table(result)


def _refuse_dated(rules: RuleSet) -> None:
    for _, rule in rules.rules():
        if rule.valid_from or rule.valid_to:
            raise RuleFileError(
                f"Rule {rule.rule_id} holds for some days only: "
                "take the rules of the period with in_force() before classifying."
            )


@dataclass(slots=True)
class _Column:
    """One dimension while it is being decided; `classes` maps a class to its code."""

    evaluator: Evaluator
    dimension: str
    initiatives: Mapping[str, Initiative]
    initiative: Codes
    classes: dict[str, int] = field(default_factory=dict)
    codes: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def decide(self, rules: tuple[Rule, ...]) -> dict[str, pa.Array]:
        """Walk the rules over the rows that are still open; give class and rule columns."""
        size = self.evaluator.attributes.num_rows
        self.codes = np.full(size, -1, dtype=np.int64)
        winners = np.full(size, -1, dtype=np.int64)
        is_open = np.ones(size, dtype=np.bool_)
        for number, rule in enumerate(rules):
            matched = self.evaluator.select(rule.when, is_open)
            found = self._outcome(rule.then, matched)
            won = matched[found >= 0]
            self.codes[won] = found[found >= 0]
            winners[won] = number
            is_open[won] = False
        return {
            self.dimension: _gather(list(self.classes), self.codes),
            f"{self.dimension}_rule": _gather([rule.rule_id for rule in rules], winners),
        }

    def as_codes(self) -> Codes:
        """What was decided, for dimensions that follow the initiative."""
        absent = len(self.classes)
        codes = np.where(self.codes < 0, absent, self.codes)
        return Codes(codes, pa.array(list(self.classes), pa.string()))

    def _outcome(self, outcome: Outcome, rows: Rows) -> Rows:
        """The class code of each row, -1 where the outcome is absent."""
        if isinstance(outcome, Constant):
            return np.full(len(rows), self._code(outcome.value), dtype=np.int64)
        if isinstance(outcome, FromTag):
            source = self.evaluator.codes("tag", outcome.tag)
            classes = [self._registered(text) for text in source.texts()]
        else:
            source = self.initiative
            classes = [self._of_initiative(text, outcome.column) for text in source.texts()]
        lookup = np.array([*(self._code(name) for name in classes), -1], dtype=np.int64)
        found: Rows = lookup[source.codes[rows]]
        return found

    def _registered(self, text: str) -> str | None:
        """A tag may name any class, but an initiative only when the register has it."""
        return text if self.dimension != "initiative" or text in self.initiatives else None

    def _of_initiative(self, initiative_id: str, column: str) -> str | None:
        entry = self.initiatives.get(initiative_id)
        return entry.column(column) if entry else None

    def _code(self, name: str | None) -> int:
        return -1 if name is None else self.classes.setdefault(name, len(self.classes))


def _gather(texts: list[str], codes: Rows) -> pa.Array:
    return pa.array(texts, pa.string()).take(pa.array(codes, mask=codes < 0))
