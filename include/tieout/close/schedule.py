"""When the close of a month starts: on a business day after the fiscal period that it ends in.

Owns the days only; the scheduler that asks is Airflow's, and no clock is read here.
"""

from dataclasses import dataclass
from datetime import date

from tieout.close.calendar import Calendar, due_on, parse_calendar, period_on
from tieout.core.errors import UsageError
from tieout.core.period import Period, period_of

_MOST_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSchedule:
    """Business day `business_day` (1 or later) after the period end, by a calendar's own text.

    The text is kept as it was given, so that a schedule can be written down and read back.
    """

    text: str
    business_day: int
    calendar: Calendar

    def on(self, month: Period) -> date:
        """The day on which the close of a month starts: always after the month's last day."""
        period = period_on(self.calendar, month.last_on)
        return due_on(self.calendar, period, self.business_day)

    def first_on_or_after(self, day: date) -> Period:
        """The earliest month whose close starts on the day or later."""
        month = period_of(day)
        while self.on(month.previous()) >= day:
            month = month.previous()
        return month

    def last_on_or_before(self, day: date) -> Period:
        """The latest month whose close starts on the day or earlier."""
        month = self.first_on_or_after(day)
        while self.on(month) > day:
            month = month.previous()
        while self.on(month.next()) <= day:
            month = month.next()
        return month


def close_schedule(text: str, *, business_day: int, name: str) -> CloseSchedule:
    """The schedule by a calendar file's text; `name` is the file's name in errors.

    Raises:
        RuleFileError: the text is no calendar; names the line.
        UsageError: the business day is not 1 to 60.
    """
    if not 1 <= business_day <= _MOST_DAYS:
        raise UsageError(
            f"A close starts on a business day of 1 to {_MOST_DAYS} after the period, found "
            f"{business_day}: give another day."
        )
    calendar = parse_calendar(text, name=name)
    return CloseSchedule(text=text, business_day=business_day, calendar=calendar)
