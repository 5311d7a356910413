"""OpenRouter: activity of each completed day through the API, credit receipts as PDF files.

Owns the requests and the meaning of the fields. `usage` is credits, and a credit is a US dollar.
What models cost at another provider's own key (`byok_usage_inference`) is billed there, never here.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import fsspec

from tieout.config import ProviderConnection
from tieout.core.errors import MoneyFormatError, NotReadyError, SettingError, SourceUnreachableError
from tieout.core.finding import Finding
from tieout.core.money import format_units, to_units
from tieout.core.period import Period
from tieout.focus.columns import AI_SERVICE_CATEGORY, tags_json
from tieout.sources.absent import fetch_usage, to_estimate, to_usage
from tieout.sources.answers import required_key
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
    objects,
    text,
)
from tieout.sources.limits import MAX_DOCUMENT_BYTES
from tieout.sources.rows import SourceRow, decimal_or_none, normalise, whole_number

NAME = "openrouter"
BILLING: BillingMode = "prepaid"
INVOICE_FORMAT = "stripe_pdf"
ESTIMATE: EstimateKind = "none"
# receipts of credit purchases; OpenRouter has no interface for them
fetch_documents = documents_of_folder(INVOICE_FORMAT)

_ENDPOINT = "https://openrouter.ai/api/v1"
_ACTIVITY = "/activity"
_FOLDER_SCHEMES = frozenset({"file", "s3", "gs", "gcs", "abfs", "abfss", "memory"})
_DAYS_KEPT = 30  # the interface answers for the last 30 completed UTC days
_DEVELOPERS = {
    "anthropic": "Anthropic",
    "openai": "OpenAI",
    "google": "Google",
    "meta-llama": "Meta",
    "mistralai": "Mistral AI",
    "deepseek": "DeepSeek",
    "x-ai": "xAI",
    "qwen": "Alibaba",
    "moonshotai": "Moonshot AI",
    "cohere": "Cohere",
}

Row = SourceRow[Values]


def fetch_cost(
    connection: ProviderConnection, *, account: str, period: Period, through: date, now: datetime
) -> tuple[RawDocument, ...]:
    """The activity of each completed UTC day up to `through` (inclusive), a document a day.

    OpenRouter answers for 30 days; an older day is read from `<date>.json` in `activity_url`.

    Raises:
        NotReadyError: an older day is in no such file.
        SourceError: unreachable, refused, or an answer of another form.
    """
    api = open_api(
        connection,
        provider=NAME,
        endpoint=_ENDPOINT,
        headers={"Authorization": f"Bearer {required_key(connection)}"},
    )
    last = min(through, period.last_on, now.date() - timedelta(days=1))
    oldest = now.date() - timedelta(days=_DAYS_KEPT)
    documents = []
    for on in period.days():
        if on > last:
            break
        content = _kept(connection, on) if on < oldest else _asked(api, on)
        name = f"activity.{on}.json"
        objects(answer(content, name=name), "data", name=name)
        request = {
            "path": _ACTIVITY,
            "account": account,
            "date": str(on),
            "from": "activity_url" if on < oldest else "interface",
            "through": str(last),
            "asked_at": now.isoformat(),
        }
        documents.append(
            RawDocument(
                name=name,
                kind="cost",
                content=content,
                media_type="application/json",
                request=request,
            )
        )
    return tuple(documents)


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each row: a UTC day, model and endpoint; amounts are credits, in dollars.

    Inference at keys of one's own is reported as one finding with its sum, and billed 0 here.
    """

    def charge(row: Row, billed: Decimal) -> Mapping[str, object]:
        _byok(row.values)  # an unreadable amount refuses the row, though it bills nothing
        return {**_common(row.values, account, period), "effective_cost": billed}

    rows = list(_rows(documents))
    found = normalise(
        rows, amount_of=lambda row: amount(row.values, "usage"), to_charge=charge, provider=NAME
    )
    return replace(
        found,
        findings=(*found.findings, *_billed_elsewhere(rows)),
        complete_through=period.last_on,
    )


def _asked(api: Api, on: date) -> bytes:
    return get(api, _ACTIVITY, {"date": str(on)})


def _kept(connection: ProviderConnection, on: date) -> bytes:
    """An answer that was saved while the interface still gave it."""
    folder = connection.extra.get("activity_url", "").rstrip("/")
    too_late = (
        f"OpenRouter answers for the last {_DAYS_KEPT} completed days, and {on} is older: expected "
        f"{on}.json in the folder activity_url of the connection tieout_openrouter; save each "
        "day's answer there, or load that day from the provider's own export."
    )
    if not folder:
        raise NotReadyError(too_late)
    if urlsplit(folder).scheme not in _FOLDER_SCHEMES:
        raise SettingError(
            f"activity_url of {connection.name} is not an address of files: expected one that "
            f"starts with {', '.join(sorted(_FOLDER_SCHEMES))} and ://; correct the connection."
        )
    try:
        files, path = fsspec.core.url_to_fs(f"{folder}/{on}.json")
        if not files.exists(path):
            raise NotReadyError(too_late)
        with files.open(path, "rb") as stream:
            content: bytes = stream.read(MAX_DOCUMENT_BYTES)
    except OSError as error:
        raise SourceUnreachableError(
            f"The folder activity_url of {connection.name} cannot be read "
            f"({type(error).__name__}): expected to read {on}.json; correct its rights."
        ) from error
    return content


def _rows(documents: Sequence[RawDocument]) -> Iterator[Row]:
    for document, rows in cost_pages(documents, "data"):
        digest = document.sha256
        for number, values in enumerate(rows, start=1):
            yield SourceRow(document=digest, number=number, values=values)


def _common(values: Values, account: str, period: Period) -> dict[str, object]:
    start, end = day_span(day(values.get("date"), period=period))
    slug = text(values, "model_permaslug") or text(values, "model") or ""
    maker, _, model = slug.rpartition("/")
    tokens = sum(whole_number(values, key) for key in ("prompt_tokens", "completion_tokens"))
    return {
        "provider": NAME,
        "billing_account_id": account,
        "billing_period_start": period.start_on,
        "charge_period_start": start,
        "charge_period_end": end,
        "charge_category": "Usage",
        "charge_frequency": "Usage-Based",
        "charge_description": text(values, "model"),
        "billing_currency": "USD",
        "consumed_quantity": Decimal(tokens),
        "consumed_unit": "tokens",
        "service_category": AI_SERVICE_CATEGORY,
        "service_name": "OpenRouter",
        "service_provider_name": "OpenRouter",
        "invoice_issuer_name": "OpenRouter",
        "host_provider_name": text(values, "provider_name"),
        "resource_id": text(values, "endpoint_id"),
        "sku_meter": slug or None,
        "tags": tags_json({}),
        "x_model_developer": _DEVELOPERS.get(maker, maker or None),
        "x_model": model or None,
    }


def _byok(values: Values) -> int:
    """What inference at keys of one's own cost at the other provider, in units."""
    return to_units(decimal_or_none(values.get("byok_usage_inference")) or Decimal(0))


def _billed_elsewhere(rows: Sequence[Row]) -> Iterator[Finding]:
    """One note for each provider behind; a row that cannot be read has a finding of its own."""
    sums: dict[str, int] = {}
    for row in rows:
        with suppress(MoneyFormatError):
            if units := _byok(row.values):
                upstream = text(row.values, "provider_name") or "another provider"
                sums[upstream] = sums.get(upstream, 0) + units
    for upstream, units in sorted(sums.items()):
        yield Finding(
            kind="billed_elsewhere",
            severity="info",
            subject=f"openrouter keys of one's own at {upstream}",
            message=(
                f"OpenRouter routed inference worth {format_units(units)} USD over your own keys "
                f"at {upstream}: expected on that provider's bill, so it is 0 here; see that the "
                "provider is connected."
            ),
            amount_units=units,
        )
