from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.close.limits import DEFAULT_LIMITS, parse_limits
from tieout.close.tolerance import SUGGESTION, Tolerance, limit_of, within
from tieout.core.errors import RuleFileError

SAMPLE = Path(__file__).parents[2] / "sample" / "policies" / "tolerances.yaml"
HEAD = "tolerances: t\ncurrency: USD\n"


def test_the_sample_says_what_holds_without_a_policy() -> None:
    found = parse_limits(SAMPLE.read_text(), name="tolerances@1")
    assert found.materiality_minor == {
        "overall": 5_000_000,
        "performance": 3_500_000,
        "trivial": 250_000,
    }
    assert replace(found, name=DEFAULT_LIMITS.name, materiality_minor=None) == DEFAULT_LIMITS


def test_what_the_file_leaves_out_keeps_its_limit() -> None:
    found = parse_limits(HEAD, name="tolerances@2")
    assert found == replace(DEFAULT_LIMITS, name="tolerances@2")
    one = parse_limits(HEAD + "levels:\n  line: {pct: 2, floor: 0.05, cap: 10}\n", name="t")
    assert one.line == Tolerance(pct=Fraction(1, 50), floor_minor=5, cap_minor=1_000)
    assert one.invoice == DEFAULT_LIMITS.invoice
    assert one.suggestion == replace(one.line, floor_minor=0)
    assert DEFAULT_LIMITS.suggestion == SUGGESTION
    few = parse_limits(HEAD + "exceptions: {due_days: 2}\n", name="t")
    assert (few.due_days, few.acceptance_days, few.ageing_days) == (2, 62, (30, 60, 90, 120))
    assert few.stale_months is None
    old = parse_limits(HEAD + "exceptions: {stale_accrual_months: 3}\n", name="t")
    assert (old.stale_months, old.due_days) == (3, DEFAULT_LIMITS.due_days)


def test_amounts_are_in_the_minor_unit_of_the_currency() -> None:
    text = "tolerances: t\ncurrency: JPY\nlevels:\n  line: {pct: 1, floor: 5, cap: 10}\n"
    assert parse_limits(text, name="t").line.floor_minor == 5
    with pytest.raises(RuleFileError, match="at most 0 decimals"):
        parse_limits(text.replace("floor: 5", "floor: 5.5"), name="t")


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ("levels: {cloud: {pct: 1, floor: 1, cap: 2}}", "unknown key 'cloud'"),
        ("levels: {line: {pct: 1, floor: 1}}", "add cap"),
        ("levels: {line: {pct: 1, floor: 3, cap: 2}}", "floor is above the cap"),
        ("levels: {line: {pct: 1, floor: -3, cap: 2}}", "0 or more"),
        ("levels: {line: {pct: 101, floor: 1, cap: 2}}", "from 0 to 100"),
        ("levels: {line: {pct: few, floor: 1, cap: 2}}", "a number such as 0.5"),
        ("unallocated_pct: 0.001", "at most two decimals"),
        ("exceptions: {due_days: 0}", "from 1 to 366, found '0'"),
        ("exceptions: {due_days: soon}", "found 'soon'"),
        ("exceptions: {stale_accrual_months: 0}", "from 1 to 60, found '0'"),
        ("exceptions: {ageing_days: [60, 30]}", "expected rising days"),
        ("materiality: {overall: 1, performance: 2, trivial: 0}", "overall >= performance"),
        ("limits: 1", "unknown key 'limits'"),
    ],
)
def test_a_file_that_breaks_the_language_is_refused_with_its_line(part: str, problem: str) -> None:
    with pytest.raises(RuleFileError, match=f"t, line .*{problem}"):
        parse_limits(HEAD + part, name="t")


@given(
    base=st.integers(-(10**9), 10**9),
    floor=st.integers(0, 10**6),
    more=st.integers(0, 10**6),
    pct=st.integers(0, 10_000),
)
def test_at_the_limit_passes_and_one_minor_unit_above_fails(
    base: int, floor: int, more: int, pct: int
) -> None:
    tolerance = Tolerance(pct=Fraction(pct, 10_000), floor_minor=floor, cap_minor=floor + more)
    limit = limit_of(base, tolerance=tolerance)
    assert limit == limit_of(-base, tolerance=tolerance)
    assert tolerance.floor_minor <= limit <= tolerance.cap_minor
    assert within(limit, base, tolerance=tolerance)
    assert not within(limit + 1, base, tolerance=tolerance)
    assert not within(-limit - 1, base, tolerance=tolerance)
    assert limit_of(0, tolerance=tolerance) == floor
