"""The mask classifier equals the plain reading of the rules, charge by charge, on random rules."""

import re
from datetime import date
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.rules.plain_reading import (
    OWN,
    REGISTER,
    ROWS,
    START,
    Reader,
    lookup_tables,
    rule_sets,
)

from tieout.core.period import period_of
from tieout.focus.columns import ATTRIBUTES
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.classify import Classification, examine
from tieout.rules.lookup import LookupTable
from tieout.rules.masks import Evaluator
from tieout.rules.rule_days import changes, rules_on, tables_of
from tieout.rules.rule_set import RuleSet

Charge = dict[str, Any]
BLANK: Charge = {"tags": "{}"}


def _attributes(rows: list[Charge]) -> pa.Table:
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in ATTRIBUTES}
    return pa.table({"attr_id": pa.array(range(len(rows)), pa.int64()), **columns})


def _examined(
    evaluator: Evaluator, rules: RuleSet, table: LookupTable, day: date
) -> Classification:
    live = {"t": table.as_of(day)}
    return examine(evaluator, rules_on(rules, day), initiatives=REGISTER, lookups=live)


def _first_days(rules: RuleSet, table: LookupTable) -> list[date]:
    """The days of a month on which something changes, and its first."""
    month = period_of(START)
    inside = {day for day in changes(rules, {"t": table}) if month.contains(day)}
    return sorted(inside | {month.start_on})


def _plain(
    rules: RuleSet, table: LookupTable, row: Charge, on: date
) -> tuple[dict[str, str | None], set[str]]:
    charge = {name: row.get(name) for name in ATTRIBUTES}
    reader = Reader(rules=rules, lookups={"t": table}, row=charge, on=on)
    for dimension in (*DIMENSIONS, *OWN):
        reader.dimension(dimension)
    return reader.decided, reader.lacking


@examples(80)
@given(rule_sets(), lookup_tables(), ROWS)
def test_masks_and_plain_reading_agree_on_class_rule_and_problems(
    rules: RuleSet, table: LookupTable, rows: list[Charge]
) -> None:
    padded = [*rows, *[BLANK] * 30]  # in a table of few rows no condition is ever rare
    evaluator = Evaluator(_attributes(padded))
    for day in _first_days(rules, table):
        result = _examined(evaluator, rules, table, day)
        plain = [_plain(rules, table, row, day) for row in [*rows, BLANK]]
        expected = [{"attr_id": at, **decided} for at, (decided, _) in enumerate(plain)]
        assert result.assignment.slice(0, len(expected)).to_pylist() == expected
        lacking = {match[1] for one in result.problems if (match := re.search(r"rule (\S+):", one))}
        assert lacking == {rule_id for _, ids in plain for rule_id in ids}


@examples(40)
@given(rule_sets(), lookup_tables(), ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_how_they_are_coded_play_no_part(
    rules: RuleSet, table: LookupTable, rows: list[Charge], chance: Any
) -> None:
    day, *_ = _first_days(rules, table)
    whole = _attributes(rows)
    order = list(range(len(rows)))
    chance.shuffle(order)
    moved = whole.take(pa.array(order, pa.int64()))
    for place, name in enumerate(ATTRIBUTES, start=1):
        moved = moved.set_column(place, name, moved.column(name).dictionary_encode())
    left, right = (_examined(Evaluator(one), rules, table, day) for one in (whole, moved))
    assert right.assignment.to_pylist() == [left.assignment.to_pylist()[at] for at in order]
    assert right.problems == left.problems


@examples(40)
@given(rule_sets(), lookup_tables())
def test_between_two_changes_every_day_has_the_same_rules_and_rows(
    rules: RuleSet, table: LookupTable
) -> None:
    firsts = _first_days(rules, table)
    for day in period_of(START).days():
        first = max(one for one in firsts if one <= day)
        live = [rule.rule_id for _, rule in rules.rules() if rule.holds_on(day)]
        assert [rule.rule_id for _, rule in rules_on(rules, first).rules()] == live
        if tables_of(rules):
            assert table.as_of(first) == table.as_of(day)
