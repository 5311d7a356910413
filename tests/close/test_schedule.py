from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.close.calendar import is_business_day
from tieout.close.schedule import CloseSchedule, close_schedule
from tieout.core.errors import RuleFileError, UsageError
from tieout.core.period import Period

MONTHS = "calendar: main\npattern: calendar_months\nholidays: [2026-11-02]\n"
WEEKS = "calendar: weeks\npattern: 4-4-5\nyear_ends_on: saturday\n"
SCHEDULES = st.builds(
    lambda text, day: close_schedule(text, business_day=day, name="x"),
    st.sampled_from([MONTHS, WEEKS]),
    st.integers(1, 12),
)
DAYS = st.dates(date(2000, 1, 1), date(2060, 12, 31))


def test_a_close_starts_on_a_business_day_that_is_no_holiday() -> None:
    october = Period(2026, 10)
    first = close_schedule(MONTHS, business_day=1, name="x")
    assert first.on(october) == date(2026, 11, 3)
    assert close_schedule(MONTHS, business_day=5, name="x").on(october) == date(2026, 11, 9)


def test_with_years_of_weeks_it_starts_after_the_period_that_the_month_ends_in() -> None:
    one = close_schedule(WEEKS, business_day=1, name="x")
    assert one.on(Period(2026, 10)) == date(2026, 11, 23)


def test_two_months_that_end_in_one_long_period_start_on_one_day() -> None:
    one = close_schedule(WEEKS, business_day=1, name="x")
    months = [Period(year, number) for year in range(2020, 2040) for number in range(1, 13)]
    first = next(month for month in months if one.on(month) == one.on(month.next()))
    assert one.last_on_or_before(one.on(first)) == first.next()


@pytest.mark.parametrize("business_day", [0, 61, -1])
def test_a_business_day_is_one_to_sixty(business_day: int) -> None:
    with pytest.raises(UsageError, match="business day of 1 to 60"):
        close_schedule(MONTHS, business_day=business_day, name="x")


def test_a_text_that_is_no_calendar_names_the_line() -> None:
    with pytest.raises(RuleFileError, match=r"close\.yaml, line 1"):
        close_schedule("pattern: 4-4-5\n", business_day=1, name="close.yaml")


@given(schedule=SCHEDULES, day=DAYS)
def test_months_start_in_order_after_their_end_on_business_days(
    schedule: CloseSchedule, day: date
) -> None:
    month = Period(day.year, day.month)
    assert month.last_on < schedule.on(month) <= schedule.on(month.next())
    assert is_business_day(schedule.calendar, schedule.on(month))


@given(schedule=SCHEDULES, day=DAYS)
def test_the_first_from_a_day_and_the_last_up_to_it_leave_nothing_between(
    schedule: CloseSchedule, day: date
) -> None:
    first, last = schedule.first_on_or_after(day), schedule.last_on_or_before(day)
    assert schedule.on(first) >= day > schedule.on(first.previous())
    assert schedule.on(last) <= day < schedule.on(last.next())
    assert schedule.first_on_or_after(day + timedelta(days=1)) == last.next()
