"""Stand-in for BigQuery's REST interface: it replays the billing export of the sample company.

Owns the calls that google-cloud-bigquery makes for the gcp plug-in's two questions: the table, a
query job, the pages of its rows. It knows no SQL: it reads the columns out of the SELECT and the
months out of the parameters. On a day of the story it holds what was written by 06:00 UTC.
"""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any
from urllib.parse import unquote

from demo.story import NOVEMBER, OCTOBER

PROJECT, DATASET = "nordlicht-billing", "billing"
ACCOUNT = "01A2B3-C4D5E6-F70819"
TABLE = "gcp_billing_export_resource_v1_01A2B3_C4D5E6_F70819"
LOCATION = "EU"
PAGE_ROWS = 250

_ROOT = "/bigquery/v2/projects/"
_COLUMN = re.compile(r"t\.`(\w+)`")
_MARK = [
    {"name": "month", "type": "STRING", "mode": "NULLABLE"},
    {"name": "row_count", "type": "INTEGER", "mode": "NULLABLE"},
    {"name": "written_at", "type": "TIMESTAMP", "mode": "NULLABLE"},
]

Answer = tuple[int, bytes]
Row = Mapping[str, Any]
Fields = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A query that was asked, with its answer as of that moment."""

    configuration: Mapping[str, Any]
    fields: Fields
    rows: Sequence[Row]


_JOBS: dict[str, Job] = {}


def answer(
    method: str, path: str, query: Mapping[str, list[str]], body: bytes, *, as_of: date
) -> Answer | None:
    """What BigQuery answers on a day; None for a path that is none of its own."""
    if not path.startswith(_ROOT):
        return None
    _, *parts = unquote(path.removeprefix(_ROOT)).split("/")
    match (method, parts):
        case ("GET", ["datasets", dataset, "tables", table]):
            return _table(dataset, table)
        case ("POST", ["jobs"]):
            return _insert(json.loads(body), as_of=as_of)
        case ("GET", ["jobs", job]) if job in _JOBS:
            return 200, _json(_job(job))
        case ("GET", ["queries", job]) if job in _JOBS:
            return _results(job, query)
    return _failure(404, "notFound", f"no stand-in for {method} {path}")


def connection_extra(endpoint: str) -> dict[str, str]:
    """The extra of an Airflow connection `tieout_gcp` that points here (no password is needed)."""
    return {
        "endpoint_url": endpoint,
        "project": PROJECT,
        "dataset": DATASET,
        "table": TABLE,
        "export": "detailed",
        "location": LOCATION,
    }


def _table(dataset: str, table: str) -> Answer:
    if (dataset, table) != (DATASET, TABLE):
        return _failure(404, "notFound", f"Not found: Table {PROJECT}:{dataset}.{table}")
    reference = {"projectId": PROJECT, "datasetId": dataset, "tableId": table}
    return 200, _json(
        {
            "kind": "bigquery#table",
            "id": f"{PROJECT}:{dataset}.{table}",
            "tableReference": reference,
            "schema": {"fields": _schema()},
            "type": "TABLE",
            "location": LOCATION,
            "timePartitioning": {"type": "DAY"},
        }
    )


def _insert(asked: Mapping[str, Any], *, as_of: date) -> Answer:
    question = asked["configuration"]["query"]
    if f"`{PROJECT}.{DATASET}.{TABLE}`" not in question["query"]:
        return _failure(404, "notFound", "Not found: Table")
    rows = [row for row in _rows() if row["export_time"] <= f"{as_of}T06:00:00Z"]
    months = _months(question["queryParameters"])
    found = [row for row in rows if row["invoice"]["month"] in months]
    if "COUNT(*)" in question["query"]:
        fields: Fields = _MARK
        found = _marks(found)
    else:
        wanted = _COLUMN.findall(question["query"].partition(" FROM ")[0])
        known = {field["name"]: field for field in _schema()}
        if set(wanted) - set(known):
            return _failure(400, "invalidQuery", "Unrecognized name")
        fields = [known[name] for name in wanted]
    job = asked["jobReference"]["jobId"]
    _JOBS[job] = Job(configuration=asked["configuration"], fields=fields, rows=found)
    return 200, _json(_job(job))


def _months(parameters: Sequence[Mapping[str, Any]]) -> set[str]:
    """Months of the parameter `month`, or of the list `months`."""
    values = {one["name"]: one["parameterValue"] for one in parameters}
    listed = values.get("months", {}).get("arrayValues", [])
    return {one["value"] for one in [*listed, values.get("month", {"value": ""})]}


def _marks(rows: Sequence[Row]) -> list[Row]:
    def month(row: Row) -> str:
        return str(row["invoice"]["month"])

    return [
        {
            "month": key,
            "row_count": str(len(group)),
            "written_at": max(row["export_time"] for row in group),
        }
        for key, found in groupby(sorted(rows, key=month), key=month)
        for group in [list(found)]
    ]


def _job(job: str) -> dict[str, Any]:
    reference = {"projectId": PROJECT, "jobId": job, "location": LOCATION}
    statement = {"statementType": "SELECT", "totalBytesBilled": "10485760"}
    return {
        "kind": "bigquery#job",
        "id": f"{PROJECT}:{LOCATION}.{job}",
        "jobReference": reference,
        "configuration": {**_JOBS[job].configuration, "jobType": "QUERY"},
        "status": {"state": "DONE"},
        "statistics": {"query": statement},
    }


def _results(job: str, query: Mapping[str, list[str]]) -> Answer:
    """One page; the page token is the place of its first row."""
    asked = _JOBS[job]
    start = int(query.get("pageToken", ["0"])[0])
    size = min(int(query.get("maxResults", [str(PAGE_ROWS)])[0]), PAGE_ROWS)
    page = asked.rows[start : start + size]
    shown = {
        "kind": "bigquery#getQueryResultsResponse",
        "jobReference": _job(job)["jobReference"],
        "jobComplete": True,
        "schema": {"fields": asked.fields},
        "totalRows": str(len(asked.rows)),
        "rows": [_record(row, asked.fields) for row in page],
    }
    more = {"pageToken": str(start + size)} if start + size < len(asked.rows) and size else {}
    return 200, _json({**shown, **more})


def _record(row: Row | None, fields: Fields) -> dict[str, Any] | None:
    """A row in BigQuery's form: values in the order of the columns, all of them texts."""
    if row is None:
        return None
    return {"f": [{"v": _value(row.get(field["name"]), field)} for field in fields]}


def _value(value: Any, field: Mapping[str, Any]) -> Any:
    if field["mode"] == "REPEATED":
        inner = {**field, "mode": "NULLABLE"}
        return [{"v": _value(one, inner)} for one in value or []]
    if field["type"] == "RECORD":
        return _record(value, field["fields"])
    if field["type"] == "TIMESTAMP" and value is not None:
        return str(int(datetime.fromisoformat(value).timestamp()) * 1_000_000)
    return value


def _failure(status: int, reason: str, message: str) -> Answer:
    error = {"domain": "global", "reason": reason, "message": message}
    return status, _json({"error": {"code": status, "message": message, "errors": [error]}})


@lru_cache(maxsize=1)
def _rows() -> list[Row]:
    october = (OCTOBER.bills / "gcp" / "export.jsonl").read_text()
    november = gzip.decompress((NOVEMBER.bills / "gcp" / "export.jsonl.gz").read_bytes()).decode()
    return [json.loads(line) for line in (october + november).splitlines()]


@lru_cache(maxsize=1)
def _schema() -> list[dict[str, Any]]:
    schema: list[dict[str, Any]] = json.loads((OCTOBER.bills / "gcp" / "schema.json").read_text())
    return schema


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
