"""GitHub: metered usage of an organisation or enterprise through the billing API, invoices as PDF.

Owns the requests and the meaning of the fields. The usage report is the total; the reports on AI
credits and premium requests tell the same money by model. Only one of the two becomes charges.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote

from tieout.config import ProviderConnection
from tieout.core.errors import MoneyFormatError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import format_units, to_units
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.absent import fetch_usage, to_estimate, to_usage
from tieout.sources.answers import required_key
from tieout.sources.base import BillingMode, EstimateKind, Normalised, RawDocument
from tieout.sources.drop_folder import documents_of_folder
from tieout.sources.http_json import Api, get, get_if_there, open_api
from tieout.sources.json_rows import (
    Values,
    amount,
    answer,
    cost_pages,
    day,
    day_span,
    objects,
    text,
)
from tieout.sources.rows import SourceRow, decimal_or_none, normalise

NAME = "github"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "none"
# GitHub offers no interface for documents: people and mail rules put them into a folder
fetch_documents = documents_of_folder(INVOICE_FORMAT)

_ENDPOINT = "https://api.github.com"
_API_VERSION = "2022-11-28"
_TOTAL = "usage"
_BY_MODEL = ("ai_credit", "premium_request")
_AI_PRODUCTS = frozenset({"copilot", "models", "spark"})
_EQUAL_UNITS = (
    10**6
)  # the interface adds in binary floats: a millionth of a dollar is no difference

Row = SourceRow[Values]


def fetch_cost(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """The month's usage report, and for an organisation its AI reports of each day up to `through`.

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    api = open_api(
        connection,
        provider=NAME,
        endpoint=_ENDPOINT,
        headers={
            "Accept": "application/vnd.github+json, application/json",
            "Authorization": f"Bearer {required_key(connection)}",
            "X-GitHub-Api-Version": _API_VERSION,
        },
    )
    enterprise = connection.extra.get("enterprise", "")
    owner = enterprise or connection.extra.get("organization") or account
    kind = "enterprises" if enterprise else "organizations"
    base = f"/{kind}/{quote(owner, safe='')}/settings/billing"
    last = min(through, period.last_on)
    request = {"account": account, "owner": owner, "through": str(last), "asked_at": str(now)}
    month: dict[str, str | int] = {"year": period.year, "month": period.month}
    path = f"{base}/usage"
    documents = [_document("usage.json", get(api, path, month), {**request, "path": path})]
    if not enterprise:
        for report in _BY_MODEL:
            documents += _fetch_days(api, base, report, period=period, request=request)
    return tuple(documents)


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each row: `list_cost` before and `billed_cost` after discounts.

    Where the reports by model give the same money for a SKU as the usage report, their rows stand
    for that SKU's; where they differ, the usage report counts and the difference is a finding.
    """

    def charge(row: Row, billed: Decimal) -> Mapping[str, object]:
        return {**_common(row.values, account, period), "effective_cost": billed}

    read = list(_rows(documents))
    total = [row for report, row in read if report == _TOTAL]
    by_model = [row for report, row in read if report != _TOTAL]
    same, differing = _compared(total, by_model)
    rows = [row for row in total if _sku(row.values) not in same]
    rows += [row for row in by_model if _sku(row.values) in same]
    found = normalise(rows, amount_of=_net, to_charge=charge, provider=NAME)
    return replace(
        found,
        findings=(*found.findings, *differing),
        complete_through=period.last_on,
    )


def _fetch_days(
    api: Api, base: str, report: str, *, period: Period, request: Mapping[str, str]
) -> Iterator[RawDocument]:
    path = f"{base}/{report}/usage"
    for on in period.days():
        if on > date.fromisoformat(request["through"]):
            return
        query: dict[str, str | int] = {"year": on.year, "month": on.month, "day": on.day}
        content = get_if_there(api, path, query)
        if content is None:  # this plan has no such report
            return
        asked = {**request, "path": path, "report": report, "date": str(on)}
        yield _document(f"{report}.{on}.json", content, asked)


def _document(name: str, content: bytes, request: Mapping[str, str]) -> RawDocument:
    objects(answer(content, name=name), "usageItems", name=name)
    return RawDocument(
        name=name, kind="cost", content=content, media_type="application/json", request=request
    )


def _rows(documents: Sequence[RawDocument]) -> Iterator[tuple[str, Row]]:
    """Each row with its report; rows by model get the day and the organisation that were asked."""
    for document, items in cost_pages(documents, "usageItems"):
        digest = document.sha256
        request = document.request
        told = {"date": request.get("date"), "organizationName": request.get("owner")}
        report = request.get("report", _TOTAL)
        for number, values in enumerate(items, start=1):
            known = values if report == _TOTAL else {**values, **told}
            yield report, SourceRow(document=digest, number=number, values=known)


def _compared(total: Iterable[Row], by_model: Iterable[Row]) -> tuple[set[str], list[Finding]]:
    """SKUs for which both reports give the same money, and findings for the others."""
    whole, split = _sums(total), _sums(by_model)
    same, findings = set(), []
    for sku, units in sorted(split.items()):
        if abs(units - whole.get(sku, 0)) <= _EQUAL_UNITS:
            same.add(sku)
            continue
        findings.append(
            Finding(
                kind="reports_differ",
                severity="warning",
                subject=f"github {sku}",
                message=(
                    f"GitHub bills {format_units(whole.get(sku, 0))} USD for {sku} in its usage "
                    f"report, but {format_units(units)} USD by model: expected one figure; the "
                    "usage report counts, without models, until a later pull agrees."
                ),
                amount_units=units - whole.get(sku, 0),
            )
        )
    return same, findings


def _sums(rows: Iterable[Row]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in rows:
        sku = _sku(row.values)
        try:
            units = to_units(_net(row))
        except (SourceAnswerError, MoneyFormatError):
            units = 0  # such a row has a finding of its own
        sums[sku] = sums.get(sku, 0) + units
    return sums


def _net(row: Row) -> Decimal:
    return amount(row.values, "netAmount")


def _sku(values: Values) -> str:
    return (text(values, "sku") or "").lower().replace("_", " ")


def _common(values: Values, account: str, period: Period) -> dict[str, object]:
    start, end = day_span(day(values.get("date"), period=period))
    product, sku, model = (text(values, key) for key in ("product", "sku", "model"))
    is_ai = (product or "").lower() in _AI_PRODUCTS
    quantity = values.get("grossQuantity", values.get("quantity"))
    return {
        "provider": NAME,
        "billing_account_id": account,
        "sub_account_id": text(values, "organizationName"),
        "billing_period_start": period.start_on,
        "charge_period_start": start,
        "charge_period_end": end,
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "charge_description": " ".join(part for part in (sku, model) if part),
        "list_cost": decimal_or_none(values.get("grossAmount")),
        "billing_currency": "USD",
        "consumed_quantity": decimal_or_none(quantity),
        "consumed_unit": text(values, "unitType"),
        "list_unit_price": decimal_or_none(values.get("pricePerUnit")),
        "service_category": AI_SERVICE_CATEGORY if is_ai else "Developer Tools",
        "service_name": f"GitHub {product[:1].upper()}{product[1:]}" if product else "GitHub",
        "service_provider_name": "GitHub",
        "invoice_issuer_name": "GitHub",
        "resource_id": text(values, "repositoryName"),
        "sku_id": sku,
        "sku_meter": sku,
        "tags": tags_json({}),
        "x_model": model,
    }
