"""Make `sample/bills/aws/` and the AWS part of `sample/truth.json` out of the shared sample data.

    python sample/build_aws.py DATA     (after sample/build.py DATA)

DATA is the folder that holds `cloud/aws`. The result is the same on every run: nothing is random,
every invented quantity comes from a hash. README.md says what is changed.
"""

import csv
import gzip
import io
import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import aws_invoice
import bedrock_rows
from texts import digest, plain, write_json

HERE = Path(__file__).parent
BILLS = HERE / "bills" / "aws"

PAYER = "417000000001"
PROD, STAGING, PLATFORM = "417000000002", "417000000003", "417000000004"
ACCOUNT_NAMES = {
    PAYER: "nordlicht-management",
    PROD: "nordlicht-prod",
    STAGING: "nordlicht-staging",
    PLATFORM: "nordlicht-platform",
}
INVOICE_ID = "EUINDE26-1048213"
PREFIX, REPORT, RANGE = "cur", "monthly", "20261001-20261101"
ASSEMBLIES = {"draft": "20261101T051512Z", "final": "20261103T061840Z"}

START = date(2026, 10, 1)
DAYS = [START + timedelta(days=number) for number in range(31)]
SATURDAY = 5
CENT = Decimal("0.01")
HOURS = Decimal(24)
SPREAD = 10**12

EC2 = ("AmazonEC2", "Compute Instance")
EBS = ("AmazonEC2", "Storage")
TRANSFER = ("AmazonEC2", "Data Transfer")
RDS = ("AmazonRDS", "Database Instance")
S3 = ("AmazonS3", "Storage Snapshot")
VPN = ("AmazonVPC", "Cloud Connectivity")
ZONE = ("AmazonRoute53", "DNS Zone")
QUERY = ("AmazonRoute53", "DNS Query")

# columns that only served the tool's random words, or are empty in every row that is kept
DROPPED = re.compile(
    r"^(costCategory/|reservation/|savingsPlan/"
    r"|resourceTags/(aws:createdBy|user:(openshift_node|openshift_project|storageclass|version)))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing that runs through the month; `quantity` a day, in the template's own unit."""

    template: tuple[str, str]
    resource_id: str
    account: str
    quantity: Decimal
    app: str = ""
    environment: str = ""
    cluster: str = ""
    steady: bool = True  # False: the quantity varies by day
    weekdays_only: bool = False
    first_day_only: bool = False
    late: bool = False  # the row of 31 October arrives after the draft
    meter: str = ""  # tells the rows of one resource apart


def main(data: Path) -> None:
    """Write the AWS bills and their truth; what was there before is removed first."""
    shutil.rmtree(BILLS, ignore_errors=True)
    source = data / "cloud" / "aws" / "nise_cur_2026-10_final.csv.gz"
    truth = json.loads((HERE / "truth.json").read_text())
    write_json(HERE / "truth.json", {**truth, "aws": write_month(source)})


def write_month(source: Path) -> dict[str, str]:
    """The report before and after it was final, the invoice, account names; gives the truth."""
    with gzip.open(source, "rt", newline="") as stream:
        templates = pick_templates(csv.DictReader(stream))
    lines = list(month(templates))
    columns = [
        name
        for name in lines[0][1]
        if name != "bill/InvoiceId" and any(row[name] for _, row in lines)
    ]
    columns.insert(columns.index("bill/PayerAccountId"), "bill/InvoiceId")
    draft = [row for late, row in lines if not late]
    final = [{**row, "bill/InvoiceId": invoice_of(row)} for _, row in lines]
    write_report("draft", [{**row, "bill/InvoiceId": ""} for row in draft], columns)
    write_report("final", final, columns)
    draft_total, final_total = total_of(draft), total_of(final)
    parts = {
        number: total_of([row for row in final if row["bill/InvoiceId"] == number])
        for number in (INVOICE_ID, bedrock_rows.MARKETPLACE_INVOICE)
    }
    invoices = {number: part.quantize(CENT, ROUND_HALF_UP) for number, part in parts.items()}
    invoice = sum(invoices.values(), Decimal(0))
    write_invoices(invoices)
    accounts = [
        {"Id": key, "Name": name, "Status": "ACTIVE"} for key, name in ACCOUNT_NAMES.items()
    ]
    write_json(BILLS / "organizations" / "list_accounts.json", {"Accounts": accounts})
    return {
        "mode": "arrears invoice",
        "report_total_final": str(final_total),
        "report_total_draft": str(draft_total),
        "late_arriving": str(final_total - draft_total),
        "late_rows": str(len(final) - len(draft)),
        "rows_final": str(len(final)),
        "invoices": {number: str(total) for number, total in invoices.items()},
        "invoice_total": str(invoice),
        "tax": "0",
        "rounding_invoice_minus_report": str(invoice - final_total),
    }


def pick_templates(rows: Iterator[dict[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
    """The first row of each product in Frankfurt (or global), without the tool's random words."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        key = (row["lineItem/ProductCode"], row["product/productFamily"])
        is_here = row["product/region"] in {"eu-central-1", "global"}
        if is_here and row["bill/BillingEntity"] == "AWS" and "SoftwareUsage" not in str(row):
            found.setdefault(key, {name: "" if DROPPED.match(name) else row[name] for name in row})
    return found


def resources() -> Iterator[Resource]:
    """What Nordlicht Labs runs."""
    yield from servers("support-assistant", "prod", PROD, 2)
    yield from servers("search-ranking", "prod", PROD, 5, late=True)
    yield from servers("internal-tools", "prod", PROD, 1)
    yield from servers("support-assistant", "staging", STAGING, 1)
    yield from servers("search-ranking", "staging", STAGING, 1)
    yield from servers("internal-tools", "dev", STAGING, 1, weekdays_only=True)
    yield from servers("shared-cluster", "prod", PLATFORM, 7, cluster="shared-eks")
    for app, environment, account, count in (
        ("support-assistant", "prod", PROD, 1),
        ("search-ranking", "prod", PROD, 2),
        ("internal-tools", "prod", PROD, 1),
        ("search-ranking", "staging", STAGING, 1),
    ):
        for number in range(1, count + 1):
            name = f"arn:aws:rds:eu-central-1:{account}:db:{app}-{environment}-{number}"
            yield Resource(
                template=RDS,
                resource_id=name,
                account=account,
                quantity=HOURS,
                app=app,
                environment=environment,
            )
    yield from buckets()
    yield from shared_and_network()


def shared_and_network() -> Iterator[Resource]:
    """Data transfer, the shared cluster's network and volume, and name service without tags."""
    yield Resource(
        template=TRANSFER,
        resource_id="i-0a5earch00000001",
        account=PROD,
        quantity=Decimal(22),
        app="search-ranking",
        environment="prod",
        steady=False,
        late=True,
    )
    for number in (1, 2):
        yield Resource(
            template=VPN,
            resource_id=f"vpn-0c1u57e20000000{number}",
            account=PLATFORM,
            quantity=HOURS,
            app="shared-cluster",
            environment="prod",
            cluster="shared-eks",
        )
    yield Resource(
        template=EBS,
        resource_id="vol-0c1u57e2000000001",
        account=PLATFORM,
        quantity=Decimal(40),
        app="shared-cluster",
        environment="prod",
        cluster="shared-eks",
        steady=False,
    )
    yield Resource(
        template=QUERY,
        resource_id="arn:aws:route53:::hostedzone/Z0NORDLICHT1",
        account=PAYER,
        quantity=Decimal(190_000),
        steady=False,
    )
    for number in (1, 2, 3):
        yield Resource(
            template=ZONE,
            resource_id=f"arn:aws:route53:::hostedzone/Z0NORDLICHT{number}",
            account=PAYER,
            quantity=Decimal(1),
            first_day_only=True,
        )


def servers(
    app: str,
    environment: str,
    account: str,
    count: int,
    *,
    cluster: str = "",
    weekdays_only: bool = False,
    late: bool = False,
) -> Iterator[Resource]:
    """`count` servers that run all day."""
    for number in range(1, count + 1):
        yield Resource(
            template=EC2,
            resource_id=f"i-{digest(app, environment, str(number))[:17]}",
            account=account,
            quantity=HOURS,
            app=app,
            environment=environment,
            cluster=cluster,
            weekdays_only=weekdays_only,
            late=late,
        )


def buckets() -> Iterator[Resource]:
    """Storage of S3, in GB-months a day; the last one has no tags."""
    for name, account, quantity, app, environment, late in (
        ("nordlicht-transcripts", PROD, 96, "support-assistant", "prod", True),
        ("nordlicht-search-index", PROD, 290, "search-ranking", "prod", True),
        ("nordlicht-cluster-logs", PLATFORM, 64, "shared-cluster", "prod", False),
        ("nordlicht-scratch-2024", STAGING, 34, "", "", False),
    ):
        yield Resource(
            template=S3,
            resource_id=f"arn:aws:s3:::{name}",
            account=account,
            quantity=Decimal(quantity),
            app=app,
            environment=environment,
            cluster="shared-eks" if app == "shared-cluster" else "",
            steady=False,
            late=late,
        )


def month(
    templates: dict[tuple[str, str], dict[str, str]],
) -> Iterator[tuple[bool, dict[str, str]]]:
    """One row for each resource and day: whether it comes late, and the row."""
    for day in DAYS:
        for resource in resources():
            if resource.weekdays_only and day.weekday() >= SATURDAY:
                continue
            if resource.first_day_only and day != START:
                continue
            row = row_of(templates[resource.template], resource, day)
            yield resource.late and day == DAYS[-1], row
        for meter, profile in bedrock_rows.profiles(PROD):
            called = Resource(
                template=S3,
                resource_id=profile,
                account=PROD,
                quantity=meter.quantity,
                app=meter.app,
                environment="prod",
                steady=False,
                meter=meter.usage_type,
            )
            yield False, row_of(bedrock_rows.cells(meter, templates[S3]), called, day)


def row_of(template: dict[str, str], resource: Resource, day: date) -> dict[str, str]:
    """The template with its own unit price, and the resource's day, quantity, owner and tags."""
    quantity = resource.quantity if resource.steady else varied(resource, day)
    price = Decimal(template["lineItem/UnblendedRate"])
    cost = plain(quantity * price)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    instants = [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (start, start + timedelta(days=1))]
    description = template["lineItem/LineItemDescription"].replace("$None", f"${plain(price)}")
    return {
        **template,
        "bill/PayerAccountId": PAYER,
        "identity/LineItemId": digest(resource.resource_id + resource.meter, day.isoformat()),
        "identity/TimeInterval": "/".join(instants),
        "lineItem/BlendedCost": cost,
        "lineItem/BlendedRate": plain(price),
        "lineItem/LineItemDescription": description,
        "lineItem/ResourceId": resource.resource_id,
        "lineItem/UnblendedCost": cost,
        "lineItem/UnblendedRate": plain(price),
        "lineItem/LineItemType": "Usage",
        "lineItem/UsageAccountId": resource.account,
        "lineItem/UsageAmount": plain(quantity),
        "lineItem/UsageStartDate": instants[0],
        "lineItem/UsageEndDate": instants[1],
        "pricing/publicOnDemandCost": cost,
        "pricing/publicOnDemandRate": plain(price),
        "resourceTags/user:app": resource.app,
        "resourceTags/user:environment": resource.environment,
        "resourceTags/user:openshift_cluster": resource.cluster,
    }


def varied(resource: Resource, day: date) -> Decimal:
    """The quantity of a day: within a tenth of the usual one, with 12 decimals."""
    share = int(digest(resource.resource_id + resource.meter, day.isoformat(), "quantity"), 16)
    share %= SPREAD
    factor = Decimal("0.9") + Decimal(share) / (5 * SPREAD)
    return (resource.quantity * factor).quantize(Decimal("1e-12"))


def write_report(state: str, rows: list[dict[str, str]], columns: list[str]) -> None:
    """One version of the report: a manifest and two gzip files, cut in the middle of the month."""
    folder = f"{PREFIX}/{REPORT}/{RANGE}"
    middle = len(rows) // 2
    keys = []
    for number, part in enumerate((rows[:middle], rows[middle:]), start=1):
        key = f"{folder}/{ASSEMBLIES[state]}/{REPORT}-{number}.csv.gz"
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(part)
        path = BILLS / state / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))
        keys.append(key)
    manifest = {
        "assemblyId": ASSEMBLIES[state],
        "account": PAYER,
        "bucket": "nordlicht-billing",
        "billingPeriod": {"start": "20261001T000000.000Z", "end": "20261101T000000.000Z"},
        "charset": "UTF-8",
        "compression": "GZIP",
        "contentType": "text/csv",
        "columns": [
            dict(zip(("category", "name"), name.split("/", 1), strict=True)) for name in columns
        ],
        "reportId": digest(REPORT),
        "reportName": REPORT,
        "reportKeys": keys,
        "additionalArtifactKeys": [],
    }
    write_json(BILLS / state / folder / f"{REPORT}-Manifest.json", manifest)


def invoice_of(row: dict[str, str]) -> str:
    """The Marketplace bills by an invoice of its own."""
    is_sold = row["bill/BillingEntity"] == "AWS Marketplace"
    return bedrock_rows.MARKETPLACE_INVOICE if is_sold else INVOICE_ID


def write_invoices(totals: dict[str, Decimal]) -> None:
    """The answer of the invoicing API once the bill is final: AWS and its Marketplace, no tax."""
    entities = {
        INVOICE_ID: ("Amazon Web Services EMEA SARL", "AWS"),
        bedrock_rows.MARKETPLACE_INVOICE: (bedrock_rows.MARKETPLACE_ISSUER, "AWS_MARKETPLACE"),
    }
    summaries = [
        aws_invoice.summary_of(number, total, *entities[number], payer=PAYER)
        for number, total in totals.items()
    ]
    path = BILLS / "invoicing" / "list_invoice_summaries.json"
    write_json(path, {"InvoiceSummaries": summaries})


def total_of(rows: list[dict[str, str]]) -> Decimal:
    """Sum of the unblended cost, exactly."""
    return sum((Decimal(row["lineItem/UnblendedCost"]) for row in rows), Decimal(0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
