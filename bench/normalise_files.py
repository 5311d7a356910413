"""The files that bench_normalise reads: real and generated sample rows, repeated with variation.

Owns the variation, which is the same on every machine: `seeds/cur_rows.csv.gz` (koku-nise, 195
columns) and `seeds/focus_rows.csv.gz` (FOCUS sample data, CC BY 4.0) give the rows; hours,
resources, amounts and quantities change with the row number. About one row in forty has attributes
that no other row has, as in the field (218,000 tuples in ten million rows).
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SEEDS = Path(__file__).parent / "seeds"
CUR_ACCOUNT, CUR_PERIOD = "0097490949223", (2026, 10)
FOCUS_ACCOUNT, FOCUS_PERIOD = "1234567890123", (2024, 9)

_HOURS = 720
_COPIES = 60
_CHUNK = 50_000
_CUR_AMOUNTS = (
    "lineItem/BlendedCost",
    "lineItem/UnblendedCost",
    "lineItem/UsageAmount",
    "pricing/publicOnDemandCost",
)
_AMOUNTS = (
    "BilledCost",
    "ConsumedQuantity",
    "ContractedCost",
    "EffectiveCost",
    "ListCost",
    "PricingQuantity",
)
_PRICES = ("ListUnitPrice", "ContractedUnitPrice")
_TIMES = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")


def write_cur(target: Path, rows: int) -> None:
    """A legacy Cost and Usage Report as gzipped CSV."""
    header, *seeds = _seed_rows("cur_rows.csv.gz")
    place = {column: number for number, column in enumerate(header)}
    with gzip.open(target, "wt", compresslevel=6, newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for number in range(rows):
            row = list(seeds[number % len(seeds)])
            copy = number // len(seeds)
            start = datetime(*CUR_PERIOD, 1) + timedelta(hours=(copy * 31 + number) % _HOURS)  # noqa: DTZ001  text for a file
            times = [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in (start, start + timedelta(hours=1))]
            row[place["lineItem/UsageStartDate"]], row[place["lineItem/UsageEndDate"]] = times
            row[place["identity/TimeInterval"]] = "/".join(times)
            row[place["identity/LineItemId"]] = f"{number * 0x9E3779B97F4A7C15 % 2**160:040x}"
            row[place["lineItem/ResourceId"]] += f"-{copy % _COPIES}"
            for column in _CUR_AMOUNTS:
                row[place[column]] = str(_varied(row[place[column]], copy))
            writer.writerow(row)


def write_focus(target: Path, rows: int) -> None:
    """A FOCUS export as Parquet: doubles, milliseconds and a map of tags, as AWS delivers it."""
    header, *seeds = _seed_rows("focus_rows.csv.gz")
    names = [name for name in header if name != "Id"]
    schema = pa.schema([(name, _type(name)) for name in [*names, "InvoiceId"]])
    table = [dict(zip(header, row, strict=True)) for row in seeds]
    own = [row for row in table if row["BillingAccountId"] == FOCUS_ACCOUNT]
    ready = [{name: _value(name, row[name]) for name in names} for row in own]
    with pq.ParquetWriter(target, schema, compression="snappy") as writer:
        for start in range(0, rows, _CHUNK):
            some = (_focus_row(ready, number) for number in range(start, min(rows, start + _CHUNK)))
            writer.write_table(pa.Table.from_pylist(list(some), schema=schema))


def _focus_row(seeds: list[dict[str, Any]], number: int) -> dict[str, Any]:
    row = dict(seeds[number % len(seeds)])
    copy = number // len(seeds)
    start = datetime(*FOCUS_PERIOD, 1) + timedelta(hours=(copy * 31 + number) % _HOURS)  # noqa: DTZ001  exports have no zone
    row["ChargePeriodStart"], row["ChargePeriodEnd"] = start, start + timedelta(hours=1)
    row["InvoiceId"] = f"INV-{number % 3}"
    if row["ResourceId"]:
        row["ResourceId"] += f"-{copy % _COPIES}"
    for column in _AMOUNTS:
        row[column] = None if row[column] is None else float(_varied(row[column], copy))
    return row


def _varied(amount: str, copy: int) -> Decimal:
    """The sample's amount times 1.000 to 1.996, by copy: equal amounts of a copy stay equal."""
    return Decimal(amount) * (1000 + copy * 7919 % 997) / 1000


def _seed_rows(name: str) -> Iterator[list[str]]:
    text = gzip.decompress((SEEDS / name).read_bytes()).decode()
    return csv.reader(io.StringIO(text, newline=""))


def _type(name: str) -> pa.DataType:
    if name in {*_AMOUNTS, *_PRICES}:
        return pa.float64()
    if name in _TIMES:
        return pa.timestamp("ms")
    return pa.map_(pa.string(), pa.string()) if name == "Tags" else pa.string()


def _value(name: str, text: str) -> Any:
    if text == "NULL":
        return None
    if name in _AMOUNTS:
        return text
    if name in _PRICES:
        return float(text)
    if name in _TIMES:
        return datetime.fromisoformat(text)
    return list(json.loads(text).items()) if name == "Tags" else text
