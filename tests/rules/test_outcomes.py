"""Outcomes from dimensions and look-up tables, valid values, comparisons, the user's dimensions."""

from collections.abc import Mapping

import pyarrow as pa
import pytest

from tieout.core.errors import RuleFileError
from tieout.focus.columns import ATTRIBUTES, tags_json
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.check import check_lookups, check_outcomes
from tieout.rules.classify import classify, examine
from tieout.rules.lookup import parse_lookup
from tieout.rules.masks import Evaluator
from tieout.rules.parse import RuleSet, parse_rules
from tieout.rules.register import Initiative
from tieout.rules.rule_set import DimensionRules, FromDimension, Rule

REGISTER = {
    "support": Initiative(
        initiative_id="support", name="S", owner="o", cost_center="CC-1", pl_category="COGS"
    )
}
TABLES = {
    "teams": parse_lookup("key,center,app\na,CC-1,support\nb,,unknown\n", name="teams.csv"),
    "accounts": parse_lookup("key,team\n417,a\n418,z\n", name="accounts.csv"),
}


def _attributes(*rows: Mapping[str, str]) -> pa.Table:
    """Rows of tags, with `account` as the sub-account."""
    tags = [tags_json({k: v for k, v in row.items() if k != "account"}) for row in rows]
    columns = {name: pa.nulls(len(rows), pa.string()) for name in ATTRIBUTES}
    columns["sub_account_id"] = pa.array([row.get("account") for row in rows], pa.string())
    columns["tags"] = pa.array(tags, pa.string())
    return pa.table({"attr_id": pa.array(range(len(rows)), pa.int64()), **columns})


def _rules(dimensions: Mapping[str, str], more: str = "") -> RuleSet:
    """One rule for each dimension, which always matches."""
    rules = "".join(
        f"  {name}:\n    - {{id: {name}-1, when: always, then: {then}}}\n"
        for name, then in dimensions.items()
    )
    return parse_rules(f"rule_set: s\n{more}dimensions:\n{rules}", name="f")


def _classified(
    dimensions: Mapping[str, str], *rows: Mapping[str, str], more: str = ""
) -> dict[str, list[str | None]]:
    rules = _rules(dimensions, more)
    found = classify(_attributes(*rows), rules, initiatives=REGISTER, lookups=TABLES)
    assert set(found.schema.types[1:]) == {pa.string()}
    columns: dict[str, list[str | None]] = found.to_pydict()
    return columns


def test_own_dimensions_follow_the_built_in_ones() -> None:
    found = _classified({"zone": "east", "area": "{tag: area}"}, {"area": "x"}, {})
    names = [name for one in (*DIMENSIONS, "zone", "area") for name in (one, f"{one}_rule")]
    assert list(found) == ["attr_id", *names]
    assert (found["zone"], found["area"]) == (["east", "east"], ["x", None])
    assert found["area_rule"] == ["area-1", None]


def test_a_dimension_takes_what_another_decided_in_any_order_of_the_file() -> None:
    found = _classified(
        {"project": "{dimension: area}", "area": "{dimension: zone}", "zone": "{tag: zone}"},
        {"zone": "east"},
        {},
    )
    assert found["project"] == ["east", None]
    assert found["project_rule"] == ["project-1", None]


def test_a_pool_is_never_handed_on_and_an_initiative_must_be_registered() -> None:
    found = _classified({"initiative": "pool:shared", "project": "{dimension: initiative}"}, {})
    assert found["project"] == [None]
    found = _classified(
        {
            "initiative": "{dimension: app}",
            "app": "{tag: app}",
            "center": "{initiative: cost_center}",
        },
        {"app": "support"},
        {"app": "unknown"},
        {"app": "pool:shared"},
    )
    assert found["initiative"] == ["support", None, None]
    assert found["center"] == ["CC-1", None, None]


def test_a_table_is_asked_by_tag_by_column_and_by_dimension() -> None:
    found = _classified(
        {
            "initiative": "{lookup: teams, by: {tag: team}, give: app}",
            "cost_center": "{lookup: teams, by: {dimension: team}, give: center}",
            "team": "{lookup: accounts, by: {column: sub_account_id}, give: team}",
        },
        {"team": "a", "account": "418"},
        {"team": "b", "account": "417"},
        {"team": "c", "account": "419"},
        {},
    )
    assert found["initiative"] == ["support", None, None, None]
    assert found["team"] == ["z", "a", None, None]
    assert found["cost_center"] == [None, "CC-1", None, None]


def test_a_value_outside_the_list_passes() -> None:
    outcomes = {
        "environment": "{tag: env}",
        "team": "{lookup: accounts, by: {column: sub_account_id}, give: team}",
        "cost_center": "{initiative: cost_center}",
        "initiative": "support",
    }
    found = _classified(
        outcomes,
        {"env": "prod", "account": "417"},
        {"env": "qa", "account": "418"},
        more="values: {environment: [prod, dev], team: [a], cost_center: [CC-2]}\n",
    )
    assert found["environment"] == ["prod", None]
    assert found["team"] == ["a", None]
    assert found["cost_center"] == [None, None]


FAIL = "{lookup: teams, by: {tag: team}, give: center, missing: fail}"


def test_a_missing_value_stops_where_the_rule_says_so() -> None:
    sentence = (
        "f, line 4: rule cost_center-1: look-up table teams has no center for 'b', 'c', 'd' and 1 "
        "more; add the rows, or remove `missing: fail`."
    )
    rows = [{"team": team} for team in "abcde"]
    with pytest.raises(RuleFileError) as caught:
        _classified({"cost_center": FAIL}, *rows)
    assert str(caught.value) == sentence
    evaluator = Evaluator(_attributes(*rows))
    rules = _rules({"cost_center": FAIL})
    found = examine(evaluator, rules, initiatives={}, lookups=TABLES)
    assert found.problems == (sentence,)


def test_a_charge_that_does_not_reach_the_rule_or_has_no_key_is_no_problem() -> None:
    assert _classified({"cost_center": FAIL}, {"team": "a"}, {})["cost_center"] == ["CC-1", None]
    rules = parse_rules(
        "rule_set: s\ndimensions:\n  project:\n"
        "    - {id: first, when: {tag: team, equals: c}, then: x}\n"
        f"    - {{id: second, when: always, then: {FAIL}}}\n",
        name="f",
    )
    table = _attributes({"team": "c"}, {"team": "a"})
    found = classify(table, rules, initiatives={}, lookups=TABLES)
    assert found.column("project").to_pylist() == ["x", "CC-1"]


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (
            "{lookup: owners, by: {tag: team}, give: app}",
            (
                "look-up table 'owners' does not exist; known: accounts, teams; add the table or "
                "correct the name."
            ),
        ),
        (
            "{lookup: teams, by: {tag: team}, give: lead}",
            (
                "teams.csv has no column 'lead'; it has: center, app; add the column or correct "
                "the rule."
            ),
        ),
    ],
)
def test_an_unknown_table_or_column_is_refused_before_anything_runs(
    outcome: str, sentence: str
) -> None:
    rules = _rules({"project": outcome})
    sentence = f"f, line 4: rule project-1: {sentence}"
    assert check_lookups(rules, TABLES) == (sentence,)
    assert check_outcomes(rules, {}, (), TABLES) == (sentence,)
    assert check_outcomes(rules, {}, ()) == ()
    with pytest.raises(RuleFileError) as caught:
        classify(_attributes({}), rules, initiatives={}, lookups=TABLES)
    assert str(caught.value) == sentence


def test_no_table_at_all_is_said() -> None:
    (sentence,) = check_lookups(_rules({"project": FAIL}), {})
    assert "known: none;" in sentence


def test_dated_tables_are_refused_until_a_day_is_chosen() -> None:
    dated = {"teams": parse_lookup("key,valid_from,center\na,2026-01-01,x\n", name="teams.csv")}
    with pytest.raises(RuleFileError, match=r"teams.csv has rows for some days only: .*as_of"):
        classify(_attributes({}), _rules({"project": FAIL}), initiatives={}, lookups=dated)


def test_a_circle_made_by_a_program_is_refused_too() -> None:
    rule = next(rule for _, rule in _rules({"project": "x"}).rules())
    circle = Rule(
        rule_id="r",
        description="",
        owner=None,
        valid_from=None,
        valid_to=None,
        when=rule.when,
        then=FromDimension("project"),
    )
    rules = RuleSet(name="s", dimensions=(DimensionRules(dimension="project", rules=(circle,)),))
    with pytest.raises(RuleFileError, match=r"rule r: dimensions take .* project from project"):
        classify(_attributes({}), rules, initiatives={})


@pytest.mark.parametrize(
    ("test", "matched"),
    [
        ("gt: 3", ["10", "3.01"]),
        ("ge: 3.0", ["10", "3", "3.01"]),
        ("lt: 3", ["-4", "+0.5"]),
        ("le: 3", ["-4", "+0.5", "3"]),
        ("lt: 2026-10-02", ["2026-10-01", "2025-12-31"]),
        ("le: 2026-10-02", ["2026-10-01", "2025-12-31", "2026-10-02"]),
        ("gt: 2026-10-01", ["2026-10-02"]),
        ("ge: 2026-10-01", ["2026-10-01", "2026-10-02"]),
    ],
)
def test_numbers_and_days_are_compared_as_what_they_are(test: str, matched: list[str]) -> None:
    numbers = ["10", "-4", "+0.5", "3", "3.01"]
    days = ["2026-10-01", "2025-12-31", "2026-10-02"]
    neither = ["high", "1e3", "1,000", " 3", "2026-02-30", "2026-10-01T00:00", "9" * 61, "", "٣"]
    texts = [*numbers, *days, *neither]
    rules = parse_rules(
        "rule_set: s\ndimensions:\n  project:\n"
        f"    - {{id: p, when: {{tag: n, {test}}}, then: x}}\n",
        name="f",
    )
    found = classify(_attributes(*[{"n": text} for text in texts]), rules, initiatives={})
    hits = zip(texts, found.column("project").to_pylist(), strict=True)
    assert {text for text, name in hits if name} == set(matched)


def test_one_evaluator_serves_many_rule_sets() -> None:
    evaluator = Evaluator(_attributes({"env": "prod"}, {"env": "dev"}))
    before, after = (
        examine(evaluator, _rules({"project": then}), initiatives={}).assignment
        for then in ("{tag: env}", "x")
    )
    assert before.column("project").to_pylist() == ["prod", "dev"]
    assert after.column("project").to_pylist() == ["x", "x"]
