"""Azure on loopback: what Resource Manager and Blob Storage answer about the sample company.

    answer(method, path, query, body, headers, as_of=..., base_url=...)

Serves the calls that the provider plug-in makes: the cost query (two pages for a whole month), the
details report (202, then 200, then its file), invoices and transactions. Everything is computed
from `sample/bills/azure`. None: not a path of Azure. A call without a bearer token gets 401.
"""

import csv
import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from demo.story import MONTHS, Month, known_month

OWNER = "5f2c9a51-7d0e-4b0b-9c36-1a6f0f6f7c11:0b7c2f4e-98a4-4f57-8f0e-3f1f3f0f9d21_2019-05-31"
PROFILE = "N7XK-WQ2M-BG7-PGB"
PAGE_ROWS = 200

_OWNER_PATH = f"/providers/Microsoft.Billing/billingAccounts/{OWNER}"
_SCOPE = f"{_OWNER_PATH}/billingProfiles/{PROFILE}"
_REPORT = "/providers/Microsoft.CostManagement/generateCostDetailsReport"
_RESULT = "/providers/Microsoft.CostManagement/costDetailsOperationResults/"
_BLOBS = "/devstoreaccount1/costdetails/"
_OPERATION = re.compile(r"(ActualCost|AmortizedCost)_(\d{4}-\d\d-\d\d)_(\d{4}-\d\d-\d\d)")
_TRANSACTIONS = re.compile(re.escape(_OWNER_PATH) + r"/invoices/(G\d+)/transactions")
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")

Answer = tuple[int, bytes, dict[str, str]]


def connection_extra(endpoint: str) -> dict[str, str]:
    """The extra of an Airflow connection `tieout_azure` that points here (any login will do)."""
    return {
        "endpoint_url": endpoint,
        "report": "details",
        "billing_account": OWNER,
        "tenant_id": "demo",
    }


def answer(
    method: str,
    path: str,
    query: Mapping[str, list[str]],
    body: bytes,
    headers: Mapping[str, str],
    *,
    as_of: date,
    base_url: str,
) -> Answer | None:
    """One answer of Azure on a day of the story; None: the path is not Azure's."""
    if path.startswith(_BLOBS):
        return _blob(path.removeprefix(_BLOBS), headers, as_of=as_of)
    if not path.startswith("/providers/Microsoft."):
        return None
    if not headers.get("Authorization", "").startswith("Bearer "):
        return _failure(401, "InvalidAuthenticationToken")
    if method == "POST":
        return _asked(path, query, body, as_of=as_of, base_url=base_url)
    return _got(path, query, as_of=as_of, base_url=base_url)


def _asked(
    path: str, query: Mapping[str, list[str]], body: bytes, *, as_of: date, base_url: str
) -> Answer:
    if path == f"{_SCOPE}/providers/Microsoft.CostManagement/query":
        skip = int(query.get("$skiptoken", ["0"])[0])
        return _query(json.loads(body), skip, as_of=as_of, base_url=base_url)
    if path == _SCOPE + _REPORT:
        asked = json.loads(body)
        days = asked["timePeriod"]
        operation = f"{asked['metric']}_{days['start']}_{days['end']}"
        if not _OPERATION.fullmatch(operation):
            return _failure(400, "BadRequest")
        location = f"{base_url}{_SCOPE}{_RESULT}{operation}?api-version=2025-03-01"
        return 202, b"", {"Location": location, "Retry-After": "0"}
    return _failure(404, "NotFound")


def _got(path: str, query: Mapping[str, list[str]], *, as_of: date, base_url: str) -> Answer:
    if path.startswith(_SCOPE + _RESULT):
        operation = path.removeprefix(_SCOPE + _RESULT)
        return _result(operation, as_of=as_of, base_url=base_url)
    if path == f"{_SCOPE}/invoices":
        month = known_month(query.get("periodStartDate", [""])[0], as_of)
        is_billed = month is not None and month.stage(as_of) == "final"
        return _recorded(month, "invoices.json") if month and is_billed else _json({"value": []})
    if found := _TRANSACTIONS.fullmatch(path):
        return _transactions(f"transactions.{found[1]}.json", as_of)
    return _failure(404, "NotFound")


def _transactions(name: str, as_of: date) -> Answer:
    for month in MONTHS:
        if month.stage(as_of) == "final" and (month.bills / "azure" / "billing" / name).exists():
            return _recorded(month, name)
    return _failure(404, "NotFound")


def _query(asked: Mapping[str, object], skip: int, *, as_of: date, base_url: str) -> Answer:
    """Cost by day, meter category and subscription: an exact sum, written as a number."""
    period = asked["timePeriod"]
    if not isinstance(period, dict):
        return _failure(400, "BadRequest")
    days = (str(period["from"])[:10], str(period["to"])[:10])
    sums: dict[tuple[str, str, str], Decimal] = {}
    for row in _rows(days, as_of=as_of):
        key = (row["Date"], row["MeterCategory"] or "Unassigned", row["SubscriptionId"])
        sums[key] = sums.get(key, Decimal(0)) + Decimal(row["CostInBillingCurrency"])
    rows = [
        [f"@@{sums[key]:f}@@", int(key[0].replace("-", "")), key[1], key[2], "USD"]
        for key in sorted(sums)
    ]
    names = ("Cost", "UsageDate", "ServiceName", "SubscriptionId", "Currency")
    kinds = ("Number", "Number", "String", "String", "String")
    path = f"{_SCOPE}/providers/Microsoft.CostManagement/query"
    more = f"{base_url}{path}?api-version=2025-03-01&$skiptoken={skip + PAGE_ROWS}"
    properties = {
        "nextLink": more if len(rows) > skip + PAGE_ROWS else None,
        "columns": [{"name": name, "type": kind} for name, kind in zip(names, kinds, strict=True)],
        "rows": rows[skip : skip + PAGE_ROWS],
    }
    return _json(
        {"name": "query", "type": "Microsoft.CostManagement/query", "properties": properties}
    )


def _result(operation: str, *, as_of: date, base_url: str) -> Answer:
    content, month = _file(operation, as_of=as_of), _month_of(operation, as_of)
    if content is None or month is None:
        return _failure(404, "NotFound")
    valid_till = month.final_on + timedelta(days=1)
    link = f"{base_url}{_BLOBS}{operation}/part_0_0001.csv.gz?sv=2024-08-04&sp=r&sig=demo"
    manifest = {
        "manifestVersion": "2022-05-01",
        "dataFormat": "Csv",
        "blobCount": 1,
        "byteCount": len(content),
        "compressData": True,
        "blobs": [{"blobLink": link, "byteCount": len(content)}],
    }
    return _json(
        {
            "id": f"{_SCOPE}{_RESULT}{operation}",
            "name": operation,
            "status": "Completed",
            "manifest": manifest,
            "validTill": f"{valid_till}T00:00:00Z",
        }
    )


def _blob(name: str, headers: Mapping[str, str], *, as_of: date) -> Answer:
    operation, _, file = name.partition("/")
    content = _file(operation, as_of=as_of) if file == "part_0_0001.csv.gz" else None
    if content is None:
        return 404, b"", {"x-ms-error-code": "BlobNotFound"}
    etag = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"', "x-ms-blob-type": "BlockBlob"}
    asked = _RANGE.fullmatch(headers.get("x-ms-range") or headers.get("Range") or "")
    if asked is None:
        return 200, content, etag
    first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
    span = {"Content-Range": f"bytes {first}-{last}/{len(content)}", "Accept-Ranges": "bytes"}
    return 206, content[first : last + 1], {**etag, **span}


def _month_of(operation: str, as_of: date) -> Month | None:
    """The month that an operation asks for days of; None: of no month that is told."""
    asked = _OPERATION.fullmatch(operation)
    month = known_month(asked[2], as_of) if asked else None
    if asked is None or month is None:
        return None
    first, last = month.days
    return month if f"{first}" <= asked[2] <= asked[3] <= f"{last}" else None


def _file(operation: str, *, as_of: date) -> bytes | None:
    """The recorded file; cut to the days that were asked if they are not the whole month."""
    month, asked = _month_of(operation, as_of), _OPERATION.fullmatch(operation)
    if month is None or asked is None:
        return None
    first, last = month.days
    recording = _recording(month, as_of)
    if (asked[2], asked[3]) == (f"{first}", f"{last}"):
        return recording.read_bytes()
    rows = list(_rows((asked[2], asked[3]), as_of=as_of))
    text = io.StringIO(newline="")
    with gzip.open(recording, "rt", encoding="utf-8-sig", newline="") as stream:
        columns = next(csv.reader(stream))
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode("utf-8-sig"), mtime=0)


def _rows(days: tuple[str, str], *, as_of: date) -> Iterator[dict[str, str]]:
    first, last = (date.fromisoformat(day) for day in days)
    month = known_month(first, as_of)
    if month is None:
        return
    with gzip.open(_recording(month, as_of), "rt", encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            if first <= date.fromisoformat(row["Date"]) <= last:
                yield row


def _recording(month: Month, as_of: date) -> Path:
    return month.bills / "azure" / (month.stage(as_of) or "draft") / "part_0_0001.csv.gz"


def _recorded(month: Month, name: str) -> Answer:
    content = (month.bills / "azure" / "billing" / name).read_bytes()
    return 200, content, {"Content-Type": "application/json"}


def _json(value: object) -> Answer:
    text = json.dumps(value).replace('"@@', "").replace('@@"', "")
    return 200, text.encode(), {"Content-Type": "application/json"}


def _failure(status: int, code: str) -> Answer:
    content = json.dumps({"error": {"code": code, "message": "stand-in"}}).encode()
    return status, content, {"Content-Type": "application/json"}
