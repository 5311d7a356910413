"""Tests inside a rule file."""

import pytest

from tieout.core.errors import RuleFileError
from tieout.rules.lookup import parse_lookup
from tieout.rules.parse import RuleTest, parse_rules
from tieout.rules.register import Initiative
from tieout.rules.rule_set import RuleSet
from tieout.rules.rule_tests import run_tests

REGISTER = {
    "support": Initiative(
        initiative_id="support",
        name="Support",
        owner="maria",
        cost_center="CC-1",
        pl_category="Cost of revenue",
    )
}
TEAMS = {"teams": parse_lookup("key,valid_from,lead\na,2026-10-10,ana\n", name="teams.csv")}
RULES = """
rule_set: s
dimensions:
  initiative:
    - {id: app, when: {column: provider, equals: openai}, then: {tag: app}}
  cost_center:
    - {id: center, when: always, then: {initiative: cost_center}}
  environment:
    - {id: dated, valid_from: 2026-10-05, when: always, then: prod}
"""
LOOKED_UP = """
rule_set: s
dimensions:
  lead:
    - {id: l, when: always, then: {lookup: teams, by: {tag: team}, give: lead, missing: fail}}
"""


def _set(tests: str, rules: str = RULES) -> RuleSet:
    return parse_rules(f"{rules}tests:\n{tests}", name="f")


def _one(charge: str, expect: str) -> str:
    return f"  - {{charge: {charge}, expect: {expect}}}\n"


GOOD = _one(
    "{provider: openai, tags: {app: support}, on: 2026-10-05}",
    "{initiative: support, cost_center: CC-1, cost_center_rule: center, environment: prod}",
) + _one(
    "{provider: aws, tags: {app: support}, on: 2026-10-04}",
    "{initiative: {missing: true}, environment: {missing: true}}",
)


def test_tests_that_hold_say_nothing() -> None:
    assert run_tests(_set(GOOD), initiatives=REGISTER) == ()
    assert run_tests(parse_rules(RULES, name="f"), initiatives=REGISTER) == ()


def test_a_test_is_read_as_it_is_written() -> None:
    first, second = _set(GOOD).tests
    assert first.columns == {"provider": "openai"}
    assert (first.tags, str(first.on), first.line) == ({"app": "support"}, "2026-10-05", 11)
    assert second.expect == {"initiative": None, "environment": None}


def test_each_wrong_expectation_is_a_sentence_in_file_order() -> None:
    tests = _one("{provider: openai, tags: {app: support}, on: 2026-11-01}", "{initiative: x}")
    tests += _one("{on: 2026-10-04}", "{environment: prod, cost_center_rule: center}")
    found = run_tests(_set(tests), initiatives=REGISTER)
    assert [one.removesuffix("; correct the rule or the test.") for one in found] == [
        "f, line 11: test: initiative is 'support', expected 'x' (decided by rule app)",
        "f, line 12: test: cost_center_rule is missing, expected 'center'",
        "f, line 12: test: environment is missing, expected 'prod'",
    ]


def test_a_charge_needs_a_day_where_rules_have_days() -> None:
    (sentence,) = run_tests(_set(_one("{}", "{environment: prod}")), initiatives=REGISTER)
    assert sentence.startswith("f, line 11: test: rules or look-up tables hold for some days only")
    undated = RULES.replace("valid_from: 2026-10-05, ", "")
    tests = _set(_one("{}", "{environment: prod}"), undated)
    assert run_tests(tests, initiatives=REGISTER) == ()


def test_look_up_tables_hold_by_the_day_of_the_test() -> None:
    tests = _one("{tags: {team: a}, on: 2026-10-10}", "{lead: ana}")
    tests += _one("{tags: {team: a}, on: 2026-10-09}", "{lead: ana}")
    tests += _one("{tags: {team: a}}", "{lead: ana}")
    missing, undated = run_tests(_set(tests, LOOKED_UP), initiatives={}, lookups=TEAMS)
    assert missing == (
        "f, line 8: test: f, line 5: rule l: look-up table teams has no lead for 'a'; add the "
        "rows, or remove `missing: fail`."
    )
    assert undated.startswith("f, line 9: test: rules or look-up tables hold")


def test_nothing_runs_while_a_table_is_missing() -> None:
    tests = _set(_one("{tags: {team: a}}", "{lead: ana}"), LOOKED_UP)
    (sentence,) = run_tests(tests, initiatives={})
    assert sentence.startswith("f, line 5: rule l: look-up table 'teams' does not exist")


def test_a_rule_set_made_by_a_program_names_the_line_alone() -> None:
    test = RuleTest(columns={}, tags={}, on=None, expect={"project": "x"}, line=3)
    (sentence,) = run_tests(RuleSet(name="s", dimensions=(), tests=(test,)), initiatives={})
    assert sentence.startswith("Test in line 3: project is missing, expected 'x'")


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        ("  - {charge: {}}\n", "expected charge, expect; add expect"),
        (_one("{}", "{}"), "nothing is expected"),
        (_one("{}", "{team: x}"), "unknown key 'team'; known here: initiative, initiative_rule"),
        (_one("{}", "{environment: [x]}"), "expected keys and values, found a list"),
        (_one("{}", "{environment: {missing: false}}"), "expected one of true"),
        (_one("{billed_cost: 1}", "{environment: x}"), "'billed_cost' .* it is an amount"),
        (_one("{colour: red}", "{environment: x}"), "'colour' is not a column"),
        (_one("{provider: ''}", "{environment: x}"), "the text is empty"),
        (_one("{tags: [a]}", "{environment: x}"), "expected keys and values"),
        (_one("{on: today}", "{environment: x}"), "expected a day such as"),
    ],
)
def test_a_broken_test_is_refused_with_its_line(test: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=f"f, line 11: .*{sentence}"):
        _set(test)
