"""One invoice month out of the billing export in BigQuery, whole or not at all.

Owns asking, paging and the checks that an answer is whole; `gcp_table` owns the questions.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from google.api_core import exceptions as api_errors
from google.cloud import bigquery

from tieout.config import ProviderConnection
from tieout.core.errors import NotReadyError, SettingError, SourceAnswerError, TieoutError
from tieout.core.period import Period
from tieout.sources.answers import MAX_PAGES, READ_TIMEOUT_S
from tieout.sources.base import RawDocument
from tieout.sources.gcp_client import bigquery_client, retries, translating
from tieout.sources.gcp_lines import canonical, line_documents
from tieout.sources.gcp_table import (
    ExportTable,
    Question,
    month_text,
    rows_question,
    watermark_question,
    written_since,
)
from tieout.sources.limits import MAX_UNPACKED_BYTES

PAGE_ROWS: Final = 20_000
JOB_TIMEOUT_S: Final = 600
# Google promises no time; its rows come "within hours, up to a day". A day counts as received when
# the export has written something some hours after its end; what comes later restates it.
WRITTEN_AFTER: Final = timedelta(hours=4)


def read_month(
    connection: ProviderConnection, export: ExportTable, *, period: Period, now: datetime
) -> tuple[RawDocument, ...]:
    """The watermark and every row of one invoice month, as canonical lines in sorted order.

    Raises:
        NotReadyError: the export has no row of that month.
        SourceAnswerError: no such table, a column is missing, or an answer is not whole.
        SettingError: the month is larger than `maximum_bytes_billed`.
        SourceError: unreachable or refused.
    """
    with translating(connection.endpoint, told=lambda error: _told(error, export)):
        client = bigquery_client(connection, project=export.job_project)
        retry = retries(connection.endpoint)
        table = client.get_table(export.path, retry=retry, timeout=READ_TIMEOUT_S)
        location = export.location or table.location or None
        columns = [field.name for field in table.schema]
        since = written_since(table, period)
        question = rows_question(export, columns, period, since=since)
        mark = watermark_question(export, columns, period, since=since)
        asking = _Asking(connection, client, export, location)
        marks = {str(one["month"]): one for one in asking.rows(mark)}
        lines = sorted(_lines(asking.rows(question)))
    _check_whole(export, period, marks, len(lines))
    asked = {
        "export": export.kind,
        "project": export.job_project,
        "location": location or "",
        "asked_at": now.isoformat(),
    }
    name = f"{export.table}.{period}"
    watermark = RawDocument(
        name=f"{name}.watermark.json",
        kind="manifest",
        content=canonical(_watermark(marks, period)).encode(),
        media_type="application/json",
        request={**asked, **mark.shown()},
    )
    return (watermark, *line_documents(lines, name=name, request={**asked, **question.shown()}))


class _Asking:
    """A client and the limits under which every question is asked."""

    def __init__(
        self,
        connection: ProviderConnection,
        client: bigquery.Client,
        export: ExportTable,
        location: str | None,
    ) -> None:
        self._client = client
        self._export = export
        self._location = location
        self._retry = retries(connection.endpoint)

    def rows(self, question: Question) -> Iterator[Mapping[str, Any]]:
        """The rows of an answer; whole, or a SourceAnswerError at its end."""
        config = bigquery.QueryJobConfig(
            query_parameters=list(question.parameters),
            maximum_bytes_billed=self._export.maximum_bytes_billed,
        )
        job = self._client.query(
            question.sql,
            job_config=config,
            location=self._location,
            retry=self._retry,
            timeout=READ_TIMEOUT_S,
            job_retry=None,
        )
        found = job.result(
            page_size=PAGE_ROWS, retry=self._retry, timeout=JOB_TIMEOUT_S, job_retry=None
        )
        seen: set[str] = set()
        count = 0
        for page in found.pages:
            for row in page:
                count += 1
                yield dict(row.items())
            self._check_token(found.next_page_token, seen)
        if found.total_rows is not None and count != found.total_rows:
            raise SourceAnswerError(
                f"The answer about {self._export.path} holds {count} rows: expected the "
                f"{found.total_rows} that it announced; pull again, nothing was kept."
            )

    def _check_token(self, token: str | None, seen: set[str]) -> None:
        if token is None:
            return
        if token in seen or len(seen) >= MAX_PAGES:
            raise SourceAnswerError(
                f"The rows of {self._export.path} never end: expected each page token once and at "
                f"most {MAX_PAGES} pages; pull again later."
            )
        seen.add(token)


def _lines(rows: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    size = 0
    for row in rows:
        line = canonical(row)
        size += len(line)
        if size > MAX_UNPACKED_BYTES:
            raise SourceAnswerError(
                f"The month has more than {MAX_UNPACKED_BYTES:,} bytes of rows: expected fewer; "
                "use the standard export instead of the detailed one."
            )
        yield line


def _check_whole(
    export: ExportTable, period: Period, marks: Mapping[str, Mapping[str, Any]], count: int
) -> None:
    """Rows were counted first and read then; meanwhile the export may only have added some."""
    own = marks.get(month_text(period))
    if own is None and not count:
        raise NotReadyError(
            f"{export.path} has no row of invoice month {period}: expected Google to have exported "
            "some; wait a day, or check dataset and table of the connection tieout_gcp."
        )
    expected = int(own["row_count"]) if own else 0
    if count < expected:
        raise SourceAnswerError(
            f"{export.path} gave {count} rows of invoice month {period}: expected at least the "
            f"{expected} that it counted before; pull again, nothing was kept."
        )


def _watermark(marks: Mapping[str, Mapping[str, Any]], period: Period) -> dict[str, object]:
    """What the export wrote of the month; nothing that changes once the month is complete."""
    own = marks.get(month_text(period), {})
    written = [one["written_at"] for one in marks.values() if one["written_at"] is not None]
    return {
        "month": month_text(period),
        "row_count": own.get("row_count"),
        "written_at": own.get("written_at"),
        "complete_through": _complete_through(written, period),
    }


def _complete_through(written: Sequence[datetime], period: Period) -> date | None:
    if not written:
        return None
    last = (max(written) - WRITTEN_AFTER).date() - timedelta(days=1)
    return min(last, period.last_on) if last >= period.start_on else None


def _told(error: Exception, export: ExportTable) -> TieoutError | None:
    if isinstance(error, api_errors.NotFound):
        return SourceAnswerError(
            f"There is no {export.path}: expected the table of Google's billing export; check "
            "project, dataset, table and export of the connection tieout_gcp."
        )
    if isinstance(error, api_errors.GoogleAPICallError) and "bytes billed" in str(error):
        return SettingError(
            f"The month in {export.path} is larger than maximum_bytes_billed "
            f"({export.maximum_bytes_billed:,}): expected less; raise it in the connection's extra."
        )
    return None
