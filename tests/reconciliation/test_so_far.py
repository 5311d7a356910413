"""A month that is not over: the figures so far, compared up to the last day that both cover."""

from datetime import date

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges, document, tokens

from tieout.core.money import to_units
from tieout.focus.columns import CHARGE_SCHEMA
from tieout.reconciliation.so_far import Compared, SoFar, so_far

NOTHING: pa.Table = CHARGE_SCHEMA.empty_table()


def test_estimate_and_report_are_compared_up_to_the_last_day_of_both() -> None:
    estimate = charges(
        tokens(1, "10", quantity="100"),
        tokens(2, "4", quantity="40"),
        tokens(3, "7", quantity="70"),
        pull="estimate",
    )
    report = charges(
        tokens(1, "10", quantity="100"),
        tokens(2, "9", quantity="40"),
        charge(2, "1", charge_category="Tax"),
    )
    found = so_far(estimate, report, ())
    assert (found.estimated_units, found.estimated_through) == (to_units("21"), date(2026, 10, 3))
    assert (found.reported_units, found.reported_through) == (to_units("20"), date(2026, 10, 2))
    assert found.invoiced_units is None
    assert found.compared == Compared(
        through=date(2026, 10, 2), gap_units=to_units("6"), unexplained_units=to_units("5")
    )


def test_what_is_not_known_is_not_nought() -> None:
    assert so_far(None, None, ()) == SoFar()
    assert so_far(None, NOTHING, ()) == SoFar(reported_units=0)
    bills = (document([("usage", "3")]), document([("more", "-1")], number="INV-2"))
    assert so_far(None, None, bills) == SoFar(invoiced_units=to_units("2"))


def test_a_preview_is_shown_and_not_compared() -> None:
    found = so_far(charges(charge(1, "5"), pull="estimate"), charges(charge(1, "6")), ())
    assert (found.estimated_units, found.compared) == (to_units("5"), None)
    assert so_far(charges(tokens(1, "5")), NOTHING, ()).compared is None


@given(
    days=st.lists(st.tuples(st.integers(1, 9), st.integers(-(10**12), 10**12)), max_size=6),
    cut=st.integers(1, 9),
)
def test_the_gap_is_what_the_shared_days_differ_by(days: list[tuple[int, int]], cut: int) -> None:
    estimate = charges(*(tokens(day, units) for day, units in [*days, (9, 1)]), pull="estimate")
    report = charges(tokens(cut, 7))
    found = so_far(estimate, report, ()).compared
    assert found is not None
    assert found.through == date(2026, 10, cut)
    shared = sum(units for day, units in [*days, (9, 1)] if day <= cut)
    assert found.gap_units == 7 - shared
