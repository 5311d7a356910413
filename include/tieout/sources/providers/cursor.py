"""Cursor: usage events of a team through the Admin API, invoices as PDF files.

Owns the requests and the meaning of the fields. Amounts are cents with fractions. E-mail addresses
become references before an answer is kept: no document and no charge holds one.
"""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from tieout.config import ProviderConnection
from tieout.core.errors import MoneyFormatError, SourceAnswerError, SourceUnreachableError
from tieout.core.finding import Finding
from tieout.core.money import parse_decimal, to_units
from tieout.core.period import Period, utc_midnight
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.absent import fetch_usage, to_estimate, to_usage
from tieout.sources.answers import MAX_PAGES, required_key
from tieout.sources.base import BillingMode, EstimateKind, Normalised, RawDocument
from tieout.sources.drop_folder import documents_of_folder
from tieout.sources.http_json import Api, open_api, post
from tieout.sources.json_rows import (
    Values,
    amount,
    answer,
    cost_pages,
    day_span,
    inner,
    objects,
    text,
)
from tieout.sources.person_refs import person_salt, without_addresses
from tieout.sources.rows import SourceRow, normalise, shifted, whole_number

NAME = "cursor"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "none"
# Cursor offers no interface for documents: people and mail rules put them into a folder
fetch_documents = documents_of_folder(INVOICE_FORMAT)

_ENDPOINT = "https://api.cursor.com"
_EVENTS = "/teams/filtered-usage-events"
_EVENTS_A_PAGE = 1000
_PACE_S = 3  # 20 requests a minute
_WINDOW = timedelta(days=30)
_MILLISECOND = timedelta(milliseconds=1)
_CENTS = -2
_TOKENS = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")

Row = SourceRow[Values]


def fetch_cost(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """All usage events up to `through` (inclusive), in windows of 30 days, without addresses.

    Raises:
        SettingError: no key or no `person_salt`.
        SourceError: unreachable, refused, another form, or the list changed while it was read.
    """
    salt = person_salt(connection)
    key = base64.b64encode(f"{required_key(connection)}:".encode()).decode()
    api = open_api(
        connection,
        provider=NAME,
        endpoint=_ENDPOINT,
        headers={"Authorization": f"Basic {key}"},
        pace_s=_PACE_S,
    )
    request = {
        "path": _EVENTS,
        "account": account,
        "team": connection.extra.get("team", ""),
        "through": str(min(through, period.last_on)),
        "addresses": "replaced by references",
        "asked_at": now.isoformat(),
    }
    documents: list[RawDocument] = []
    for number, window in enumerate(_windows(period, through), start=1):
        documents += _fetch_window(api, window, number=number, request=request, salt=salt)
    return tuple(documents)


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each usage event; its charge period is the event's UTC day.

    An event that is included in the seats or not chargeable bills 0; `list_cost` is what Cursor
    values it at. Events that are equal in every field all count, and are reported.
    """
    teams = {one.sha256: one.request.get("team") or None for one in documents}

    def charge(row: Row, billed: Decimal) -> Mapping[str, object]:
        return {
            **_common(row.values, account, period),
            "sub_account_id": teams[row.document],
            "effective_cost": billed,
            "list_cost": _valued(row.values),
        }

    rows = list(_rows(documents))
    found = normalise(rows, amount_of=_billed, to_charge=charge, provider=NAME)
    return replace(
        found,
        findings=(*found.findings, *_repeated(rows)),
        complete_through=period.last_on,
    )


def _windows(period: Period, through: date) -> Iterator[tuple[datetime, datetime]]:
    """First and last instant (inclusive) of each query, without a gap or an overlap."""
    start = utc_midnight(period.start_on)
    end = utc_midnight(min(through, period.last_on) + timedelta(days=1))
    while start < end:
        stop = min(start + _WINDOW, end)
        yield start, stop - _MILLISECOND
        start = stop


def _fetch_window(
    api: Api,
    window: tuple[datetime, datetime],
    *,
    number: int,
    request: Mapping[str, str],
    salt: bytes,
) -> list[RawDocument]:
    """All pages of one window; their events are as many as each page says there are."""
    first, last = (_milliseconds(at) for at in window)
    documents: list[RawDocument] = []
    read, totals = 0, set()
    for page in range(1, MAX_PAGES + 1):
        body = {"startDate": first, "endDate": last, "page": page, "pageSize": _EVENTS_A_PAGE}
        content = without_addresses(post(api, _EVENTS, body), salt=salt)
        name = f"usage-events.window{number}.page{page}.json"
        found = answer(content, name=name)
        events = objects(found, "usageEvents", name=name)
        read += len(events)
        totals.add(whole_number(found, "totalUsageEventsCount"))
        asked = {**request, "startDate": str(first), "endDate": str(last), "page": str(page)}
        documents.append(
            RawDocument(
                name=name,
                kind="cost",
                content=content,
                media_type="application/json",
                request=asked,
            )
        )
        if inner(found, "pagination").get("hasNextPage") is not True:
            break
    if totals != {read}:
        raise SourceUnreachableError(
            f"Cursor's list of events changed while it was read ({read} events came, "
            f"{', '.join(map(str, sorted(totals)))} were announced): expected one number; the run "
            "may be repeated."
        )
    return documents


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def _rows(documents: Sequence[RawDocument]) -> Iterator[Row]:
    for document, events in cost_pages(documents, "usageEvents"):
        digest = document.sha256
        for number, values in enumerate(events, start=1):
            yield SourceRow(document=digest, number=number, values=values)


def _billed(row: Row) -> Decimal:
    if row.values.get("isChargeable") is False or _is_included(row.values):
        return Decimal(0)
    return shifted(amount(row.values, "chargedCents"), _CENTS)


def _is_included(values: Values) -> bool:
    return (text(values, "kind") or "").lower().startswith("included")


def _valued(values: Values) -> Decimal | None:
    """What Cursor values the event at, in dollars: charged, else the model's cost."""
    cents = values.get("chargedCents")
    if cents is None:
        cents = inner(values, "tokenUsage").get("totalCents")
    return None if cents is None else shifted(parse_decimal(str(cents)), _CENTS)


def _common(values: Values, account: str, period: Period) -> dict[str, object]:
    start, end = day_span(_day(values, period))
    model, kind = text(values, "model"), text(values, "kind")
    usage = inner(values, "tokenUsage")
    person = text(values, "userEmail")
    return {
        "provider": NAME,
        "billing_account_id": account,
        "billing_period_start": period.start_on,
        "charge_period_start": start,
        "charge_period_end": end,
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "charge_description": " ".join(part for part in (model, kind) if part),
        "billing_currency": "USD",
        "consumed_quantity": Decimal(sum(whole_number(usage, key) for key in _TOKENS)),
        "consumed_unit": "tokens",
        "service_category": AI_SERVICE_CATEGORY,
        "service_name": "Cursor",
        "service_provider_name": "Cursor",
        "invoice_issuer_name": "Cursor",
        "sku_meter": kind,
        "tags": tags_json({"person": person or ""}),
        "x_model": model,
    }


def _day(values: Values, period: Period) -> date:
    try:
        at = datetime.fromtimestamp(int(str(values.get("timestamp"))) // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise SourceAnswerError(
            f"The event's timestamp is {str(values.get('timestamp'))[:40]!r}: expected "
            "milliseconds since 1970 as text."
        ) from None
    if not period.contains(at.date()):
        raise SourceAnswerError(
            f"The event is of {at.date()}: expected a day of {period}, which was asked."
        )
    return at.date()


def _repeated(rows: Sequence[Row]) -> Iterator[Finding]:
    """Events have no id; equal ones may be one event that Cursor lists twice, or really two."""
    keys = [_key(row.values) for row in rows]
    counts = Counter(keys)
    reported = set()
    for row, key in zip(rows, keys, strict=True):
        if counts[key] > 1 and key not in reported:
            reported.add(key)
            more = counts[key] - 1
            yield Finding(
                kind="repeated_event",
                severity="warning",
                subject=f"cursor event {row.values.get('timestamp')}",
                message=(
                    f"{counts[key]} events of Cursor agree in time, person, model and tokens: "
                    "expected each once; all are counted, so compare them with the invoice."
                ),
                amount_units=more * _units(row),
                source_document=row.document,
                source_row=row.number,
            )


def _key(values: Values) -> tuple[str, ...]:
    usage = inner(values, "tokenUsage")
    fields = (values.get("timestamp"), values.get("userEmail"), values.get("model"))
    return tuple(map(str, (*fields, *(usage.get(key) for key in _TOKENS))))


def _units(row: Row) -> int:
    with suppress(SourceAnswerError, MoneyFormatError):  # such a row has a finding of its own
        return to_units(_billed(row))
    return 0
