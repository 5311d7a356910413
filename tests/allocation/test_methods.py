"""Methods: what each says about who bears how much, and the law that all of them keep."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.allocation.base import known_methods, load, shares
from tieout.allocation.basis import Basis, By, Parameters, Term, Tier, decimal_text
from tieout.allocation.methods.amortise import schedule
from tieout.core.errors import ConservationError, UnknownPluginError
from tieout.core.money import to_units
from tieout.core.period import Period, parse_period

VALUES = st.fractions(min_value=0, max_value=10**6)
TARGETS = st.lists(st.sampled_from(["a", "b", "é", "pool:x", "pool:y"]), unique=True, min_size=1)


@st.composite
def bases(draw: st.DrawFn) -> Basis:
    targets = [*draw(TARGETS), "z"]
    return Basis(
        driver={target: draw(VALUES) for target in targets},
        budget={target: draw(VALUES) for target in targets},
        gone=frozenset(draw(st.sets(st.sampled_from(targets)))),
        closed=frozenset(draw(st.sets(st.sampled_from(["x", "y"])))),
        total_units=draw(st.integers(0, 10**20)),
        parameters=Parameters(
            fixed_percent=draw(st.none() | st.fractions(min_value=0, max_value=100)),
            fixed_units=draw(st.none() | st.integers(0, 10**20)),
            capacity=draw(VALUES),
            unused_owner=draw(st.none() | st.just("a")),
            tiers=(
                Tier(up_to=Fraction(10), rate=draw(VALUES)),
                Tier(up_to=None, rate=draw(VALUES)),
            ),
            term=Term(start_on=date(2026, 9, 16), end_on=date(2026, 12, 25)),
        ),
        month=Period(2026, draw(st.integers(7, 12))),
    )


@pytest.mark.parametrize("name", known_methods())
@given(amount=st.integers(-(10**24), 10**24), basis=bases())
def test_shares_add_up_mirror_and_stay_within_one_unit(
    name: str, amount: int, basis: Basis
) -> None:
    weights = load(name).weights(basis)
    assert all(weight >= 0 for weight in weights.values())
    whole = sum(weights.values())
    if not whole:
        return
    found = shares(name, amount, basis)
    assert sum(found.values()) == amount
    assert found.keys() == weights.keys()
    assert shares(name, -amount, basis) == {key: -share for key, share in found.items()}
    for key, share in found.items():
        assert abs(share - amount * weights[key] / whole) < 1
        assert share == 0 or weights[key] > 0


def _basis(driver: dict[str, int], **changes: Any) -> Basis:
    values = {key: Fraction(value) for key, value in driver.items()}
    budget = dict.fromkeys(values, Fraction(0))
    return Basis(**{"driver": values, "budget": budget, **changes})


def test_a_method_is_found_by_its_file_name() -> None:
    assert {"proportional", "amortise"} <= set(known_methods())
    assert shares("proportional", 10, _basis({"a": 1, "b": 3})) == {"a": 3, "b": 7}


@pytest.mark.parametrize("name", ["odd", "", "../proportional", "os"])
def test_an_unknown_method_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownPluginError, match="known: amortise, direct, dual_rate, even"):
        load(name)


def test_even_counts_only_targets_that_take_part() -> None:
    basis = _basis({"a": 0, "b": 9, "c": 1}, gone=frozenset("b"))
    assert shares("even", 100, basis) == {"a": 50, "b": 0, "c": 50}


def test_direct_leaves_pools_out_and_keeps_the_proportions_of_the_rest() -> None:
    assert shares("direct", 70, _basis({"a": 4, "b": 3, "pool:x": 93})) == {"a": 40, "b": 30}


@pytest.mark.parametrize("method", ["step_down", "reciprocal"])
def test_a_closed_pool_receives_nothing(method: str) -> None:
    basis = _basis({"a": 1, "pool:x": 5, "pool:y": 1}, closed=frozenset("x"))
    assert shares(method, 10, basis) == {"a": 5, "pool:y": 5}


def test_tiers_weigh_usage_by_the_rate_it_falls_into() -> None:
    tiers = (
        Tier(up_to=Fraction(100), rate=Fraction(3)),
        Tier(up_to=Fraction(500), rate=Fraction(2)),
        Tier(up_to=None, rate=Fraction(1)),
    )
    basis = _basis({"a": 50, "b": 300, "c": 1000}, parameters=Parameters(tiers=tiers))
    assert load("tiered").weights(basis) == {"a": 150, "b": 300 + 400, "c": 300 + 800 + 500}


def test_shared_ai_capacity_is_split_by_tokens_and_the_rest_is_shown() -> None:
    parameters = Parameters(capacity=Fraction(1000), unused_owner="platform")
    basis = _basis({"search": 500, "support": 200}, parameters=parameters)
    assert shares("usage_split", to_units("10"), basis) == {
        "search": to_units("5"),
        "support": to_units("2"),
        "unused:platform": to_units("3"),
    }
    over = _basis({"search": 1500, "support": 500}, parameters=parameters)
    assert shares("usage_split", 100, over) == {"search": 75, "support": 25, "unused:platform": 0}


BOOKED = {"a": Fraction(30), "b": Fraction(10)}


@pytest.mark.parametrize(
    ("parameters", "driver", "expected"),
    [
        (Parameters(fixed_percent=Fraction(50)), {"a": 1, "b": 1}, {"a": 625, "b": 375}),
        (Parameters(fixed_units=500), {"a": 1, "b": 1}, {"a": 625, "b": 375}),
        # the pool holds less than the fixed amount: all of it is fixed
        (Parameters(fixed_units=2000), {"a": 0, "b": 0}, {"a": 750, "b": 250}),
        # nothing was used, so the variable half has nobody to bear it
        (Parameters(fixed_percent=Fraction(50)), {"a": 0, "b": 0}, None),
        (Parameters(fixed_percent=Fraction(0)), {"a": 1, "b": 4}, {"a": 200, "b": 800}),
        (
            Parameters(fixed_percent=Fraction(100), capacity=Fraction(50), unused_owner="platform"),
            {"a": 0, "b": 0},
            {"a": 600, "b": 200, "unused:platform": 200},
        ),
    ],
)
def test_dual_rate_shares_fixed_by_booking_and_variable_by_use(
    parameters: Parameters, driver: dict[str, int], expected: dict[str, int] | None
) -> None:
    basis = _basis(driver, budget=BOOKED, total_units=1000, parameters=parameters)
    if expected is None:
        assert not any(load("dual_rate").weights(basis).values())
    else:
        assert shares("dual_rate", 1000, basis) == expected


def test_dual_rate_without_any_booking_has_nobody_for_the_fixed_part() -> None:
    basis = _basis({"a": 3}, parameters=Parameters(fixed_percent=Fraction(10)))
    assert load("dual_rate").weights(basis) == {"a": 0}


CENT = 10**10
PUBLISHED = """
2026-03 5589.04 | 2026-04 9863.01 | 2026-05 10191.79 | 2026-06 9863.01 | 2026-07 10191.78
2026-08 10191.78 | 2026-09 9863.01 | 2026-10 10191.79 | 2026-11 9863.01 | 2026-12 10191.78
2027-01 10191.78 | 2027-02 9205.48 | 2027-03 4602.74
"""


def test_a_yearly_fee_by_days_comes_out_as_published() -> None:
    cells = [cell.split() for line in PUBLISHED.split("\n") for cell in line.split("|") if cell]
    expected = {parse_period(month): to_units(amount) for month, amount in cells}
    fee = to_units("120000")
    term = Term(start_on=date(2026, 3, 15), end_on=date(2027, 3, 15))
    assert schedule(fee, term, step_units=CENT) == expected
    credit = schedule(-fee, term, step_units=CENT)
    assert credit == {month: -units for month, units in expected.items()}


def test_a_fee_by_months_counts_each_month_once_and_the_last_takes_what_is_left() -> None:
    term = Term(start_on=date(2026, 11, 20), end_on=date(2027, 2, 1), by="months")
    found = schedule(to_units("100"), term, step_units=CENT)
    assert found == {
        Period(2026, 11): to_units("33.33"),
        Period(2026, 12): to_units("33.34"),
        Period(2027, 1): to_units("33.33"),
    }


@given(
    amount=st.integers(-(10**24), 10**24),
    start_on=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    days=st.integers(1, 1500),
    by=st.sampled_from(["days", "months"]),
)
def test_a_schedule_has_no_drift(amount: int, start_on: date, days: int, by: By) -> None:
    end_on = date.fromordinal(start_on.toordinal() + days)
    term = Term(start_on=start_on, end_on=end_on, by=by)
    found = schedule(amount, term)
    assert sum(found.values()) == amount
    months = list(found)
    assert (months[0].contains(start_on), months[-1].end_on >= end_on) == (True, True)
    passed, taken = 0, 0
    for month in months:
        in_month = min(month.end_on, end_on) - max(month.start_on, start_on)
        part = in_month.days if by == "days" else 1
        whole = days if by == "days" else len(months)
        assert abs(found[month] - Fraction(amount * part, whole)) <= 1
        passed, taken = passed + part, taken + found[month]
        assert abs(taken - Fraction(amount * passed, whole)) <= Fraction(1, 2)
        assert term.elapsed(month) == Fraction(passed, whole)


def test_a_term_without_a_day_and_an_amount_that_leaves_a_rest_are_refused() -> None:
    day = date(2026, 1, 1)
    with pytest.raises(ConservationError, match="at least one day"):
        schedule(1, Term(start_on=day, end_on=day))
    with pytest.raises(ConservationError, match="3 units would be left over"):
        schedule(13, Term(start_on=day, end_on=date(2026, 2, 1)), step_units=10)


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        (Period(2026, 2), {"a": 0, "b": 0, "held:fee": 36500}),  # billed before the term began
        (Period(2026, 3), {"a": 1020, "b": 680, "held:fee": 34800}),
        (Period(2026, 5), {"a": 4680, "b": 3120, "held:fee": 28700}),  # billed late: it catches up
        (Period(2028, 1), {"a": 21900, "b": 14600, "held:fee": 0}),
    ],
)
def test_a_month_bears_what_has_passed_of_the_term_and_the_pool_keeps_the_rest(
    month: Period, expected: dict[str, int]
) -> None:
    term = Term(start_on=date(2026, 3, 15), end_on=date(2027, 3, 15))
    parameters = Parameters(term=term)
    basis = _basis({"a": 60, "b": 40}, parameters=parameters, month=month, pool_id="fee")
    assert shares("amortise", 36500, basis) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(99_99, 100), "99.99"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(7), "7"),
        (Fraction(1, 3), "1/3"),
    ],
)
def test_numbers_are_shown_as_people_write_them(value: Fraction, text: str) -> None:
    assert decimal_text(value) == text
