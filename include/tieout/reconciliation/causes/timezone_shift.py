"""Time zone shift: the provider's days begin at another hour than ours."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from tieout.core.period import period_of
from tieout.reconciliation.breaks import Break, Case, Key, Row, grouped
from tieout.reconciliation.cases import series_rows
from tieout.reconciliation.causes.base import Explanation, whole

RANK = 110
SENTENCE = "The provider's days begin at another hour: usage near midnight moved ({rows} charges)."

_OFFSETS = sorted(
    (hours for hours in range(-12, 15) if hours), key=lambda hours: (abs(hours), hours)
)
_A_DAY = timedelta(days=1)
_FEWEST = 2
_MOST_ROWS = 1000  # estimated charges of one day and meter, each rounded to 1e-12


def find(case: Case) -> Iterator[Explanation]:
    """Days of one series that all agree once our hours are counted to another day.

    Needs hourly usage. The day into which hours of the neighbouring month would fall may differ
    and stays open; an offset that leaves any other day open proves nothing.
    """
    candidates = {
        breaks[0].key.series: breaks
        for breaks in grouped(case.breaks, lambda key: key.series)
        if _is_to_and_fro(breaks)
    }
    if not candidates:
        return
    for series, rows in series_rows(case, candidates).items():
        is_hourly = all(row.ends_at - row.starts_at < _A_DAY for row in rows)
        if is_hourly:
            yield from _shifted(case, series, candidates[series], rows)


def _is_to_and_fro(breaks: Sequence[Break]) -> bool:
    return len({one.open_units > 0 for one in breaks}) == _FEWEST


def _shifted(
    case: Case, series: Key, breaks: Sequence[Break], rows: Sequence[Row]
) -> Iterator[Explanation]:
    for hours in _OFFSETS:
        sums = _sums(rows, hours)
        open_days = _open_days(case, series, breaks, sums)
        edge = _edge(breaks[0].key.day, hours)
        settled = [one for one in breaks if one.key.day not in open_days]
        if open_days <= {edge} and len(settled) >= _FEWEST:
            for one in settled:
                yield whole("timezone_shift", one, remark=f"by {hours:+d} hours")
            return


def _sums(rows: Iterable[Row], hours: int) -> dict[date, int]:
    sums: dict[date, int] = {}
    for row in rows:
        day = (row.starts_at + timedelta(hours=hours)).date()
        sums[day] = sums.get(day, 0) + row.units
    return sums


def _open_days(
    case: Case, series: Key, breaks: Sequence[Break], sums: Mapping[date, int]
) -> set[date]:
    """Days of the month on which the shifted hours are not what the later figure has."""
    month = period_of(breaks[0].key.day)
    known = {one.key.day for one in breaks}
    found = {one.key.day for one in breaks if not case.is_near(sums.get(one.key.day, 0), one)}
    for tie in case.ties.get(series, ()):
        known.add(tie.key.day)
        gap = abs(sums.get(tie.key.day, 0) - tie.units)
        if 2 * gap > case.known.step_units * tie.later_rows + _MOST_ROWS:
            found.add(tie.key.day)
    return found | {day for day in sums.keys() - known if month.contains(day)}


def _edge(day: date, hours: int) -> date:
    """Where hours of the neighbouring month come in: the first day, or the last."""
    month = period_of(day)
    return month.start_on if hours > 0 else month.last_on
