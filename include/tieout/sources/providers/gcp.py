"""Google Cloud: the billing export in BigQuery, invoices as files that people download.

Owns what is pulled and in which order; the shared `gcp_*` readers own the questions and what the
columns mean. Google has no interface for costs or invoices: the export is the daily figure and,
filtered by invoice month, the line items of the invoice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from tieout.config import ProviderConnection
from tieout.core.errors import SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.sources import gcp_export, gcp_focus
from tieout.sources.absent import fetch_usage, to_estimate, to_usage
from tieout.sources.ai_meters import AiMeter, recognise, unmapped_findings
from tieout.sources.base import BillingMode, EstimateKind, Normalised, RawDocument
from tieout.sources.drop_folder import documents_of_folder
from tieout.sources.gcp_lines import Values, rows_of, text_of
from tieout.sources.gcp_prices import SkuPrice, fetch_prices, list_price_findings, list_prices
from tieout.sources.gcp_query import read_month
from tieout.sources.gcp_table import export_table
from tieout.sources.limits import load_json
from tieout.sources.rows import SourceRow, normalise

NAME: Final = "gcp"
BILLING: BillingMode = "arrears"
INVOICE_FORMAT = "gcp_cost_table"
ESTIMATE: EstimateKind = "none"
# cost tables (CSV) and other documents, which Google hands out in the console
fetch_documents = documents_of_folder(INVOICE_FORMAT, may_lack=True)

Unmapped = list[tuple[str, str, int, str, int]]


def fetch_cost(
    connection: ProviderConnection,
    *,
    account: str,
    period: Period,
    through: date,  # noqa: ARG001  an invoice month is read whole: late rows carry old days
    now: datetime,
) -> tuple[RawDocument, ...]:
    """The watermark and all rows of the invoice month; list prices if `prices` is `catalog`.

    Raises:
        NotReadyError: the export has no row of that month yet.
        SettingError: a setting of the connection is missing or cannot be used.
        SourceError: unreachable, refused, no such table, or an answer that is not whole.
    """
    export = export_table(connection, account=account)
    documents = read_month(connection, export, period=period, now=now)
    if connection.extra.get("prices") != "catalog" or export.kind == "focus":
        return documents
    wanted = _priced_skus(documents)
    prices = (
        fetch_prices(connection, service, now, currency=currency, sku_ids=skus)
        for (service, currency), skus in sorted(wanted.items())
    )
    return (*documents, *(document for found in prices for document in found))


def to_focus(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """Charges of the export: one for each row, and one more for each credit that is money given.

    The control totals count charges, so `rows_in` is rows plus such credits; the source total is
    cost plus all credits. With the FOCUS export one row is one charge.

    Raises:
        SourceAnswerError: a document is not what `fetch_cost` keeps.
    """
    cost = [document for document in documents if document.kind == "cost"]
    focus = [document for document in cost if document.request.get("export") == "focus"]
    if focus:
        result, findings = _focus_charges(focus, account=account, period=period)
    else:
        prices = list_prices(documents)
        result, findings = _charges(cost, account=account, period=period, prices=prices)
    return Normalised(
        charges=gcp_export.with_part_ids(result.charges),
        findings=(*result.findings, *findings),
        totals=result.totals,
        complete_through=_complete_through(documents),
    )


def _charges(
    documents: Sequence[RawDocument],
    *,
    account: str,
    period: Period,
    prices: Mapping[str, SkuPrice],
) -> tuple[Normalised, tuple[Finding, ...]]:
    unmapped: Unmapped = []
    unknown: list[gcp_export.Row] = []
    priced: list[SourceRow[Values]] = []

    def to_charge(row: gcp_export.Row, amount: Decimal) -> Mapping[str, object]:
        values = row.values.values
        words = (
            text_of(values, "service", "id"),
            text_of(values, "service", "description"),
            text_of(values, "sku", "description"),
        )
        sku = text_of(values, "sku", "id")
        meter = _meter(words, sku, period)
        charge = gcp_export.charge(row, amount, account=account, period=period, meter=meter)
        if not gcp_export.is_known_type(row):
            unknown.append(row)
        if sku in prices and row.values.credit is None:
            priced.append(SourceRow(document=row.document, number=row.number, values=values))
        if meter and meter.model is None:
            place = (row.document, row.number)
            unmapped.append((words[2] or "", sku or "", to_units(amount), *place))
        return charge

    parts = (part for row in _rows(documents) for part in gcp_export.parts_of(row))
    result = normalise(
        parts, amount_of=gcp_export.billed_amount, to_charge=to_charge, provider=NAME
    )
    return result, (
        *gcp_export.unknown_type_findings(unknown),
        *unmapped_findings(NAME, unmapped, currency=_currency(result)),
        *list_price_findings(priced, prices),
    )


def _focus_charges(
    documents: Sequence[RawDocument], *, account: str, period: Period
) -> tuple[Normalised, tuple[Finding, ...]]:
    unmapped: Unmapped = []

    def to_charge(row: SourceRow[Values], amount: Decimal) -> Mapping[str, object]:
        service = text_of(row.values, "ServiceName")
        words = text_of(row.values, "SkuMeter") or text_of(row.values, "ChargeDescription")
        sku = text_of(row.values, "SkuId")
        meter = _meter((None, service, words), sku, period)
        charge = gcp_focus.charge(row, amount, account=account, period=period, meter=meter)
        if meter and meter.model is None:
            place = (row.document, row.number)
            unmapped.append((words or "", sku or "", to_units(amount), *place))
        return charge

    result = normalise(
        _rows(documents), amount_of=gcp_focus.billed_amount, to_charge=to_charge, provider=NAME
    )
    return result, unmapped_findings(NAME, unmapped, currency=_currency(result))


def _meter(
    words: tuple[str | None, str | None, str | None], sku: str | None, period: Period
) -> AiMeter | None:
    """By the service's id, which stays; else by its name, which partner models need."""
    service_id, service, meter = words
    names = [name for name in (service_id, service) if name]
    found = (
        recognise(NAME, service=name, meter=meter or "", sku=sku, on=period.start_on)
        for name in names
    )
    return next((one for one in found if one is not None), None)


def _rows(documents: Iterable[RawDocument]) -> Iterator[SourceRow[Values]]:
    return (row for document in documents for row in rows_of(document))


def _currency(result: Normalised) -> str:
    named = result.charges["billing_currency"]
    return str(named[0].as_py()) if len(named) else "USD"


def _priced_skus(documents: Sequence[RawDocument]) -> dict[tuple[str, str], set[str]]:
    """SKU ids by service and currency, of rows that state a list cost."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for row in _rows(one for one in documents if one.kind == "cost"):
        service, sku = text_of(row.values, "service", "id"), text_of(row.values, "sku", "id")
        currency = text_of(row.values, "currency")
        if service and sku and currency and text_of(row.values, "cost_at_list") is not None:
            wanted.setdefault((service, currency), set()).add(sku)
    return wanted


def _complete_through(documents: Sequence[RawDocument]) -> date | None:
    """The day up to which the watermark shows that the export has written everything."""
    for document in documents:
        if document.kind == "manifest":
            mark = load_json(document.content, name=document.name)
            day = text_of(mark, "complete_through")
            try:
                return date.fromisoformat(day) if day else None
            except ValueError:
                raise SourceAnswerError(
                    f"{document.name} says complete_through {day!r}: expected a day; pull again."
                ) from None
    return None
