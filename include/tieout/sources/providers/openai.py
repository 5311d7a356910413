"""OpenAI: costs and usage through the admin API, invoices as PDF files.

Owns the requests for costs and the meaning of their fields. Amounts are read from the answer's own
text (live answers have carried strings, and the SDK's model would turn them into floats).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import openai

from tieout.config import ProviderConnection
from tieout.core.errors import SourceAnswerError
from tieout.core.money import parse_decimal
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.absent import to_estimate
from tieout.sources.answers import entries, page_object, read_pages
from tieout.sources.base import BillingMode, EstimateKind, Normalised, NormalisedUsage, RawDocument
from tieout.sources.drop_folder import documents_of_folder
from tieout.sources.openai_buckets import (
    Row,
    bucket_day,
    bucket_rows,
    check_object,
    reach,
    text_of,
)
from tieout.sources.openai_client import asked, open_client, raw_bytes
from tieout.sources.openai_usage import chosen_meters, fetch_meter, read_usage
from tieout.sources.rows import decimal_or_none, normalise

NAME = "openai"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "rated"
# OpenAI offers no interface for documents: people and mail rules put them into a folder
fetch_documents = documents_of_folder(INVOICE_FORMAT)

_COST_GROUPS: Final = ("line_item", "project_id")
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


def fetch_cost(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """Daily costs by line item and project up to `through` (inclusive), and the projects' names.

    Raises:
        SourceError: unreachable, refused, or an answer of another form.
    """
    request = asked(
        "organization/costs",
        account=account,
        groups=_COST_GROUPS,
        period=period,
        through=through,
        now=now,
    )
    with open_client(connection) as client:
        usage = client.admin.organization.usage.with_raw_response

        def ask(cursor: str | None) -> bytes:
            return raw_bytes(
                client,
                lambda: usage.costs(
                    start_time=int(request["start_time"]),
                    end_time=int(request["end_time"]),
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
    """Daily usage up to `through` (inclusive) from each endpoint that the connection names.

    Raises:
        SettingError: the connection names an endpoint that does not exist.
        SourceError: unreachable, refused, or an answer of another form.
    """
    names = chosen_meters(connection)
    with open_client(connection) as client:
        return tuple(
            page
            for name in names
            for page in fetch_meter(
                client, name, account=account, period=period, through=through, now=now
            )
        )


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each cost row: a UTC day, line item and project.

    Complete through the last day up to which every day's bucket was answered, quiet ones too.
    """
    names = _project_names(documents)
    costs = [document for document in documents if document.kind == "cost"]

    def charge(row: Row, amount: Decimal) -> Mapping[str, object]:
        check_object(row.values, "organization.costs.result")
        return {**_common(row.values, account, period, names), **_costs(row.values, amount)}

    found = normalise(bucket_rows(costs), amount_of=_amount, to_charge=charge, provider=NAME)
    last, missing = reach(costs, period=period)
    return replace(found, findings=(*found.findings, *missing), complete_through=last)


def to_usage(documents: Sequence[RawDocument], *, account: str, period: Period) -> NormalisedUsage:
    """One usage row for each bucket row of tokens or web searches; the rest is told in findings."""
    names = _project_names(documents)
    return read_usage(documents, account=account, period=period, names=names)


def _fetch_projects(
    client: openai.OpenAI, *, account: str, now: datetime
) -> tuple[RawDocument, ...]:
    projects = client.admin.organization.projects.with_raw_response

    def ask(cursor: str | None) -> bytes:
        return raw_bytes(
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
    project = text_of(values, "project_id")
    start, end = bucket_day(values, period)
    line_item = text_of(values, "line_item")
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
        "consumed_unit": text_of(values, "quantity_unit"),
    }


def _token_line(line_item: str) -> tuple[str | None, str | None, str | None]:
    match = _TOKEN_LINE.match(line_item)
    if not match or match["kind"] not in _TOKEN_KINDS:
        return None, None, None
    return match["model"], match["tier"] or "standard", _TOKEN_KINDS[match["kind"]]
