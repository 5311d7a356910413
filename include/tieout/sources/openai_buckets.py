"""Pages of daily buckets as OpenAI sends them: their rows, their days, and how far they reach.

Owns the form that costs and all kinds of usage share; amounts and counts are the readers' business.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from tieout.core.errors import SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.period import Period, utc_midnight
from tieout.sources.answered_days import complete_through, missing_days
from tieout.sources.answers import entries, page_object
from tieout.sources.base import RawDocument
from tieout.sources.openai_client import PROVIDER
from tieout.sources.rows import SourceRow

_DAY = timedelta(days=1)

Row = SourceRow[Mapping[str, Any]]


def bucket_rows(documents: Sequence[RawDocument]) -> Iterator[Row]:
    """The rows of all buckets in order, each with its bucket's `start_time` and `end_time`.

    Raises:
        SourceAnswerError: no such page, or two buckets of one time, which would count twice.
    """
    numbers: dict[str, int] = {}
    for document, bucket in _buckets(documents):
        times = {"start_time": bucket.get("start_time"), "end_time": bucket.get("end_time")}
        results = bucket.get("results")
        if not isinstance(results, list):
            raise SourceAnswerError(
                f"A bucket of {document.name} has no list called results: expected one, empty "
                "for a day without charges; pull it again."
            )
        digest = document.sha256
        for result in results:
            numbers[digest] = numbers.get(digest, 0) + 1
            values = {**(result if isinstance(result, dict) else {}), **times}
            yield SourceRow(document=digest, number=numbers[digest], values=values)


def reach(
    documents: Sequence[RawDocument], *, period: Period
) -> tuple[date | None, tuple[Finding, ...]]:
    """The last day that the answered buckets vouch for, and a finding if days between are missing.

    Never beyond the end that was asked. A bucket vouches for its day if it is exactly that UTC day.
    """
    ends = [end for document in documents if (end := _asked_through(document)) is not None]
    days = {day for _, bucket in _buckets(documents) if (day := _whole_day(bucket)) is not None}
    answered = {day for day in days if period.contains(day)}
    through = min(ends, default=period.last_on)
    return (
        complete_through(answered, period=period, through=through),
        missing_days(answered, period=period, provider=PROVIDER),
    )


def check_object(values: Mapping[str, Any], expected: str) -> None:
    """Refuse a row that says it is of another kind; older answers say nothing.

    Raises:
        SourceAnswerError: another kind.
    """
    found = values.get("object")
    if found is not None and found != expected:
        raise SourceAnswerError(
            f"The row calls itself {str(found)[:60]!r}: expected {expected}; compare the "
            "provider's current interface."
        )


def text_of(values: Mapping[str, Any], key: str) -> str | None:
    """The field as text; None when it is missing or empty."""
    value = values.get(key)
    return None if value is None or value == "" else str(value)


def bucket_day(values: Mapping[str, Any], period: Period) -> tuple[datetime, datetime]:
    """Start and end of the row's bucket.

    Raises:
        SourceAnswerError: none, or of another month than was asked.
    """
    try:
        opened, closed = _times(values)
    except (TypeError, ValueError, OverflowError, OSError):
        raise SourceAnswerError(
            "A bucket has no start_time or end_time in whole seconds: expected both."
        ) from None
    if not period.contains(opened.date()):
        raise SourceAnswerError(
            f"The bucket starts on {opened.date()}: expected a day of {period}, which was asked."
        )
    return opened, closed


def _buckets(
    documents: Sequence[RawDocument],
) -> Iterator[tuple[RawDocument, Mapping[str, Any]]]:
    seen: dict[int, str] = {}
    for document in documents:
        page = page_object(document.content, name=document.name)
        for bucket in entries(page, name=document.name):
            start = bucket.get("start_time")
            if isinstance(start, int) and start in seen:
                raise SourceAnswerError(
                    f"{document.name} repeats the bucket of {start} that {seen[start]} has: "
                    "expected each day once; pull again, nothing was counted."
                )
            if isinstance(start, int):
                seen[start] = document.name
            yield document, bucket


def _times(values: Mapping[str, Any]) -> tuple[datetime, datetime]:
    start, end = (cast("int", values.get(key)) for key in ("start_time", "end_time"))
    return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)


def _whole_day(bucket: Mapping[str, Any]) -> date | None:
    try:
        opened, closed = _times(bucket)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    is_whole = opened == utc_midnight(opened.date()) and closed - opened == _DAY
    return opened.date() if is_whole else None


def _asked_through(document: RawDocument) -> date | None:
    end = document.request.get("end_time", "")
    return (datetime.fromtimestamp(int(end), UTC) - _DAY).date() if end else None
