"""The close calendar with Airflow's own classes: serialised, asked for runs, backfilled."""

from datetime import UTC, datetime
from pathlib import Path

import pendulum
import pytest

from tests.dags.airflow_home import REPOSITORY  # isort: skip  before anything of Airflow
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

CALENDAR = """\
calendar: standard
pattern: calendar_months
holidays: [2026-11-02, 2026-12-25, 2027-01-01]
"""


def utc(year: int, month: int, day: int) -> pendulum.DateTime:
    return pendulum.datetime(year, month, day, tz="UTC")


@pytest.fixture
def timetable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Timetable:
    """That of `monthly_close` as the scheduler reads it back, with a calendar and BD+2."""
    file = tmp_path / "calendar.yaml"
    file.write_text(CALENDAR)
    monkeypatch.setenv("TIEOUT_CLOSE_CALENDAR", str(file))
    monkeypatch.setenv("TIEOUT_CLOSE_BUSINESS_DAY", "2")
    bag = DagBag(dag_folder=REPOSITORY / "dags" / "monthly_close.py")
    assert bag.import_errors == {}
    dag: DAG = bag.dags["monthly_close"]
    file.unlink()  # what was serialised needs no file
    return DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable


def runs(timetable: Timetable, *, start: pendulum.DateTime | None, count: int) -> list[DagRunInfo]:
    restriction = TimeRestriction(earliest=start, latest=None, catchup=True)
    found: list[DagRunInfo] = []
    for _ in range(count):
        info = timetable.next_dagrun_info_v2(
            last_dagrun_info=found[-1] if found else None, restriction=restriction
        )
        assert info is not None
        found.append(info)
    return found


def test_the_schedule_survives_serialisation(timetable: Timetable) -> None:
    assert timetable.partitioned
    assert timetable.summary == "business day 2 after the period end, calendar standard"
    again = type(timetable).deserialize(timetable.serialize())
    assert again.serialize() == timetable.serialize()
    assert timetable.resolve_partition_date("2026-10") == utc(2026, 10, 1)


def test_each_month_is_caught_up_once_in_order_with_its_month_as_key(timetable: Timetable) -> None:
    found = runs(timetable, start=utc(2026, 10, 5), count=4)
    assert [(one.partition_key, one.run_after) for one in found] == [
        ("2026-10", utc(2026, 11, 4)),
        ("2026-11", utc(2026, 12, 2)),
        ("2026-12", utc(2027, 1, 5)),
        ("2027-01", utc(2027, 2, 2)),
    ]


@pytest.mark.parametrize(
    ("start", "first"),
    [
        (utc(2026, 11, 4), "2026-10"),
        (utc(2026, 11, 4).add(seconds=1), "2026-11"),
        (pendulum.datetime(2026, 11, 4, tz="Europe/Berlin"), "2026-10"),
    ],
)
def test_the_first_run_starts_at_the_dags_start_or_later(
    timetable: Timetable, start: pendulum.DateTime, first: str
) -> None:
    (one,) = runs(timetable, start=start, count=1)
    assert one.partition_key == first
    assert one.run_after >= start


def test_a_month_that_is_late_is_run_and_never_left_out(timetable: Timetable) -> None:
    last = DagRunInfo(run_after=utc(2020, 2, 4), data_interval=None, partition_key="2020-01")
    for catchup in (True, False):
        info = timetable.next_dagrun_info_v2(
            last_dagrun_info=last, restriction=TimeRestriction(None, None, catchup=catchup)
        )
        assert info is not None
        assert info.partition_key == "2020-02"


def test_without_a_start_the_next_close_is_the_first(timetable: Timetable) -> None:
    now = pendulum.now("UTC")
    (one,) = runs(timetable, start=None, count=1)
    assert one.run_after > now
    assert one.partition_date is not None
    assert one.partition_date < now.add(months=1)


def test_a_run_known_by_its_interval_is_followed_by_the_next_month(timetable: Timetable) -> None:
    restriction = TimeRestriction(utc(2026, 10, 5), None, catchup=True)
    last = DataInterval(utc(2026, 10, 1), utc(2026, 11, 1))
    for known, expected in ((None, "2026-10"), (last, "2026-11")):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=known, restriction=restriction
        )
        assert info is not None
        assert info.partition_key == expected


def test_after_the_dags_end_nothing_is_scheduled(timetable: Timetable) -> None:
    restriction = TimeRestriction(utc(2026, 10, 5), utc(2026, 11, 3), catchup=True)
    assert timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction) is None


def test_a_backfill_runs_the_months_of_its_range(timetable: Timetable) -> None:
    earliest, latest = datetime(2026, 9, 15, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    found = timetable.iter_partition_dagrun_infos(earliest=earliest, latest=latest)
    assert [one.partition_key for one in found] == ["2026-10", "2026-11", "2026-12"]


def test_a_run_by_hand_is_about_the_month_whose_close_has_started(timetable: Timetable) -> None:
    interval = timetable.infer_manual_data_interval(run_after=utc(2026, 11, 20))
    assert (interval.start, interval.end) == (utc(2026, 10, 1), utc(2026, 11, 1))
