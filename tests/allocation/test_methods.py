"""The law of every allocation method: parts add up to the whole, a credit mirrors its debit."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.allocation.base import known_methods, load

WEIGHTS = st.dictionaries(
    st.text(max_size=6), st.fractions(min_value=0, max_value=10**6), min_size=1, max_size=8
).filter(lambda weights: any(weights.values()))


@pytest.mark.parametrize("name", known_methods())
@given(amount=st.integers(-(10**24), 10**24), weights=WEIGHTS)
def test_shares_add_up_and_mirror(
    name: str, amount: int, weights: dict[str, Fraction | int]
) -> None:
    shares = load(name).shares(amount, weights)
    assert sum(shares.values()) == amount
    assert shares.keys() == weights.keys()
    mirrored = load(name).shares(-amount, weights)
    assert mirrored == {key: -share for key, share in shares.items()}
