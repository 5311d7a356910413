"""Sums in machine words: exact over carries and signs, refused where they do not fit."""

from decimal import Decimal, localcontext

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import ConservationError
from tieout.engine.exact_sums import distinct, no_sums
from tieout.focus.columns import MONEY

LARGEST = Decimal("9999999999999999.999999999999")  # 28 digits
BITS = (31, 32, 63, 64, 90)
NEAR = [2**bits + more for bits in BITS for more in (-1, 0, 1)]
EDGES = st.sampled_from([Decimal(sign * one).scaleb(-12) for one in NEAR for sign in (1, -1)])
VALUES = st.one_of(EDGES, st.decimals(min_value=-(10**13), max_value=10**13, places=12))


@given(values=st.lists(VALUES, max_size=40), cut=st.integers(0, 40))
def test_sums_over_every_carry_are_exact(values: list[Decimal], cut: int) -> None:
    sums = no_sums(2)
    for part in (values[:cut], values[cut:]):
        groups = np.array([place % 2 for place in range(len(part))], np.int64)
        whole = pa.array([Decimal(1), *part], MONEY)
        sums.add(groups, np.ones(len(part), np.int64), whole.slice(1))
    parts = (values[:cut], values[cut:])
    expected = [sum((one for part in parts for one in part[at::2]), Decimal(0)) for at in (0, 1)]
    with localcontext() as exact:
        exact.prec = 60
        found = sums.amounts(np.array([0, 1]))
    assert found.type == MONEY
    assert found.to_pylist() == expected
    assert sums.counts.sum() == len(values)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_amount_fits_and_one_unit_more_is_refused(sign: int) -> None:
    unit = Decimal(sign).scaleb(-12)
    sums = no_sums(1)
    sums.add(np.array([0]), np.array([1]), pa.array([LARGEST * sign], MONEY))
    assert sums.amounts(np.array([0])).to_pylist() == [LARGEST * sign]
    sums.add(np.array([0]), np.array([1]), pa.array([unit], MONEY))
    with pytest.raises(ConservationError, match=r"does not fit DECIMAL\(28,12\)"):
        sums.amounts(np.array([0]))


def test_present_names_groups_with_rows_even_when_they_sum_to_zero() -> None:
    sums = no_sums(3)
    sums.add(np.array([2, 2]), np.array([1, 1]), pa.array([Decimal(1), Decimal(-1)], MONEY))
    assert sums.present().tolist() == [2]


@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_distinct_values_come_in_order_and_name_each_value(values: list[int]) -> None:
    found, places = distinct(np.array(values, np.int64))
    assert found.tolist() == sorted(set(values))
    assert [found[place] for place in places] == values
