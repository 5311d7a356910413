"""Nordlicht Labs at OpenAI in November 2026: usage, the costs that follow from it, the invoice.

A fourth project, Forecast, begins on 10 November. Costs are tokens times the prices of October's
invoice; on 1 December the last two days were not complete. The invoice arrives on 12 January.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from november import (
    BILLS,
    DAYS,
    LAST,
    OCTOBER,
    by_key,
    cents,
    factor,
    in_cents,
    october_day,
    read_json,
    scaled,
    write_pages,
)
from november_papers import invoice_pdf
from texts import plain, write_json

NEW_PROJECT, NEW_FROM = "proj_Forecast", date(2026, 11, 10)
NEW_KEY, NEW_SHARE = "key_forecast_1", Decimal("0.35")
INVOICE, CREDIT = "SAMPLE01OA-0011", Decimal("-120.00")
UNPUBLISHED = {1: Decimal("0.62"), 0: Decimal("0.31")}  # days before the last: share on 1 December
DAYS_A_PAGE = 7
STORAGE = "file search storage"

_KINDS = {
    "input": "input_uncached_tokens",
    "cached input": "input_cached_tokens",
    "cache write": "input_cache_write_tokens",
    "output": "output_tokens",
}
_PARTS = tuple(_KINDS.values())

Row = dict[str, Any]


def write() -> dict[str, object]:
    """Pages of usage and both pulls of costs, names, the invoice; gives the truth."""
    prices = {
        line["description"]: Decimal(line["unit_price"])
        for line in read_json(OCTOBER / "invoices" / "openai-arrears.expected.json")["lines"]
    }
    used, costs = _buckets("usage", "completions"), _buckets("as_of_2026-11-03", "costs")
    usage = {day: list(_usage(used[october_day(day)], day)) for day in DAYS}
    final = {day: list(_costs(usage[day], costs[october_day(day)], day, prices)) for day in DAYS}
    draft = {day: [_published(row, day, prices) for row in rows] for day, rows in final.items()}
    folder = BILLS / "openai"
    write_pages(folder / "usage", "completions", _pages(usage, "page_u11_"))
    write_pages(folder / "as_of_2026-12-03", "costs", _pages(final, "page_11_"))
    write_pages(folder / "as_of_2026-12-01", "costs", _pages(draft, "page_11_"))
    for path in (folder / "as_of_2026-12-01").iterdir():  # what did not change is kept once
        if path.read_bytes() == (folder / "as_of_2026-12-03" / path.name).read_bytes():
            path.unlink()
    _write_projects()
    by_line = _sums(final, "line_item")
    billed = _invoice(_named(by_line, prices), _named(_quantities(final), prices), prices)
    total, early = sum(by_line.values(), Decimal(0)), _total(draft)
    return {
        "mode": "arrears invoice, which has not arrived when the month is closed",
        "cost_api_total_final": plain(total),
        "cost_api_total_when_pulled_on_first": plain(early),
        "late_arriving": plain(total - early),
        "cost_api_by_project": by_key(_rows(final, "project_id")),
        "new_project": NEW_PROJECT,
        "invoice_arrives_on": "2027-01-12",
        "invoice_number": INVOICE,
        "invoice_subtotal": billed["subtotal"],
        "rounding_invoice_minus_api": plain(Decimal(billed["subtotal"]) - total),
        "promotional_credit": billed["credit"],
        "tax": "0",
        "invoice_total": billed["total"],
    }


def _buckets(folder: str, name: str) -> dict[date, list[Row]]:
    found = {}
    for path in sorted((OCTOBER / "openai" / folder).glob(f"{name}.page*.json")):
        for bucket in read_json(path)["data"]:
            found[datetime.fromtimestamp(bucket["start_time"], UTC).date()] = bucket["results"]
    return found


def _usage(october: list[Row], day: date) -> Iterator[Row]:
    """Tokens by day and model; from the 10th the new project takes its share beside them."""
    for row in october:
        by = factor(day.isoformat(), "openai", row["model"])
        yield _tokens(row, by)
        is_small = row["project_id"] == "proj_Internal" and not row["batch"]
        if day >= NEW_FROM and is_small:
            own = {"project_id": NEW_PROJECT, "api_key_id": NEW_KEY}
            yield _tokens({**row, **own}, by * NEW_SHARE)


def _tokens(row: Row, by: Decimal) -> Row:
    counts = {name: _whole(row[name], by) for name in _PARTS}
    asked = sum(counts[name] for name in _PARTS if name != "output_tokens")
    return {
        **row,
        **counts,
        "input_tokens": asked,
        "num_model_requests": _whole(row["num_model_requests"], by),
    }


def _whole(count: int, by: Decimal) -> int:
    return int(scaled(Decimal(count), by, step="1"))


def _costs(
    usage: list[Row], october: list[Row], day: date, prices: dict[str, Decimal]
) -> Iterator[Row]:
    """One row for each project and line item: tokens times price, then what is no token."""
    tokens: dict[tuple[str, str], int] = {}
    for row in usage:
        model = f"{row['model']} batch" if row["batch"] else row["model"]
        for kind, name in _KINDS.items():
            key = (row["project_id"], f"{model}, {kind}")
            tokens[key] = tokens.get(key, 0) + row[name]
    form = october[0]
    for (project, line_item), count in sorted(tokens.items()):
        if count:
            changed = {"project_id": project, "line_item": line_item, "quantity": count}
            yield _priced({**form, **changed, "quantity_unit": "tokens"}, prices)
    for row in october:
        if "," not in row["line_item"]:
            by = factor(day.isoformat(), "openai", row["line_item"])
            step = "0.1" if row["line_item"] == STORAGE else "1"
            yield _priced({**row, "quantity": scaled(row["quantity"], by, step=step)}, prices)


def _priced(row: Row, prices: dict[str, Decimal]) -> Row:
    price = next(prices[name] for name in prices if name.startswith(row["line_item"]))
    amount = scaled(Decimal(row["quantity"]), price)
    return {**row, "amount": {"value": amount.normalize(), "currency": "usd"}}


def _published(row: Row, day: date, prices: dict[str, Decimal]) -> Row:
    """A row as the pull of 1 December had it: the last two days lack the latest hours."""
    share = UNPUBLISHED.get((LAST - day).days)
    if share is None:
        return row
    return _priced({**row, "quantity": _whole(row["quantity"], share)}, prices)


def _pages(days: dict[date, list[Row]], cursor: str) -> Iterator[dict[str, object]]:
    for start in range(0, len(DAYS), DAYS_A_PAGE):
        number, more = start // DAYS_A_PAGE + 2, start + DAYS_A_PAGE < len(DAYS)
        data = [
            {
                "object": "bucket",
                "start_time": _midnight(day),
                "end_time": _midnight(day + timedelta(days=1)),
                "results": days[day],
            }
            for day in DAYS[start : start + DAYS_A_PAGE]
        ]
        following = f"{cursor}{number}" if more else None
        yield {"object": "page", "data": data, "has_more": more, "next_page": following}


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _write_projects() -> None:
    listed = read_json(OCTOBER / "openai" / "projects.json")
    created = _midnight(NEW_FROM)
    new = {**listed["data"][0], "id": NEW_PROJECT, "name": "Forecast", "created_at": created}
    value = {**listed, "data": [*listed["data"], new], "last_id": NEW_PROJECT}
    write_json(BILLS / "openai" / "projects.json", value)


def _invoice(
    amounts: dict[str, Decimal], quantities: dict[str, Decimal], prices: dict[str, Decimal]
) -> dict[str, Any]:
    """What must be read of the PDF, and the PDF."""
    billed = in_cents(amounts)
    subtotal = cents(sum(amounts.values(), Decimal(0)))
    lines = [
        {
            "description": name,
            "quantity": int(scaled(quantities[name], Decimal(1), step="1")),
            "unit_price": plain(prices[name]),
            "amount": str(billed[name]),
        }
        for name in prices
    ]
    value = {
        "number": INVOICE,
        "currency": "USD",
        "date_issue": "2026-12-01",
        "date_due": "2026-12-31",
        "period_start": "2026-11-01",
        "period_end": "2026-11-30",
        "lines": lines,
        "subtotal": str(subtotal),
        "credit": str(CREDIT),
        "tax": "0",
        "total": str(subtotal + CREDIT),
        "applied_balance": "0",
        "amount_due": str(subtotal + CREDIT),
    }
    folder = BILLS / "invoices"
    write_json(folder / "openai-2026-11.expected.json", value)
    old = OCTOBER / "invoices" / "openai-arrears"
    before = read_json(old.with_suffix(".expected.json"))
    pdf = invoice_pdf(old.with_suffix(".pdf").read_bytes(), before, value)
    (folder / "openai-2026-11.pdf").write_bytes(pdf)
    return value


def _named(sums: dict[str, Decimal], prices: dict[str, Decimal]) -> dict[str, Decimal]:
    """The line items under the names that the invoice prints."""
    return {
        name: next((sums[item] for item in sums if name.startswith(item)), Decimal(0))
        for name in prices
    }


def _rows(days: dict[date, list[Row]], key: str) -> Iterable[tuple[str, Decimal]]:
    return ((row[key], row["amount"]["value"]) for rows in days.values() for row in rows)


def _sums(days: dict[date, list[Row]], key: str) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in by_key(_rows(days, key)).items()}


def _quantities(days: dict[date, list[Row]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for rows in days.values():
        for row in rows:
            name = row["line_item"]
            found[name] = found.get(name, Decimal(0)) + row["quantity"]
    return found


def _total(days: dict[date, list[Row]]) -> Decimal:
    return sum((amount for _, amount in _rows(days, "line_item")), Decimal(0))
