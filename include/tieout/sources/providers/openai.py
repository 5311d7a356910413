"""OpenAI: costs and completions usage through the admin API, invoices as PDF files.

Owns the requests and the meaning of the fields. Amounts are read from the answer's own text (live
answers have carried strings, and the SDK's model would turn them into floats).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast

import openai

from tieout.config import ProviderConnection
from tieout.core.errors import SourceAnswerError
from tieout.core.money import parse_decimal
from tieout.core.period import Period, utc_midnight
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.absent import to_estimate
from tieout.sources.answers import (
    CONNECT_TIMEOUT_S,
    MAX_RETRIES,
    READ_TIMEOUT_S,
    entries,
    failed_status,
    page_object,
    read_pages,
    required_key,
    unreachable,
)
from tieout.sources.base import BillingMode, EstimateKind, Normalised, NormalisedUsage, RawDocument
from tieout.sources.drop_folder import read_drop_folder
from tieout.sources.limits import check_endpoint
from tieout.sources.rows import SourceRow, decimal_or_none, normalise, normalise_usage, whole_number

NAME = "openai"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "rated"

_ENDPOINT = "https://api.openai.com/v1"
_COST_GROUPS: Final = ("line_item", "project_id")
_USAGE_GROUPS: Final = ("project_id", "api_key_id", "model", "batch", "service_tier")
_USAGE_BUCKETS = 31
_COST_BUCKETS = 31
_PROJECTS_A_PAGE = 100
_TOKEN_LINE = re.compile(r"^(?P<model>\S+)(?: (?P<tier>batch|flex|priority))?, (?P<kind>.+)$")
_TOKEN_KINDS = {
    "input": "input",
    "input_tokens": "input",
    "cached input": "cached_input",
    "cached_input_tokens": "cached_input",
    "cache write": "cache_write",
    "cache_write_tokens": "cache_write",
    "output": "output",
    "output_tokens": "output",
}
_TIERS = {None: "standard", "default": "standard", "flex": "flex", "priority": "priority"}

Row = SourceRow[Mapping[str, Any]]


def fetch_cost(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """Daily costs by line item and project up to `through` (inclusive), and the projects' names.

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    start, end = _range(period, through)
    request = _request("organization/costs", account, _COST_GROUPS, start, end, now)
    with _client(connection) as client:
        usage = client.admin.organization.usage.with_raw_response

        def ask(cursor: str | None) -> bytes:
            return _bytes(
                client,
                lambda: usage.costs(
                    start_time=start,
                    end_time=end,
                    group_by=list(_COST_GROUPS),
                    bucket_width="1d",
                    limit=_COST_BUCKETS,
                    page=cursor or openai.omit,
                ),
            )

        costs = read_pages(ask, name="costs", kind="cost", request=request)
        return (*costs, *_fetch_projects(client, account=account, now=now))


def fetch_usage(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """Daily completions usage by project, key, model, batch and tier up to `through` (inclusive).

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    start, end = _range(period, through)
    request = _request("organization/usage/completions", account, _USAGE_GROUPS, start, end, now)
    with _client(connection) as client:
        usage = client.admin.organization.usage.with_raw_response

        def ask(cursor: str | None) -> bytes:
            return _bytes(
                client,
                lambda: usage.completions(
                    start_time=start,
                    end_time=end,
                    group_by=list(_USAGE_GROUPS),
                    bucket_width="1d",
                    limit=_USAGE_BUCKETS,
                    page=cursor or openai.omit,
                ),
            )

        return read_pages(ask, name="usage.completions", kind="usage", request=request)


def fetch_documents(
    connection: ProviderConnection,
    *,
    account: str,  # noqa: ARG001  the folder of one connection belongs to one account
    period: Period,  # noqa: ARG001  documents say their own dates
    now: datetime,  # noqa: ARG001  the folder has no notion of time
) -> tuple[RawDocument, ...]:
    """Invoices and receipts from the drop folder: OpenAI offers no interface for them."""
    return read_drop_folder(connection, invoice_format=INVOICE_FORMAT)


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each cost row: a UTC day, line item and project."""
    names = _project_names(documents)

    def charge(row: Row, amount: Decimal) -> Mapping[str, object]:
        return {**_common(row.values, account, period, names), **_costs(row.values, amount)}

    found = normalise(
        _results(documents, "cost"), amount_of=_amount, to_charge=charge, provider=NAME
    )
    return replace(found, complete_through=period.last_on)


def to_usage(documents: Sequence[RawDocument], *, account: str, period: Period) -> NormalisedUsage:
    """One usage row for each bucket row; input already includes cached tokens."""
    names = _project_names(documents)

    def usage(row: Row) -> Mapping[str, object]:
        values = row.values
        project = _text(values, "project_id")
        start, end = _day(values, period)
        return {
            "provider": NAME,
            "billing_account_id": account,
            "sub_account_id": project,
            "sub_account_name": names.get(project or ""),
            "api_key_id": _text(values, "api_key_id"),
            "charge_period_start": start,
            "charge_period_end": end,
            "model": _model(values),
            "service_tier": _tier(values),
            "input_tokens": whole_number(values, "input_tokens"),
            "cached_input_tokens": whole_number(values, "input_cached_tokens"),
            "cache_write_tokens": whole_number(values, "input_cache_write_tokens"),
            "cache_write_1h_tokens": 0,
            "output_tokens": whole_number(values, "output_tokens"),
            "web_searches": 0,
            "requests": whole_number(values, "num_model_requests"),
        }

    return normalise_usage(_results(documents, "usage"), to_usage=usage, provider=NAME)


def _client(connection: ProviderConnection) -> openai.OpenAI:
    endpoint = check_endpoint(connection.endpoint or _ENDPOINT)
    return openai.OpenAI(
        api_key="unused",
        admin_api_key=required_key(connection),
        base_url=endpoint,
        timeout=openai.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        max_retries=MAX_RETRIES,
    )


def _bytes(client: openai.OpenAI, call: Callable[[], Any]) -> bytes:
    endpoint = str(client.base_url)
    try:
        return cast("bytes", call().http_response.content)
    except openai.APIConnectionError as error:
        raise unreachable(NAME, endpoint, type(error.__cause__ or error).__name__) from error
    except openai.APIStatusError as error:
        raise failed_status(NAME, endpoint, error.status_code) from error


def _range(period: Period, through: date) -> tuple[int, int]:
    last = min(through, period.last_on)
    start = utc_midnight(period.start_on)
    end = utc_midnight(last + timedelta(days=1))
    return int(start.timestamp()), int(end.timestamp())


def _request(
    path: str, account: str, groups: tuple[str, ...], start: int, end: int, now: datetime
) -> dict[str, str]:
    return {
        "path": path,
        "account": account,
        "group_by": ",".join(groups),
        "start_time": str(start),
        "end_time": str(end),
        "asked_at": now.isoformat(),
    }


def _fetch_projects(
    client: openai.OpenAI, *, account: str, now: datetime
) -> tuple[RawDocument, ...]:
    projects = client.admin.organization.projects.with_raw_response

    def ask(cursor: str | None) -> bytes:
        return _bytes(
            client,
            lambda: projects.list(
                include_archived=True, limit=_PROJECTS_A_PAGE, after=cursor or openai.omit
            ),
        )

    request = {"path": "organization/projects", "account": account, "asked_at": now.isoformat()}
    return read_pages(ask, name="projects", kind="names", request=request)


def _project_names(documents: Sequence[RawDocument]) -> dict[str, str]:
    names = {}
    for document in documents:
        if document.kind == "names":
            page = page_object(document.content, name=document.name)
            for project in entries(page, name=document.name):
                names[str(project.get("id"))] = str(project.get("name"))
    return names


def _results(documents: Sequence[RawDocument], kind: str) -> Iterator[Row]:
    for document in documents:
        if document.kind != kind:
            continue
        digest = document.sha256
        page = page_object(document.content, name=document.name)
        number = 0
        for bucket in entries(page, name=document.name):
            times = {"start_time": bucket.get("start_time"), "end_time": bucket.get("end_time")}
            results = bucket.get("results")
            if not isinstance(results, list):
                raise SourceAnswerError(
                    f"A bucket of {document.name} has no list called results: expected one, empty "
                    "for a day without charges; pull it again."
                )
            for result in results:
                number += 1
                values = {**(result if isinstance(result, dict) else {}), **times}
                yield SourceRow(document=digest, number=number, values=values)


def _amount(row: Row) -> Decimal:
    amount = row.values.get("amount")
    if not isinstance(amount, Mapping) or amount.get("value") is None:
        raise SourceAnswerError("Field amount has no value: expected an amount in USD.")
    if str(amount.get("currency")).upper() != "USD":
        raise SourceAnswerError(
            f"Currency is {str(amount.get('currency'))[:10]!r}: expected usd, the only one OpenAI "
            "reports in."
        )
    return parse_decimal(str(amount["value"]))


def _common(
    values: Mapping[str, Any], account: str, period: Period, names: Mapping[str, str]
) -> dict[str, object]:
    project = _text(values, "project_id")
    start, end = _day(values, period)
    line_item = _text(values, "line_item")
    model, tier, kind = _token_line(line_item or "")
    return {
        "provider": NAME,
        "billing_account_id": account,
        "sub_account_id": project,
        "sub_account_name": names.get(project or ""),
        "billing_period_start": period.start_on,
        "charge_period_start": start,
        "charge_period_end": end,
        "charge_category": "Usage",
        "charge_description": line_item,
        "billing_currency": "USD",
        "service_category": AI_SERVICE_CATEGORY,
        "service_name": "OpenAI API",
        "service_provider_name": "OpenAI",
        "invoice_issuer_name": "OpenAI",
        "sku_meter": line_item,
        "tags": tags_json({}),
        "x_model": model,
        "x_token_kind": kind,
        "x_service_tier": tier,
    }


def _costs(values: Mapping[str, Any], amount: Decimal) -> dict[str, object]:
    # The report knows one amount: no list price, and nothing is amortised.
    return {
        "effective_cost": amount,
        "consumed_quantity": decimal_or_none(values.get("quantity")),
        "consumed_unit": _text(values, "quantity_unit"),
    }


def _token_line(line_item: str) -> tuple[str | None, str | None, str | None]:
    match = _TOKEN_LINE.match(line_item)
    if not match or match["kind"] not in _TOKEN_KINDS:
        return None, None, None
    return match["model"], match["tier"] or "standard", _TOKEN_KINDS[match["kind"]]


def _tier(values: Mapping[str, Any]) -> str:
    if values.get("batch") is True:
        return "batch"
    tier = _text(values, "service_tier")
    if tier not in _TIERS:
        raise SourceAnswerError(
            f"Service tier is {str(tier)[:40]!r}: expected one of default, flex, priority; "
            "the plug-in must learn this one before its tokens can be priced."
        )
    return _TIERS[tier]


def _model(values: Mapping[str, Any]) -> str:
    model = _text(values, "model")
    if model is None:
        raise SourceAnswerError("Field model is empty: expected the usage grouped by model.")
    return model


def _text(values: Mapping[str, Any], key: str) -> str | None:
    value = values.get(key)
    return None if value is None or value == "" else str(value)


def _day(values: Mapping[str, Any], period: Period) -> tuple[datetime, datetime]:
    start, end = values.get("start_time"), values.get("end_time")
    try:
        opened, closed = (datetime.fromtimestamp(cast("int", at), UTC) for at in (start, end))
    except (TypeError, ValueError, OverflowError, OSError):
        raise SourceAnswerError(
            "A bucket has no start_time or end_time in whole seconds: expected both."
        ) from None
    if not period.contains(opened.date()):
        raise SourceAnswerError(
            f"The bucket starts on {opened.date()}: expected a day of {period}, which was asked."
        )
    return opened, closed
