"""Azure: exports on Blob Storage or details reports, the cost query, invoices of the billing API.

Owns which of them a connection asks for; requests and meanings live in the `azure_*` modules.
"""

from collections.abc import Sequence
from datetime import date, datetime

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError
from tieout.core.period import Period
from tieout.sources.absent import to_usage
from tieout.sources.azure_delivery import ACTUAL, AMORTIZED, fetch_details, fetch_exports
from tieout.sources.azure_invoices import FORMAT, fetch_invoices, scope_of
from tieout.sources.azure_query import fetch_query, query_charges
from tieout.sources.azure_report import report_charges
from tieout.sources.base import BillingMode, EstimateKind, Normalised, RawDocument

NAME = "azure"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = FORMAT
ESTIMATE: EstimateKind = "reported"

_VIEWS = {"both": (ACTUAL, AMORTIZED), "actual": (ACTUAL,)}


def fetch_cost(
    connection: ProviderConnection,
    *,
    account: str,
    period: Period,
    through: date,
    now: datetime,
) -> tuple[RawDocument, ...]:
    """Manifests and files of the period: of its exports, or of details reports up to `through`.

    Raises:
        NotReadyError: no export of this period was delivered yet.
        SourceAnswerError: a listed file is missing or has another size, a report failed.
        SettingError: the connection's extra is incomplete.
        SourceError: unreachable or refused.
    """
    report = connection.extra.get("report", "export")
    if report == "export":
        return fetch_exports(connection, period=period, now=now)
    if report != "details":
        raise SettingError(
            f"report of {connection.name} is {report[:40]!r}: expected export or details; correct "
            "the connection."
        )
    views = connection.extra.get("cost_views", "both")
    if views not in _VIEWS:
        raise SettingError(
            f"cost_views of {connection.name} is {views[:40]!r}: expected both or actual; correct "
            "the connection."
        )
    scope = scope_of(connection, account=account)
    return fetch_details(
        connection, scope=scope, period=period, through=through, views=_VIEWS[views], now=now
    )


def fetch_usage(
    connection: ProviderConnection,
    *,
    account: str,
    period: Period,
    through: date,
    now: datetime,
) -> tuple[RawDocument, ...]:
    """Pages of the cost query: Azure's own figures by day, service and subscription.

    Raises:
        SourceError: unreachable, throttled for too long, refused, or another answer.
    """
    scope = scope_of(connection, account=account)
    return fetch_query(connection, scope=scope, days=(period.start_on, through), now=now)


def fetch_documents(
    connection: ProviderConnection, *, account: str, period: Period, now: datetime
) -> tuple[RawDocument, ...]:
    """Pages of invoices and transactions; documents of the drop folder for an EA account.

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    return fetch_invoices(connection, account=account, period=period, now=now)


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each row that counts: actual and amortised merged, or FOCUS rows.

    Raises:
        SourceAnswerError: no manifest, or a listed file is missing or has other counts.
        DocumentUnreadableError: a file is truncated, too large or not a table.
    """
    return report_charges(documents, account=account, period=period)


def to_estimate(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """The query's rows as charges.

    Raises:
        SourceAnswerError: a page is no answer of the query.
    """
    return query_charges(documents, account=account, period=period)
