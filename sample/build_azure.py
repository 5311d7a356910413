"""Make `sample/bills/azure/`: cost details, invoices, and `truth.json` with their totals.

    python sample/build_azure.py DATA     (after sample/build.py DATA)

DATA is the folder that holds `cloud/azure`: the column names come from the generated file there,
every row is invented from `azure_meters.csv`. The result is the same on every run; quantities vary
by a hash of meter and day.
"""

import csv
import gzip
import hashlib
import io
import json
import shutil
import sys
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

HERE = Path(__file__).parent
METERS = HERE / "azure_meters.csv"
BILLS = HERE / "bills" / "azure"

OWNER = "5f2c9a51-7d0e-4b0b-9c36-1a6f0f6f7c11:0b7c2f4e-98a4-4f57-8f0e-3f1f3f0f9d21_2019-05-31"
PROFILE, PROFILE_NAME = "N7XK-WQ2M-BG7-PGB", "Nordlicht Labs"
SUBSCRIPTIONS = {
    "nordlicht-prod": "7c1d3a52-4b1e-4a55-9f0e-2a7d1c5b0e01",
    "nordlicht-ai": "7c1d3a52-4b1e-4a55-9f0e-2a7d1c5b0e02",
}
SERVICES_INVOICE, MARKETPLACE_INVOICE = "G104823117", "G104823118"

START = date(2026, 10, 1)
DAYS = [START + timedelta(days=number) for number in range(31)]
LAST = DAYS[-1]
SATURDAY = 5
CENT = Decimal("0.01")
SPREAD = 10**6


def main(data: Path) -> None:
    """Write the Azure bills and their truth; what was there before is removed first."""
    shutil.rmtree(BILLS, ignore_errors=True)
    source = data / "cloud" / "azure" / "nise_azure_mca_2026-10.csv.gz"
    with gzip.open(source, "rt", newline="") as stream:
        columns = [*next(csv.reader(stream)), "benefitId", "benefitName"]
    lines = list(month())
    draft = [row for late, row in lines if not late]
    final = [invoiced(row) for _, row in lines]
    totals = {
        number: total_of(row for row in final if row["invoiceId"] == number)
        for number in (SERVICES_INVOICE, MARKETPLACE_INVOICE)
    }
    invoices = {number: total.quantize(CENT, ROUND_HALF_UP) for number, total in totals.items()}
    final.append(rounding(invoices[SERVICES_INVOICE] - totals[SERVICES_INVOICE]))
    write_details("draft", draft, columns)
    write_details("final", final, columns)
    write_invoices(invoices, final)
    late = [row for is_late, row in lines if is_late]
    facts = {
        "mode": "arrears invoice",
        "report_total_draft": str(total_of(draft)),
        "report_total_final": str(total_of(final)),
        "late_arriving": str(total_of(late)),
        "late_rows": str(len(late)),
        "rows_draft": str(len(draft)),
        "rows_final": str(len(final)),
        "rounding_adjustment": final[-1]["CostInBillingCurrency"],
        "services_invoice_number": SERVICES_INVOICE,
        "services_invoice_total": str(invoices[SERVICES_INVOICE]),
        "marketplace_invoice_number": MARKETPLACE_INVOICE,
        "marketplace_invoice_total": str(invoices[MARKETPLACE_INVOICE]),
        "marketplace_report_total": str(totals[MARKETPLACE_INVOICE]),
        "invoice_total": str(sum(invoices.values(), Decimal(0))),
        "tax": "0",
        "final_by_app": by_tag(final, "app"),
    }
    write_json(BILLS / "truth.json", facts)


def meters() -> list[dict[str, str]]:
    """What Nordlicht Labs runs: `quantity` a day; rows of the last `late_days` miss the draft."""
    with METERS.open(newline="") as stream:
        return list(csv.DictReader(stream))


def month() -> Iterator[tuple[bool, dict[str, str]]]:
    """One row for each meter and day: whether it comes late, and the row."""
    found = meters()
    for day in DAYS:
        for meter in found:
            is_on = str(day.day) in meter["days"].split() if meter["days"] else True
            if is_on and not (meter["weekdays_only"] and day.weekday() >= SATURDAY):
                is_late = day > LAST - timedelta(days=int(meter["late_days"] or 0))
                yield is_late, usage(meter, day)


def usage(meter: dict[str, str], day: date) -> dict[str, str]:
    """The cost row of a meter on a day."""
    quantity = quantity_of(meter, day)
    cost = quantity * Decimal(meter["price"])
    tags = {key: meter[key] for key in ("app", "environment") if meter[key]}
    guid = SUBSCRIPTIONS[meter["subscription"]]
    path = f"/subscriptions/{guid}/resourceGroups/{meter['resource_group']}/providers"
    list_cost = plain(Decimal(0) if meter["publisher"] else cost)
    return {
        **common(day, cost),
        "SubscriptionId": guid,
        "SubscriptionName": meter["subscription"],
        "ResourceGroupName": meter["resource_group"],
        "ResourceLocation": meter["region"],
        "Location": meter["region"],
        "ProductName": meter["product"],
        "ProductId": digest(meter["product"])[:12].upper(),
        "MeterCategory": meter["category"],
        "MeterSubCategory": meter["subcategory"],
        "MeterId": str(uuid.UUID(digest(meter["meter"], meter["product"])[:32])),
        "MeterName": meter["meter"],
        "MeterRegion": "Global" if "glbl" in meter["meter"] else "SE Central",
        "UnitOfMeasure": meter["unit"],
        "Quantity": plain(quantity),
        "EffectivePrice": meter["price"],
        "UnitPrice": meter["price"],
        "PayGPrice": meter["price"],
        "ConsumedService": meter["consumed_service"],
        "ServiceFamily": meter["family"],
        "ResourceId": f"{path}/{meter['type']}/{meter['resource']}",
        "ResourceName": meter["resource"],
        "Tags": json.dumps(tags) if tags else "",
        "PublisherType": "Marketplace" if meter["publisher"] else "Microsoft",
        "PublisherName": meter["publisher"] or "Microsoft",
        "PlanName": "Pay as you go" if meter["publisher"] else "",
        "ChargeType": "Usage",
        "Frequency": "UsageBased",
        "PricingModel": "OnDemand",
        "paygCostInBillingCurrency": list_cost,
        "paygCostInUsd": list_cost,
    }


def rounding(difference: Decimal) -> dict[str, str]:
    """The row with which Azure makes an invoice's rows add up to whole cents."""
    return {
        **common(LAST, difference),
        "invoiceId": SERVICES_INVOICE,
        "SubscriptionId": "",
        "MeterCategory": "",
        "MeterName": "",
        "ProductName": "Rounding adjustment",
        "PublisherType": "Microsoft",
        "PublisherName": "Microsoft",
        "ChargeType": "RoundingAdjustment",
        "Frequency": "OneTime",
    }


def common(day: date, cost: Decimal) -> dict[str, str]:
    """The cells that every row has."""
    return {
        "BillingAccountId": OWNER,
        "BillingAccountName": PROFILE_NAME,
        "BillingProfileId": PROFILE,
        "BillingProfileName": PROFILE_NAME,
        "BillingPeriodStartDate": START.isoformat(),
        "BillingPeriodEndDate": LAST.isoformat(),
        "servicePeriodStartDate": START.isoformat(),
        "servicePeriodEndDate": LAST.isoformat(),
        "InvoiceSectionName": PROFILE_NAME,
        "InvoiceSectionId": "K2PD-7VQ4-PJA-PGB",
        "Date": day.isoformat(),
        "BillingCurrency": "USD",
        "pricingCurrency": "USD",
        "CostInBillingCurrency": plain(cost),
        "costInPricingCurrency": plain(cost),
        "costInUsd": plain(cost),
        "exchangeRatePricingToBilling": "1",
        "exchangeRateDate": START.isoformat(),
        "IsAzureCreditEligible": "TRUE",
    }


def invoiced(row: dict[str, str]) -> dict[str, str]:
    """The row once its invoice exists; the marketplace has one of its own."""
    is_marketplace = row["PublisherType"] == "Marketplace"
    return {**row, "invoiceId": MARKETPLACE_INVOICE if is_marketplace else SERVICES_INVOICE}


def quantity_of(meter: dict[str, str], day: date) -> Decimal:
    """The quantity of a day: within a tenth of the usual one, with six decimals."""
    usual = Decimal(meter["quantity"])
    if meter["steady"]:
        return usual
    share = int(digest(meter["meter"], meter["resource"], day.isoformat()), 16) % SPREAD
    factor = Decimal("0.9") + Decimal(share) / (5 * SPREAD)
    return (usual * factor).quantize(Decimal("1e-6"))


def write_details(state: str, rows: list[dict[str, str]], columns: list[str]) -> None:
    """The one file of a details report."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    path = BILLS / state / "part_0_0001.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.getvalue().encode("utf-8-sig"), compresslevel=9, mtime=0))


def write_invoices(invoices: dict[str, Decimal], rows: list[dict[str, str]]) -> None:
    """The billing API's answers: the page of invoices, and the transactions of each."""
    kinds = {SERVICES_INVOICE: "AzureServices", MARKETPLACE_INVOICE: "AzureMarketplace"}
    listed = [invoice(number, kinds[number], total) for number, total in invoices.items()]
    write_json(BILLS / "billing" / "invoices.json", {"value": listed})
    for number in invoices:
        products: dict[str, Decimal] = {}
        for row in rows:
            if row["invoiceId"] == number:
                key = row["ProductName"]
                products[key] = products.get(key, Decimal(0)) + cost_of(row)
        found = [
            transaction(number, name, total, is_sold=number == MARKETPLACE_INVOICE)
            for name, total in sorted(products.items())
        ]
        write_json(BILLS / "billing" / f"transactions.{number}.json", {"value": found})


def invoice(number: str, kind: str, total: Decimal) -> dict[str, object]:
    """One invoice, due and unpaid, without tax or credits."""
    amount, nothing = money(total), money(Decimal(0))
    owner = f"/providers/Microsoft.Billing/billingAccounts/{OWNER}"
    return {
        "id": f"{owner}/invoices/{number}",
        "name": number,
        "type": "Microsoft.Billing/billingAccounts/invoices",
        "properties": {
            "invoiceType": kind,
            "documentType": "Invoice",
            "status": "Due",
            "isMonthlyInvoice": True,
            "invoiceDate": "2026-11-03T00:00:00Z",
            "dueDate": "2026-12-03T00:00:00Z",
            "invoicePeriodStartDate": "2026-10-01T00:00:00Z",
            "invoicePeriodEndDate": "2026-10-31T00:00:00Z",
            "billingProfileId": f"{owner}/billingProfiles/{PROFILE}",
            "billingProfileDisplayName": PROFILE_NAME,
            "billedAmount": amount,
            "creditAmount": nothing,
            "azurePrepaymentApplied": nothing,
            "freeAzureCreditApplied": nothing,
            "subTotal": amount,
            "taxAmount": nothing,
            "totalAmount": amount,
            "amountDue": amount,
            "payments": [],
        },
    }


def transaction(number: str, product: str, total: Decimal, *, is_sold: bool) -> dict[str, object]:
    """What an invoice bills for one product; `is_sold`: the marketplace sells it."""
    return {
        "name": digest(number, product)[:16],
        "type": "Microsoft.Billing/billingAccounts/transactions",
        "properties": {
            "date": "2026-11-03T00:00:00Z",
            "invoice": number,
            "productDescription": product,
            "transactionType": "Charge",
            "isThirdParty": is_sold,
            "servicePeriodStartDate": "2026-10-01T00:00:00Z",
            "servicePeriodEndDate": "2026-10-31T00:00:00Z",
            "billingCurrency": "USD",
            "pricingCurrency": "USD",
            "subTotal": money(total),
            "tax": money(Decimal(0)),
            "transactionAmount": money(total),
        },
    }


def money(value: Decimal) -> dict[str, object]:
    """An amount as the billing API writes it; the number is put in as text and unquoted later."""
    return {"currency": "USD", "value": f"@@{plain(value)}@@"}


def cost_of(row: dict[str, str]) -> Decimal:
    """A row's cost, exactly."""
    return Decimal(row["CostInBillingCurrency"])


def total_of(rows: Iterator[dict[str, str]] | list[dict[str, str]]) -> Decimal:
    """Sum of the cost, exactly."""
    return sum((cost_of(row) for row in rows), Decimal(0))


def by_tag(rows: list[dict[str, str]], tag: str) -> dict[str, str]:
    """The cost by a tag's value; untagged rows under an empty text."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        key = json.loads(row.get("Tags") or "{}").get(tag, "")
        sums[key] = sums.get(key, Decimal(0)) + cost_of(row)
    return {key: str(sums[key]) for key in sorted(sums)}


def plain(value: Decimal) -> str:
    """Plain digits, no exponent, no trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def digest(*parts: str) -> str:
    """A stable name out of its parts."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:40]


def write_json(path: Path, value: object) -> None:
    """Indented JSON with a newline at the end; marked texts become numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1, ensure_ascii=False)
    path.write_text(text.replace('"@@', "").replace('@@"', "") + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
