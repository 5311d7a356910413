"""Give every attribute tuple its dimensions: the first matching rule wins and its id is kept.

The mask classifier: a condition is evaluated once per DISTINCT value of its column or tag,
looked up by dictionary code, and only tuples that no rule has matched yet are looked at again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from tieout.core.errors import RuleFileError
from tieout.rules.check import check_lookups
from tieout.rules.lookup import LookupTable
from tieout.rules.masks import Codes, Evaluator, Rows
from tieout.rules.outcomes import Outcomes
from tieout.rules.register import Initiative
from tieout.rules.rule_days import NO_LOOKUPS
from tieout.rules.rule_set import (
    DimensionRules,
    FromLookup,
    RuleSet,
    dimensions_of,
    evaluation_order,
)

Decision: TypeAlias = tuple[pa.DictionaryArray, pa.DictionaryArray]  # classes, ids of their rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """The assignment (dictionary-coded texts, else as `classify` gives it) and its problems.

    A problem is a sentence about a rule with `missing: fail` whose table lacks keys that charges
    carry; an assignment with problems must not be used.
    """

    assignment: pa.Table
    problems: tuple[str, ...]


def classify(
    attributes: pa.Table,
    rules: RuleSet,
    *,
    initiatives: Mapping[str, Initiative],
    lookups: Mapping[str, LookupTable] = NO_LOOKUPS,
) -> pa.Table:
    """Classify the attribute dictionary (`focus.columns.attributes_of`): same rows, same order.

    Result: `attr_id` (int64), then for each of DIMENSIONS and for the rule file's own dimensions in
    file order its class and `<dimension>_rule`, the id of the rule that decided (strings); both
    null where no rule matched. `initiatives` is keyed by id, `lookups` by the name that rules use.
    A tag or table that should give an initiative but holds something outside the register passes,
    and so does anything outside a dimension's valid values.

    Raises:
        RuleFileError: a rule or a table still carries days (take those of one day); a rule names
            a look-up table or column that does not exist; or a look-up with `missing: fail`
            finds nothing.
        IntegrityError: the tags of a tuple are not a JSON object of texts.
    """
    found = examine(Evaluator(attributes), rules, initiatives=initiatives, lookups=lookups)
    if found.problems:
        raise RuleFileError(found.problems[0])
    schema = pa.schema([("attr_id", pa.int64())])
    for name in found.assignment.column_names[1:]:
        schema = schema.append(pa.field(name, pa.string()))
    return found.assignment.cast(schema)


def examine(
    evaluator: Evaluator,
    rules: RuleSet,
    *,
    initiatives: Mapping[str, Initiative],
    lookups: Mapping[str, LookupTable] = NO_LOOKUPS,
) -> Classification:
    """As `classify`, over an evaluator that several rule sets or days share.

    Raises:
        RuleFileError: as `classify`, but for look-ups that find nothing: they are problems.
        IntegrityError: as `classify`.
    """
    _refuse_dated(rules, lookups)
    if problems := check_lookups(rules, lookups):
        raise RuleFileError(problems[0])
    outcomes = Outcomes(evaluator=evaluator, initiatives=initiatives, lookups=lookups, rules=rules)
    decisions = {
        group.dimension: _decide(group, evaluator, outcomes) for group in evaluation_order(rules)
    }
    nothing = pa.nulls(evaluator.attributes.num_rows, pa.dictionary(pa.int32(), pa.string()))
    columns = {"attr_id": evaluator.attributes.column("attr_id").cast(pa.int64())}
    for dimension in dimensions_of(rules):
        classes, winners = decisions.get(dimension, (nothing, nothing))
        columns |= {dimension: classes, f"{dimension}_rule": winners}
    return Classification(assignment=pa.table(columns), problems=tuple(outcomes.problems))


def _refuse_dated(rules: RuleSet, lookups: Mapping[str, LookupTable]) -> None:
    for _, rule in rules.rules():
        if rule.valid_from or rule.valid_to:
            raise RuleFileError(
                f"Rule {rule.rule_id} holds for some days only: take the rules of these charges "
                "from rules_on(), for the day that they hold on, before classifying."
            )
        table = lookups.get(rule.then.table) if isinstance(rule.then, FromLookup) else None
        if table and any(row.valid_from or row.valid_to for row in table.rows):
            raise RuleFileError(
                f"{table.name} has rows for some days only: take the table of these charges "
                "with as_of(), before classifying."
            )


def _decide(group: DimensionRules, evaluator: Evaluator, outcomes: Outcomes) -> Decision:
    """Walk the rules of a dimension over the rows that are still open."""
    size = evaluator.attributes.num_rows
    codes = np.full(size, -1, dtype=np.int64)
    winners = np.full(size, -1, dtype=np.int64)
    is_open = np.ones(size, dtype=np.bool_)
    classes = outcomes.classes_of(group)
    for number, rule in enumerate(group.rules):
        matched = evaluator.select(rule.when, is_open)
        if not len(matched):
            continue
        found = classes.given(rule, matched)
        has_class = found >= 0
        won = matched[has_class]
        codes[won] = found[has_class]
        winners[won] = number
        is_open[won] = False
    ids = pa.array([rule.rule_id for rule in group.rules], pa.string())
    names = classes.names()
    outcomes.decided[group.dimension] = Codes(np.where(codes < 0, len(names), codes), names)
    return _coded(names, codes), _coded(ids, winners)


def _coded(texts: pa.Array, codes: Rows) -> pa.DictionaryArray:
    indices = pa.array(codes.astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, texts)
