"""The guide about checking rules shows what the linter really says."""

import re
from datetime import date
from pathlib import Path
from typing import get_args

from tests.rules.lint_cases import amounts, attributes

from tieout.core.money import format_units
from tieout.focus.columns import tags_json
from tieout.rules.classify import classify
from tieout.rules.lint import Kind, lint
from tieout.rules.lint_evidence import Evidence, money_by_rule
from tieout.rules.parse import parse_rules
from tieout.rules.rule_days import rules_on
from tieout.rules.rule_diff import rule_diff

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "check-your-rules.md").read_text()
RULES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)[0]
FINDINGS, MONEY, CHANGES = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
INITIATIVES = ("support-assistant", "internal-tools", "search-ranking")


def october() -> Evidence:
    table = re.search(r"\| provider .*?\n\n", GUIDE, re.DOTALL)
    assert table
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.group().strip().splitlines()[2:]
    ]
    charges = attributes(
        {
            "provider": provider,
            "sub_account_name": account,
            "x_model": model,
            "tags": tags_json({"app": app}),
        }
        for provider, account, model, app, _, _ in lines
    )
    rules = rules_on(parse_rules(RULES, name="rules.yaml"), date(2026, 10, 1))
    return Evidence(
        attributes=charges,
        assignment=classify(charges, rules, initiatives={}),
        amounts=amounts((at, line[5], int(line[4])) for at, line in enumerate(lines)),
        initiatives={},
    )


def test_the_findings_of_the_guide_are_those_of_the_linter() -> None:
    found = lint(
        parse_rules(RULES, name="rules.yaml"),
        evidence=october(),
        on=date(2026, 10, 1),
        valid_values={"initiative": INITIATIVES},
    )
    said = [f"{one.severity:8} {one.kind:20} {one.message}" for one in found]
    assert said == FINDINGS.strip().splitlines()


def test_the_money_of_the_guide_is_that_of_the_rules() -> None:
    found = [
        f"{one.rule_id or '(no rule)':20} {one.decides.charges:4} charges  "
        f"{format_units(one.decides.units, 2):>10} USD"
        for one in money_by_rule(parse_rules(RULES, name="rules.yaml"), october())
    ]
    assert found == MONEY.strip().splitlines()


def test_the_changes_of_the_guide_are_those_of_the_comparison() -> None:
    blocks = re.split(r"(?m)^(?=    - id: )", RULES)
    by_id = {block.split()[2]: block for block in blocks[1:]}
    order = ["support-tag", "search-on-aws", "all-of-aws", "support-account", "pilot"]
    text = blocks[0] + "".join(by_id[name] for name in order)
    new = parse_rules(text.replace("asistant", "assistant"), name="new.yaml")
    changes = [one.message for one in rule_diff(parse_rules(RULES, name="old.yaml"), new)]
    assert changes == CHANGES.strip().splitlines()


def test_every_kind_of_finding_is_explained() -> None:
    assert [kind for kind in get_args(Kind) if f"| `{kind}` |" not in GUIDE] == []
