"""Make `sample/bills/gcp/`: Nordlicht Labs' Google Cloud in October 2026, as the export has it.

    python sample/build_gcp.py DATA

DATA is the folder that holds `cloud/gcp`; what the company runs is in `gcp_resources.json`. Nothing
is random: every invented quantity comes from a hash. `export.jsonl` is the export's table (what was
written by 1 November 06:00 UTC is the draft), `schema.json` its columns, `cost-table-2026-10.csv`
the invoice as people download it from the console, `truth.json` what a correct close must find.
"""

import csv
import gzip
import hashlib
import io
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

BILLS = Path(__file__).parent / "bills" / "gcp"
WORLD = json.loads((Path(__file__).parent / "gcp_resources.json").read_text())

ACCOUNT, ACCOUNT_NAME = "01A2B3-C4D5E6-F70819", "Nordlicht Labs"
INVOICE_NUMBER = "5487201936"
PROJECT_NUMBERS = {
    "nordlicht-prod": "418200310001",
    "nordlicht-data": "418200310002",
    "nordlicht-staging": "418200310003",
}

START = date(2026, 10, 1)
DAYS = [START + timedelta(days=number) for number in range(31)]
DRAFT_UNTIL = datetime(2026, 11, 1, 6, tzinfo=UTC)
LATE_AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
ROUNDED_AT = datetime(2026, 11, 3, 4, tzinfo=UTC)
SATURDAY = 5
CENT, MICRO = Decimal("0.01"), Decimal("0.000001")
SPREAD = 10**12
PROMOTION = Decimal("150.00")
FREE_TEBIBYTE = Decimal(1)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sku:
    """What is sold: `per` usage units make one pricing unit, which costs `price` USD."""

    service: tuple[str, str]
    sku: tuple[str, str]
    price: Decimal
    unit: str
    per: Decimal
    pricing_unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing that runs through the month; `quantity` a day in pricing units."""

    sku: Sku
    quantity: Decimal
    project: str
    app: str
    environment: str
    name: str
    how: list[str]  # steady quantity, weekdays only, late (written after the draft), credits


def main(data: Path) -> None:
    """Write everything; what was there before is removed first."""
    templates = pick_templates(data / "cloud" / "gcp" / "nise_gcp_resource_2026-10.csv.gz")
    shutil.rmtree(BILLS, ignore_errors=True)
    BILLS.mkdir(parents=True)
    rows = [*month(templates)]
    final = net(rows)
    invoice = final.quantize(CENT, ROUND_HALF_UP)
    rows.append(rounding_row(invoice - final))
    write_rows([*rows, *november(templates)])
    write_json(BILLS / "schema.json", WORLD["schema"])
    (BILLS / "cost-table-2026-10.csv").write_text(cost_table(rows, invoice))
    draft = [row for row in rows if row["export_time"] <= iso(DRAFT_UNTIL)]
    write_json(
        BILLS / "truth.json",
        {
            "mode": "arrears invoice",
            "billing_account": ACCOUNT,
            "report_total_final": plain(net(rows)),
            "report_total_draft": plain(net(draft)),
            "late_arriving": plain(net(rows) - net(draft)),
            "late_rows": str(len(rows) - len(draft)),
            "rows_final": str(len(rows)),
            "credits_shown": plain(sum_credits(rows)),
            "invoice_number": INVOICE_NUMBER,
            "invoice_total": str(invoice),
            "tax": "0",
            "rounding_invoice_minus_report": plain(invoice - net(rows)),
            "by_app": by_app(rows),
        },
    )


def pick_templates(source: Path) -> dict[str, Row]:
    """The first generated row of each SKU: service, region and units are taken from it."""
    with gzip.open(source, "rt", newline="") as stream:
        found: dict[str, Row] = {}
        for row in csv.DictReader(stream):
            found.setdefault(row["sku.id"], row)
    return found


def resources(templates: dict[str, Row]) -> Iterator[Resource]:
    """What Nordlicht Labs runs; name and units of three SKUs are the generator's, prices ours."""
    for one in WORLD["resources"]:
        values = WORLD["skus"][one["sku"]]
        generated = templates.get(values["sku"][0], {})
        unit = values["unit"] or generated["usage.unit"]
        sku = Sku(
            service=tuple(values["service"]),
            sku=(values["sku"][0], values["sku"][1] or generated["sku.description"]),
            price=Decimal(values["price"]),
            unit=unit,
            per=Decimal(values["per"] or (3600 if unit == "seconds" else 2**30 * 31 * 86_400)),
            pricing_unit=values["pricing_unit"] or generated["usage.pricing_unit"],
        )
        rest = {name: one[name] for name in ("project", "app", "environment", "name", "how")}
        yield Resource(sku=sku, quantity=Decimal(one["quantity"]), **rest)


def month(templates: dict[str, Row]) -> Iterator[Row]:
    """One row for each resource and day; the promotion is used up in the first days."""
    promotion = PROMOTION
    for day in DAYS:
        for resource in resources(templates):
            if "weekdays" in resource.how and day.weekday() >= SATURDAY:
                continue
            row = row_of(resource, day, templates)
            if "promotion" in resource.how and promotion > 0:
                used = min(promotion, Decimal(row["cost"]))
                promotion -= used
                row["credits"] = [credit("PROMOTION", "Google Cloud startup credit", used)]
            yield row


def november(templates: dict[str, Row]) -> Iterator[Row]:
    """The next invoice month begins: two days, and a row of 31 October that came too late."""
    late = next(one for one in resources(templates) if "free-tier" in one.how)
    first = next(resources(templates))
    written = datetime(2026, 11, 3, 3, tzinfo=UTC)
    for resource, day in ((late, DAYS[-1]), (first, date(2026, 11, 1)), (first, date(2026, 11, 2))):
        row = row_of(resource, day, templates)
        extra = {"invoice": {"month": "202611", "publisher_type": "GOOGLE"}, "credits": []}
        yield {**row, **extra, "export_time": iso(written)}


def row_of(resource: Resource, day: date, templates: dict[str, Row]) -> Row:
    """The export's row of a resource and day; money has six decimals, as Google writes it."""
    sku, project = resource.sku, resource.project
    quantity = quantity_of(resource, day)
    cost = (quantity * sku.price).quantize(MICRO, ROUND_HALF_UP)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    is_late = "late" in resource.how and day == DAYS[-1]
    exported = LATE_AT if is_late else start + timedelta(hours=28, minutes=35)
    region = templates["CF4E-A0C7-E3BF"]["location.region"].removesuffix("-a")
    path = f"projects/{project}/{'buckets' if 'Storage' in sku.service[1] else 'instances'}"
    return {
        "billing_account_id": ACCOUNT,
        "service": pair(sku.service),
        "sku": pair(sku.sku),
        "usage_start_time": iso(start),
        "usage_end_time": iso(start + timedelta(days=1)),
        "project": {
            "id": project,
            "number": PROJECT_NUMBERS[project],
            "name": project,
            "labels": pairs([("team", "data" if project == "nordlicht-data" else "product")]),
            "ancestry_numbers": "/600100200300/",
        },
        "labels": pairs(
            [
                ("app", resource.app),
                ("environment", resource.environment),
                ("openshift_cluster", "shared-gke" if resource.app == "shared-cluster" else ""),
            ]
        ),
        "system_labels": system_labels(sku, templates),
        "tags": [],
        "location": {"location": region, "country": "US", "region": region},
        "resource": {
            "name": resource.name,
            "global_name": f"//googleapis.com/{path}/{resource.name}" if resource.name else "",
        },
        "cost": number(cost),
        "cost_at_list": plain(cost),
        "currency": "USD",
        "currency_conversion_rate": "1.0",
        "usage": {
            "amount": repr(float(quantity * sku.per)),
            "unit": sku.unit,
            "amount_in_pricing_units": number(quantity),
            "pricing_unit": sku.pricing_unit,
        },
        "credits": credits_of(resource, day, cost),
        "invoice": {"month": "202610", "publisher_type": "GOOGLE"},
        "cost_type": "regular",
        "transaction_type": "GOOGLE",
        "export_time": iso(exported),
    }


def credits_of(resource: Resource, day: date, cost: Decimal) -> list[Row]:
    """A commitment covers the gateway's cores; the month's first tebibyte of queries is free."""
    if "commitment" in resource.how:
        return [credit("COMMITTED_USAGE_DISCOUNT", "Committed Usage Discount: CPU", cost)]
    if "free-tier" in resource.how and day == START:
        free = (FREE_TEBIBYTE * resource.sku.price).quantize(MICRO)
        return [credit("FREE_TIER", "BigQuery free tier", free)]
    return []


def credit(kind: str, name: str, amount: Decimal) -> Row:
    """One entry of `credits`; credits are negative."""
    key = name.lower().replace(" ", "-").replace(":", "")
    return {
        "name": name,
        "amount": number(-amount),
        "full_name": name,
        "id": key,
        "type": kind,
    }


def rounding_row(amount: Decimal) -> Row:
    """The row with which Google brings a month to whole cents."""
    first, last = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    return {
        "billing_account_id": ACCOUNT,
        "service": pair(("0000-0000-0000", "Invoice")),
        "sku": pair(("0000-0000-0001", "Rounding error")),
        "usage_start_time": iso(first),
        "usage_end_time": iso(last),
        "cost": number(amount),
        "currency": "USD",
        "currency_conversion_rate": "1.0",
        "invoice": {"month": "202610", "publisher_type": "GOOGLE"},
        "cost_type": "rounding_error",
        "export_time": iso(ROUNDED_AT),
    }


def system_labels(sku: Sku, templates: dict[str, Row]) -> list[Row]:
    """The generator's first system label of a core; other SKUs have none."""
    labels: list[Row] = json.loads(templates.get(sku.sku[0], {}).get("system_labels", "[]"))
    return labels[:1]


def quantity_of(resource: Resource, day: date) -> Decimal:
    """The quantity of a day: within a tenth of the usual one; tokens are whole."""
    if "steady" in resource.how:
        return resource.quantity
    words = (resource.project, resource.app, resource.sku.sku[0], resource.name, day.isoformat())
    share = int(hashlib.sha256("/".join(words).encode()).hexdigest()[:40], 16) % SPREAD
    varied = resource.quantity * (Decimal("0.9") + Decimal(share) / (5 * SPREAD))
    return varied.quantize(Decimal(1) if resource.sku.unit == "count" else MICRO)


def write_rows(rows: list[Row]) -> None:
    """The table, one row a line, by time of writing; nulls and empty fields are left out."""
    ordered = sorted(rows, key=lambda row: row["export_time"])
    lines = [json.dumps(pruned(row), ensure_ascii=False, separators=(",", ":")) for row in ordered]
    (BILLS / "export.jsonl").write_text("\n".join(lines) + "\n")


def cost_table(rows: list[Row], total: Decimal) -> str:
    """The console's download: facts, one row for each project, SKU and credit, rounding, total."""
    sums: dict[tuple[str, ...], list[Decimal]] = {}
    for row in rows:
        if row["cost_type"] == "regular":
            key = (row["project"]["id"], *row["service"].values(), *row["sku"].values())
            unit = row["usage"]["pricing_unit"]
            quantity = Decimal(row["usage"]["amount_in_pricing_units"])
            add(sums, (*key, "", unit), quantity, Decimal(row["cost"]))
            for one in row["credits"]:
                add(sums, (*key, one["type"], ""), Decimal(0), Decimal(one["amount"]))
    (rounding,) = [Decimal(row["cost"]) for row in rows if row["cost_type"] == "rounding_error"]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for fact in (
        ("Invoice number", INVOICE_NUMBER),
        ("Invoice date", "2026-10-31"),
        ("Due date", "2026-11-30"),
        ("Billing ID", "4120-7718-2096"),
        ("Billing account ID", ACCOUNT),
        ("Currency", "USD"),
        ("Currency exchange rate", "1"),
        ("Total amount due", f"${total:,.2f}"),
    ):
        writer.writerow((*fact, ""))
    writer.writerow(WORLD["header"])
    for (project, service_id, service, sku_id, sku, kind, unit), (quantity, cost) in sums.items():
        writer.writerow(
            (
                ACCOUNT_NAME, ACCOUNT, project, project, "nordlicht-labs.example", service,
                service_id, sku, sku_id, "Default", kind, "Usage", "2026-10-01", "2026-10-31",
                f"{Decimal(plain(quantity)):,}" if unit else "", unit, f"{cost:.6f}", f"{cost:.2f}",
            )
        )  # fmt: skip
    for kind, amount in (("Rounding error", rounding), ("Total", total)):
        writer.writerow((*[""] * 11, kind, *[""] * 4, f"{amount:.6f}", f"{amount:.2f}"))
    return out.getvalue()


def add(
    sums: dict[tuple[str, ...], list[Decimal]],
    key: tuple[str, ...],
    quantity: Decimal,
    cost: Decimal,
) -> None:
    """Add to the sums of a key."""
    sums.setdefault(key, [Decimal(0), Decimal(0)])
    sums[key][0] += quantity
    sums[key][1] += cost


def net(rows: list[Row]) -> Decimal:
    """Cost and all credits, exactly."""
    cost = sum((Decimal(row["cost"]) for row in rows), Decimal(0))
    given = [Decimal(one["amount"]) for row in rows for one in row.get("credits", [])]
    return cost + sum(given, Decimal(0))


def sum_credits(rows: list[Row]) -> Decimal:
    """Credits that are money given, which become charges of their own."""
    shown = [one for row in rows for one in row.get("credits", [])]
    kinds = {"PROMOTION", "FREE_TIER"}
    return sum((Decimal(one["amount"]) for one in shown if one["type"] in kinds), Decimal(0))


def by_app(rows: list[Row]) -> dict[str, str]:
    """Net cost by the label app; rows without it under an empty name."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        labels = {one["key"]: one["value"] for one in row.get("labels", [])}
        app = labels.get("app", "")
        sums[app] = sums.get(app, Decimal(0)) + net([row])
    return {app: plain(value) for app, value in sorted(sums.items())}


def pruned(value: Any) -> Any:
    """Without empty texts, nulls and empty lists, which the table holds as null or nothing."""
    if isinstance(value, dict):
        kept = {key: pruned(one) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one not in ("", None, [], {})}
    return [pruned(one) for one in value] if isinstance(value, list) else value


def pair(values: tuple[str, str]) -> Row:
    """Id and description."""
    return {"id": values[0], "description": values[1]}


def pairs(values: list[tuple[str, str]]) -> list[Row]:
    """Labels that are filled."""
    return [{"key": key, "value": value} for key, value in values if value]


def number(value: Decimal) -> str:
    """FLOAT64 as its shortest text; refuses what a float cannot hold."""
    text = repr(float(value))
    if Decimal(text) != value:
        raise ValueError(f"{value} is no exact FLOAT64")
    return text


def plain(value: Decimal) -> str:
    """Plain digits, no exponent, no trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def iso(at: datetime) -> str:
    """An instant as ISO 8601 with Z."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def write_json(path: Path, value: object) -> None:
    """Indented JSON with a newline at the end."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004  the program and DATA
        sys.exit("usage: python sample/build_gcp.py DATA")
    main(Path(sys.argv[1]))
