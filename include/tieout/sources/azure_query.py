"""Azure's own preliminary figures: the cost query by day and service, page by page.

Owns the request, its waiting and its paging, and the meaning of its rows. The SDK does not follow
`nextLink` here and does not wait where only Cost Management's own headers say how long (measured
with azure-mgmt-costmanagement 5.0.0), so both are done by hand.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, cast

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError, SourceAnswerError
from tieout.core.ids import sha256_hex
from tieout.core.money import parse_decimal
from tieout.core.period import Period
from tieout.sources.answers import MAX_PAGES, failed_status, unreachable
from tieout.sources.azure_charges import ISSUER, NAME
from tieout.sources.azure_client import Wire, cost_management
from tieout.sources.azure_columns import midnight
from tieout.sources.azure_tables import category_of
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.limits import load_json
from tieout.sources.rows import SourceRow, normalise

WAIT_BUDGET_S = 600
DEFAULT_WAIT_S = 10
GROUPS = ("SubscriptionId", "ResourceGroup", "ResourceGroupName")

_WAIT = re.compile(r"x-ms-ratelimit-microsoft\.costmanagement-[a-z]+-retry-after")
_THROTTLED, _NO_CONTENT = 429, 204
_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)")

_sleep = time.sleep  # a name of its own, so that a test need not wait

Cells = Mapping[str, object]


def fetch_query(
    connection: ProviderConnection, *, scope: str, days: tuple[date, date], now: datetime
) -> tuple[RawDocument, ...]:
    """Cost by day, service and subscription (or resource group) of at most 31 days, as received.

    No document where Azure has no content for these days.

    Raises:
        SourceUnreachableError: throttled for longer than WAIT_BUDGET_S.
        SourceAnswerError: a page is no such page, or leads to another host or back.
        SettingError: `estimate_group` is no dimension that may be grouped by.
    """
    group = connection.extra.get("estimate_group", GROUPS[0])
    if group not in GROUPS:
        raise SettingError(
            f"estimate_group of {connection.name} is {group[:40]!r}: expected one of "
            f"{', '.join(GROUPS)}; correct the connection."
        )
    body = _body(days, group)
    start, end = (day.isoformat() for day in days)
    with cost_management(connection) as wire:
        pages = _pages(wire, scope, body)
    return tuple(
        RawDocument(
            name=f"query.page{number}.json",
            kind="estimate",
            content=content,
            media_type="application/json",
            says=sha256_hex(_rows_text(content, f"query.page{number}.json")),
            request={
                "scope": scope,
                "start": start,
                "end": end,
                "group": group,
                "asked_at": now.isoformat(),
            },
        )
        for number, content in enumerate(pages, start=1)
    )


def query_charges(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each row of the pages; a day outside the asked range is a bad row.

    Raises:
        SourceAnswerError: a page is no answer of the query.
    """

    def to_charge(row: SourceRow[Cells], amount: Decimal) -> Mapping[str, object]:
        return _charge(row.values, amount, account=account, period=period)

    rows = _rows([document for document in documents if document.kind == "estimate"])
    return normalise(rows, amount_of=_amount, to_charge=to_charge, provider=NAME)


def _rows_text(content: bytes, name: str) -> bytes:
    """Columns and rows of a page as canonical text: its nextLink is another one at each call."""
    properties = _properties(content, name)
    said = {key: properties.get(key) for key in ("columns", "rows")}
    return json.dumps(said, sort_keys=True, default=str).encode()


def _body(days: tuple[date, date], group: str) -> dict[str, Any]:
    start, end = days
    return {
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": f"{start}T00:00:00Z", "to": f"{end}T23:59:59Z"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [
                {"type": "Dimension", "name": "ServiceName"},
                {"type": "Dimension", "name": group},
            ],
        },
    }


def _pages(wire: Wire, scope: str, body: dict[str, Any]) -> list[bytes]:
    pages: list[bytes] = []
    link: str | None = None
    seen: set[str] = set()
    waited = 0
    while len(pages) < MAX_PAGES:
        answer = _ask(wire, scope, body, link)
        if answer.status_code == _THROTTLED:
            waited = _wait(wire, answer.headers, waited)
            continue
        if answer.status_code == _NO_CONTENT:
            return pages
        pages.append(answer.content)
        link = _next_link(answer.content, f"query.page{len(pages)}.json")
        if link is None:
            return pages
        if link in seen:
            break
        seen.add(link)
    raise SourceAnswerError(
        f"The cost query of {scope} never ends: expected each nextLink once and at most "
        f"{MAX_PAGES} pages; pull again later, nothing was kept."
    )


def _ask(wire: Wire, scope: str, body: dict[str, Any], link: str | None) -> Any:
    """One answer, whatever its status; only the throttled and the good ones come back."""
    before = len(wire.answers)
    try:
        if link is None:
            wire.client.query.usage(scope, body, retry_total=0)
        else:
            wire.client.send_request(HttpRequest("POST", link, json=body), retry_total=0)
    except HttpResponseError as error:
        if error.status_code != _THROTTLED:
            raise
    if len(wire.answers) == before:
        raise unreachable(NAME, wire.endpoint, "no answer")
    answer = wire.answers[-1]
    if answer.status_code >= HTTPStatus.BAD_REQUEST and answer.status_code != _THROTTLED:
        raise failed_status(NAME, wire.endpoint, answer.status_code)
    return answer


def _wait(wire: Wire, headers: Mapping[str, str], waited: int) -> int:
    """Sleep as long as the longest limit asks; gives what was waited so far in all."""
    asked = [
        int(value)
        for key, value in headers.items()
        if (_WAIT.fullmatch(key.lower()) or key.lower() == "retry-after") and value.isdigit()
    ]
    wait_s = max(asked, default=DEFAULT_WAIT_S)
    if waited + wait_s > WAIT_BUDGET_S:
        raise unreachable(NAME, wire.endpoint, f"HTTP 429, asked to wait {wait_s} s more")
    _sleep(wait_s)
    return waited + max(wait_s, 1)


def _next_link(content: bytes, name: str) -> str | None:
    link = _properties(content, name).get("nextLink")
    if link is None or link == "":
        return None
    if not isinstance(link, str):
        raise SourceAnswerError(f"{name} has a nextLink that is no text: pull it again.")
    return link


def _properties(content: bytes, name: str) -> Mapping[str, Any]:
    answer = load_json(content, name=name)
    properties = answer.get("properties") if isinstance(answer, dict) else None
    tables = ("columns", "rows")
    if not isinstance(properties, dict) or not all(
        isinstance(properties.get(key), list) for key in tables
    ):
        raise SourceAnswerError(
            f"{name} has no columns and rows: expected an answer of the cost query; pull it again."
        )
    return properties


def _rows(documents: Sequence[RawDocument]) -> Iterator[SourceRow[Cells]]:
    """Cells by column name, plus the asked range under `asked`."""
    for document in documents:
        properties = _properties(document.content, document.name)
        names = [_column(column, document.name) for column in properties["columns"]]
        asked = (document.request.get("start", ""), document.request.get("end", ""))
        for number, cells in enumerate(properties["rows"], start=1):
            if not isinstance(cells, list) or len(cells) != len(names):
                raise SourceAnswerError(
                    f"Row {number} of {document.name} does not have {len(names)} cells: expected "
                    "one for each column; pull it again."
                )
            values = {**dict(zip(names, cells, strict=True)), "asked": asked}
            yield SourceRow(document=document.sha256, number=number, values=values)


def _column(column: object, name: str) -> str:
    found = column.get("name") if isinstance(column, dict) else None
    if not isinstance(found, str):
        raise SourceAnswerError(f"{name} has a column without a name: pull it again.")
    return found.lower()


def _amount(row: SourceRow[Cells]) -> Decimal:
    values = row.values
    found = next((values[key] for key in ("cost", "pretaxcost") if key in values), None)
    if not isinstance(found, int | Decimal) or isinstance(found, bool):
        raise SourceAnswerError(f"The cost is {str(found)[:40]!r}: expected a number.")
    return parse_decimal(found)


def _charge(
    values: Cells, amount: Decimal, *, account: str, period: Period
) -> Mapping[str, object]:
    on = _usage_day(values, period)
    service = _text(values, "servicename") or "(unnamed)"
    subscription = _text(values, "subscriptionid")
    group = _text(values, "resourcegroup") or _text(values, "resourcegroupname")
    return {
        "provider": NAME,
        "billing_account_id": account,
        "sub_account_id": subscription.lower() or None,
        "billing_period_start": period.start_on,
        "charge_period_start": midnight(on),
        "charge_period_end": midnight(on + timedelta(days=1)),
        "charge_category": "Usage",
        "charge_description": service,
        "effective_cost": amount,
        "billing_currency": _text(values, "currency"),
        "service_category": category_of(service),
        "service_name": service,
        "service_provider_name": ISSUER,
        "invoice_issuer_name": ISSUER,
        "resource_name": group or None,
        "resource_type": "microsoft.resources/resourcegroups" if group else None,
        "tags": "{}",
    }


def _usage_day(values: Cells, period: Period) -> date:
    """UsageDate is an integer such as 20261031."""
    found = values.get("usagedate")
    match = _DAY.fullmatch(str(found)) if isinstance(found, int) else None
    try:
        on = date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        on = None
    if on is None:
        raise SourceAnswerError(
            f"UsageDate is {str(found)[:40]!r}: expected a whole number such as 20261031."
        )
    start, end = cast("tuple[str, str]", values["asked"])
    first = date.fromisoformat(start) if start else period.start_on
    last = date.fromisoformat(end) if end else period.last_on
    if not (first <= on <= last and period.contains(on)):
        raise SourceAnswerError(
            f"UsageDate is {on}: expected a day from {first} to {last}, as was asked; Azure shifts "
            "ranges that it cannot serve, ask for fewer days."
        )
    return on


def _text(values: Cells, key: str) -> str:
    found = values.get(key)
    return found if isinstance(found, str) else ""
