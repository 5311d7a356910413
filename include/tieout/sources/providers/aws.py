"""AWS: the cost report on S3, Cost Explorer's preliminary figures, invoices through their API.

Owns the requests and keeps every answer as received. What the columns mean is owned by `aws_report`
and `focus_rows`, what Cost Explorer says by `aws_cost_explorer`, where files lie by `aws_exports`.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime
from typing import Any

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError, SourceAnswerError
from tieout.core.period import Period
from tieout.sources import aws_cost_explorer, aws_invoice_pdf
from tieout.sources.absent import to_usage
from tieout.sources.answers import MAX_PAGES
from tieout.sources.aws_client import NAME, answers, client
from tieout.sources.aws_exports import (
    FOCUS_TYPES,
    delivered_type,
    listed_data,
    raw_documents,
    read_delivery,
    report_type,
)
from tieout.sources.aws_report import read_report
from tieout.sources.base import BillingMode, EstimateKind, Normalised, RawDocument, RawKind
from tieout.sources.focus_columns import FocusMapping
from tieout.sources.focus_rows import read_focus
from tieout.sources.limits import MAX_UNPACKED_BYTES, load_json

BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "aws_invoicing"
ESTIMATE: EstimateKind = "reported"

# SkuMeter came with FOCUS 1.1; before, AWS gave the usage type in a column of its own
_FOCUS_1_0 = FocusMapping(columns={"SkuMeter": "x_UsageType"})
_SWITCH = {"on": True, "true": True, "off": False, "false": False}


def fetch_cost(
    connection: ProviderConnection,
    *,
    account: str,
    period: Period,
    through: date,  # noqa: ARG001  AWS delivers the whole month each time
    now: datetime,
) -> tuple[RawDocument, ...]:
    """The newest manifest of the period's report, every file it lists, and account names if asked.

    Raises:
        NotReadyError: AWS has not delivered a report of this period yet.
        SourceAnswerError: a listed file is missing, or a new version is being written.
        SourceError: unreachable or refused.
    """
    kind = report_type(connection)
    with closing(_client(connection, "s3", connection.endpoint)) as s3:
        delivery = read_delivery(
            connection, s3, period=period, now=now, max_bytes=MAX_UNPACKED_BYTES
        )
    report = raw_documents(delivery, report_type=kind, now=now)
    return (*report, *_fetch_names(connection, account=account, now=now))


def fetch_usage(
    connection: ProviderConnection,
    *,
    account: str,
    period: Period,
    through: date,
    now: datetime,
) -> tuple[RawDocument, ...]:
    """Cost Explorer's daily figures by service and account, if the connection asks for them.

    Nothing unless `cost_explorer` is `on`, because AWS charges for every page.

    Raises:
        NotReadyError: Cost Explorer has no data of these days yet.
        SourceError: unreachable, throttled, refused, or an answer of another form.
    """
    if not _is_on(connection, "cost_explorer"):
        return ()
    query = aws_cost_explorer.question(period, through)
    with closing(_client(connection, "ce", connection.extra.get("ce_endpoint_url"))) as api:
        pages = answers(
            api,
            "get_cost_and_usage",
            query,
            connection=connection,
            token_key="NextPageToken",  # noqa: S106  a field of the interface, no password
            most_pages=MAX_PAGES,
        )
    request = {
        "account": account,
        "period": str(period),
        "through": through.isoformat(),
        "asked_at": now.isoformat(),
    }
    return _page_documents(pages, "get_cost_and_usage", "estimate", request)


def fetch_documents(
    connection: ProviderConnection, *, account: str, period: Period, now: datetime
) -> tuple[RawDocument, ...]:
    """The pages of `ListInvoiceSummaries` for the period that hold an invoice; else nothing.

    If `invoice_pdf` is `on`, also the PDF of each, as evidence (kind `data`).

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    endpoint = connection.extra.get("invoicing_endpoint_url")
    query = {
        "Selector": {"ResourceType": "ACCOUNT_ID", "Value": account},
        "Filter": {"BillingPeriod": {"Month": period.month, "Year": period.year}},
        "MaxResults": 100,
    }
    request = {
        "format": INVOICE_FORMAT,
        "account": account,
        "period": str(period),
        "asked_at": now.isoformat(),
    }
    wants_pdf = _is_on(connection, "invoice_pdf")
    with closing(_client(connection, "invoicing", endpoint)) as api:
        pages = answers(
            api, "list_invoice_summaries", query, connection=connection, most_pages=MAX_PAGES
        )
        numbers = [number for page in pages for number in _invoice_numbers(page)]
        pdfs = aws_invoice_pdf.fetch(connection, api, numbers if wants_pdf else (), request=request)
    papers = _page_documents(pages, "list_invoice_summaries", "billing_document", request)
    return (*(one for one in papers if _invoice_numbers(one.content)), *pdfs)


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each row of the report's listed files, whichever report it is.

    Raises:
        SourceAnswerError: a listed file is missing or is no such report.
        DocumentUnreadableError: a file is truncated or too large.
    """
    kind = delivered_type(documents)
    if kind in FOCUS_TYPES:
        return read_focus(
            listed_data(documents),
            provider=NAME,
            account=account,
            period=period,
            mapping=_FOCUS_1_0 if kind == "focus_1_0" else None,
        )
    return read_report(documents, account=account, period=period)


def to_estimate(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each day, service and linked account that Cost Explorer names.

    Raises:
        SourceAnswerError: a page is no such answer.
    """
    return aws_cost_explorer.read_estimate(documents, account=account, period=period)


def _client(connection: ProviderConnection, service: str, endpoint: str | None) -> Any:
    return client(connection, service, endpoint)


def _is_on(connection: ProviderConnection, switch: str) -> bool:
    value = connection.extra.get(switch, "off")
    if value not in _SWITCH:
        raise SettingError(
            f"{switch} of {connection.name} is {value[:40]!r}: expected on or off; correct the "
            "connection."
        )
    return _SWITCH[value]


def _fetch_names(
    connection: ProviderConnection, *, account: str, now: datetime
) -> tuple[RawDocument, ...]:
    if connection.extra.get("account_names") != "organizations":
        return ()
    endpoint = connection.extra.get("organizations_endpoint_url")
    with closing(_client(connection, "organizations", endpoint)) as api:
        pages = answers(api, "list_accounts", {}, connection=connection, most_pages=MAX_PAGES)
    request = {"account": account, "asked_at": now.isoformat()}
    return _page_documents(pages, "list_accounts", "names", request)


def _page_documents(
    pages: Sequence[bytes], name: str, kind: RawKind, request: dict[str, str]
) -> tuple[RawDocument, ...]:
    return tuple(
        RawDocument(
            name=f"{name}.page{number}.json",
            kind=kind,
            content=content,
            media_type="application/json",
            request=request,
        )
        for number, content in enumerate(pages, start=1)
    )


def _invoice_numbers(content: bytes) -> list[str]:
    """Ids of the bills in a page; receipts for payments are none."""
    answer = load_json(content, name="list_invoice_summaries")
    listed = answer.get("InvoiceSummaries") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise SourceAnswerError(
            "The invoicing API answered without InvoiceSummaries: expected a list, empty before "
            "the first invoice; pull again later."
        )
    bills = [one for one in listed if one.get("InvoiceType") != "PAYMENT_RECEIPT"]
    return [str(one.get("InvoiceId")) for one in bills]
