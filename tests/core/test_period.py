"""Accounting months."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import PeriodFormatError
from tieout.core.period import Period, parse_period, period_of, utc_midnight

DAYS = st.dates(min_value=date(1000, 1, 1), max_value=date(2999, 12, 31))


def test_october_is_half_open_and_december_turns_the_year() -> None:
    october = parse_period("2026-10")
    assert (october.start_on, october.end_on) == (date(2026, 10, 1), date(2026, 11, 1))
    assert october.last_on == date(2026, 10, 31)
    assert Period(2026, 12).next() == Period(2027, 1)
    assert len(Period(2028, 2).days()) == 29


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-10", "2026-1", "2026-10\n", "0000-01", "٢٠٢٦-10"]
)
def test_anything_but_year_and_month_is_refused(text: str) -> None:
    with pytest.raises(PeriodFormatError, match="Expected a period such as 2026-10"):
        parse_period(text)


def test_a_utc_day_starts_at_midnight() -> None:
    assert utc_midnight(date(2026, 10, 1)) == datetime(2026, 10, 1, tzinfo=UTC)


@given(DAYS)
def test_every_day_lies_in_exactly_its_own_month(day: date) -> None:
    period = period_of(day)
    assert parse_period(str(period)) == period
    assert period.contains(day)
    assert not period.next().contains(day)
    assert period.days()[0] == period.start_on
    assert period.days()[-1] + timedelta(days=1) == period.next().start_on
    assert period < period.next()
    assert period.next().previous() == period
