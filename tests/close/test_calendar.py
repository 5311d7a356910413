"""Fiscal years cover time without a gap; years and due days as published calendars have them."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tieout.close.calendar import (
    FIRST_YEAR,
    LAST_YEAR,
    Calendar,
    business_day_of,
    due_on,
    fiscal_name,
    is_business_day,
    parse_calendar,
    period_on,
    periods,
    year_start,
)
from tieout.core.errors import RuleFileError, UsageError
from tieout.core.period import Period

PLAIN = "calendar: main\npattern: calendar_months\n"
RETAIL = """\
calendar: retail
pattern: 4-5-4
first_month: 2
year_ends_on: saturday
year_ends: nearest
year_is_named_by: start
"""
APPLE = "calendar: last Saturday\npattern: 5-4-4\nfirst_month: 10\nyear_ends_on: saturday\n"


def calendar(text: str) -> Calendar:
    return parse_calendar(text, name="calendar.yaml")


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    pattern = draw(st.sampled_from(["calendar_months", "4-4-5", "4-5-4", "5-4-4"]))
    text = (
        f"calendar: any\npattern: {pattern}\nfirst_month: {draw(st.integers(1, 12))}\n"
        f"year_is_named_by: {draw(st.sampled_from(['start', 'end']))}\n"
    )
    if pattern != "calendar_months":
        weekday = draw(st.sampled_from(["monday", "friday", "saturday", "sunday"]))
        ending = draw(st.sampled_from(["last", "nearest"]))
        extra = draw(st.integers(1, 12))
        text += f"year_ends_on: {weekday}\nyear_ends: {ending}\nextra_week: {extra}\n"
    return calendar(text)


@given(any_calendar=calendars(), year=st.integers(FIRST_YEAR, LAST_YEAR - 1))
def test_the_periods_of_a_year_adjoin_and_are_the_year(any_calendar: Calendar, year: int) -> None:
    found = periods(any_calendar, year)
    assert [one.number for one in found] == list(range(1, 13))
    assert all(before.end_on == after.start_on for before, after in pairwise(found))
    assert found[0].start_on == year_start(any_calendar, year)
    assert found[-1].end_on == year_start(any_calendar, year + 1)
    days = (found[-1].end_on - found[0].start_on).days
    assert days in ((365, 366) if any_calendar.pattern == "calendar_months" else (364, 371))


@given(any_calendar=calendars(), day=st.dates(date(1952, 1, 1), date(2198, 12, 31)))
def test_every_day_is_in_exactly_one_period(any_calendar: Calendar, day: date) -> None:
    found = period_on(any_calendar, day)
    assert found.contains(day)
    near = [one for year in (-1, 0, 1) for one in periods(any_calendar, found.year + year)]
    assert [one for one in near if one.contains(day)] == [found]


@given(any_calendar=calendars(), year=st.integers(FIRST_YEAR, LAST_YEAR - 1))
def test_only_the_extra_week_breaks_the_pattern(any_calendar: Calendar, year: int) -> None:
    assume(any_calendar.pattern != "calendar_months")
    weeks = [(one.end_on - one.start_on).days / 7 for one in periods(any_calendar, year)]
    pattern = [int(one) for one in any_calendar.pattern.split("-")] * 4
    extra = [at for at, (a, b) in enumerate(zip(weeks, pattern, strict=True), 1) if a != b]
    assert extra in ([], [any_calendar.extra_week])
    assert sum(weeks) == 52 + len(extra)


def test_a_calendar_of_months_from_january_has_the_keys_of_the_months() -> None:
    for one in periods(calendar(PLAIN), 2026):
        month = Period(one.year, one.number)
        assert (str(one), one.start_on, one.end_on) == (str(month), month.start_on, month.end_on)
        assert one.last_on == month.last_on


@pytest.mark.parametrize(
    ("naming", "year", "start"),
    [("end", 2026, "2025-07-01"), ("start", 2025, "2025-07-01"), ("start", 2026, "2026-07-01")],
)
def test_a_year_from_july_is_named_by_its_end_or_its_start(
    naming: str, year: int, start: str
) -> None:
    found = calendar(f"{PLAIN}first_month: 7\nyear_is_named_by: {naming}\n")
    assert year_start(found, year).isoformat() == start
    assert str(period_on(found, date(2025, 7, 1))).startswith("2026" if naming == "end" else "2025")


@pytest.mark.parametrize(
    ("year", "start", "weeks"),
    [  # National Retail Federation, 4-5-4 calendars
        (2022, "2022-01-30", 52),
        (2023, "2023-01-29", 53),
        (2024, "2024-02-04", 52),
        (2025, "2025-02-02", 52),
        (2026, "2026-02-01", 52),
    ],
)
def test_the_retail_calendar_is_the_published_one(year: int, start: str, weeks: int) -> None:
    found = periods(calendar(RETAIL), year)
    assert found[0].start_on.isoformat() == start
    assert (found[-1].end_on - found[0].start_on).days == 7 * weeks
    assert (found[-1].end_on - found[-1].start_on).days == 7 * (weeks - 48)


@pytest.mark.parametrize(
    ("year", "last"),
    [  # a filer whose year ends on the last Saturday of September; 2017 and 2023 had 53 weeks
        (2017, "2017-09-30"),
        (2022, "2022-09-24"),
        (2023, "2023-09-30"),
        (2024, "2024-09-28"),
        (2025, "2025-09-27"),
    ],
)
def test_a_year_to_the_last_saturday_of_september_is_the_filed_one(year: int, last: str) -> None:
    assert periods(calendar(APPLE), year)[-1].last_on.isoformat() == last


def test_the_extra_week_goes_where_the_calendar_says() -> None:
    found = periods(calendar(f"{RETAIL}extra_week: 6\n"), 2023)
    assert [(one.end_on - one.start_on).days // 7 for one in found] == [
        4, 5, 4, 4, 5, 5, 4, 5, 4, 4, 5, 4,
    ]  # fmt: skip
    assert [one.quarter for one in found] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]


def test_a_day_and_a_year_that_no_calendar_knows_are_refused() -> None:
    for year in (FIRST_YEAR - 1, LAST_YEAR + 1):
        with pytest.raises(UsageError, match=f"1950 to 2199, found {year}"):
            periods(calendar(PLAIN), year)
    with pytest.raises(UsageError, match="found 1949"):
        period_on(calendar(PLAIN), date(1949, 12, 31))
    with pytest.raises(UsageError, match="found 2200"):
        period_on(calendar(PLAIN), date(2200, 1, 1))


HOLIDAYS = f"{PLAIN}holidays: [2026-11-02, 2026-12-25]\n"


@pytest.mark.parametrize(
    ("business_day", "expected"),
    [  # 31 October and 1 November 2026 are a weekend, 2 November is a holiday of the list
        (-1, "2026-10-29"),
        (0, "2026-10-30"),
        (1, "2026-11-03"),
        (4, "2026-11-06"),
        (5, "2026-11-09"),
    ],
)
def test_a_due_day_counts_business_days(business_day: int, expected: str) -> None:
    found = calendar(HOLIDAYS)
    october = period_on(found, date(2026, 10, 31))
    assert due_on(found, october, business_day).isoformat() == expected
    assert is_business_day(found, due_on(found, october, business_day))


@given(any_calendar=calendars(), business_day=st.integers(1, 40))
def test_a_due_day_is_that_business_day(any_calendar: Calendar, business_day: int) -> None:
    period = period_on(any_calendar, date(2026, 10, 31))
    day = due_on(any_calendar, period, business_day)
    assert business_day_of(any_calendar, period, day) == business_day
    assert business_day_of(any_calendar, period, day - timedelta(days=1)) == business_day - 1


def test_up_to_its_end_a_period_has_no_business_day() -> None:
    found = calendar(PLAIN)
    october = period_on(found, date(2026, 10, 1))
    assert business_day_of(found, october, date(2026, 10, 31)) == 0
    assert business_day_of(found, october, date(2026, 11, 1)) == 0
    assert business_day_of(found, october, date(2026, 10, 1)) == 0


def test_a_weekend_is_what_the_calendar_says() -> None:
    found = calendar(f"{PLAIN}weekend: [friday, saturday]\n")
    assert not is_business_day(found, date(2026, 10, 30))
    assert is_business_day(found, date(2026, 11, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("calendar: x\n", "line 1: expected calendar, pattern"),
        ("calendar: x\npattern: 4-4-4\n", "line 2: expected one of calendar_months, 4-4-5"),
        ("calendar: x\npattern: 4-4-5\n", "line 2: a year of 4-4-5 weeks ends on a weekday"),
        (f"{PLAIN}extra_week: 3\n", "line 3: extra_week is about years of whole weeks"),
        (f"{PLAIN}year_ends_on: friday\n", "line 3: year_ends_on is about years of whole weeks"),
        (f"{PLAIN}year_ends: last\n", "line 3: year_ends is about years of whole weeks"),
        (f"{PLAIN}first_month: 13\n", "line 3: expected one of 1, 2"),
        (f"{PLAIN}first_month: july\n", "line 3: expected one of 1, 2"),
        (f"{PLAIN}year_is_named_by: middle\n", "line 3: expected one of start, end"),
        (f"{PLAIN}holidays: [25.12.2026]\n", "line 3: expected a day such as 2026-10-31"),
        (f"{PLAIN}holidays: []\n", "line 3: the list is empty"),
        (f"{PLAIN}weekend: [sat]\n", "line 3: expected one of monday"),
        (
            f"{PLAIN}weekend: [monday, tuesday, wednesday, thursday, friday, saturday, sunday]\n",
            "line 3: no day of the week is left",
        ),
        (f"{PLAIN}colour: red\n", "line 3: unknown key 'colour'"),
        (f"{PLAIN}boundary: by_days\n", "line 3: boundary is about years of whole weeks"),
        (
            "calendar: x\npattern: 4-4-5\nyear_ends_on: friday\nboundary: by_days\n",
            "line 4: a provider's month is classified, shared and billed as a whole",
        ),
    ],
)
def test_a_calendar_that_breaks_the_language_names_the_line(text: str, message: str) -> None:
    with pytest.raises(RuleFileError, match=f"calendar.yaml, {message}"):
        calendar(text)


def test_a_fiscal_period_has_a_name_where_it_is_not_the_calendar_months_own() -> None:
    day = date(2026, 10, 31)
    assert fiscal_name(calendar(PLAIN), day) is None
    assert fiscal_name(calendar(f"{PLAIN}first_month: 7\n"), day) == "2027-04"
    whole = "year_ends_on: saturday\nboundary: whole_months\n"
    weeks = calendar(f"calendar: x\npattern: 4-4-5\n{whole}")
    assert fiscal_name(weeks, day) == "2026-11"
    assert fiscal_name(weeks, date(2026, 12, 27)) == "2027-01"
