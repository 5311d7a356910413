"""Splitting a whole: worked examples to the cent, then the laws."""

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import ConservationError
from tieout.core.shares import round_parts, split, split_many

TOTALS = st.integers(-(10**20), 10**20)
KEYS = st.text(max_size=8)
WEIGHTS = st.dictionaries(
    KEYS, st.one_of(st.integers(0, 10**15), st.fractions(min_value=0, max_value=1000)), max_size=12
)
SHARED = WEIGHTS.filter(lambda weights: sum(weights.values()) > 0)


@pytest.mark.parametrize(
    ("cents", "weights", "shares"),
    [
        (10_000, {"A": 1, "B": 1, "C": 1}, {"A": 3334, "B": 3333, "C": 3333}),
        (-10_000, {"A": 1, "B": 1, "C": 1}, {"A": -3334, "B": -3333, "C": -3333}),
        (
            100_000,
            {"a": 7, "b": 3, "c": 3, "d": 1},
            {"a": 50_000, "b": 21_429, "c": 21_428, "d": 7_143},
        ),
        (33_333, {"x": 50, "y": 30, "z": 20}, {"x": 16_666, "y": 10_000, "z": 6_667}),
        (
            2,
            {"e1": 1, "e2": 1, "e3": 1, "e4": 0, "e5": 1},
            {"e1": 1, "e2": 1, "e3": 0, "e4": 0, "e5": 0},
        ),
    ],
)
def test_the_published_rounding_examples_come_out_to_the_cent(
    cents: int, weights: dict[str, int], shares: dict[str, int]
) -> None:
    assert split(cents, weights) == shares


def test_one_unit_more_can_lower_a_share_which_is_known_and_kept() -> None:
    weights = {"A": 6, "B": 6, "C": 2}
    assert split(10, weights) == {"A": 4, "B": 4, "C": 2}
    assert split(11, weights) == {"A": 5, "B": 5, "C": 1}


def test_the_remainder_goes_to_the_largest_fraction_and_ties_to_the_first_key_in_bytes() -> None:
    assert split(1, {"z": 1, "é": 1}) == {"z": 1, "é": 0}
    assert split(1, {"a": 1, "b": 2}) == {"a": 0, "b": 1}


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ConservationError, match="A weight is negative"):
        split(10, {"a": 2, "b": -1})


def test_nothing_to_split_by_is_refused_unless_there_is_nothing_to_split() -> None:
    with pytest.raises(ConservationError, match="all 2 weights are zero"):
        split(10, {"a": 0, "b": 0})
    assert split(0, {"a": 0, "b": 0}) == {"a": 0, "b": 0}
    assert split(0, {}) == {}


@given(TOTALS, SHARED)
def test_shares_add_up_to_the_whole(total: int, weights: dict[str, Fraction | int]) -> None:
    shares = split(total, weights)
    assert sum(shares.values()) == total
    assert shares.keys() == weights.keys()


@given(TOTALS, SHARED)
def test_a_share_is_within_one_unit_of_its_quota_and_zero_weight_gets_zero(
    total: int, weights: dict[str, Fraction | int]
) -> None:
    whole = sum(Fraction(weight) for weight in weights.values())
    for key, share in split(total, weights).items():
        assert abs(share - Fraction(weights[key]) * total / whole) < 1
        assert share == 0 or weights[key] > 0


@given(TOTALS, SHARED)
def test_a_credit_is_the_mirror_of_the_debit(
    total: int, weights: dict[str, Fraction | int]
) -> None:
    assert split(-total, weights) == {key: -share for key, share in split(total, weights).items()}


@given(TOTALS, SHARED, st.integers(1, 10**9))
def test_order_and_scale_of_the_weights_do_not_matter(
    total: int, weights: dict[str, Fraction | int], factor: int
) -> None:
    shares = split(total, weights)
    assert split(total, dict(reversed(weights.items()))) == shares
    assert split(total, {key: weight * factor for key, weight in weights.items()}) == shares


def test_signed_parts_round_to_cents_that_add_up() -> None:
    parts = {"a": 1_005, "b": 1_005, "c": -1_010}  # thousandths; 1.000 in all
    assert round_parts(parts, step=10, total=100) == {"a": 101, "b": 100, "c": -101}


@pytest.mark.parametrize("total", [1, 5])
def test_a_total_that_belongs_to_other_parts_is_refused(total: int) -> None:
    with pytest.raises(ConservationError, match="the total belongs to other parts"):
        round_parts({"a": 100, "b": 100}, step=100, total=total)


@given(st.dictionaries(KEYS, TOTALS, min_size=1, max_size=12), st.integers(1, 10**12), st.data())
def test_rounded_parts_add_up_and_stay_within_one_step(
    parts: dict[str, int], step: int, data: st.DataObject
) -> None:
    floor = sum(value // step for value in parts.values())
    total = floor + data.draw(st.integers(0, len(parts)))
    rounded = round_parts(parts, step=step, total=total)
    assert sum(rounded.values()) == total
    assert all(abs(rounded[key] * step - parts[key]) <= step for key in parts)
    assert round_parts(dict(reversed(parts.items())), step=step, total=total) == rounded


def _reference(total: int, weights: Mapping[str, Fraction | int]) -> dict[str, int]:
    """The definition, word for word: exact quotas, floors, the largest fractions first."""
    whole = sum(Fraction(weight) for weight in weights.values())
    quotas = {key: Fraction(weight) * abs(total) / whole for key, weight in weights.items()}
    parts = {key: int(quota) for key, quota in quotas.items()}
    order = sorted(quotas, key=lambda key: (parts[key] - quotas[key], key.encode()))
    for key in order[: abs(total) - sum(parts.values())]:
        parts[key] += 1
    return {key: -part if total < 0 else part for key, part in parts.items()}


@given(TOTALS, SHARED)
def test_a_split_is_what_its_definition_says(
    total: int, weights: dict[str, Fraction | int]
) -> None:
    assert split(total, weights) == _reference(total, weights)


MANY = st.dictionaries(KEYS, st.integers(0, 2**50), min_size=5, max_size=12)
SIZES = st.sampled_from([1, 10**3, 10**9, 2**62, 10**19, 10**28])


@given(MANY, SIZES, st.integers(1, 10**15), st.integers(60, 90))
def test_many_splits_at_once_are_the_same_splits(
    weights: dict[str, int], size: int, step: int, count: int
) -> None:
    """Enough shares that machine words are used, with weights on both sides of their limit."""
    weights = {**weights, "first": 1}
    totals = [(-1) ** at * (size + at * step) % (2 * size + 1) - size for at in range(count)]
    found = split_many(totals, weights)
    assert list(found) == list(weights)
    for at, total in enumerate(totals):
        assert {key: parts[at] for key, parts in found.items()} == _reference(total, weights)


@pytest.mark.parametrize("bits", [1, 8, 30, 31, 32, 57, 58, 59, 62, 63, 64, 100])
def test_the_largest_weights_of_every_width_split_exactly(bits: int) -> None:
    weights = {"a": 2**bits - 1, "b": 1, "c": 2**bits // 3, "d": 2**bits // 3, "e": 0}
    totals = [10**28 - 1, -(10**28) + 7, 2**bits, 2**bits - 1, 1, 0, -1] * 60
    found = split_many(totals, weights)
    for at, total in enumerate(totals):
        assert {key: parts[at] for key, parts in found.items()} == _reference(total, weights)


def test_blocks_of_lines_join_without_a_seam() -> None:
    weights = {f"k{at:03}": at % 7 for at in range(1000)}
    totals = [10**15 + at for at in range(130)]  # two blocks of 65,536 shares and a bit
    found = split_many(totals, weights)
    assert [sum(column) for column in zip(*found.values(), strict=True)] == totals
    for at in (0, 64, 65, 129):
        one = {key: parts[at] for key, parts in found.items()}
        assert one == split(totals[at], weights) == _reference(totals[at], weights)


def test_no_lines_and_no_weight_at_all_are_answered_like_one_split() -> None:
    assert split_many([], {"b": 1, "a": 2}) == {"b": [], "a": []}
    assert split_many([0, 0], {"a": 0}) == {"a": [0, 0]}
    assert split_many([0], {}) == {}
    with pytest.raises(ConservationError, match="Cannot split 5 units: all 1 weights are zero"):
        split_many([0, 5], {"a": 0})
