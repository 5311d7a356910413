"""The close calendar as an Airflow timetable: a thin shim over `tieout.close.schedule`."""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

import pendulum
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from tieout.close.schedule import CloseSchedule, close_schedule
from tieout.core.period import Period, parse_period, period_of

_NAME = "close calendar"
_DAY = pendulum.duration(days=1)


class CloseCalendarTimetable(Timetable):
    """One run a month, with the month as its partition, on a business day after the period end.

    The run starts at 00:00 UTC of that day. A run names its month by key, not by when it starts,
    so that a run that was caught up or started late closes the same month.
    """

    partitioned = True

    def __init__(self, *, calendar: str, business_day: int = 1) -> None:
        """Keep the text of a fiscal calendar and the business day.

        Raises:
            RuleFileError, UsageError: they are none.
        """
        self._schedule: CloseSchedule = close_schedule(
            calendar, business_day=business_day, name=_NAME
        )
        self.description = self.summary

    @property
    def summary(self) -> str:
        """What Airflow's pages show."""
        one = self._schedule
        return f"business day {one.business_day} after the period end, calendar {one.calendar.name}"

    def serialize(self) -> dict[str, Any]:
        """What the scheduler keeps of it."""
        return {"calendar": self._schedule.text, "business_day": self._schedule.business_day}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "CloseCalendarTimetable":
        """Read `serialize` back."""
        return cls(calendar=data["calendar"], business_day=data["business_day"])

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """Of a run by hand: the last month whose close has started."""
        month = self._schedule.last_on_or_before(run_after.in_timezone("UTC").date())
        return DataInterval(_at(month.start_on), _at(month.end_on))

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        """As `next_dagrun_info_v2`, where a run is known by its interval, which is its month."""
        last = last_automated_data_interval
        known = self._info(period_of(last.start.date())) if last else None
        return self.next_dagrun_info_v2(last_dagrun_info=known, restriction=restriction)

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The month after the last run's; of the first run, the first from the DAG's start on.

        A DAG without a start begins with the next month whose close starts. Months close in order:
        one that is late is run, never left out, whatever the DAG says of catching up.
        """
        known = last_dagrun_info.partition_key if last_dagrun_info else None
        month = parse_period(known).next() if known else self._first(restriction)
        info = self._info(month)
        is_over = restriction.latest is not None and info.run_after > restriction.latest
        return None if is_over else info

    def iter_partition_dagrun_infos(
        self, *, earliest: datetime, latest: datetime
    ) -> Iterator[DagRunInfo]:
        """The months whose first days are in the range: what a backfill runs."""
        first, last = earliest.astimezone(pendulum.UTC), latest.astimezone(pendulum.UTC)
        month = Period(first.year, first.month)
        while _at(month.start_on) <= last:
            if _at(month.start_on) >= first:
                yield self._info(month)
            month = month.next()

    def _decode_partition_date(self, partition_key: str) -> datetime:
        return _at(parse_period(partition_key).start_on)

    def _first(self, restriction: TimeRestriction) -> Period:
        """The first month whose close starts at the DAG's start or later."""
        start = (restriction.earliest or pendulum.now("UTC")).in_timezone("UTC")
        is_midnight = start.time() == time()
        return self._schedule.first_on_or_after((start if is_midnight else start + _DAY).date())

    def _info(self, month: Period) -> DagRunInfo:
        return DagRunInfo(
            run_after=_at(self._schedule.on(month)),
            data_interval=None,
            partition_date=_at(month.start_on),
            partition_key=str(month),
        )


_TIMETABLES: list[Any] = [CloseCalendarTimetable]


class CloseCalendarPlugin(AirflowPlugin):
    """Registers the timetable, so that the scheduler can read a DAG that uses it."""

    name = "tieout_close_calendar"
    timetables = _TIMETABLES


def _at(day: date) -> pendulum.DateTime:
    return pendulum.datetime(day.year, day.month, day.day, tz="UTC")
