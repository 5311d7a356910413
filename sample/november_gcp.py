"""Nordlicht Labs on Google Cloud in November 2026, out of the rows of October's export.

Three rows of November's invoice month stand in October's export already (a late row of 31 October
and two first days); they are not written again. The startup credit is used up; the free tebibyte
of queries comes back.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import build_gcp
from november import BILLS, DAYS, FIRST, LAST, OCTOBER, cents, factor, october_day, scaled

INVOICE_NUMBER = "5519846027"
_PRICES = {sku["sku"][0]: Decimal(sku["price"]) for sku in build_gcp.WORLD["skus"].values()}
_QUERIES = "1DF7-3A20-86C0"
_DRAFT_UNTIL = datetime(2026, 12, 1, 6, tzinfo=UTC)
_LATE_AT = datetime(2026, 12, 2, 9, 30, tzinfo=UTC)
_ROUNDED_AT = datetime(2026, 12, 3, 4, tzinfo=UTC)
_MONTH = {"month": "202611", "publisher_type": "GOOGLE"}

Row = dict[str, Any]


def write() -> dict[str, object]:
    """The rows that October's export does not have yet, and the invoice; gives the truth."""
    text = (OCTOBER / "gcp" / "export.jsonl").read_text()
    exported = [json.loads(line) for line in text.splitlines()]
    known = [row for row in exported if row["invoice"]["month"] == "202611"]
    october = [
        row
        for row in exported
        if row["invoice"]["month"] == "202610" and row["cost_type"] == "regular"
    ]
    own = list(_month(october, known))
    rows = [*known, *own]
    invoice = cents(build_gcp.net(rows))
    rounding = build_gcp.rounding_row(invoice - build_gcp.net(rows))
    own.append(
        {
            **rounding,
            "usage_start_time": build_gcp.iso(datetime(2026, 11, 1, tzinfo=UTC)),
            "usage_end_time": build_gcp.iso(datetime(2026, 12, 1, tzinfo=UTC)),
            "invoice": _MONTH,
            "export_time": build_gcp.iso(_ROUNDED_AT),
        }
    )
    rows = [*known, *own]
    folder = BILLS / "gcp"
    folder.mkdir(parents=True, exist_ok=True)
    _write_rows(own)
    _write_cost_table(rows, invoice)
    draft = [row for row in rows if row["export_time"] <= build_gcp.iso(_DRAFT_UNTIL)]
    return {
        "mode": "arrears invoice",
        "billing_account": build_gcp.ACCOUNT,
        "report_total_draft": build_gcp.plain(build_gcp.net(draft)),
        "report_total_final": build_gcp.plain(build_gcp.net(rows)),
        "late_arriving": build_gcp.plain(build_gcp.net(rows) - build_gcp.net(draft)),
        "late_rows": str(len(rows) - len(draft)),
        "rows_final": str(len(rows)),
        "rows_of_october": "1",
        "credits_shown": build_gcp.plain(_money_given(rows)),
        "invoice_number": INVOICE_NUMBER,
        "invoice_total": str(invoice),
        "tax": "0",
        "by_app": build_gcp.by_app(rows),
    }


def _month(october: list[Row], known: list[Row]) -> Iterator[Row]:
    """Every day the rows of its October day, without those that were exported before."""
    there = {_key(row) for row in known}
    late = {
        _resource(row) for row in october if row["export_time"] == build_gcp.iso(build_gcp.LATE_AT)
    }
    for day in DAYS:
        source = october_day(day).isoformat()
        for row in october:
            if row["usage_start_time"].startswith(source):
                moved = _moved(row, day, is_late=_resource(row) in late)
                if _key(moved) not in there:
                    yield moved


def _resource(row: Row) -> tuple[str, ...]:
    return (row["project"]["id"], row["sku"]["id"], row.get("resource", {}).get("name", ""))


def _key(row: Row) -> tuple[str, ...]:
    return (row["usage_start_time"], *_resource(row), json.dumps(row.get("labels")))


def _moved(row: Row, day: date, *, is_late: bool) -> Row:
    """The row on another day; money has six decimals, as Google writes it."""
    used = row["usage"]
    before = Decimal(used["amount_in_pricing_units"])
    quantity = before
    if before != before.to_integral_value() or used["unit"] == "count":
        by = factor(day.isoformat(), row["service"]["description"], row["sku"]["id"])
        quantity = scaled(before, by, step="1" if used["unit"] == "count" else "1e-6")
    cost = scaled(quantity, _PRICES[row["sku"]["id"]], step="1e-6")
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    written = start + timedelta(hours=28, minutes=35)
    exported = _LATE_AT if is_late and day == LAST else written
    changed = {
        "usage_start_time": build_gcp.iso(start),
        "usage_end_time": build_gcp.iso(start + timedelta(days=1)),
        "cost": build_gcp.number(cost),
        "cost_at_list": build_gcp.plain(cost),
        "usage": {
            **used,
            "amount": repr(float(quantity * Decimal(used["amount"]) / before)),
            "amount_in_pricing_units": build_gcp.number(quantity),
        },
        "credits": _credits(row, day, cost),
        "invoice": _MONTH,
        "export_time": build_gcp.iso(exported),
    }
    return {**row, **changed}


def _credits(row: Row, day: date, cost: Decimal) -> list[Row]:
    """A commitment still covers its cores; the month's first tebibyte of queries is free again."""
    kinds = {one["type"] for one in row.get("credits", [])}
    if "COMMITTED_USAGE_DISCOUNT" in kinds:
        return [build_gcp.credit("COMMITTED_USAGE_DISCOUNT", "Committed Usage Discount: CPU", cost)]
    if day == FIRST and row["sku"]["id"] == _QUERIES:
        free = (build_gcp.FREE_TEBIBYTE * _PRICES[_QUERIES]).quantize(build_gcp.MICRO)
        return [build_gcp.credit("FREE_TIER", "BigQuery free tier", free)]
    return []


def _write_rows(rows: list[Row]) -> None:
    ordered = sorted(rows, key=lambda row: row["export_time"])
    lines = [
        json.dumps(build_gcp.pruned(row), ensure_ascii=False, separators=(",", ":"))
        for row in ordered
    ]
    packed = gzip.compress(("\n".join(lines) + "\n").encode(), compresslevel=9, mtime=0)
    (BILLS / "gcp" / "export.jsonl.gz").write_bytes(packed)


def _write_cost_table(rows: list[Row], total: Decimal) -> None:
    """October's form with November's number and days."""
    text = build_gcp.cost_table([_with_credits(row) for row in rows], total)
    for old, new in (
        ("Due date,2026-11-30", "Due date,2026-12-31"),
        ("Invoice date,2026-10-31", "Invoice date,2026-11-30"),
        (build_gcp.INVOICE_NUMBER, INVOICE_NUMBER),
        ("2026-10-01,2026-10-31", "2026-11-01,2026-11-30"),
    ):
        text = text.replace(old, new)
    (BILLS / "gcp" / "cost-table-2026-11.csv").write_text(text)


def _with_credits(row: Row) -> Row:
    return {**row, "credits": row.get("credits", [])}


def _money_given(rows: list[Row]) -> Decimal:
    return build_gcp.sum_credits([_with_credits(row) for row in rows])
