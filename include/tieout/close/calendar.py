"""Fiscal calendars: the twelve periods of a year, and business days. Data that finance approves.

Owns the calendar's language (YAML, see docs/reference/fiscal-calendars.md) and the days; which
period the ledger is in, and what is due, is not decided here. Days are half-open, no clock.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, cast, get_args

from tieout.core.errors import UsageError
from tieout.rules.fields import day_of, fields, members, one_of, text_of
from tieout.rules.yaml_text import Node, read_yaml

Pattern = Literal["calendar_months", "4-4-5", "4-5-4", "5-4-4"]
Ending = Literal["last", "nearest"]
Naming = Literal["start", "end"]

PERIODS = 12
FIRST_YEAR, LAST_YEAR = 1950, 2199
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = tuple(str(number) for number in range(1, PERIODS + 1))
_WEEK = timedelta(days=7)
_HALF_A_WEEK = 3  # days
_WEEKS_OF_A_YEAR = 52
_OPTIONAL = (
    "first_month",
    "year_ends_on",
    "year_ends",
    "extra_week",
    "year_is_named_by",
    "weekend",
    "holidays",
    "boundary",
)
_BOUNDARIES = ("whole_months", "by_days")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """How one group of entities cuts its year.

    `first_month` is the month that the year begins with, or, of a year of whole weeks, nominally
    begins with: such a year ends on the last `weekday` of the month before, or on the one nearest
    to that month's end. `extra_week` is the period that takes the 53rd week. `weekend` and
    `weekday` count from Monday = 0.
    """

    name: str
    pattern: Pattern
    first_month: int
    ending: Ending
    weekday: int
    extra_week: int
    naming: Naming
    weekend: frozenset[int]
    holidays: frozenset[date]


@dataclass(frozen=True, slots=True, kw_only=True)
class FiscalPeriod:
    """One period of a fiscal year, half-open; `str()` is a key such as `2026-10`, by year, number.

    With `calendar_months`, January to December, the key is the calendar month's own.
    """

    year: int
    number: int
    start_on: date
    end_on: date

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    @property
    def last_on(self) -> date:
        """Last day: the date of a period-end entry."""
        return self.end_on - timedelta(days=1)

    @property
    def quarter(self) -> int:
        """1 to 4."""
        return (self.number + 2) // 3

    def contains(self, day: date) -> bool:
        """Whether the day lies in the period."""
        return self.start_on <= day < self.end_on


def parse_calendar(text: str, *, name: str) -> Calendar:
    """Read a calendar file; `name` is the file's name in errors.

    Raises:
        RuleFileError: the file breaks the language; names the line.
    """
    return calendar_of(read_yaml(text, name=name))


def calendar_of(node: Node) -> Calendar:
    """The calendar of a place in a file, such as the `calendar` of a close policy.

    Raises:
        RuleFileError: the place breaks the language; names the line.
    """
    root = fields(node, required=("calendar", "pattern"), optional=_OPTIONAL)
    pattern = cast("Pattern", one_of(root["pattern"], get_args(Pattern)))
    _refuse_what_does_not_apply(root, pattern)
    return Calendar(
        name=text_of(root["calendar"]),
        pattern=pattern,
        first_month=_month(root, "first_month", default=1),
        ending=cast("Ending", _choice(root, "year_ends", get_args(Ending), default="last")),
        weekday=_WEEKDAYS.index(_choice(root, "year_ends_on", _WEEKDAYS, default="saturday")),
        extra_week=_month(root, "extra_week", default=PERIODS),
        naming=cast("Naming", _choice(root, "year_is_named_by", get_args(Naming), default="end")),
        weekend=_weekend(root["weekend"]) if "weekend" in root else frozenset((5, 6)),
        holidays=_holidays(root["holidays"]) if "holidays" in root else frozenset(),
    )


def year_start(calendar: Calendar, year: int) -> date:
    """First day of the fiscal year of that name.

    Raises:
        UsageError: the year is outside FIRST_YEAR to LAST_YEAR.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise UsageError(
            f"Calendar {calendar.name} knows the years {FIRST_YEAR} to {LAST_YEAR}, found {year}: "
            "give another year."
        )
    return _start(calendar, year)


def periods(calendar: Calendar, year: int) -> tuple[FiscalPeriod, ...]:
    """The twelve periods of a fiscal year: they adjoin, and together they are the year.

    Raises:
        UsageError: the year is outside FIRST_YEAR to LAST_YEAR.
    """
    starts = [year_start(calendar, year)]
    if calendar.pattern == "calendar_months":
        for _ in range(PERIODS):
            starts.append(_month_after(starts[-1]))
    else:
        for weeks in _weeks(calendar, year):
            starts.append(starts[-1] + weeks * _WEEK)
    return tuple(
        FiscalPeriod(year=year, number=number, start_on=start, end_on=end)
        for number, (start, end) in enumerate(pairwise(starts), start=1)
    )


def period_on(calendar: Calendar, day: date) -> FiscalPeriod:
    """The period that the day lies in.

    Raises:
        UsageError: the day is outside the years that the calendar knows.
    """
    year_start(calendar, day.year)  # refuses a day far away
    near = (day.year + 1, day.year, day.year - 1)
    year = next(year for year in near if _start(calendar, year) <= day)
    return next(one for one in periods(calendar, year) if one.contains(day))


def fiscal_name(calendar: Calendar, day: date) -> str | None:
    """The key of the period that the day lies in; None where it is the calendar month's own.

    Raises:
        UsageError: the day is outside the years that the calendar knows.
    """
    if (calendar.pattern, calendar.first_month) == ("calendar_months", 1):
        return None
    return str(period_on(calendar, day))


def is_business_day(calendar: Calendar, day: date) -> bool:
    """Whether people work: no weekend, no holiday of the calendar's list."""
    return day.weekday() not in calendar.weekend and day not in calendar.holidays


def due_on(calendar: Calendar, period: FiscalPeriod, business_day: int) -> date:
    """The day BD+n of a period's close.

    1 is the first business day after the period, 2 the next; 0 is the last business day of the
    period itself, -1 the one before.
    """
    step = timedelta(days=1 if business_day > 0 else -1)
    day = period.last_on if business_day > 0 else period.end_on
    for _ in range(business_day if business_day > 0 else 1 - business_day):
        day += step
        while not is_business_day(calendar, day):
            day += step
    return day


def business_day_of(calendar: Calendar, period: FiscalPeriod, day: date) -> int:
    """How many business days after the period the day is; 0 up to its end.

    A day off counts as the business day before it.
    """
    span = range((day - period.last_on).days)
    return sum(is_business_day(calendar, period.end_on + timedelta(days=at)) for at in span)


def _start(calendar: Calendar, year: int) -> date:
    """The first day; for a year of weeks the day after the year before ended."""
    first = date(_first_calendar_year(calendar, year), calendar.first_month, 1)
    if calendar.pattern == "calendar_months":
        return first
    last = first - timedelta(days=1)
    back = (last.weekday() - calendar.weekday) % 7
    ended = last - timedelta(days=back)
    if calendar.ending == "nearest" and back > _HALF_A_WEEK:
        ended += _WEEK
    return ended + timedelta(days=1)


def _first_calendar_year(calendar: Calendar, year: int) -> int:
    """The calendar year in which the fiscal year (nominally) begins."""
    return year - 1 if calendar.naming == "end" and calendar.first_month > 1 else year


def _weeks(calendar: Calendar, year: int) -> list[int]:
    weeks = [int(number) for number in calendar.pattern.split("-")] * 4
    total = (_start(calendar, year + 1) - _start(calendar, year)) // _WEEK
    weeks[calendar.extra_week - 1] += total - _WEEKS_OF_A_YEAR
    return weeks


def _month_after(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _refuse_what_does_not_apply(root: dict[str, Node], pattern: Pattern) -> None:
    for key in ("year_ends_on", "year_ends", "extra_week", "boundary"):
        if pattern == "calendar_months" and key in root:
            raise root[key].error(
                f"{key} is about years of whole weeks and the pattern is {pattern}; leave it out."
            )
    if pattern != "calendar_months" and "year_ends_on" not in root:
        raise root["pattern"].error(
            f"a year of {pattern} weeks ends on a weekday; add year_ends_on, such as saturday."
        )
    if _choice(root, "boundary", _BOUNDARIES, default="whole_months") == "by_days":
        raise root["boundary"].error(
            "a provider's month is classified, shared and billed as a whole, so its cost cannot be "
            "cut exactly by days where a period ends inside it; use whole_months."
        )


def _choice(root: dict[str, Node], key: str, known: tuple[str, ...], *, default: str) -> str:
    return one_of(root[key], known) if key in root else default


def _month(root: dict[str, Node], key: str, *, default: int) -> int:
    return int(_choice(root, key, _MONTHS, default=str(default)))


def _weekend(node: Node) -> frozenset[int]:
    found = frozenset(_WEEKDAYS.index(one_of(one, _WEEKDAYS)) for one in members(node))
    if len(found) == len(_WEEKDAYS):
        raise node.error("no day of the week is left for work; leave one out.")
    return found


def _holidays(node: Node) -> frozenset[date]:
    return frozenset(day_of(one) for one in members(node))
