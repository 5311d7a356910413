"""Anthropic's SDK: the client of a connection, what is asked of which report, an answer's bytes.

Owns the transport and the choice between the current analytics interface and the older admin one;
the meaning of the fields is the readers' business.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast

import anthropic
import httpx2

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError
from tieout.core.period import Period, utc_midnight
from tieout.sources.answers import (
    CONNECT_TIMEOUT_S,
    MAX_RETRIES,
    READ_TIMEOUT_S,
    failed_status,
    read_pages,
    required_key,
    unreachable,
)
from tieout.sources.base import RawDocument
from tieout.sources.limits import check_endpoint

PROVIDER = "anthropic"
CONTROL_TOTAL = "control total"

ReportName = Literal["cost", "usage"]
Ask = Callable[[str | None], bytes]

_ENDPOINT = "https://api.anthropic.com"
_LEGACY_VERSION = "2023-06-01"
_ROWS_A_PAGE = 1000
_BUCKETS_A_PAGE = 31
_WORKSPACES_A_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report of one interface; `path` is below `/v1/`."""

    is_legacy: bool
    path: str
    groups: tuple[str, ...]


_USAGE_GROUPS = ("workspace_id", "model", "service_tier")
REPORTS = {
    ("analytics", "cost"): Report(
        is_legacy=False,
        path="organizations/analytics/cost",
        groups=("workspace_id", "model", "service_tier", "cost_type", "token_type"),
    ),
    ("analytics", "usage"): Report(
        is_legacy=False, path="organizations/analytics/usage", groups=_USAGE_GROUPS
    ),
    ("legacy", "cost"): Report(
        is_legacy=True,
        path="organizations/cost_report",
        groups=("workspace_id", "description"),
    ),
    ("legacy", "usage"): Report(
        is_legacy=True, path="organizations/usage_report/messages", groups=_USAGE_GROUPS
    ),
}
LEGACY_PATHS = frozenset(report.path for report in REPORTS.values() if report.is_legacy)


def chosen_report(connection: ProviderConnection, name: ReportName) -> Report:
    """The report of the interface that the connection's `api` names; analytics by itself.

    Raises:
        SettingError: no such interface.
    """
    return REPORTS[_choice(connection, "api", ("analytics", "legacy")), name]


def checks_total(connection: ProviderConnection) -> bool:
    """Whether the cost is asked once more without groups, to prove that no row is missing.

    Raises:
        SettingError: `check_total` is neither on nor off.
    """
    return _choice(connection, "check_total", ("off", "on")) == "on"


def open_client(connection: ProviderConnection) -> anthropic.Anthropic:
    """The SDK with the connection's admin or analytics key.

    Raises:
        SettingError: no key, or an endpoint that data may not be fetched from.
    """
    endpoint = check_endpoint(connection.endpoint or _ENDPOINT)
    return anthropic.Anthropic(
        api_key=None,
        auth_token=required_key(connection),
        base_url=endpoint.rstrip("/").removesuffix("/v1"),
        timeout=anthropic.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        max_retries=MAX_RETRIES,
    )


def asked(
    report: Report, *, account: str, period: Period, through: date, now: datetime
) -> dict[str, str]:
    """What a document was asked for; `ending_at` is exclusive."""
    last = min(through, period.last_on)
    start, end = utc_midnight(period.start_on), utc_midnight(last + timedelta(days=1))
    return {
        "path": report.path,
        "account": account,
        "group_by": ",".join(report.groups),
        "starting_at": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "ending_at": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "asked_at": now.isoformat(),
    }


def fetch_report(
    client: anthropic.Anthropic, name: ReportName, report: Report, request: dict[str, str]
) -> tuple[RawDocument, ...]:
    """All pages of a report, by day and its groups.

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    ask = _asking(client, name, report, request, grouped=True)
    return read_pages(ask, name=name, kind=name, request=request)


def fetch_total(
    client: anthropic.Anthropic, report: Report, request: dict[str, str]
) -> tuple[RawDocument, ...]:
    """The cost once more without groups; its rows are a control, never charges.

    Raises:
        SourceError: as `fetch_report`.
    """
    told = {**request, "group_by": "", "purpose": CONTROL_TOTAL}
    ask = _asking(client, "cost", report, told, grouped=False)
    return read_pages(ask, name="cost_total", kind="cost", request=told)


def fetch_workspaces(
    client: anthropic.Anthropic, *, account: str, now: datetime
) -> tuple[RawDocument, ...]:
    """The workspaces asked twice: only the second list has the default one, which tells its id."""
    workspaces = client.beta.organization.workspaces.with_raw_response
    documents: list[RawDocument] = []
    for name, include_default in (("workspaces", False), ("workspaces_with_default", True)):

        def ask(cursor: str | None, *, include_default: bool = include_default) -> bytes:
            return raw_bytes(
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


def raw_bytes(client: anthropic.Anthropic, call: Callable[[], Any]) -> bytes:
    """The body that a call brings, as received: a raw answer of the SDK or a plain response.

    Raises:
        SourceError: unreachable, refused, or not understood.
    """
    endpoint = str(client.base_url)
    try:
        answer = call()
        return cast("bytes", getattr(answer, "http_response", answer).content)
    except anthropic.APIConnectionError as error:
        raise unreachable(PROVIDER, endpoint, type(error.__cause__ or error).__name__) from error
    except anthropic.APIStatusError as error:
        raise failed_status(PROVIDER, endpoint, error.status_code) from error


def _asking(
    client: anthropic.Anthropic,
    name: ReportName,
    report: Report,
    request: dict[str, str],
    *,
    grouped: bool,
) -> Ask:
    times = {"starting_at": request["starting_at"], "ending_at": request["ending_at"]}
    groups = list(report.groups) if grouped else []
    if report.is_legacy:
        # the SDK has no method for it, and sends a version that it does not know
        params = {**times, "bucket_width": "1d", "limit": _BUCKETS_A_PAGE, "group_by": groups}
        headers = {"anthropic-version": _LEGACY_VERSION}
        return lambda cursor: raw_bytes(
            client,
            lambda: client.get(
                f"/v1/{report.path}",
                cast_to=httpx2.Response,
                options={
                    "params": {**params, **({"page": cursor} if cursor else {})},
                    "headers": headers,
                },
            ),
        )
    analytics = client.beta.organization.analytics
    methods: dict[ReportName, Callable[..., Any]] = {
        "cost": analytics.cost.with_raw_response.list,
        "usage": analytics.usage.with_raw_response.list,
    }
    return lambda cursor: raw_bytes(
        client,
        lambda: methods[name](
            **times,
            time_bucket_width="1d",
            group_by=groups or anthropic.omit,
            limit=_ROWS_A_PAGE,
            page=cursor or anthropic.omit,
        ),
    )


def _choice(connection: ProviderConnection, key: str, allowed: tuple[str, ...]) -> str:
    value = connection.extra.get(key, allowed[0])
    if value not in allowed:
        raise SettingError(
            f"{key} of {connection.name} is {value[:40]!r}: expected one of "
            f"{', '.join(allowed)}; correct the connection."
        )
    return value
