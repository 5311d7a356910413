from datetime import date
from pathlib import Path

import pytest

from tieout.close.plan import DEFAULT_PLAN, TASKS, parse_plan
from tieout.core.errors import RuleFileError
from tieout.core.period import Period
from tieout.ledger.exchange import ExchangeTerms

SAMPLE = Path(__file__).parents[2] / "sample" / "policies" / "close.yaml"
OCTOBER, NOVEMBER = Period(2026, 10), Period(2026, 11)
HEAD = "close: c\ncalendar: {calendar: std, pattern: calendar_months}\n"


def test_without_a_policy_days_are_counted_over_weekends() -> None:
    assert DEFAULT_PLAN.due_on("C01", OCTOBER) == date(2026, 11, 2)
    assert DEFAULT_PLAN.due_on("C20", OCTOBER) == date(2026, 11, 6)
    assert [key for key, task in TASKS.items() if not task.blocking] == ["C19", "C20"]


def test_the_sample_names_people_and_skips_holidays() -> None:
    plan = parse_plan(SAMPLE.read_text(), name="close@1")
    assert plan.tasks["C07"].owner == "maria"
    assert plan.tasks["C07"].reviewer == "chen"
    assert plan.tasks["C09"].due == 4
    december = Period(2026, 12)
    assert plan.due_on("C01", december) == date(2027, 1, 4)


def test_a_check_can_have_its_own_people_day_and_weight() -> None:
    text = "checks:\n  C16: {owner: flo, reviewer: rex, due: -1, blocking: no}\n"
    task = parse_plan(HEAD + text, name="c").tasks["C16"]
    assert (task.owner, task.reviewer, task.due, task.blocking) == ("flo", "rex", -1, False)
    assert parse_plan(HEAD + text, name="c").due_on("C16", NOVEMBER) == date(2026, 11, 27)
    assert parse_plan(HEAD + "checks:\n  C16: {blocking: yes}\n", name="c").tasks["C16"].blocking


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ("checks: {C99: {due: 1}}", "unknown check 'C99'"),
        ("checks: {C01: {due: 99}}", "from -10 to 60"),
        ("checks: {C01: {blocking: maybe}}", "expected one of yes, no"),
        ("checks: {C20: {blocking: yes}}", "C20 follows the signatures"),
        ("checks: {C01: {reviewer: preparer}}", "'preparer' owns and reviews a check"),
        ("owner: ana\nreviewer: ana", "'ana' owns and reviews"),
        ("check: {}", "unknown key 'check'"),
    ],
)
def test_a_file_that_breaks_the_language_is_refused_with_its_line(part: str, problem: str) -> None:
    with pytest.raises(RuleFileError, match=f"c, line .*{problem}"):
        parse_plan(HEAD + part, name="c")


def test_the_rate_of_a_months_cost_and_its_age_are_decided_here() -> None:
    assert parse_plan(HEAD, name="c").exchange == ExchangeTerms(cost_rate="closing", most_days=5)
    text = "exchange: {cost_rate: average, most_days: 3}\n"
    found = parse_plan(HEAD + text, name="c").exchange
    assert found == ExchangeTerms(cost_rate="average", most_days=3)
    assert parse_plan(HEAD + "exchange: {}\n", name="c").exchange == ExchangeTerms()
    with pytest.raises(RuleFileError, match="expected one of closing, average"):
        parse_plan(HEAD + "exchange: {cost_rate: spot}\n", name="c")
