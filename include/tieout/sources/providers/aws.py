"""AWS: the Cost and Usage Report on S3, invoices through the invoicing API.

Owns the requests and keeps every answer as received; `aws_report` owns what the columns mean. Reads
only the files that the period's manifest lists: AWS leaves stale chunks beside them.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import boto3
import botocore.exceptions
from botocore.config import Config

from tieout.config import ProviderConnection
from tieout.core.errors import (
    NotReadyError,
    SourceAnswerError,
    SourceError,
    SourceRefusedError,
)
from tieout.core.period import Period
from tieout.sources.absent import fetch_usage, to_estimate, to_usage
from tieout.sources.answers import (
    CONNECT_TIMEOUT_S,
    MAX_PAGES,
    READ_TIMEOUT_S,
    failed_status,
    unreachable,
)
from tieout.sources.aws_report import (
    Row,
    account_names,
    billed_amount,
    charge,
    is_notable,
    report_keys,
    report_rows,
    savings_plan_findings,
    unknown_type_findings,
)
from tieout.sources.base import BillingMode, EstimateKind, Normalised, RawDocument, RawKind
from tieout.sources.limits import MAX_UNPACKED_BYTES, check_endpoint, load_json
from tieout.sources.rows import normalise

NAME = "aws"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "aws_invoicing"
ESTIMATE: EstimateKind = "none"

_REGION = "us-east-1"
_MAX_ATTEMPTS = 8
_NAMED_ENDPOINT_ATTEMPTS = 2  # a gateway or stand-in in reach: fail fast, the task tries again
_REFUSED = frozenset(
    {"AccessDenied", "AccessDeniedException", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)
_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "404"})


def fetch_cost(
    connection: ProviderConnection,
    *,
    account: str,
    period: Period,
    through: date,  # noqa: ARG001  AWS delivers the whole month each time
    now: datetime,
) -> tuple[RawDocument, ...]:
    """The manifest of the period's report, every file that it lists, and account names if asked.

    Raises:
        NotReadyError: AWS has not delivered a report of this period yet.
        SourceAnswerError: a listed file is missing.
        SourceError: unreachable or refused.
    """
    with closing(_client(connection, "s3", connection.endpoint)) as s3:
        manifest = _manifest(connection, s3, period, now)
        files = [_listed_file(connection, s3, key, now) for key in report_keys(manifest)]
    return (manifest, *files, *_fetch_names(connection, account=account, now=now))


def fetch_documents(
    connection: ProviderConnection, *, account: str, period: Period, now: datetime
) -> tuple[RawDocument, ...]:
    """The pages of `ListInvoiceSummaries` for the period that hold an invoice; else nothing.

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    endpoint = connection.extra.get("invoicing_endpoint_url")
    query = {
        "Selector": {"ResourceType": "ACCOUNT_ID", "Value": account},
        "Filter": {"BillingPeriod": {"Month": period.month, "Year": period.year}},
        "MaxResults": 100,
    }
    with closing(_client(connection, "invoicing", endpoint)) as client:
        pages = _answers(connection, client, "list_invoice_summaries", query)
    return tuple(
        RawDocument(
            name=f"list_invoice_summaries.page{number}.json",
            kind="billing_document",
            content=content,
            media_type="application/json",
            request={
                "format": INVOICE_FORMAT,
                "account": account,
                "period": str(period),
                "asked_at": now.isoformat(),
            },
        )
        for number, content in enumerate(pages, start=1)
        if _summaries(content)
    )


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each row of the report's listed files.

    Raises:
        SourceAnswerError: a listed file is missing or is no such report.
        DocumentUnreadableError: a file is truncated or too large.
    """
    names = account_names(documents)
    notable: list[Row] = []

    def to_charge(row: Row, amount: Decimal) -> Mapping[str, object]:
        values = charge(row, amount, account=account, period=period, names=names)
        if is_notable(row):
            notable.append(row)
        return values

    rows = report_rows(documents)
    result = normalise(rows, amount_of=billed_amount, to_charge=to_charge, provider=NAME)
    more = (*savings_plan_findings(notable), *unknown_type_findings(notable))
    return Normalised(
        charges=result.charges, findings=(*result.findings, *more), totals=result.totals
    )


def _client(connection: ProviderConnection, service: str, endpoint: str | None) -> Any:
    if endpoint:
        check_endpoint(endpoint)
    secret = connection.secret.reveal()
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=connection.extra.get("region", _REGION),
        aws_access_key_id=connection.login or None,
        aws_secret_access_key=secret or None,
        config=Config(
            retries={
                "mode": "standard",
                "max_attempts": _NAMED_ENDPOINT_ATTEMPTS if endpoint else _MAX_ATTEMPTS,
            },
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            s3={"addressing_style": "path"} if endpoint else {},
        ),
    )


def _manifest(
    connection: ProviderConnection, s3: Any, period: Period, now: datetime
) -> RawDocument:
    report = connection.setting("report")
    prefix = connection.setting("prefix").strip("/")
    folder = f"{period.start_on:%Y%m%d}-{period.end_on:%Y%m%d}"
    key = "/".join(part for part in (prefix, report, folder, f"{report}-Manifest.json") if part)
    content = _object(connection, s3, key)
    if content is None:
        raise NotReadyError(
            f"No manifest {key} in bucket {connection.setting('bucket')}: expected AWS to have "
            f"delivered the report of {period}; wait a day, or check bucket, prefix and report."
        )
    return _document(key, "manifest", content, "application/json", now)


def _listed_file(connection: ProviderConnection, s3: Any, key: str, now: datetime) -> RawDocument:
    content = _object(connection, s3, key)
    if content is None:
        raise SourceAnswerError(
            f"The manifest lists {key}, which is not in bucket {connection.setting('bucket')}: "
            "expected every listed file; AWS may be writing a new version, pull again later."
        )
    return _document(key, "data", content, "application/gzip", now)


def _document(
    key: str, kind: RawKind, content: bytes, media_type: str, now: datetime
) -> RawDocument:
    request = {"key": key, "asked_at": now.isoformat()}
    return RawDocument(name=key, kind=kind, content=content, media_type=media_type, request=request)


def _object(connection: ProviderConnection, s3: Any, key: str) -> bytes | None:
    bucket = connection.setting("bucket")
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
        if answer["ContentLength"] > MAX_UNPACKED_BYTES:
            raise SourceAnswerError(
                f"{key} has {answer['ContentLength']:,} bytes: expected at most "
                f"{MAX_UNPACKED_BYTES:,}; let AWS write smaller report files."
            )
        content: bytes = answer["Body"].read()
    except botocore.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") in _MISSING:
            return None
        raise _translated(error, s3.meta.endpoint_url) from error
    except botocore.exceptions.BotoCoreError as error:
        raise unreachable(NAME, s3.meta.endpoint_url, type(error).__name__) from error
    return content


def _fetch_names(
    connection: ProviderConnection, *, account: str, now: datetime
) -> tuple[RawDocument, ...]:
    if connection.extra.get("account_names") != "organizations":
        return ()
    endpoint = connection.extra.get("organizations_endpoint_url")
    with closing(_client(connection, "organizations", endpoint)) as client:
        pages = _answers(connection, client, "list_accounts", {})
    return tuple(
        RawDocument(
            name=f"list_accounts.page{number}.json",
            kind="names",
            content=content,
            media_type="application/json",
            request={"account": account, "asked_at": now.isoformat()},
        )
        for number, content in enumerate(pages, start=1)
    )


def _answers(
    connection: ProviderConnection, client: Any, operation: str, query: Mapping[str, Any]
) -> list[bytes]:
    """Every page of an operation as the bytes that came over the wire."""
    pages: list[bytes] = []
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(
        f"after-call.{service}", lambda http_response, **_: pages.append(http_response.content)
    )
    token: str | None = None
    seen: set[str] = set()
    while len(seen) < MAX_PAGES:
        more = {"NextToken": token} if token else {}
        try:
            answer = getattr(client, operation)(**query, **more)
        except botocore.exceptions.ClientError as error:
            raise _translated(error, client.meta.endpoint_url) from error
        except botocore.exceptions.BotoCoreError as error:
            raise unreachable(NAME, client.meta.endpoint_url, type(error).__name__) from error
        token = answer.get("NextToken")
        if not token:
            return pages
        if token in seen:
            break
        seen.add(token)
    raise SourceAnswerError(
        f"{operation} of {connection.name} never ends: expected each NextToken once and at most "
        f"{MAX_PAGES} pages; pull again later."
    )


def _summaries(content: bytes) -> bool:
    answer = load_json(content, name="list_invoice_summaries")
    if not isinstance(answer, dict) or not isinstance(answer.get("InvoiceSummaries"), list):
        raise SourceAnswerError(
            "The invoicing API answered without InvoiceSummaries: expected a list, empty before "
            "the first invoice; pull again later."
        )
    return bool(answer["InvoiceSummaries"])


def _translated(error: botocore.exceptions.ClientError, endpoint: str) -> SourceError:
    details = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if details.get("Code") in _REFUSED:
        return SourceRefusedError(
            f"aws at {endpoint} refused the request ({details.get('Code')}): expected the "
            f"permissions of docs/reference/providers/aws.md; correct the connection tieout_aws."
        )
    if "Thrott" in str(details.get("Code")) or details.get("Code") == "LimitExceededException":
        return unreachable(NAME, endpoint, "throttled")
    return failed_status(NAME, endpoint, status)
