"""Accounting months and their days. A period is half-open in UTC days; no clock in here."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tieout.core.errors import PeriodFormatError

_PERIOD = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A calendar month such as `2026-10`, ordered by time; `str()` gives the key back."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def start_on(self) -> date:
        """First day."""
        return date(self.year, self.month, 1)

    @property
    def end_on(self) -> date:
        """First day after the period (exclusive)."""
        return self.next().start_on

    @property
    def last_on(self) -> date:
        """Last day: the date of a month-end entry."""
        return self.end_on - timedelta(days=1)

    def next(self) -> "Period":
        """The month after."""
        return Period(self.year + self.month // 12, self.month % 12 + 1)

    def previous(self) -> "Period":
        """The month before."""
        return period_of(self.start_on - timedelta(days=1))

    def days(self) -> list[date]:
        """All days in order."""
        count = (self.end_on - self.start_on).days
        return [self.start_on + timedelta(days=number) for number in range(count)]

    def contains(self, day: date) -> bool:
        """Whether the day lies in the month."""
        return self.start_on <= day < self.end_on


def parse_period(text: str) -> Period:
    """Read `YYYY-MM`, years 1000 to 2999.

    Raises:
        PeriodFormatError: anything else, with what was found.
    """
    match = _PERIOD.fullmatch(text)
    if not match:
        raise PeriodFormatError(
            f"Expected a period such as 2026-10, found {text[:40]!r}: give year and month."
        )
    return Period(int(match[1]), int(match[2]))


def period_of(day: date) -> Period:
    """The month that the day lies in."""
    return Period(day.year, day.month)


def utc_midnight(day: date) -> datetime:
    """The instant at which a UTC day starts."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
