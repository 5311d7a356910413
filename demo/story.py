"""The days of the story: which months the sample company has, and on which day what is known.

Owns days, folders and the clock; the stand-ins own what is answered on them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal

from tieout.config import utc_now

SAMPLE = Path(__file__).resolve().parents[1] / "sample"
BILLS = SAMPLE / "bills"
CREDIT_MEMO_ON = date(2026, 11, 20)  # AWS corrects its October
LATE_INVOICE_ON = date(2027, 1, 12)  # OpenAI's November, after that month was closed

Stage = Literal["draft", "final"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month of the sample company; before `draft_on` nothing of it is told.

    `daily` is how many of its last days the demo syncs one by one.
    """

    period: str
    draft_on: date
    final_on: date
    bills: Path
    policies: Path
    daily: int

    def stage(self, as_of: date) -> Stage | None:
        """What is known of the month on a day."""
        if as_of >= self.final_on:
            return "final"
        return "draft" if as_of >= self.draft_on else None

    @property
    def days(self) -> tuple[date, date]:
        """Its first and its last day."""
        first = date.fromisoformat(f"{self.period}-01")
        return first, self.draft_on - timedelta(days=1)


OCTOBER = Month(
    period="2026-10",
    draft_on=date(2026, 11, 1),
    final_on=date(2026, 11, 3),
    bills=BILLS,
    policies=SAMPLE / "policies",
    daily=31,
)
NOVEMBER = Month(
    period="2026-11",
    draft_on=date(2026, 12, 1),
    final_on=date(2026, 12, 3),
    bills=BILLS / "2026-11",
    policies=SAMPLE / "policies" / "2026-11",
    daily=3,
)
MONTHS = (OCTOBER, NOVEMBER)


def known_month(day: date | str, as_of: date) -> Month | None:
    """The month of a day (a date, or a text that begins with year and month), once it is told."""
    for month in MONTHS:
        if str(day).startswith(month.period) and month.stage(as_of):
            return month
    return None


def clock(day: date) -> Callable[[], datetime]:
    """A clock that is on this day at least: the story goes on where a machine's may not be yet."""
    early = datetime.combine(day, time(6), tzinfo=UTC)
    return lambda: max(utc_now(), early)
