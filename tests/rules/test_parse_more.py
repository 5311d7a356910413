"""Own dimensions, valid values, rules that change by date, and outcomes from elsewhere."""

from datetime import date

import pytest

from tieout.core.errors import RuleFileError
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.rules.parse import (
    Constant,
    FromDimension,
    FromLookup,
    Rule,
    RuleSet,
    parse_rules,
)
from tieout.rules.rule_set import dimensions_of, evaluation_order


def _set(dimensions: str, more: str = "") -> RuleSet:
    return parse_rules(f"rule_set: s\n{more}dimensions:\n{dimensions}", name="f")


def _one(dimension: str, then: str, rule_id: str = "a") -> str:
    return f"  {dimension}:\n    - {{id: {rule_id}, when: always, then: {then}}}\n"


def test_own_dimensions_come_after_the_built_in_ones_in_file_order() -> None:
    rules = _set(_one("zone", "x", "z") + _one("project", "x", "p") + _one("cost_owner", "x", "c"))
    assert [one.dimension for one in rules.dimensions] == ["project", "zone", "cost_owner"]
    assert dimensions_of(rules) == (*DIMENSIONS, "zone", "cost_owner")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Team", "line 4: 'Team' cannot name a dimension; use lower-case letters"),
        ("2nd", "cannot name a dimension"),
        ("a" * 41, "cannot name a dimension"),
        ("provider", "'provider' is a column already"),
        ("billed_cost", "is a column already"),
        ("period", "is a column already"),
        ("project_rule", "is a column already"),
        ("team_rule", "is a column already"),
        ("projects", "'projects' is nearly project; correct it"),
        ("enviroment", "is nearly environment"),
        ("cost_centre", "is nearly cost_center"),
    ],
)
def test_a_name_that_would_be_confused_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        _set(_one(name, "x"))


def test_a_hundred_dimensions_are_the_limit() -> None:
    text = "".join(_one(f"own_{number}", "x", f"r{number}") for number in range(101))
    with pytest.raises(RuleFileError, match="line 3: 101 dimensions; at most 100"):
        _set(text)


def test_values_are_kept_with_their_dimension() -> None:
    rules = _set(_one("team", "x") + _one("project", "y", "b"), "values: {team: [x, z]}\n")
    assert [(one.dimension, one.values) for one in rules.dimensions] == [
        ("project", ()),
        ("team", ("x", "z")),
    ]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("{team: [y]}", "f, line 5: 'x' is no valid value of team; use one of y, or add it"),
        ("{team: [y, y]}", "line 2: value 'y' is already in line 2"),
        ("{team: []}", "line 2: the list is empty"),
        ("{teams: [y]}", "line 2: values of 'teams', which has no rules; .* with rules: team"),
        ("[team]", "expected keys and values"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        _set(_one("team", "x"), f"values: {values}\n")


def test_a_rule_remembers_its_line_but_is_equal_without_it() -> None:
    (_, first), (_, second) = _set(
        "  project:\n"
        "    - {id: a, when: always, then: x, valid_to: 2026-10-01}\n"
        "    - {id: b, when: always, then: x}\n"
    ).rules()
    assert (first.line, second.line) == (4, 5)
    (_, moved), _ = _set(
        "  # moved down\n  project:\n"
        "    - {id: a, when: always, then: x, valid_to: 2026-10-01}\n"
        "    - {id: b, when: always, then: x}\n"
    ).rules()
    assert moved.line == 5
    assert moved == first


def _dated(*days: str) -> str:
    rules = [f"    - {{id: a, when: always, then: x{one}}}\n" for one in days]
    return "  project:\n" + "".join(rules)


def test_an_id_may_stand_again_for_other_days() -> None:
    rules = _set(
        _dated(
            ", valid_from: 2026-11-01",
            ", valid_to: 2026-10-01",
            ", valid_from: 2026-10-01, valid_to: 2026-11-01",
        )
    )
    assert [_days(rule) for _, rule in rules.rules()] == [
        (date(2026, 11, 1), None),
        (None, date(2026, 10, 1)),
        (date(2026, 10, 1), date(2026, 11, 1)),
    ]


def _days(rule: Rule) -> tuple[date | None, date | None]:
    return rule.valid_from, rule.valid_to


@pytest.mark.parametrize(
    "days",
    [
        ("", ""),
        ("", ", valid_to: 2026-10-01"),
        (", valid_from: 2026-10-01", ", valid_from: 2026-10-02"),
        (", valid_from: 2026-09-30", ", valid_to: 2026-10-01"),
        (", valid_to: 2026-10-01", ", valid_from: 2026-09-30"),
    ],
)
def test_an_id_with_two_rules_on_one_day_is_refused(days: tuple[str, str]) -> None:
    with pytest.raises(RuleFileError, match="f, line 5: rule 'a' is already in line 4; give it"):
        _set(_dated(*days))


def test_an_id_of_another_dimension_is_refused_whatever_its_days() -> None:
    other = "  team:\n    - {id: a, when: always, then: x, valid_from: 2026-10-01}\n"
    with pytest.raises(RuleFileError, match="line 6: rule 'a' is already in line 4"):
        _set(_dated(", valid_to: 2026-10-01") + other)


def test_outcomes_come_from_dimensions_and_tables() -> None:
    rules = _set(
        _one("team", "{lookup: t, by: {tag: app}, give: g}", "a")
        + _one("squad", "{lookup: t, by: {column: sku_id}, give: g, missing: fail}", "b")
        + _one("area", "{lookup: t, by: {dimension: team}, give: g, missing: pass}", "c")
        + _one("project", "{dimension: area}", "d")
    )
    assert {rule.rule_id: rule.then for _, rule in rules.rules()} == {
        "a": FromLookup(table="t", by="tag", name="app", give="g"),
        "b": FromLookup(table="t", by="column", name="sku_id", give="g", missing="fail"),
        "c": FromLookup(table="t", by="dimension", name="team", give="g", missing="pass"),
        "d": FromDimension("area"),
    }
    order = [group.dimension for group in evaluation_order(rules)]
    assert order == ["team", "squad", "area", "project"]


@pytest.mark.parametrize(
    ("then", "sentence"),
    [
        ("{dimension: nowhere}", "expected one of project, team; found 'nowhere'"),
        ("{dimension: team}", "team cannot come from itself"),
        ("{dimension: project, tag: a}", "found keys dimension, tag"),
        ("{}", "found keys none"),
        ("{lookup: t, by: {tag: a}}", "expected lookup, by, give, missing; add give"),
        ("{lookup: t, by: {tag: a}, give: g, else: x}", "unknown key 'else'"),
        ("{lookup: t, by: {tag: a}, give: g, missing: no}", "expected one of pass, fail"),
        ("{lookup: t, by: a, give: g}", "expected keys and values, found the text 'a'"),
        ("{lookup: t, by: {tag: a, column: sku_id}, give: g}", "found tag, column"),
        ("{lookup: t, by: {}, give: g}", "of tag, column, dimension; found none"),
        ("{lookup: t, by: {line: a}, give: g}", "of tag, column, dimension; found line"),
        ("{lookup: t, by: {column: billed_cost}, give: g}", "it is an amount"),
        ("{lookup: t, by: {dimension: team}, give: g}", "team cannot come from itself"),
    ],
)
def test_an_outcome_out_of_the_language_is_refused(then: str, sentence: str) -> None:
    with pytest.raises(RuleFileError, match=f"f, line 6: .*{sentence}"):
        _set(_one("project", "x", "p") + _one("team", then, "t"))


def test_a_circle_of_dimensions_is_named_with_its_rules() -> None:
    text = (
        _one("project", "{dimension: team}", "p")
        + _one("team", "{lookup: t, by: {dimension: area}, give: g}", "t")
        + _one("area", "{dimension: team}", "b")
        + _one("environment", "x", "e")
    )
    sentence = (
        "f, line 6: rule t: dimensions take values from each other in a circle: "
        r"team from area from team, by rules t \(line 6\), b \(line 8\)"
    )
    with pytest.raises(RuleFileError, match=sentence):
        _set(text)


def test_the_initiative_may_follow_another_dimension_but_not_in_a_circle() -> None:
    rules = _set(_one("initiative", "{dimension: team}", "i") + _one("team", "x", "t"))
    assert [group.dimension for group in evaluation_order(rules)] == ["team", "initiative"]
    with pytest.raises(RuleFileError, match="initiative from cost_center from initiative"):
        _set(
            _one("initiative", "{dimension: cost_center}", "i")
            + _one("cost_center", "{initiative: cost_center}", "c")
        )


def test_a_rule_made_by_a_program_has_no_place() -> None:
    rule = Rule(
        rule_id="r",
        description="",
        owner=None,
        valid_from=None,
        valid_to=None,
        when=_set(_one("project", "x")).dimensions[0].rules[0].when,
        then=Constant("x"),
    )
    assert RuleSet(name="s", dimensions=()).place_of(rule) == "rule r"
