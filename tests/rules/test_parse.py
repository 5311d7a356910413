"""The rule file as a whole."""

from datetime import date

import pytest

from tieout.core.errors import RuleFileError
from tieout.rules.parse import (
    Constant,
    FromInitiative,
    FromTag,
    RuleSet,
    check_outcomes,
    parse_rules,
)
from tieout.rules.predicate import Always
from tieout.rules.register import Initiative

SUPPORT = Initiative(
    initiative_id="support", name="Support", owner="maria", cost_center="CC-1", pl_category="COGS"
)
RULES = """
rule_set: classification
dimensions:
  cost_center:
    - {id: center, when: always, then: {initiative: cost_center}}
  initiative:
    - id: bot
      description: >
        SupportBot's
        project
      owner: maria
      valid_from: 2026-01-01
      valid_to: 2027-01-01
      when: {column: sub_account_name, equals: SupportBot}
      then: support
    - id: tagged
      when: {tag: "user:app", exists: true}
      then: {tag: "user:app"}
    - id: shared
      when: always
      then: pool:platform
"""


def _set(rules: str, dimension: str = "initiative") -> RuleSet:
    return parse_rules(f"rule_set: s\ndimensions:\n  {dimension}:\n{rules}", name="f")


def _rule(more: str, rule_id: str = "a") -> str:
    return f"    - {{id: {rule_id}, when: always, {more}}}\n"


def test_a_rule_file_is_read_with_the_initiative_first() -> None:
    rules = parse_rules(RULES, name="rules.yaml")
    assert rules.name == "classification"
    assert [group.dimension for group in rules.dimensions] == ["initiative", "cost_center"]
    bot, tagged, shared = rules.dimensions[0].rules
    assert (bot.description, bot.owner) == ("SupportBot's project", "maria")
    assert (bot.valid_from, bot.valid_to) == (date(2026, 1, 1), date(2027, 1, 1))
    assert (bot.then, tagged.then) == (Constant("support"), FromTag("user:app"))
    assert (shared.when, shared.then) == (Always(), Constant("pool:platform"))
    assert rules.dimensions[1].rules[0].then == FromInitiative("cost_center")
    assert [rule.rule_id for _, rule in rules.rules()] == ["bot", "tagged", "shared", "center"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rule_set: s", "f, line 1: expected rule_set, dimensions, values, tests; add dimensions"),
        ("rule_set: s\ndimensions: {}", "line 2: no dimension"),
        ("rule_set: s\ndimensions: {project: []}", "line 2: the list is empty"),
    ],
)
def test_a_file_without_rules_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        parse_rules(text, name="f")


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (_rule("then: x") + _rule("then: y"), "line 5: rule 'a' is already in line 4"),
        (_rule("then: x, note: y"), "unknown key 'note'; known here: id, when, then, descr"),
        ("    - {id: a, then: x}\n", "add when"),
        (_rule("then: [x]"), "expected keys and values, found a list"),
        (_rule("then: {tag: a, initiative: b}"), "found keys tag, initiative"),
        (_rule("then: {initiative: cost_center}"), "the initiative cannot come from itself"),
        (_rule("then: x, valid_from: 2026-02-01, valid_to: 2026-02-01"), "must lie after"),
        (_rule("then: x, valid_from: soon"), "expected a day such as"),
    ],
)
def test_a_broken_rule_is_refused_with_its_line(rules: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        _set(rules)


def test_only_three_columns_come_from_the_register() -> None:
    with pytest.raises(RuleFileError, match="one of cost_center, pl_category, product_line"):
        _set(_rule("then: {initiative: owner}"), dimension="project")


def test_five_thousand_rules_are_the_limit() -> None:
    rules = "".join(_rule("then: x", f"r{number}") for number in range(5_001))
    with pytest.raises(RuleFileError, match="5001 rules; at most 5000"):
        _set(rules)


def test_outcomes_must_be_registered_or_a_known_pool() -> None:
    rules = parse_rules(RULES, name="f")
    assert check_outcomes(rules, {"support": SUPPORT}, {"platform"}) == ()
    bot, shared = check_outcomes(rules, {}, {"other"})
    assert bot.startswith(
        "Rule bot (initiative, line 7): initiative 'support' is not in the register;"
    )
    assert shared.startswith(
        "Rule shared (initiative, line 19): pool 'pool:platform' is in no allocation"
    )


def test_only_the_initiative_can_be_a_pool() -> None:
    rules = _set(_rule("then: pool:platform"), dimension="project")
    (sentence,) = check_outcomes(rules, {}, {"platform"})
    assert "only an initiative can be one" in sentence
    assert check_outcomes(_set(_rule("then: atlas"), dimension="project"), {}, ()) == ()
