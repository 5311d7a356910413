from fractions import Fraction

import pytest

from tieout.close.tolerance import (
    INVOICE,
    LINE,
    PROVIDER_MONTH,
    Tolerance,
    all_within,
    limit_of,
    within,
)

HALF_PERCENT = Tolerance(pct=Fraction(1, 200), floor_minor=100, cap_minor=25_000)


@pytest.mark.parametrize(
    ("base", "limit"),
    [
        (0, 100),
        (20_000, 100),
        (20_001, Fraction(20_001, 200)),
        (1_000_000, 5_000),
        (-1_000_000, 5_000),
        (5_000_000, 25_000),
        (900_000_000, 25_000),
    ],
)
def test_the_limit_lies_between_floor_and_cap(base: int, limit: int | Fraction) -> None:
    assert limit_of(base, tolerance=HALF_PERCENT) == limit


def test_exactly_at_the_limit_passes_and_one_cent_more_fails() -> None:
    assert within(5_000, 1_000_000, tolerance=HALF_PERCENT)
    assert within(-5_000, 1_000_000, tolerance=HALF_PERCENT)
    assert not within(5_001, 1_000_000, tolerance=HALF_PERCENT)
    assert not within(-5_001, -1_000_000, tolerance=HALF_PERCENT)


def test_two_opposite_failures_do_not_cancel() -> None:
    assert not all_within([(101, 0), (-101, 0)], tolerance=HALF_PERCENT)


def test_many_small_differences_are_added_without_their_signs() -> None:
    assert all_within([(60, 0), (40, 0)], tolerance=HALF_PERCENT)
    assert not all_within([(60, 0), (-60, 0)], tolerance=HALF_PERCENT)


def test_the_default_levels_are_those_of_the_policy() -> None:
    assert limit_of(10**9, tolerance=LINE) == 25_000
    assert limit_of(10**9, tolerance=INVOICE) == 100_000
    assert limit_of(0, tolerance=PROVIDER_MONTH) == 50_000
