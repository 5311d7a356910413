"""Rules in the text that people wrote: found where they stand, and joined by one more."""

import pytest

from tieout.core.errors import RuleFileError
from tieout.rules.parse import parse_rules
from tieout.rules.predicate import Condition
from tieout.rules.rule_source import UNDECIDED, drafted, source_of, with_rule

TEXT = """# who pays
rule_set: demo
dimensions:
  initiative:
    - id: bot  # the bot
      when: {column: provider, equals: openai}
      then: bot

    - {id: all-aws, when: {column: provider, equals: aws}, then: search}

  # where it lands
  cost_center:
    - id: of-initiative
      when: always
      then: {initiative: cost_center}
"""
FLUSH = """rule_set: demo
dimensions:
  initiative:
  - id: bot
    when: always
    then: bot"""
ASKED = {"provider": "aws", "service_name": 'Amazon "S3": all'}
RULES = parse_rules(TEXT, name="demo")


def test_a_rule_is_shown_as_it_is_written() -> None:
    by_id = {rule.rule_id: rule for _, rule in RULES.rules()}
    assert source_of(TEXT, by_id["bot"]).splitlines()[0] == "- id: bot  # the bot"
    assert len(source_of(TEXT, by_id["bot"]).splitlines()) == 3
    assert source_of(TEXT, by_id["all-aws"]).startswith("- {id: all-aws")
    assert source_of(TEXT, by_id["of-initiative"]).endswith("then: {initiative: cost_center}")


@pytest.mark.parametrize("text", [TEXT, FLUSH])
def test_a_rule_more_changes_nothing_else(text: str) -> None:
    rules = parse_rules(text, name="demo")
    rule = drafted(rules, ASKED, owner="ana", initiative="search")
    again = parse_rules(with_rule(text, rules, rule), name="demo")
    before = [one for dimension, one in rules.rules() if dimension == "initiative"]
    after = [one for dimension, one in again.rules() if dimension == "initiative"]
    assert after == [*before, rule]
    assert [one for _, one in again.rules() if one != rule] == [one for _, one in rules.rules()]
    kept = [one for one in with_rule(text, rules, rule).splitlines() if one in text.splitlines()]
    assert kept == text.splitlines()


def test_a_draft_asks_for_what_was_given_and_leaves_the_choice_open() -> None:
    rule = drafted(RULES, {"provider": "aws"}, owner="ana")
    assert rule.when == Condition(source="column", name="provider", operator="in", values=("aws",))
    assert (rule.rule_id, rule.owner) == ("aws", "ana")
    assert UNDECIDED in with_rule(TEXT, RULES, rule)


def test_a_draft_has_an_id_of_its_own() -> None:
    ids = [
        drafted(RULES, {"provider": name}, owner="a").rule_id for name in ("bot", "ALL aws", "ß")
    ]
    assert ids == ["bot-2", "all-aws-2", "rule"]


@pytest.mark.parametrize(
    "text",
    [
        "rule_set: a\ndimensions:\n  cost_center:\n    - {id: c, when: always, then: x}\n",
        "rule_set: a\ndimensions: {initiative: [{id: c, when: always, then: x}]}\n",
    ],
)
def test_without_a_rule_in_a_line_of_its_own_there_is_no_place(text: str) -> None:
    rules = parse_rules(text, name="demo")
    rule = drafted(rules, ASKED, owner="ana")
    with pytest.raises(RuleFileError, match="demo: no rule of the dimension initiative stands"):
        with_rule(text, rules, rule)
