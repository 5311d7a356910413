"""What the rules met: attribute tuples, what was decided for them, and the money behind each.

Owns the exact sums by rule. Amounts are units of 1e-12 of one currency, cost positive, credit
negative; "absolute" adds credits up as if they were costs, so that they cannot hide a cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import IntegrityError
from tieout.core.money import from_decimal
from tieout.rules.masks import Rows, encode
from tieout.rules.parse import RuleSet
from tieout.rules.register import Initiative

_WIDE = pa.decimal128(38, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Charges as rules see them, for one or more months of one currency.

    `attributes` is the attribute dictionary (`focus.columns.attributes_of`), `assignment` what
    `classify` gave for it with the rules in force (same rows), `amounts` has `attr_id` (int64, may
    repeat), `billed_cost` (DECIMAL(28,12)) and `charge_count` (int64). `initiatives` is the
    register by id that `classify` was given.
    """

    attributes: pa.Table
    assignment: pa.Table
    amounts: pa.Table
    initiatives: Mapping[str, Initiative]
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Money and counts of some attribute tuples; `units` and `absolute_units` of 1e-12."""

    units: int = 0
    absolute_units: int = 0
    charges: int = 0
    tuples: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleMoney:
    """What one rule decides; `rule_id` None is what no rule of the dimension decides."""

    dimension: str
    rule_id: str | None
    decides: Sum


NOTHING = Sum()


def money_by_rule(rules: RuleSet, evidence: Evidence) -> tuple[RuleMoney, ...]:
    """The money that each rule decides, in evaluation order, then what no rule decided.

    In each dimension the sums add up to the sum of `amounts`. A rule that decides nothing has 0;
    so has one that is not in force. An id that stands for different rules on different days comes
    once.

    Raises:
        IntegrityError: the tables do not belong together.
    """
    weights = Weights.of(evidence)
    found = []
    for group in rules.dimensions:
        ids = list(dict.fromkeys(rule.rule_id for rule in group.rules))
        winners = winners_of(evidence, group.dimension, ids)
        sums = weights.by_key(winners, np.arange(len(winners)))
        for number, rule_id in [*enumerate(ids), (-1, None)]:
            decides = sums.get(number, NOTHING)
            found.append(RuleMoney(dimension=group.dimension, rule_id=rule_id, decides=decides))
    return tuple(found)


def winners_of(evidence: Evidence, dimension: str, rule_ids: list[str]) -> Rows:
    """For each tuple the place in `rule_ids` of the rule that decided, -1 where none did.

    Raises:
        IntegrityError: the assignment has no such dimension or was made by other rules.
    """
    name = f"{dimension}_rule"
    if name not in evidence.assignment.column_names:
        raise IntegrityError(
            f"The assignment has no column {name}: classify with the rules that are checked."
        )
    codes = encode(evidence.assignment.column(name))
    numbers = {rule_id: number for number, rule_id in enumerate(rule_ids)}
    texts = codes.texts()
    unknown = sorted(set(texts) - set(numbers))
    if unknown:
        raise IntegrityError(
            f"Rule {unknown[0]} decided {dimension} but is not among the rules in force: "
            "classify with the rules that are checked."
        )
    lookup = np.array([*(numbers[text] for text in texts), -1], dtype=np.int64)
    found: Rows = lookup[codes.codes]
    return found


@dataclass(frozen=True, slots=True)
class Weights:
    """The money of each attribute tuple, in the order of the dictionary."""

    table: pa.Table

    @classmethod
    def of(cls, evidence: Evidence) -> "Weights":
        """Sum the amounts of each tuple; a tuple without amounts weighs nothing.

        Raises:
            IntegrityError: rows of assignment and attributes differ, or an amount's tuple is
                not in the dictionary.
        """
        ids = evidence.attributes.column("attr_id")
        if not ids.equals(evidence.assignment.column("attr_id")):
            raise IntegrityError(
                "Assignment and attributes differ in attr_id: expected the same rows in the same "
                "order; classify the attributes that are checked."
            )
        billed = evidence.amounts.column("billed_cost").cast(_WIDE)
        parts = pa.table(
            {
                "attr_id": evidence.amounts.column("attr_id"),
                "units": billed,
                "absolute": pc.abs(billed),
                "charges": evidence.amounts.column("charge_count"),
            }
        )
        sums = _summed(parts, "attr_id")
        missing = pc.filter(
            sums.column("attr_id"), pc.invert(pc.is_in(sums.column("attr_id"), value_set=ids))
        )
        if len(missing):
            raise IntegrityError(
                f"Amounts have attr_id {missing[0]}, which the attribute dictionary lacks: "
                "give the dictionary of the same charges."
            )
        places = pc.index_in(ids, value_set=sums.column("attr_id"))
        return cls(sums.select(["units", "absolute", "charges"]).take(places))

    def by_key(self, keys: Rows, rows: Rows) -> dict[int, Sum]:
        """Sums over tuples: `keys[i]` is the group of the tuple in row `rows[i]`."""
        parts = self.table.take(pa.array(rows)).append_column("key", pa.array(keys))
        ones = pa.array(np.ones(len(rows), dtype=np.int64))
        sums = _summed(parts.append_column("tuples", ones), "key")
        return {
            row["key"]: Sum(
                units=0 if row["units"] is None else from_decimal(row["units"]),
                absolute_units=0 if row["absolute"] is None else from_decimal(row["absolute"]),
                charges=row["charges"] or 0,
                tuples=row["tuples"],
            )
            for row in sums.to_pylist()
        }


def _summed(table: pa.Table, key: str) -> pa.Table:
    names = [name for name in table.column_names if name != key]
    sums = table.group_by(key).aggregate([(name, "sum") for name in names])
    return sums.rename_columns([name.removesuffix("_sum") for name in sums.column_names])
