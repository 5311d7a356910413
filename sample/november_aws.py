"""Nordlicht Labs on AWS in November 2026, out of October's report, invoices and names.

The development server of the internal tools is switched off on 13 November. On 20 November AWS
issues a credit memo for October.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import aws_invoice
import bedrock_rows
from november import (
    BILLS,
    DAYS,
    LAST,
    OCTOBER,
    by_key,
    cents,
    factor,
    october_day,
    read_json,
    read_rows,
    scaled,
)
from texts import digest, plain, write_json

PAYER = "417000000001"
INVOICES = {"EUINDE26-1048213": "EUINDE26-1163507", "EUINDE26-2210457": "EUINDE26-2339120"}
CREDIT_MEMO, CREDITED = "EUINCN26-0040718", Decimal("86.40")
CREDIT_ON = datetime(2026, 11, 20, 4, tzinfo=UTC)
LAST_DEV_DAY = date(2026, 11, 12)

_REPORT = "cur/monthly/20261101-20261201"
_OLD_REPORT = "cur/monthly/20261001-20261101"
_ASSEMBLIES = {"draft": "20261201T051512Z", "final": "20261203T061840Z"}
_OLD_ASSEMBLIES = {"draft": "20261101T051512Z", "final": "20261103T061840Z"}
_STEADY = frozenset({"24", "1"})  # hours of a server, one zone: the same every day

Row = dict[str, str]


def write() -> dict[str, object]:
    """The report in two versions, invoices and the credit memo; gives the truth."""
    columns, rows = _october("final")
    known = {row["identity/LineItemId"] for row in _october("draft")[1]}
    late = {row["lineItem/ResourceId"] for row in rows if row["identity/LineItemId"] not in known}
    lines = list(_month(rows))
    final = [{**row, "bill/InvoiceId": INVOICES[row["bill/InvoiceId"]]} for row in lines]
    draft = [{**row, "bill/InvoiceId": ""} for row in lines if not _is_late(row, late)]
    _write_report("draft", draft, columns)
    _write_report("final", final, columns)
    parts = {
        number: _total(row for row in final if row["bill/InvoiceId"] == number)
        for number in INVOICES.values()
    }
    invoices = {number: cents(part) for number, part in parts.items()}
    _write_invoices(invoices)
    billed = sum(invoices.values(), Decimal(0))
    return {
        "mode": "arrears invoice",
        "report_total_draft": str(_total(draft)),
        "report_total_final": str(_total(final)),
        "late_arriving": str(_total(final) - _total(draft)),
        "late_rows": str(len(final) - len(draft)),
        "rows_final": str(len(final)),
        "invoices": {number: str(total) for number, total in invoices.items()},
        "invoice_total": str(billed),
        "tax": "0",
        "rounding_invoice_minus_report": str(billed - _total(final)),
        "ended": "internal-tools/dev server, last row 2026-11-12",
        "october_credit": {
            "number": CREDIT_MEMO,
            "issued_on": f"{CREDIT_ON:%Y-%m-%d}",
            "service_period": "2026-10",
            "corrects": "EUINDE26-1048213",
            "net": str(-CREDITED),
            "tax": "0",
            "total": str(-CREDITED),
        },
        "by_app": by_key(
            (row["resourceTags/user:app"], Decimal(row["lineItem/UnblendedCost"])) for row in final
        ),
    }


def _october(state: str) -> tuple[list[str], list[Row]]:
    folder = OCTOBER / "aws" / state / _OLD_REPORT / _OLD_ASSEMBLIES[state]
    columns, first = read_rows(folder / "monthly-1.csv.gz")
    return columns, [*first, *read_rows(folder / "monthly-2.csv.gz")[1]]


def _month(october: list[Row]) -> Iterator[Row]:
    """Each day the rows of its October day; what is billed once a month is billed on the 1st."""
    days: dict[str, list[Row]] = {}
    for row in october:
        days.setdefault(row["lineItem/UsageStartDate"][:10], []).append(row)
    monthly = [row for row in days["2026-10-01"] if row["product/productFamily"] == "DNS Zone"]
    for day in DAYS:
        source = days[october_day(day).isoformat()]
        for row in [*source, *(monthly if day == DAYS[0] else [])]:
            if not _has_ended(row, day):
                yield _moved(row, day)


def _has_ended(row: Row, day: date) -> bool:
    tags = (row["resourceTags/user:app"], row["resourceTags/user:environment"])
    return tags == ("internal-tools", "dev") and day > LAST_DEV_DAY


def _is_late(row: Row, late: set[str]) -> bool:
    is_last = row["lineItem/UsageStartDate"].startswith(LAST.isoformat())
    return is_last and row["lineItem/ResourceId"] in late


def _moved(row: Row, day: date) -> Row:
    """The row on another day: quantity by day and service, the price as it was."""
    quantity = Decimal(row["lineItem/UsageAmount"])
    if row["lineItem/UsageAmount"] not in _STEADY:
        service = (row["lineItem/ProductCode"], row["lineItem/UsageType"])
        quantity = scaled(quantity, factor(day.isoformat(), *service))
    cost = plain(quantity * Decimal(row["lineItem/UnblendedRate"]))
    instants = [f"{at:%Y-%m-%dT00:00:00Z}" for at in (day, day + timedelta(days=1))]
    return {
        **row,
        "bill/BillingPeriodStartDate": "2026-11-01T00:00:00Z",
        "bill/BillingPeriodEndDate": "2026-12-01T00:00:00Z",
        "identity/LineItemId": digest(row["identity/LineItemId"], day.isoformat()),
        "identity/TimeInterval": "/".join(instants),
        "lineItem/BlendedCost": cost,
        "lineItem/UnblendedCost": cost,
        "lineItem/UsageAmount": plain(quantity),
        "lineItem/UsageStartDate": instants[0],
        "lineItem/UsageEndDate": instants[1],
        "pricing/publicOnDemandCost": cost,
    }


def _write_report(state: str, rows: list[Row], columns: list[str]) -> None:
    """A manifest and two packed files, cut in the middle of the month, as October's."""
    middle, keys = len(rows) // 2, []
    for number, part in enumerate((rows[:middle], rows[middle:]), start=1):
        key = f"{_REPORT}/{_ASSEMBLIES[state]}/monthly-{number}.csv.gz"
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(part)
        path = BILLS / "aws" / state / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))
        keys.append(key)
    name = "monthly-Manifest.json"
    manifest = read_json(OCTOBER / "aws" / state / _OLD_REPORT / name)
    period = {"start": "20261101T000000.000Z", "end": "20261201T000000.000Z"}
    changed = {"assemblyId": _ASSEMBLIES[state], "billingPeriod": period, "reportKeys": keys}
    write_json(BILLS / "aws" / state / _REPORT / name, {**manifest, **changed})


def _write_invoices(totals: dict[str, Decimal]) -> None:
    """November's summaries, and October's once more with the credit memo behind them."""
    folder = BILLS / "aws" / "invoicing"
    old = read_json(OCTOBER / "aws" / "invoicing" / "list_invoice_summaries.json")
    amazon, marketplace = "Amazon Web Services EMEA SARL", bedrock_rows.MARKETPLACE_ISSUER
    issuers = ((amazon, "AWS"), (marketplace, "AWS_MARKETPLACE"))
    moved = {
        "IssuedDate": _seconds(datetime(2026, 12, 3, 4, tzinfo=UTC)),
        "DueDate": _seconds(datetime(2027, 1, 2, 4, tzinfo=UTC)),
        "BillingPeriod": {"Month": 11, "Year": 2026},
    }
    summaries = [
        {**aws_invoice.summary_of(number, total, *issuer, payer=PAYER), **moved}
        for (number, total), issuer in zip(totals.items(), issuers, strict=True)
    ]
    memo = {
        **aws_invoice.summary_of(CREDIT_MEMO, CREDITED, *issuers[0], payer=PAYER),
        "IssuedDate": _seconds(CREDIT_ON),
        "InvoiceType": "CREDIT_MEMO",
        "BillType": "REFUND",
        "OriginalInvoiceId": "EUINDE26-1048213",
    }
    del memo["DueDate"]
    write_json(folder / "list_invoice_summaries.json", {"InvoiceSummaries": summaries})
    both = {"InvoiceSummaries": [*old["InvoiceSummaries"], memo]}
    write_json(folder / "list_invoice_summaries.2026-10.json", both)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _total(rows: Iterator[Row] | list[Row]) -> Decimal:
    return sum((Decimal(row["lineItem/UnblendedCost"]) for row in rows), Decimal(0))
