"""The AWS Cost and Usage Report in its slash-column form: manifest, rows and their meaning.

Owns the mapping to charges; the plug-in `providers/aws.py` owns fetching. Invoice basis: the sum of
`lineItem/UnblendedCost` (AWS cost and usage reports; FOCUS 1.2 mapping).
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from tieout.core.errors import DocumentUnreadableError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import parse_decimal, to_units
from tieout.core.period import Period
from tieout.focus.columns import tags_json
from tieout.sources.aws_services import service_category
from tieout.sources.base import RawDocument
from tieout.sources.limits import gunzip, load_json
from tieout.sources.rows import SourceRow, decimal_or_none

NAME = "aws"
COVERED = "SavingsPlanCoveredUsage"
NEGATION = "SavingsPlanNegation"

REQUIRED_COLUMNS = (
    "bill/BillingPeriodStartDate",
    "bill/InvoiceId",
    "bill/PayerAccountId",
    "lineItem/CurrencyCode",
    "lineItem/LineItemType",
    "lineItem/ProductCode",
    "lineItem/UnblendedCost",
    "lineItem/UsageAccountId",
    "lineItem/UsageEndDate",
    "lineItem/UsageStartDate",
)

_TAG_PREFIX = "resourceTags/"
_USER_PREFIX = "user:"
_CATEGORIES = {
    "Usage": "Usage",
    "DiscountedUsage": "Usage",
    COVERED: "Usage",
    NEGATION: "Usage",
    "Fee": "Purchase",
    "RIFee": "Purchase",
    "SavingsPlanRecurringFee": "Purchase",
    "SavingsPlanUpfrontFee": "Purchase",
    "Tax": "Tax",
    "Credit": "Credit",
    "Refund": "Credit",
    "BundledDiscount": "Credit",
    "EdpDiscount": "Credit",
    "PrivateRateDiscount": "Credit",
    "SppDiscount": "Credit",
}

Row = SourceRow[Mapping[str, str]]


def report_keys(manifest: RawDocument) -> tuple[str, ...]:
    """The data files that a manifest lists; no other file of the folder may be read.

    Raises:
        SourceAnswerError: the manifest is none, or lists no file.
    """
    content = load_json(manifest.content, name=manifest.name)
    keys = content.get("reportKeys") if isinstance(content, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise SourceAnswerError(
            f"{manifest.name} lists no reportKeys: expected the manifest of a Cost and Usage "
            "Report; check bucket, prefix and report of the connection tieout_aws."
        )
    return tuple(keys)


def report_rows(documents: Sequence[RawDocument]) -> Iterator[Row]:
    """Rows of all files that the manifest lists, in its order; a row counts from 1 in its file.

    Raises:
        SourceAnswerError: no manifest, or a listed file is missing or lacks a column.
        DocumentUnreadableError: a file is truncated, too large or not UTF-8.
    """
    data = {document.name: document for document in documents if document.kind == "data"}
    for manifest in _manifests(documents):
        for key in report_keys(manifest):
            if key not in data:
                raise SourceAnswerError(
                    f"{manifest.name} lists {key}, which is missing: expected every listed file; "
                    "pull the report again."
                )
            yield from _file_rows(data[key])


def billed_amount(row: Row) -> Decimal:
    """What is invoiced for the row: covered usage and its negation cancel out, so both are 0."""
    if row.values["lineItem/LineItemType"] in {COVERED, NEGATION}:
        parse_decimal(row.values["lineItem/UnblendedCost"])
        return Decimal(0)
    return parse_decimal(row.values["lineItem/UnblendedCost"])


def charge(
    row: Row, amount: Decimal, *, account: str, period: Period, names: Mapping[str, str]
) -> Mapping[str, object]:
    """The charge of one row.

    Raises:
        SourceAnswerError: another payer, another month, or an unreadable date.
        MoneyFormatError: an amount that is no number.
    """
    values = row.values
    _check_place(values, account, period)
    kind = values["lineItem/LineItemType"]
    sub_account = values["lineItem/UsageAccountId"]
    product = values["lineItem/ProductCode"]
    service = values.get("product/ProductName") or product
    return {
        "provider": NAME,
        "billing_account_id": account,
        "billing_account_name": names.get(account),
        "sub_account_id": sub_account or None,
        "sub_account_name": names.get(sub_account),
        "billing_period_start": period.start_on,
        "charge_period_start": _instant(values, "lineItem/UsageStartDate"),
        "charge_period_end": _instant(values, "lineItem/UsageEndDate"),
        "charge_category": _CATEGORIES.get(kind, "Adjustment"),
        "charge_class": "Correction" if kind == "Refund" else None,
        "charge_description": values.get("lineItem/LineItemDescription") or None,
        "effective_cost": _effective(values, amount),
        "list_cost": decimal_or_none(values.get("pricing/publicOnDemandCost")),
        "contracted_cost": decimal_or_none(values.get("lineItem/NetUnblendedCost")),
        "billing_currency": values["lineItem/CurrencyCode"],
        "consumed_quantity": decimal_or_none(values.get("lineItem/UsageAmount")),
        "consumed_unit": values.get("pricing/unit") or None,
        "service_category": service_category(product, service),
        "service_name": service,
        "service_provider_name": "AWS",
        "invoice_issuer_name": _issuer(values),
        "invoice_id": values["bill/InvoiceId"] or None,
        "region_id": values.get("product/region") or None,
        "resource_id": values.get("lineItem/ResourceId") or None,
        "sku_id": values.get("product/sku") or None,
        "sku_meter": values.get("lineItem/UsageType") or None,
        "tags": tags_json(_tags(values)),
    }


def is_notable(row: Row) -> bool:
    """Whether the row takes part in the findings below."""
    kind = row.values["lineItem/LineItemType"]
    return kind in {COVERED, NEGATION} or kind not in _CATEGORIES


def savings_plan_findings(rows: Sequence[Row]) -> tuple[Finding, ...]:
    """A warning when covered usage and its negation do not cancel out, as they must on an invoice.

    `rows` hold readable amounts; rows of other types do not count.
    """
    gap = sum(
        to_units(row.values["lineItem/UnblendedCost"])
        for row in rows
        if row.values["lineItem/LineItemType"] in {COVERED, NEGATION}
    )
    if not gap:
        return ()
    return (
        Finding(
            kind="savings_plan_gap",
            severity="warning",
            subject="aws savings plans",
            message=(
                f"{COVERED} and {NEGATION} rows should cancel out but leave an amount over: "
                "both are billed as 0 here; compare with the invoice and ask AWS."
            ),
            amount_units=gap,
        ),
    )


def unknown_type_findings(rows: Sequence[Row]) -> tuple[Finding, ...]:
    """One warning for each line item type that this mapping does not know (loaded anyway)."""
    unknown = {
        row.values["lineItem/LineItemType"]: row
        for row in reversed(rows)
        if row.values["lineItem/LineItemType"] not in _CATEGORIES
    }
    return tuple(
        Finding(
            kind="unknown_line_item_type",
            severity="warning",
            subject=f"aws line item type {kind[:40]}",
            message=(
                f"Line item type {kind[:40]!r} is not known: loaded as an Adjustment with its full "
                "amount; add it to the mapping of the aws plug-in."
            ),
            source_document=row.document,
            source_row=row.number,
        )
        for kind, row in sorted(unknown.items())
    )


def account_names(documents: Sequence[RawDocument]) -> dict[str, str]:
    """Account names by id out of AWS Organizations' answers, if they were fetched."""
    names: dict[str, str] = {}
    for document in documents:
        if document.kind == "names":
            answer = load_json(document.content, name=document.name)
            listed = answer.get("Accounts") if isinstance(answer, dict) else None
            for account in listed if isinstance(listed, list) else []:
                if isinstance(account, dict):
                    names[str(account.get("Id"))] = str(account.get("Name"))
    return names


def _manifests(documents: Sequence[RawDocument]) -> list[RawDocument]:
    manifests = [document for document in documents if document.kind == "manifest"]
    if not manifests:
        raise SourceAnswerError(
            "The AWS report has no manifest: expected one beside its files; pull it again."
        )
    return manifests


def _file_rows(document: RawDocument) -> Iterator[Row]:
    try:
        text = gunzip(document.content, name=document.name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentUnreadableError(
            f"{document.name} is not UTF-8 text: expected a CSV report; pull it again."
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    digest = document.sha256
    try:
        header = next(reader, [])
        _check_header(header, document.name)
        for number, cells in enumerate(reader, start=1):
            if len(cells) != len(header):
                raise DocumentUnreadableError(
                    f"Row {number} of {document.name} has {len(cells)} cells: expected "
                    f"{len(header)}; the file is damaged, pull it again."
                )
            values = dict(zip(header, cells, strict=True))
            yield SourceRow(document=digest, number=number, values=values)
    except csv.Error as error:
        raise DocumentUnreadableError(
            f"{document.name} is not a CSV file ({error}): pull it again."
        ) from error


def _check_header(header: Sequence[str], name: str) -> None:
    missing = [column for column in REQUIRED_COLUMNS if column not in header]
    if missing:
        raise SourceAnswerError(
            f"{name} has no column {', '.join(missing)}: expected a Cost and Usage Report with "
            "slash column names; check the report of the connection tieout_aws."
        )


def _check_place(values: Mapping[str, str], account: str, period: Period) -> None:
    payer = values["bill/PayerAccountId"]
    if payer != account:
        raise SourceAnswerError(
            f"The payer is {payer[:20]!r}: expected {account}, the account of this connection."
        )
    billed_in = _instant(values, "bill/BillingPeriodStartDate").date()
    if billed_in != period.start_on:
        raise SourceAnswerError(
            f"The row is billed in {billed_in:%Y-%m}: expected {period}; a correction of another "
            "month belongs to that month's report."
        )


def _effective(values: Mapping[str, str], amount: Decimal) -> Decimal:
    """Amortised cost by line item type (AWS, cost and usage report data dictionary)."""
    by_type: dict[str, Callable[[], Decimal]] = {
        COVERED: lambda: _number(values, "savingsPlan/SavingsPlanEffectiveCost"),
        NEGATION: Decimal,
        "SavingsPlanUpfrontFee": Decimal,
        "DiscountedUsage": lambda: _number(values, "reservation/EffectiveCost"),
        "SavingsPlanRecurringFee": lambda: (
            _number(values, "savingsPlan/TotalCommitmentToDate")
            - _number(values, "savingsPlan/UsedCommitment")
        ),
        "RIFee": lambda: (
            _number(values, "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod")
            + _number(values, "reservation/UnusedRecurringFee")
        ),
    }
    if values["lineItem/LineItemType"] == "Fee" and values.get("reservation/ReservationARN"):
        return Decimal(0)
    return by_type.get(values["lineItem/LineItemType"], lambda: amount)()


def _number(values: Mapping[str, str], column: str) -> Decimal:
    return decimal_or_none(values.get(column)) or Decimal(0)


def _issuer(values: Mapping[str, str]) -> str:
    named = values.get("bill/InvoicingEntity") or values.get("lineItem/LegalEntity")
    return named or "Amazon Web Services"


def _tags(values: Mapping[str, str]) -> dict[str, str]:
    return {
        column.removeprefix(_TAG_PREFIX).removeprefix(_USER_PREFIX): value
        for column, value in values.items()
        if value and column.startswith(_TAG_PREFIX)
    }


def _instant(values: Mapping[str, str], column: str) -> datetime:
    try:
        instant = datetime.fromisoformat(values[column])
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise SourceAnswerError(
            f"Column {column} is {values[column][:40]!r}: expected an instant with its zone, such "
            "as 2026-10-01T00:00:00Z."
        )
    return instant
