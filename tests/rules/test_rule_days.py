"""Rules and tables by charge date."""

from datetime import date

import pytest

from tieout.rules.lookup import parse_lookup
from tieout.rules.parse import parse_rules
from tieout.rules.rule_days import changes, rules_on, tables_of

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


def test_rules_change_on_their_days_and_on_those_of_tables_that_they_take_from() -> None:
    rules = parse_rules(RULES, name="f")
    own = {date(2026, 10, 10), date(2026, 11, 1)}
    assert changes(rules, {}) == own
    assert changes(rules, {"teams": TEAMS, "unused": UNUSED}) == own | {
        date(2026, 10, 1),
        date(2026, 10, 21),
    }
    assert tables_of(rules) == {"teams"}


@pytest.mark.parametrize(
    ("day", "ids"),
    [
        (date(2026, 9, 3), ["old", "t"]),
        (date(2026, 10, 9), ["old", "t"]),
        (date(2026, 10, 10), ["new", "t"]),
        (date(2026, 10, 31), ["new", "t"]),
        (date(2026, 11, 1), ["t"]),
    ],
)
def test_the_rules_of_a_day_are_those_in_force_on_it_without_their_days(
    day: date, ids: list[str]
) -> None:
    found = rules_on(parse_rules(RULES, name="f"), day)
    assert [rule.rule_id for _, rule in found.rules()] == ids
    assert all(rule.valid_from is rule.valid_to is None for _, rule in found.rules())
    assert [group.dimension for group in found.dimensions] == ["project", "team"]
