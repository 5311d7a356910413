"""Rules and tables by charge date."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from tieout.core.period import parse_period
from tieout.rules.lookup import parse_lookup
from tieout.rules.parse import parse_rules
from tieout.rules.segments import Segment, segment_numbers, segments, segments_between

OCTOBER = parse_period("2026-10")
RULES = """
rule_set: s
dimensions:
  project:
    - {id: old, when: always, then: x, valid_to: 2026-10-10}
    - {id: new, when: always, then: y, valid_from: 2026-10-10, valid_to: 2026-11-01}
  team:
    - {id: t, when: always, then: {lookup: teams, by: {tag: team}, give: lead}}
"""
TEAMS = parse_lookup(
    "key,valid_from,valid_to,lead\na,2026-10-01,2026-10-20,ana\na,2026-10-21,,ben\n", name="t"
)
UNUSED = parse_lookup("key,valid_from,lead\na,2026-10-05,x\n", name="u")


def _days(found: tuple[Segment, ...]) -> list[tuple[int, int]]:
    return [(one.start_on.day, one.end_on.day) for one in found]


def _ids(one: Segment) -> list[str]:
    return [rule.rule_id for _, rule in one.rules.rules()]


def test_segments_adjoin_and_cover_the_period() -> None:
    rules = parse_rules(RULES, name="f")
    found = segments(rules, OCTOBER, lookups={"teams": TEAMS, "unused": UNUSED})
    assert _days(found) == [(1, 10), (10, 21), (21, 1)]
    assert found[-1].end_on == date(2026, 11, 1)
    assert [_ids(one) for one in found] == [["old", "t"], ["new", "t"], ["new", "t"]]
    assert [set(one.lookups) for one in found] == [{"teams"}] * 3
    leads = [one.lookups["teams"].texts("lead") for one in found]
    assert leads == [{"a": "ana"}, {"a": "ana"}, {"a": "ben"}]
    assert all(rule.valid_from is rule.valid_to is None for _, rule in found[1].rules.rules())


@pytest.mark.parametrize(
    ("period", "ids"), [("2026-09", ["old", "t"]), ("2026-11", ["t"]), ("2026-12", ["t"])]
)
def test_a_period_in_which_nothing_changes_is_one_segment(period: str, ids: list[str]) -> None:
    month = parse_period(period)
    (one,) = segments(parse_rules(RULES, name="f"), month)
    assert (one.start_on, one.end_on, _ids(one)) == (month.start_on, month.end_on, ids)


def test_a_table_that_is_not_there_cuts_nothing() -> None:
    assert _days(segments(parse_rules(RULES, name="f"), OCTOBER)) == [(1, 10), (10, 1)]


def test_charges_are_numbered_by_the_segment_of_their_day() -> None:
    rules = parse_rules(RULES, name="f")
    found = segments(rules, OCTOBER, lookups={"teams": TEAMS})
    days = [date(2026, 9, 3), date(2026, 10, 1), date(2026, 10, 10), date(2026, 12, 24)]
    assert segment_numbers(pa.array(days), found).tolist() == [0, 0, 1, 2]
    instants = [datetime(2026, 10, 9, 23, 59, 59, 999, UTC), datetime(2026, 10, 21, tzinfo=UTC)]
    column = pa.chunked_array([pa.array(instants, pa.timestamp("us", "UTC"))])
    assert segment_numbers(column, found).tolist() == [0, 2]
    assert segment_numbers(pa.array([], pa.date32()), found).tolist() == []


def test_late_charges_get_the_rules_of_their_own_day() -> None:
    start, end = date(2026, 9, 3), date(2026, 10, 11)
    found = segments_between(parse_rules(RULES, name="f"), start, end)
    assert [(one.start_on, one.end_on) for one in found] == [
        (start, date(2026, 10, 10)),
        (date(2026, 10, 10), end),
    ]
