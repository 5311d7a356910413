"""Anthropic: cost and usage through the analytics API, credit receipts as PDF files.

Owns the requests and the meaning of the fields. Amounts come as texts in fractional cents and
become dollars here, once. The default workspace, an id here and null in older reports, is one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast

import anthropic

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
from tieout.sources.rows import SourceRow, normalise, normalise_usage, shifted, whole_number

NAME = "anthropic"
BILLING: BillingMode = "prepaid"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "rated"
DEFAULT_WORKSPACE = "default"

_ENDPOINT = "https://api.anthropic.com"
_COST_GROUPS: Final = ("workspace_id", "model", "service_tier", "cost_type", "token_type")
_USAGE_GROUPS: Final = ("workspace_id", "model", "service_tier")
_ROWS_A_PAGE = 1000
_WORKSPACES_A_PAGE = 100
_CENTS = -2
_DAY = timedelta(days=1)
_TOKEN_KINDS = {
    "uncached_input_tokens": "input",
    "cache_read_input_tokens": "cached_input",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "output",
}
_TIERS = {
    None: "standard",
    "standard": "standard",
    "batch": "batch",
    "priority": "priority",
    "priority_on_demand": "priority",
    "flex": "flex",
    "flex_discount": "flex",
}

Row = SourceRow[Mapping[str, Any]]
Workspaces = Mapping[str | None, tuple[str, str]]


def fetch_cost(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """Daily cost by workspace, model, tier and kind up to `through` (inclusive), and names.

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    start, end = _range(period, through)
    request = _request("organizations/analytics/cost", account, _COST_GROUPS, start, end, now)
    with _client(connection) as client:
        cost = client.beta.organization.analytics.cost.with_raw_response

        def ask(cursor: str | None) -> bytes:
            return _bytes(
                client,
                lambda: cost.list(
                    starting_at=start,
                    ending_at=end,
                    time_bucket_width="1d",
                    group_by=list(_COST_GROUPS),
                    limit=_ROWS_A_PAGE,
                    page=cursor or anthropic.omit,
                ),
            )

        costs = read_pages(ask, name="cost", kind="cost", request=request)
        return (*costs, *_fetch_workspaces(client, account=account, now=now))


def fetch_usage(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """Daily token usage by workspace, model and tier up to `through` (inclusive).

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    start, end = _range(period, through)
    request = _request("organizations/analytics/usage", account, _USAGE_GROUPS, start, end, now)
    with _client(connection) as client:
        usage = client.beta.organization.analytics.usage.with_raw_response

        def ask(cursor: str | None) -> bytes:
            return _bytes(
                client,
                lambda: usage.list(
                    starting_at=start,
                    ending_at=end,
                    time_bucket_width="1d",
                    group_by=list(_USAGE_GROUPS),
                    limit=_ROWS_A_PAGE,
                    page=cursor or anthropic.omit,
                ),
            )

        return read_pages(ask, name="usage", kind="usage", request=request)


def fetch_documents(
    connection: ProviderConnection,
    *,
    account: str,  # noqa: ARG001  the folder of one connection belongs to one account
    period: Period,  # noqa: ARG001  documents say their own dates
    now: datetime,  # noqa: ARG001  the folder has no notion of time
) -> tuple[RawDocument, ...]:
    """Credit receipts from the drop folder: Anthropic offers no interface for them."""
    return read_drop_folder(connection, invoice_format=INVOICE_FORMAT)


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each cost row: a UTC day, workspace, model, tier and kind.

    `billed_cost` is after the negotiated discount and before credits, `list_cost` before both.
    """
    workspaces = _workspaces(documents)

    def charge(row: Row, amount: Decimal) -> Mapping[str, object]:
        return {
            **_common(row.values, account, period, workspaces),
            "effective_cost": amount,
            "contracted_cost": amount,
            "list_cost": _cents(row.values, "list_amount"),
        }

    found = normalise(_rows(documents, "cost"), amount_of=_amount, to_charge=charge, provider=NAME)
    return replace(found, complete_through=period.last_on)


def to_usage(documents: Sequence[RawDocument], *, account: str, period: Period) -> NormalisedUsage:
    """One usage row for each report row; cached tokens are added to the input total here."""
    workspaces = _workspaces(documents)

    def usage(row: Row) -> Mapping[str, object]:
        model = _text(row.values, "model")
        if model is None:
            raise SourceAnswerError("Field model is empty: expected the usage grouped by model.")
        return {
            **_place(row.values, account, period, workspaces),
            "api_key_id": _text(row.values, "api_key_id"),
            "model": model,
            "service_tier": _tier(row.values),
            **_counts(_object(row.values, "usage")),
        }

    return normalise_usage(_rows(documents, "usage"), to_usage=usage, provider=NAME)


def _client(connection: ProviderConnection) -> anthropic.Anthropic:
    endpoint = check_endpoint(connection.endpoint or _ENDPOINT)
    return anthropic.Anthropic(
        api_key=None,
        auth_token=required_key(connection),
        base_url=endpoint.rstrip("/").removesuffix("/v1"),
        timeout=anthropic.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        max_retries=MAX_RETRIES,
    )


def _bytes(client: anthropic.Anthropic, call: Callable[[], Any]) -> bytes:
    endpoint = str(client.base_url)
    try:
        return cast("bytes", call().http_response.content)
    except anthropic.APIConnectionError as error:
        raise unreachable(NAME, endpoint, type(error.__cause__ or error).__name__) from error
    except anthropic.APIStatusError as error:
        raise failed_status(NAME, endpoint, error.status_code) from error


def _range(period: Period, through: date) -> tuple[str, str]:
    last = min(through, period.last_on)
    start, end = utc_midnight(period.start_on), utc_midnight(last + _DAY)
    return f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"


def _request(
    path: str, account: str, groups: tuple[str, ...], start: str, end: str, now: datetime
) -> dict[str, str]:
    return {
        "path": path,
        "account": account,
        "group_by": ",".join(groups),
        "starting_at": start,
        "ending_at": end,
        "asked_at": now.isoformat(),
    }


def _fetch_workspaces(
    client: anthropic.Anthropic, *, account: str, now: datetime
) -> tuple[RawDocument, ...]:
    """The workspaces asked twice: only the second list has the default one, which tells its id."""
    workspaces = client.beta.organization.workspaces.with_raw_response
    documents: list[RawDocument] = []
    for name, include_default in (("workspaces", False), ("workspaces_with_default", True)):

        def ask(cursor: str | None, *, include_default: bool = include_default) -> bytes:
            return _bytes(
                client,
                lambda: workspaces.list(
                    include_archived=True,
                    include_default=include_default,
                    limit=_WORKSPACES_A_PAGE,
                    after_id=cursor or anthropic.omit,
                ),
            )

        request = {
            "path": "organizations/workspaces",
            "account": account,
            "include_default": str(include_default).lower(),
            "asked_at": now.isoformat(),
        }
        documents.extend(read_pages(ask, name=name, kind="names", request=request))
    return tuple(documents)


def _workspaces(documents: Sequence[RawDocument]) -> Workspaces:
    """Sub account id and name by workspace id; null and the default workspace's id are one."""
    default = (DEFAULT_WORKSPACE, "Default workspace")
    ordinary: dict[str | None, tuple[str, str]] = {}
    listed: set[str] = set()
    for document in documents:
        if document.kind == "names":
            page = page_object(document.content, name=document.name)
            for workspace in entries(page, name=document.name):
                key = str(workspace.get("id"))
                listed.add(key)
                if document.request.get("include_default") == "false":
                    ordinary[key] = (key, str(workspace.get("name")))
    return {None: default, **dict.fromkeys(listed, default), **ordinary}


def _rows(documents: Sequence[RawDocument], kind: str) -> Iterator[Row]:
    for document in documents:
        if document.kind != kind:
            continue
        digest = document.sha256
        page = page_object(document.content, name=document.name)
        for number, values in enumerate(entries(page, name=document.name), start=1):
            yield SourceRow(document=digest, number=number, values=values)


def _amount(row: Row) -> Decimal:
    currency = str(_object(row.values, "cost").get("currency"))
    if currency.upper() != "USD":
        raise SourceAnswerError(
            f"Currency is {currency[:10]!r}: expected USD, the only one Anthropic reports in."
        )
    amount = _cents(row.values, "amount")
    if amount is None:
        raise SourceAnswerError("Field amount is empty: expected fractional cents as a text.")
    return amount


def _cents(values: Mapping[str, Any], key: str) -> Decimal | None:
    value = _object(values, "cost").get(key)
    return None if value is None else shifted(parse_decimal(str(value)), _CENTS)


def _common(
    values: Mapping[str, Any], account: str, period: Period, workspaces: Workspaces
) -> dict[str, object]:
    model = _text(values, "model")
    cost_type = _text(values, "cost_type") or "tokens"
    is_token_row = cost_type == "tokens"
    tier = _tier(values) if is_token_row else None
    meter = (_text(values, "token_type") if is_token_row else None) or cost_type
    return {
        **_place(values, account, period, workspaces),
        "billing_period_start": period.start_on,
        "charge_category": "Usage",
        "charge_description": " ".join(part for part in (model, tier, meter) if part),
        "billing_currency": "USD",
        "service_category": AI_SERVICE_CATEGORY,
        "service_name": "Claude API",
        "service_provider_name": "Anthropic",
        "invoice_issuer_name": "Anthropic",
        "region_id": _text(values, "inference_geo"),
        "sku_meter": meter,
        "tags": tags_json({}),
        "x_model": model,
        "x_token_kind": _TOKEN_KINDS.get(meter) if is_token_row else None,
        "x_service_tier": tier,
    }


def _place(
    values: Mapping[str, Any], account: str, period: Period, workspaces: Workspaces
) -> dict[str, object]:
    workspace = _text(values, "workspace_id")
    sub_account_id, sub_account_name = workspaces.get(workspace, (workspace, None))
    start = _instant(values, "starting_at")
    if not period.contains(start.date()):
        raise SourceAnswerError(
            f"The row starts on {start.date()}: expected a day of {period}, which was asked."
        )
    return {
        "provider": NAME,
        "billing_account_id": account,
        "sub_account_id": sub_account_id,
        "sub_account_name": sub_account_name,
        "charge_period_start": start,
        "charge_period_end": _instant(values, "ending_at"),
    }


def _counts(usage: Mapping[str, Any]) -> dict[str, int]:
    creation = usage.get("cache_creation")
    written = creation if isinstance(creation, Mapping) else {}
    tools = usage.get("server_tool_use")
    cached = whole_number(usage, "cache_read_input_tokens")
    short = whole_number(written, "ephemeral_5m_input_tokens")
    long = whole_number(written, "ephemeral_1h_input_tokens")
    return {
        "input_tokens": whole_number(usage, "uncached_input_tokens") + cached + short + long,
        "cached_input_tokens": cached,
        "cache_write_tokens": short,
        "cache_write_1h_tokens": long,
        "output_tokens": whole_number(usage, "output_tokens"),
        "web_searches": whole_number(
            tools if isinstance(tools, Mapping) else {}, "web_search_requests"
        ),
        "requests": whole_number(usage, "requests"),
    }


def _tier(values: Mapping[str, Any]) -> str:
    tier = _text(values, "service_tier")
    if tier not in _TIERS:
        raise SourceAnswerError(
            f"Service tier is {str(tier)[:40]!r}: expected one of "
            f"{', '.join(name for name in _TIERS if name)}; the plug-in must learn this one first."
        )
    return _TIERS[tier]


def _text(values: Mapping[str, Any], key: str) -> str | None:
    value = _object(values, "group").get(key)
    return None if value is None or value == "" else str(value)


def _object(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = values.get(key)
    if not isinstance(value, Mapping):
        raise SourceAnswerError(f"Field {key} is missing: expected an object.")
    return value


def _instant(values: Mapping[str, Any], key: str) -> datetime:
    text = str(values.get(key))
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = datetime.min  # noqa: DTZ901  without a zone, so refused below
    if instant.tzinfo is None:
        raise SourceAnswerError(
            f"Field {key} is {text[:40]!r}: expected an instant with its zone, such as "
            "2026-10-01T00:00:00Z."
        )
    return instant
