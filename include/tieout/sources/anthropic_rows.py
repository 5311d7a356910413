"""Rows of Anthropic's reports in one form, whichever interface they came from, and their reach.

Owns the pages: the current interface sends rows with `group` and `cost` or `usage`, the older one
daily buckets of flat rows, which get the same form here. What a row means is the plug-in's.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tieout.core.errors import MoneyFormatError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import parse_decimal, to_units
from tieout.core.period import Period, utc_midnight
from tieout.sources.answered_days import complete_through, missing_days
from tieout.sources.answers import entries, page_object
from tieout.sources.anthropic_client import CONTROL_TOTAL, LEGACY_PATHS, PROVIDER, ReportName
from tieout.sources.base import RawDocument
from tieout.sources.rows import SourceRow, shifted

_CENTS = -2
_DAY = timedelta(days=1)
_SHOWN = 5
_LEGACY_GROUP = (
    "workspace_id",
    "api_key_id",
    "model",
    "service_tier",
    "cost_type",
    "token_type",
    "inference_geo",
)

Values = Mapping[str, Any]
Row = SourceRow[Values]


def report_rows(documents: Sequence[RawDocument], name: ReportName) -> Iterator[Row]:
    """The rows of a report in order, without those of its control total.

    Raises:
        SourceAnswerError: no such page, or two buckets of one day, which would count twice.
    """
    return _rows([one for one in documents if one.kind == name and not _is_control(one)])


def is_legacy(document: RawDocument) -> bool:
    """Whether the document was asked from the older interface."""
    return document.request.get("path") in LEGACY_PATHS


def reach(
    documents: Sequence[RawDocument], *, period: Period
) -> tuple[date | None, tuple[Finding, ...]]:
    """The last day for which the cost report vouches, never beyond the end that was asked.

    Current interface: the last day that had ended at the oldest `data_refreshed_at` of the pages;
    a page without one vouches for nothing. Older interface: the last day up to which every day has
    a bucket, and a finding if days between are missing.
    """
    pages = [one for one in documents if one.kind == "cost"]
    through = min((_asked_through(one, period) for one in pages), default=period.last_on)
    current = [one for one in pages if not is_legacy(one)]
    if current or not pages:
        return _refreshed_through(current, period, through), ()
    report = [one for one in pages if not _is_control(one)]
    days = {day for _, bucket in _buckets(report) if (day := _whole_day(bucket)) is not None}
    answered = {day for day in days if period.contains(day)}
    return (
        complete_through(answered, period=period, through=through),
        missing_days(answered, period=period, provider=PROVIDER),
    )


def total_gaps(documents: Sequence[RawDocument]) -> tuple[Finding, ...]:
    """A blocking finding if the total that was asked without groups differs on any day."""
    control = [one for one in documents if one.kind == "cost" and _is_control(one)]
    if not control:
        return ()
    grouped, total = _by_day(report_rows(documents, "cost")), _by_day(_rows(control))
    off = {
        day: total.get(day, 0) - grouped.get(day, 0)
        for day in sorted(grouped.keys() | total.keys())
        if total.get(day, 0) != grouped.get(day, 0)
    }
    if not off:
        return ()
    shown = ", ".join(list(off)[:_SHOWN]) + (" and more" if len(off) > _SHOWN else "")
    finding = Finding(
        kind="total_differs",
        severity="blocking",
        subject=f"{PROVIDER} total",
        message=(
            f"The cost rows and the total that was asked without groups differ on {shown}: "
            "expected the same sum for each day; pull again, rows may have moved between pages."
        ),
        amount_units=sum(off.values()),
        source_document=control[0].sha256,
    )
    return (finding,)


def part(values: Values, key: str) -> Values:
    """The object under `key`.

    Raises:
        SourceAnswerError: there is none.
    """
    value = values.get(key)
    if not isinstance(value, Mapping):
        raise SourceAnswerError(f"Field {key} is missing: expected an object.")
    return value


def dollars(values: Values, key: str) -> Decimal | None:
    """A cost field, fractional cents as text, as exact dollars; None when it is not given.

    Raises:
        SourceAnswerError: the row has no cost.
        MoneyFormatError: not a number.
    """
    value = part(values, "cost").get(key)
    return None if value is None else shifted(parse_decimal(str(value)), _CENTS)


def instant(values: Values, key: str) -> datetime:
    """A field with an instant in time.

    Raises:
        SourceAnswerError: none, or one without a zone.
    """
    text = str(values.get(key))
    found = None
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
    if found is None or found.tzinfo is None:
        raise SourceAnswerError(
            f"Field {key} is {text[:40]!r}: expected an instant with its zone, such as "
            "2026-10-01T00:00:00Z."
        )
    return found


def _is_control(document: RawDocument) -> bool:
    return document.request.get("purpose") == CONTROL_TOTAL


def _rows(documents: Sequence[RawDocument]) -> Iterator[Row]:
    current = [one for one in documents if not is_legacy(one)]
    for document in current:
        page = page_object(document.content, name=document.name)
        for number, values in enumerate(entries(page, name=document.name), start=1):
            yield SourceRow(document=document.sha256, number=number, values=values)
    numbers: dict[str, int] = {}
    for document, bucket in _buckets([one for one in documents if is_legacy(one)]):
        results = bucket.get("results")
        if not isinstance(results, list):
            raise SourceAnswerError(
                f"A bucket of {document.name} has no list called results: expected one, empty "
                "for a day without charges; pull it again."
            )
        digest = document.sha256
        for result in results:
            numbers[digest] = numbers.get(digest, 0) + 1
            values = _modern(bucket, result) if isinstance(result, dict) else {}
            yield SourceRow(document=digest, number=numbers[digest], values=values)


def _modern(bucket: Values, result: Values) -> Values:
    """A flat row of the older interface in the current one's form; there is no list price."""
    return {
        "starting_at": bucket.get("starting_at"),
        "ending_at": bucket.get("ending_at"),
        "group": {key: result.get(key) for key in _LEGACY_GROUP},
        "cost": {key: result.get(key) for key in ("amount", "currency")},
        "usage": result,
    }


def _buckets(documents: Sequence[RawDocument]) -> Iterator[tuple[RawDocument, Values]]:
    seen: dict[str, str] = {}
    for document in documents:
        page = page_object(document.content, name=document.name)
        for bucket in entries(page, name=document.name):
            start = str(bucket.get("starting_at"))
            if start in seen:
                raise SourceAnswerError(
                    f"{document.name} repeats the bucket of {start[:40]} that {seen[start]} has: "
                    "expected each day once; pull again, nothing was counted."
                )
            seen[start] = document.name
            yield document, bucket


def _refreshed_through(pages: Sequence[RawDocument], period: Period, through: date) -> date | None:
    ended: list[date] = []
    for document in pages:
        page = page_object(document.content, name=document.name)
        try:
            refreshed_at = instant(page, "data_refreshed_at").astimezone(UTC)
            ended.append(refreshed_at.date() - _DAY)
        except (SourceAnswerError, OverflowError):  # vouches for nothing; its rows still count
            return None
    last = min([*ended, through])
    return last if ended and last >= period.start_on else None


def _asked_through(document: RawDocument, period: Period) -> date:
    end = document.request.get("ending_at")
    return (datetime.fromisoformat(end) - _DAY).date() if end else period.last_on


def _whole_day(bucket: Values) -> date | None:
    try:
        opened, closed = (instant(bucket, key) for key in ("starting_at", "ending_at"))
    except SourceAnswerError:
        return None
    is_whole = opened == utc_midnight(opened.date()) and closed - opened == _DAY
    return opened.date() if is_whole else None


def _by_day(rows: Iterator[Row]) -> dict[str, int]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        try:
            cost = dollars(row.values, "amount")
        except (SourceAnswerError, MoneyFormatError):
            continue  # such a row is a finding of its own
        day = str(row.values.get("starting_at"))[: len("2026-10-01")]
        sums[day] = sums.get(day, Decimal(0)) + (cost or 0)
    return {day: to_units(total) for day, total in sums.items()}
