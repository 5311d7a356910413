"""Anthropic: cost and usage of the current or the older interface, credit receipts as PDF files.

Owns the meaning of the fields. Amounts come as texts in fractional cents and become dollars, once.
The default workspace, an id in the current interface and null in the older one, is one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from tieout.config import ProviderConnection
from tieout.core.errors import SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.absent import to_estimate
from tieout.sources.answers import entries, page_object
from tieout.sources.anthropic_client import (
    asked,
    checks_total,
    chosen_report,
    fetch_report,
    fetch_total,
    fetch_workspaces,
    open_client,
)
from tieout.sources.anthropic_rows import (
    Row,
    Values,
    dollars,
    instant,
    is_legacy,
    part,
    reach,
    report_rows,
    total_gaps,
)
from tieout.sources.base import BillingMode, EstimateKind, Normalised, NormalisedUsage, RawDocument
from tieout.sources.drop_folder import documents_of_folder
from tieout.sources.rows import normalise, normalise_usage, whole_number

NAME = "anthropic"
BILLING: BillingMode = "prepaid"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "rated"
DEFAULT_WORKSPACE = "default"
# credit receipts; Anthropic offers no interface for them
fetch_documents = documents_of_folder(INVOICE_FORMAT)

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

Workspaces = Mapping[str | None, tuple[str, str]]


def fetch_cost(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """Daily cost by workspace, model, tier and kind up to `through` (inclusive), and names.

    With `check_total` the cost is asked once more without groups, as a control.

    Raises:
        SettingError: `api` or `check_total` of the connection is unknown.
        SourceError: unreachable, refused, or an answer of another form.
    """
    report, is_checked = chosen_report(connection, "cost"), checks_total(connection)
    request = asked(report, account=account, period=period, through=through, now=now)
    with open_client(connection) as client:
        costs = fetch_report(client, "cost", report, request)
        control = fetch_total(client, report, request) if is_checked else ()
        return (*costs, *control, *fetch_workspaces(client, account=account, now=now))


def fetch_usage(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """Daily token usage by workspace, model and tier up to `through` (inclusive).

    Raises:
        SettingError: `api` of the connection is unknown.
        SourceError: unreachable, refused, or an answer of another form.
    """
    report = chosen_report(connection, "usage")
    request = asked(report, account=account, period=period, through=through, now=now)
    with open_client(connection) as client:
        return fetch_report(client, "usage", report, request)


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each cost row: a UTC day, workspace, model, tier and kind.

    `billed_cost` is after the negotiated discount and before credits, `list_cost` before both (the
    older interface does not tell it). Complete through the last day that the answer vouches for.
    """
    workspaces = _workspaces(documents)

    def charge(row: Row, amount: Decimal) -> Mapping[str, object]:
        return {
            **_common(row.values, account, period, workspaces),
            "effective_cost": amount,
            "contracted_cost": amount,
            "list_cost": dollars(row.values, "list_amount"),
        }

    rows = report_rows(documents, "cost")
    found = normalise(rows, amount_of=_amount, to_charge=charge, provider=NAME)
    last, missing = reach(documents, period=period)
    return replace(
        found,
        findings=(*found.findings, *missing, *total_gaps(documents)),
        complete_through=last,
    )


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
            **_counts(part(row.values, "usage")),
        }

    rows = report_rows(documents, "usage")
    found = normalise_usage(rows, to_usage=usage, provider=NAME)
    if not any(is_legacy(one) for one in documents if one.kind == "usage"):
        return found
    return replace(found, findings=(*found.findings, *_unbilled_priority(found)))


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


def _amount(row: Row) -> Decimal:
    currency = str(part(row.values, "cost").get("currency"))
    if currency.upper() != "USD":
        raise SourceAnswerError(
            f"Currency is {currency[:10]!r}: expected USD, the only one Anthropic reports in."
        )
    amount = dollars(row.values, "amount")
    if amount is None:
        raise SourceAnswerError("Field amount is empty: expected fractional cents as a text.")
    return amount


def _common(
    values: Values, account: str, period: Period, workspaces: Workspaces
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
        "charge_description": " ".join(word for word in (model, tier, meter) if word),
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
    values: Values, account: str, period: Period, workspaces: Workspaces
) -> dict[str, object]:
    workspace = _text(values, "workspace_id")
    sub_account_id, sub_account_name = workspaces.get(workspace, (workspace, None))
    start = instant(values, "starting_at")
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
        "charge_period_end": instant(values, "ending_at"),
    }


def _counts(usage: Values) -> dict[str, int]:
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


def _tier(values: Values) -> str:
    tier = _text(values, "service_tier")
    if tier not in _TIERS:
        raise SourceAnswerError(
            f"Service tier is {str(tier)[:40]!r}: expected one of "
            f"{', '.join(name for name in _TIERS if name)}; the plug-in must learn this one first."
        )
    return _TIERS[tier]


def _text(values: Values, key: str) -> str | None:
    value = part(values, "group").get(key)
    return None if value is None or value == "" else str(value)


def _unbilled_priority(found: NormalisedUsage) -> Iterator[Finding]:
    """The older cost report never has the priority tier: its tokens are bought by contract."""
    tokens = sum(
        row["input_tokens"] + row["output_tokens"]
        for row in found.usage.to_pylist()
        if row["service_tier"] == "priority"
    )
    if tokens:
        yield Finding(
            kind="priority_tier_without_cost",
            severity="info",
            subject=f"{NAME} priority tier",
            message=(
                f"Usage has {tokens} tokens of the priority tier, which the legacy cost report "
                "never prices: expected on their contract's invoice; book them from there."
            ),
        )
