"""LiteLLM proxy: the gateway's daily activity by model and key, as an estimate that bills nothing.

Owns the requests and the meaning of the fields. The gateway prices tokens with a price map of its
own; the models behind it are billed by their providers. So every charge bills 0, its `list_cost` is
the gateway's figure, and team and key are there as keys for allocation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from tieout.config import ProviderConnection
from tieout.core.errors import MoneyFormatError, SettingError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import format_units, to_units
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.absent import fetch_usage, to_estimate, to_usage
from tieout.sources.answers import MAX_PAGES, required_key
from tieout.sources.base import BillingMode, EstimateKind, Normalised, RawDocument
from tieout.sources.drop_folder import documents_of_folder
from tieout.sources.http_json import Api, get, open_api
from tieout.sources.json_rows import (
    Values,
    amount,
    answer,
    cost_pages,
    day,
    day_span,
    inner,
    objects,
    text,
)
from tieout.sources.person_refs import person_salt, without_addresses
from tieout.sources.rows import SourceRow, normalise, whole_number

NAME = "litellm"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "none"
# a proxy of one's own bills nothing: a folder is rare
fetch_documents = documents_of_folder(INVOICE_FORMAT, may_lack=True)

_ACTIVITY = "/user/daily/activity"
_ROWS_A_PAGE = 1000

Row = SourceRow[Values]


def fetch_cost(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """The proxy's daily activity up to `through` (inclusive), page by page, without addresses.

    Raises:
        SettingError: no address of the proxy, no key or no `person_salt`.
        SourceError: unreachable, refused, or an answer of another form.
    """
    if not connection.endpoint:
        raise SettingError(
            f"Connection {connection.name} has no host: expected the address of your LiteLLM "
            "proxy; add it to the connection."
        )
    salt = person_salt(connection)
    api = open_api(
        connection,
        provider=NAME,
        endpoint=connection.endpoint,
        headers={"Authorization": f"Bearer {required_key(connection)}"},
    )
    last = min(through, period.last_on)
    request = {
        "path": _ACTIVITY,
        "account": account,
        "start_date": str(period.start_on),
        "end_date": str(last),
        "through": str(last),
        "addresses": "replaced by references",
        "asked_at": now.isoformat(),
    }
    return tuple(_fetch_pages(api, request, salt=salt))


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge of 0 for each UTC day, model and key; `list_cost` is the gateway's estimate."""

    def charge(row: Row, billed: Decimal) -> Mapping[str, object]:
        return {**_common(row.values, account, period), "effective_cost": billed}

    rows = list(_rows(documents))
    found = normalise(rows, amount_of=lambda _: Decimal(0), to_charge=charge, provider=NAME)
    return replace(
        found,
        findings=(*found.findings, *_estimated(rows)),
        complete_through=period.last_on,
    )


def _fetch_pages(api: Api, request: Mapping[str, str], *, salt: bytes) -> Iterator[RawDocument]:
    """Pages until `has_more` is false; one day may go on from one page to the next."""
    dates = {key: request[key] for key in ("start_date", "end_date")}
    for page in range(1, MAX_PAGES + 1):
        query: dict[str, str | int] = {**dates, "page": page, "page_size": _ROWS_A_PAGE}
        name = f"activity.page{page}.json"
        content = without_addresses(get(api, _ACTIVITY, query), salt=salt)
        found = answer(content, name=name)
        objects(found, "results", name=name)
        told = inner(found, "metadata")
        if told.get("page", page) != page:
            raise SourceAnswerError(
                f"{name} says that it is page {str(told.get('page'))[:10]}: expected page {page}; "
                "pull again, nothing was kept."
            )
        yield RawDocument(
            name=name,
            kind="cost",
            content=content,
            media_type="application/json",
            request={**request, "page": str(page)},
        )
        if told.get("has_more") is not True:
            return
    raise SourceAnswerError(
        f"{NAME} has more than {MAX_PAGES} pages: expected fewer for a month; ask for fewer days."
    )


def _rows(documents: Sequence[RawDocument]) -> Iterator[Row]:
    for document, results in cost_pages(documents, "results"):
        digest = document.sha256
        cells = (cell for result in results for cell in _cells(result))
        for number, values in enumerate(cells, start=1):
            yield SourceRow(document=digest, number=number, values=values)


def _cells(result: Values) -> Iterator[Values]:
    """Day, model and key with its metrics; older proxies tell no keys and nest no metrics."""
    for model, cell in inner(inner(result, "breakdown"), "models").items():
        found: Values = cell if isinstance(cell, dict) else {}
        place = {"date": result.get("date"), "model": model}
        keys = inner(found, "api_key_breakdown")
        for key, part in keys.items():
            of_key: Values = part if isinstance(part, dict) else {}
            yield {
                **place,
                "key": key,
                "metrics": inner(of_key, "metrics"),
                "metadata": inner(of_key, "metadata"),
            }
        if not keys:
            yield {**place, "metrics": inner(found, "metrics") or found}


def _common(values: Values, account: str, period: Period) -> dict[str, object]:
    start, end = day_span(day(values.get("date"), period=period))
    model = text(values, "model") or ""
    metrics, metadata = inner(values, "metrics"), inner(values, "metadata")
    team, alias = text(metadata, "team_id"), text(metadata, "key_alias")
    return {
        "provider": NAME,
        "billing_account_id": account,
        "sub_account_id": team,
        "sub_account_name": text(metadata, "team_alias"),
        "billing_period_start": period.start_on,
        "charge_period_start": start,
        "charge_period_end": end,
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "charge_description": f"{model} (estimate of the gateway, billed elsewhere)",
        "list_cost": amount(metrics, "spend"),
        "billing_currency": "USD",
        "consumed_quantity": Decimal(whole_number(metrics, "total_tokens")),
        "consumed_unit": "tokens",
        "service_category": AI_SERVICE_CATEGORY,
        "service_name": "LiteLLM gateway",
        "service_provider_name": "LiteLLM",
        "invoice_issuer_name": "LiteLLM",
        "resource_id": text(values, "key"),
        "resource_name": alias,
        "sku_meter": model or None,
        "tags": tags_json({"team": team or "", "key_alias": alias or ""}),
        "x_model": model.rpartition("/")[2] or None,
    }


def _estimated(rows: Sequence[Row]) -> Iterator[Finding]:
    """How much the gateway thinks was spent: beside the bills, never on top of them."""
    units = 0
    for row in rows:
        try:
            units += to_units(amount(inner(row.values, "metrics"), "spend"))
        except (SourceAnswerError, MoneyFormatError):
            continue  # such a row has a finding of its own
    if units:
        yield Finding(
            kind="gateway_estimate",
            severity="info",
            subject="litellm estimate",
            message=(
                f"The gateway values its traffic at {format_units(units)} USD with its own price "
                "map: expected on the bills of the providers behind it; it is 0 here, and serves "
                "as a key for allocation."
            ),
            amount_units=units,
        )
