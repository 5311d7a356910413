"""The mask classifier equals the plain reading of the rules, charge by charge, on random rules."""

import re
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
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
from tieout.rules.rule_set import RuleSet
from tieout.rules.segments import Segment, segment_numbers, segments

Charge = dict[str, Any]
BLANK: Charge = {"tags": "{}"}


def _attributes(rows: list[Charge]) -> pa.Table:
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in ATTRIBUTES}
    return pa.table({"attr_id": pa.array(range(len(rows)), pa.int64()), **columns})


def _examined(evaluator: Evaluator, segment: Segment) -> Classification:
    return examine(evaluator, segment.rules, initiatives=REGISTER, lookups=segment.lookups)


def _plain(
    rules: RuleSet, table: LookupTable, row: Charge, on: date
) -> tuple[dict[str, str | None], set[str]]:
    charge = {name: row.get(name) for name in ATTRIBUTES}
    reader = Reader(rules=rules, lookups={"t": table}, row=charge, on=on)
    for dimension in (*DIMENSIONS, *OWN):
        reader.dimension(dimension)
    return reader.decided, reader.lacking


@settings(max_examples=300)
@given(rule_sets(), lookup_tables(), ROWS)
def test_masks_and_plain_reading_agree_on_class_rule_and_problems(
    rules: RuleSet, table: LookupTable, rows: list[Charge]
) -> None:
    padded = [*rows, *[BLANK] * 30]  # in a table of few rows no condition is ever rare
    evaluator = Evaluator(_attributes(padded))
    for segment in segments(rules, period_of(START), lookups={"t": table}):
        result = _examined(evaluator, segment)
        plain = [_plain(rules, table, row, segment.start_on) for row in [*rows, BLANK]]
        expected = [{"attr_id": at, **decided} for at, (decided, _) in enumerate(plain)]
        assert result.assignment.slice(0, len(expected)).to_pylist() == expected
        lacking = {match[1] for one in result.problems if (match := re.search(r"rule (\S+):", one))}
        assert lacking == {rule_id for _, ids in plain for rule_id in ids}


@settings(max_examples=100)
@given(rule_sets(), lookup_tables(), ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_how_they_are_coded_play_no_part(
    rules: RuleSet, table: LookupTable, rows: list[Charge], chance: Any
) -> None:
    segment, *_ = segments(rules, period_of(START), lookups={"t": table})
    whole = _attributes(rows)
    order = list(range(len(rows)))
    chance.shuffle(order)
    moved = whole.take(pa.array(order, pa.int64()))
    for place, name in enumerate(ATTRIBUTES, start=1):
        moved = moved.set_column(place, name, moved.column(name).dictionary_encode())
    left, right = _examined(Evaluator(whole), segment), _examined(Evaluator(moved), segment)
    assert right.assignment.to_pylist() == [left.assignment.to_pylist()[at] for at in order]
    assert right.problems == left.problems


@settings(max_examples=100)
@given(rule_sets(), lookup_tables())
def test_segments_adjoin_cover_the_period_and_differ_from_day_to_day(
    rules: RuleSet, table: LookupTable
) -> None:
    month = period_of(START)
    found = segments(rules, month, lookups={"t": table})
    assert [one.start_on for one in found] == [
        month.start_on,
        *(one.end_on for one in found[:-1]),
    ]
    assert found[-1].end_on == month.end_on
    days = np.array(month.days(), dtype="datetime64[D]")
    numbers = segment_numbers(pa.array(days), found)
    for day, number in zip(month.days(), numbers, strict=True):
        one = found[number]
        assert one.start_on <= day < one.end_on
        live = [rule.rule_id for _, rule in rules.rules() if rule.holds_on(day)]
        assert [rule.rule_id for _, rule in one.rules.rules()] == live
        for name in one.lookups:
            assert one.lookups[name] == table.as_of(day)
