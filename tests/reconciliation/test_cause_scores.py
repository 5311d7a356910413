"""Every cause against months whose errors are known, and against months without them."""

import os
from collections.abc import Callable
from fractions import Fraction

import pytest
from tests.reconciliation.planted_months import ai_month, cloud_month, tangled_month
from tests.reconciliation.synthetic_month import Month, score

from tieout.reconciliation.causes.base import known_causes
from tieout.reconciliation.explaining import Explained

SOAK = os.environ.get("TIEOUT_SOAK") == "1"
SEEDS = range(300 if SOAK else 2)
WANTED = Fraction(95, 100)
MONTHS = (ai_month, cloud_month)


def values(found: Explained) -> dict[str, int]:
    """Value explained by cause, days that cancel each other out not netted."""
    sums: dict[str, int] = {}
    for one in found.explanations:
        sums[one.cause] = sums.get(one.cause, 0) + abs(one.amount_units)
    return sums


def planted(month: Month) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (cause, _), units in month.truth.items():
        sums[cause] = sums.get(cause, 0) + abs(units)
    return sums


@pytest.mark.parametrize("make", MONTHS)
@pytest.mark.parametrize("seed", SEEDS)
def test_planted_errors_are_found_and_nothing_is_explained_falsely(
    make: Callable[[int], Month], seed: int
) -> None:
    month = make(seed)
    found = score(month)
    assert found.right_units >= WANTED * found.planted_units, found.missed[:3]
    assert (found.false_units, found.false) == (0, ())
    explained = values(month.explained())
    for cause, units in planted(month).items():  # one dear cause must not hide a missed cheap one
        assert explained.get(cause, 0) >= WANTED * units, cause


def test_the_two_months_hold_every_cause() -> None:
    assert planted(ai_month(0)).keys() | planted(cloud_month(0)).keys() == set(known_causes())


@pytest.mark.parametrize("first", range(6))
def test_causes_that_were_not_planted_explain_nothing(first: int) -> None:
    absent = frozenset(known_causes()[first::6])
    for make in MONTHS:
        month = make(1, left_out=absent)
        assert not absent & planted(month).keys()
        assert not absent & values(month.explained()).keys()


@pytest.mark.parametrize("make", MONTHS)
def test_differences_without_a_cause_stay_open(make: Callable[[int], Month]) -> None:
    month = make(2)
    found = month.explained()
    assert found.open_breaks
    lanes = {one.key.model or one.key.rest[-1] for one in found.open_breaks}
    assert all("odd" in str(lane) for lane in lanes)
    whole = sum(one.amount_units for one in found.explanations)
    assert whole + found.rounding_units + found.unexplained_units == (
        found.later_units - found.earlier_units
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_two_errors_on_one_key_are_never_taken_for_a_third(seed: int) -> None:
    for one in tangled_month(seed).explained().explanations:
        assert one.cause in str(one.key.model).removeprefix("model-").split("+"), one


def test_the_same_seed_gives_the_same_month_and_the_order_of_charges_changes_nothing() -> None:
    month = cloud_month(5)
    assert cloud_month(5).later.equals(month.later)
    turned = Month(
        earlier=month.earlier.take(list(reversed(range(month.earlier.num_rows)))),
        later=month.later.take(list(reversed(range(month.later.num_rows)))),
        known=month.known,
        names=month.names,
        truth=month.truth,
    )
    assert turned.explained() == month.explained()
