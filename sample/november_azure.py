"""Nordlicht Labs on Azure in November 2026, out of October's report; invoices by the same forms."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import build_azure
from november import (
    BILLS,
    DAYS,
    FINAL_ON,
    FIRST,
    LAST,
    OCTOBER,
    cents,
    factor,
    october_day,
    read_rows,
    scaled,
)

SOLD = build_azure.MARKETPLACE_INVOICE
INVOICES = {"G104823117": "G107240556", "G104823118": "G107240557"}
_COSTS = (
    "CostInBillingCurrency",
    "costInPricingCurrency",
    "costInUsd",
    "paygCostInBillingCurrency",
    "paygCostInUsd",
)

Row = dict[str, str]


def write() -> dict[str, object]:
    """Both versions of the report, invoices and transactions; gives the truth."""
    columns, rows = read_rows(_file("final"), encoding="utf-8-sig")
    known = {_key(row) for row in read_rows(_file("draft"), encoding="utf-8-sig")[1]}
    usage = [row for row in rows if row["ChargeType"] == "Usage"]
    lateness = _lateness(usage, known)
    lines = list(_month(usage))
    draft = [{**row, "invoiceId": ""} for row in lines if not _is_late(row, lateness)]
    final = [{**row, "invoiceId": INVOICES[row["invoiceId"]]} for row in lines]
    totals = {
        number: build_azure.total_of([row for row in final if row["invoiceId"] == number])
        for number in INVOICES.values()
    }
    invoices = {number: cents(total) for number, total in totals.items()}
    services, marketplace = INVOICES.values()
    (old_rounding,) = [row for row in rows if row["ChargeType"] != "Usage"]
    rounding = build_azure.plain(invoices[services] - totals[services])
    costs = {name: rounding for name in _COSTS if old_rounding[name]}
    final.append({**_dated(old_rounding, LAST), "invoiceId": services, **costs})
    _write_details("draft", draft, columns)
    _write_details("final", final, columns)
    _write_invoices(invoices, final)
    total_draft, total_final = build_azure.total_of(draft), build_azure.total_of(final)
    return {
        "mode": "arrears invoice",
        "report_total_draft": str(total_draft),
        "report_total_final": str(total_final),
        "late_arriving": str(build_azure.total_of(lines) - total_draft),
        "late_rows": str(len(lines) - len(draft)),
        "rows_draft": str(len(draft)),
        "rows_final": str(len(final)),
        "rounding_adjustment": rounding,
        "services_invoice_number": services,
        "services_invoice_total": str(invoices[services]),
        "marketplace_invoice_number": marketplace,
        "marketplace_invoice_total": str(invoices[marketplace]),
        "marketplace_report_total": str(totals[marketplace]),
        "invoice_total": str(sum(invoices.values(), Decimal(0))),
        "tax": "0",
        "final_by_app": build_azure.by_tag(final, "app"),
    }


def _file(state: str) -> Path:
    return OCTOBER / "azure" / state / "part_0_0001.csv.gz"


def _key(row: Row) -> tuple[str, ...]:
    return (row["Date"], row["ResourceId"], row["MeterId"], row["Quantity"])


def _lateness(rows: list[Row], known: set[tuple[str, ...]]) -> dict[tuple[str, str], int]:
    """For each meter of a resource, how many last days of October missed the draft."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        if _key(row) not in known:
            meter = (row["ResourceId"], row["MeterId"])
            found[meter] = max(found.get(meter, 0), 32 - int(row["Date"][-2:]))
    return found


def _is_late(row: Row, lateness: dict[tuple[str, str], int]) -> bool:
    days = lateness.get((row["ResourceId"], row["MeterId"]), 0)
    return date.fromisoformat(row["Date"]) > LAST - timedelta(days=days)


def _month(october: list[Row]) -> Iterator[Row]:
    for day in DAYS:
        source = october_day(day).isoformat()
        for row in october:
            if row["Date"] == source:
                yield _moved(row, day)


def _moved(row: Row, day: date) -> Row:
    """The row on another day: quantity by day and service, the price as it was."""
    quantity = Decimal(row["Quantity"])
    if quantity != quantity.to_integral_value():  # whole ones are hours or units that stand
        by = factor(day.isoformat(), row["MeterCategory"], row["MeterName"])
        quantity = scaled(quantity, by, step="1e-6")
    cost = build_azure.plain(quantity * Decimal(row["EffectivePrice"]))
    costs = {name: cost for name in _COSTS if row[name] not in {"", "0"}}
    return {**_dated(row, day), "Quantity": build_azure.plain(quantity), **costs}


def _dated(row: Row, day: date) -> Row:
    first, last = FIRST.isoformat(), LAST.isoformat()
    return {
        **row,
        "Date": day.isoformat(),
        "BillingPeriodStartDate": first,
        "BillingPeriodEndDate": last,
        "servicePeriodStartDate": first,
        "servicePeriodEndDate": last,
        "exchangeRateDate": first,
    }


def _write_details(state: str, rows: list[Row], columns: list[str]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    path = BILLS / "azure" / state / "part_0_0001.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.getvalue().encode("utf-8-sig"), compresslevel=9, mtime=0))


def _write_invoices(invoices: dict[str, Decimal], rows: list[Row]) -> None:
    """October's answers with November's days; numbers and amounts are November's own."""
    folder = BILLS / "azure" / "billing"
    kinds = ("AzureServices", "AzureMarketplace")
    listed = [
        build_azure.invoice(number, kind, total)
        for (number, total), kind in zip(invoices.items(), kinds, strict=True)
    ]
    _write(folder / "invoices.json", listed)
    for number in invoices:
        products: dict[str, Decimal] = {}
        for row in rows:
            if row["invoiceId"] == number:
                key = row["ProductName"]
                products[key] = products.get(key, Decimal(0)) + build_azure.cost_of(row)
        found = [
            build_azure.transaction(number, name, total, is_sold=number == INVOICES[SOLD])
            for name, total in sorted(products.items())
        ]
        _write(folder / f"transactions.{number}.json", found)


def _write(path: Path, entries: list[dict[str, object]]) -> None:
    """The forms are October's: their days move by one month."""
    text = json.dumps({"value": entries})
    for old, new in (
        ("2026-12-03", "2027-01-02"),
        ("2026-11-03", FINAL_ON.isoformat()),
        ("2026-10-31", LAST.isoformat()),
        ("2026-10-01", FIRST.isoformat()),
    ):
        text = text.replace(f'"{old}T', f'"{new}T')
    build_azure.write_json(path, json.loads(text))
