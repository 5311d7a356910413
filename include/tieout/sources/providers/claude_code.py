"""Claude Code: daily use by person and model, as an estimate that bills nothing.

Owns the requests and the meaning of the fields. Anthropic bills this use on its own bill, so every
charge bills 0, its `list_cost` is Anthropic's estimate, and person and terminal are there as keys
for allocation. E-mail addresses become references before an answer is kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from tieout.config import ProviderConnection
from tieout.core.errors import MoneyFormatError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import format_units, to_units
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.absent import fetch_usage, to_estimate, to_usage
from tieout.sources.answered_days import complete_through, missing_days
from tieout.sources.answers import read_pages, required_key
from tieout.sources.base import BillingMode, EstimateKind, Normalised, RawDocument
from tieout.sources.drop_folder import documents_of_folder
from tieout.sources.http_json import Api, get, open_api
from tieout.sources.json_rows import (
    Values,
    amount,
    cost_pages,
    day,
    day_span,
    inner,
    text,
)
from tieout.sources.person_refs import person_salt, without_addresses
from tieout.sources.rows import SourceRow, normalise, shifted, whole_number

NAME = "claude_code"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "none"
# the use is on Anthropic's own bill: a folder of its own is rare
fetch_documents = documents_of_folder(INVOICE_FORMAT, may_lack=True)

_ENDPOINT = "https://api.anthropic.com"
_REPORT = "/v1/organizations/usage_report/claude_code"
_VERSION = "2023-06-01"
_RECORDS_A_PAGE = 1000
_CENTS = -2
_TOKENS = ("input", "output", "cache_read", "cache_creation")

Row = SourceRow[Values]


def fetch_cost(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """Each day up to `through` (inclusive) by a call of its own, page by page, without addresses.

    Raises:
        SettingError: no key or no `person_salt`.
        SourceError: unreachable, refused, or an answer of another form.
    """
    salt = person_salt(connection)
    api = open_api(
        connection,
        provider=NAME,
        endpoint=_ENDPOINT,
        headers={"x-api-key": required_key(connection), "anthropic-version": _VERSION},
    )
    request = {
        "path": _REPORT,
        "account": account,
        "addresses": "replaced by references",
        "asked_at": now.isoformat(),
    }
    days = (one for one in period.days() if one <= through)
    return tuple(page for on in days for page in _fetch_day(api, on, request, salt=salt))


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge of 0 for each UTC day, actor, terminal and model; `list_cost` is the estimate.

    Complete through the last day up to which every day was asked and answered, quiet ones too.
    """
    days = {one.sha256: one.request.get("starting_at") for one in documents}

    def charge(row: Row, billed: Decimal) -> Mapping[str, object]:
        on = day(row.values.get("date"), period=period)
        if days[row.document] not in {None, str(on)}:
            raise SourceAnswerError(
                f"The row is of {on}: expected {days[row.document]}, the day that was asked."
            )
        return {**_common(row.values, account, period, on), "effective_cost": billed}

    rows = list(_rows(documents))
    found = normalise(rows, amount_of=lambda _: Decimal(0), to_charge=charge, provider=NAME)
    asked = (one.request.get("starting_at") for one in documents if one.kind == "cost")
    answered = {date.fromisoformat(one) for one in asked if one}
    return replace(
        found,
        findings=(
            *found.findings,
            *missing_days(answered, period=period, provider=NAME),
            *_estimated(rows),
        ),
        complete_through=complete_through(answered, period=period, through=period.last_on),
    )


def _fetch_day(
    api: Api, on: date, request: Mapping[str, str], *, salt: bytes
) -> tuple[RawDocument, ...]:
    def ask(cursor: str | None) -> bytes:
        query: dict[str, str | int] = {"starting_at": str(on), "limit": _RECORDS_A_PAGE}
        if cursor is not None:
            query["page"] = cursor
        return without_addresses(get(api, _REPORT, query), salt=salt)

    told = {**request, "starting_at": str(on)}
    return read_pages(ask, name=f"claude_code.{on}", kind="cost", request=told)


def _rows(documents: Sequence[RawDocument]) -> Iterator[Row]:
    for document, records in cost_pages(documents, "data"):
        digest = document.sha256
        cells = (cell for record in records for cell in _cells(record))
        for number, values in enumerate(cells, start=1):
            yield SourceRow(document=digest, number=number, values=values)


def _cells(record: Values) -> Iterator[Values]:
    """The record once for each model that was used; without use there is nothing to value."""
    models = record.get("model_breakdown")
    for cell in models if isinstance(models, list) else [None]:
        yield {**record, "model_breakdown": cell}


def _common(values: Values, account: str, period: Period, on: date) -> dict[str, object]:
    cell = _cell(values)
    start, end = day_span(on)
    model = text(cell, "model")
    actor, kind = _actor(values)
    tokens = inner(cell, "tokens")
    return {
        "provider": NAME,
        "billing_account_id": account,
        "billing_period_start": period.start_on,
        "charge_period_start": start,
        "charge_period_end": end,
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "charge_description": f"{model or ''} (estimate, billed by Anthropic)".strip(),
        "list_cost": _estimate(cell),
        "billing_currency": "USD",
        "consumed_quantity": Decimal(sum(whole_number(tokens, key) for key in _TOKENS)),
        "consumed_unit": "tokens",
        "service_category": AI_SERVICE_CATEGORY,
        "service_name": "Claude Code",
        "service_provider_name": "Anthropic",
        "invoice_issuer_name": "Anthropic",
        "resource_id": actor,
        "resource_type": kind,
        "sku_meter": model,
        "tags": tags_json(
            {
                "actor": actor,
                "actor_type": kind,
                "customer_type": text(values, "customer_type") or "",
                "terminal": text(values, "terminal_type") or "",
            }
        ),
        "x_model": model,
    }


def _cell(values: Values) -> Values:
    cell = values.get("model_breakdown")
    if not isinstance(cell, dict):
        raise SourceAnswerError("Field model_breakdown is no list of objects: expected models.")
    return cell


def _actor(values: Values) -> tuple[str, str]:
    """Who worked, a reference or an API key's name, and which of the two."""
    actor = inner(values, "actor")
    kind = text(actor, "type") or ""
    name = text(actor, "email_address") or text(actor, "api_key_name")
    if name is None:
        raise SourceAnswerError(
            f"The actor of type {kind[:40]!r} has no name: expected email_address or api_key_name."
        )
    return name, kind


def _estimate(cell: Values) -> Decimal:
    cost = inner(cell, "estimated_cost")
    currency = str(cost.get("currency"))
    if currency.upper() != "USD":
        raise SourceAnswerError(
            f"Currency is {currency[:10]!r}: expected USD, the only one Anthropic reports in."
        )
    return shifted(amount(cost, "amount"), _CENTS)


def _estimated(rows: Sequence[Row]) -> Iterator[Finding]:
    """What Anthropic values the month at: beside its bill, never on top of it."""
    units = 0
    for row in rows:
        try:
            units += to_units(_estimate(_cell(row.values)))
        except (SourceAnswerError, MoneyFormatError):
            continue  # such a row has a finding of its own
    if units:
        yield Finding(
            kind="claude_code_estimate",
            severity="info",
            subject=f"{NAME} estimate",
            message=(
                f"Anthropic values Claude Code at {format_units(units)} USD: expected on the "
                "Anthropic bill, or covered by seats; it is 0 here, and serves as a key for "
                "allocation."
            ),
            amount_units=units,
        )
