"""Which table of the billing export is asked, and how: settings, column names, SQL.

Owns the text of the questions; `gcp_query` asks them. One question a month, by the month of the
invoice, because late usage and corrections carry a later invoice month than their usage. Nested
fields are asked as arrays: joining credits would multiply the cost of their row.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, cast

from google.cloud import bigquery

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources.gcp_lines import canonical

ExportKind = Literal["standard", "detailed", "focus"]
Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter

# What one question may read: about 0.60 USD at Google's list price of November 2026.
MAXIMUM_BYTES_BILLED: Final = 100_000_000_000

_TABLES: Final[Mapping[str, str]] = {
    "standard": "gcp_billing_export_v1_{account}",
    "detailed": "gcp_billing_export_resource_v1_{account}",
    "focus": "gcp_billing_export_focus_{account}",
}
_REQUIRED = (
    "billing_account_id",
    "service",
    "sku",
    "usage_start_time",
    "usage_end_time",
    "cost",
    "currency",
    "invoice",
)
# Google adds columns: one that is not named here is not asked for, one that a table lacks is null.
_COLUMNS = (
    *_REQUIRED,
    "project",
    "labels",
    "system_labels",
    "tags",
    "location",
    "resource",
    "usage",
    "credits",
    "price",
    "cost_type",
    "cost_at_list",
    "currency_conversion_rate",
    "adjustment_info",
    "transaction_type",
    "seller_name",
    "subscription",
    "consumption_model",
    "export_time",
)
_FOCUS_REQUIRED = ("BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,300}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{4,80}")
_COUNT = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTable:
    """Where the export is, and who pays for the question."""

    kind: ExportKind
    job_project: str
    project: str
    dataset: str
    table: str
    location: str | None
    maximum_bytes_billed: int

    @property
    def path(self) -> str:
        """project.dataset.table, as BigQuery quotes it."""
        return f"{self.project}.{self.dataset}.{self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One SELECT and its parameters."""

    sql: str
    parameters: tuple[Parameter, ...]

    def shown(self) -> dict[str, str]:
        """The question for the record of the pull."""
        values = [one.to_api_repr() for one in self.parameters]
        return {"sql": self.sql, "parameters": canonical(values)}


def export_table(connection: ProviderConnection, *, account: str) -> ExportTable:
    """The table that a connection's extra names; its name follows from the account if not given.

    Raises:
        SettingError: `project` or `dataset` is missing, or a setting is not of its form.
    """
    kind = connection.extra.get("export", "standard")
    if kind not in _TABLES:
        raise SettingError(
            f"Setting export of {connection.name} is {kind[:20]!r}: expected one of "
            f"{', '.join(_TABLES)}; correct the connection."
        )
    job_project = connection.setting("project")
    project, _, dataset = connection.setting("dataset").rpartition(".")
    derived = _TABLES[kind].format(account=account.replace("-", "_"))
    table = connection.extra.get("table", derived)
    limit = connection.extra.get("maximum_bytes_billed", str(MAXIMUM_BYTES_BILLED))
    for what, value, pattern in (
        ("project", job_project, _PROJECT),
        ("project of the dataset", project or job_project, _PROJECT),
        ("dataset", dataset, _NAME),
        ("table", table, _NAME),
        ("maximum_bytes_billed", limit, _COUNT),
    ):
        if not pattern.fullmatch(value):
            raise SettingError(
                f"The {what} of {connection.name} is {value[:60]!r}: expected the form "
                f"{pattern.pattern}; correct the connection."
            )
    return ExportTable(
        kind=cast("ExportKind", kind),
        job_project=job_project,
        project=project or job_project,
        dataset=dataset,
        table=table,
        location=connection.extra.get("location"),
        maximum_bytes_billed=int(limit),
    )


def rows_question(
    export: ExportTable, columns: Sequence[str], period: Period, *, since: date | None
) -> Question:
    """Every row of one invoice month; `since` bounds the partitions that are read.

    Raises:
        SourceAnswerError: a column is missing without which a row has no meaning.
    """
    required = _FOCUS_REQUIRED if export.kind == "focus" else _REQUIRED
    missing = [column for column in required if column not in columns]
    if missing:
        raise SourceAnswerError(
            f"{export.path} has no column {', '.join(missing)}: expected Google's {export.kind} "
            "billing export; check table and export of the connection tieout_gcp."
        )
    if export.kind == "focus":
        wanted = [column for column in columns if _NAME.fullmatch(column)]
    else:
        wanted = [column for column in _COLUMNS if column in columns]
    month = bigquery.ScalarQueryParameter("month", "STRING", month_text(period))
    listed = ", ".join(f"t.`{column}`" for column in wanted)
    return _question(export, listed, f"{_month_of(export)} = @month", (month,), since)


def watermark_question(
    export: ExportTable, columns: Sequence[str], period: Period, *, since: date | None
) -> Question:
    """Row count and last write of this month, and of the next, which shows that the export lives.

    Columns of the answer: month, row_count, written_at.
    """
    written = "x_ExportTime" if export.kind == "focus" else "export_time"
    newest = f"MAX(t.`{written}`)" if written in columns else "CAST(NULL AS TIMESTAMP)"
    listed = f"{_month_of(export)} AS month, COUNT(*) AS row_count, {newest} AS written_at"
    texts = [month_text(one) for one in (period, period.next())]
    months = bigquery.ArrayQueryParameter("months", "STRING", texts)
    where = f"{_month_of(export)} IN UNNEST(@months)"
    question = _question(export, listed, where, (months,), since)
    ordered = f"{question.sql} GROUP BY month ORDER BY month"
    return Question(sql=ordered, parameters=question.parameters)


def written_since(table: bigquery.Table, period: Period) -> date | None:
    """A bound on the partitions that loses nothing: rows of a month are written in it or later.

    A month of margin; None for views and tables that are not partitioned by the time of writing.
    """
    partitioning = table.time_partitioning
    if partitioning is None or partitioning.field is not None:
        return None
    return period.previous().start_on


def month_text(period: Period) -> str:
    """The month as Google writes it: 202610."""
    return f"{period.year:04d}{period.month:02d}"


def _question(
    export: ExportTable,
    listed: str,
    where: str,
    parameters: tuple[Parameter, ...],
    since: date | None,
) -> Question:
    if since is not None:
        # a row that was written a moment ago has no partition yet
        where += " AND (_PARTITIONTIME >= TIMESTAMP(@since) OR _PARTITIONTIME IS NULL)"
        parameters = (*parameters, bigquery.ScalarQueryParameter("since", "DATE", since))
    sql = f"SELECT {listed} FROM `{export.path}` AS t WHERE {where}"  # noqa: S608  names are checked
    return Question(sql=sql, parameters=parameters)


def _month_of(export: ExportTable) -> str:
    if export.kind == "focus":
        return "FORMAT_DATE('%Y%m', CAST(t.`BillingPeriodStart` AS DATE))"
    return "t.invoice.month"
