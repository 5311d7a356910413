"""Nordlicht Labs at Anthropic in November 2026: usage, the cost that follows from it, receipts.

From 16 November the output of Opus costs a tenth less; the rate card in force does not know it.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from november import (
    BILLS,
    DAYS,
    OCTOBER,
    by_key,
    factor,
    october_day,
    read_json,
    scaled,
    write_pages,
)
from november_papers import receipt_pdf
from texts import plain, write_json

CHEAPER, CHEAPER_FROM, CHEAPER_BY = "claude-opus-5-5", date(2026, 11, 16), Decimal("0.9")
DISCOUNT = Decimal("0.95")
OPENING = Decimal("418.81930903")  # October's closing credit
RECEIPTS = {  # the receipt of October whose form it takes, number, date, amount
    1: ("SAMPLE01AN-0004", date(2026, 11, 2), Decimal(1725)),
    2: ("SAMPLE01AN-0005", date(2026, 11, 12), Decimal(1725)),
    3: ("SAMPLE01AN-0006", date(2026, 11, 23), Decimal(1450)),
}
ROWS_A_PAGE = 300

_COUNTS = ("cache_read_input_tokens", "output_tokens", "requests", "uncached_input_tokens")

Entry = dict[str, Any]
Key = tuple[str, str, str]


class CreditError(Exception):
    """The receipts do not cover the usage of a day."""


def write() -> dict[str, object]:
    """Pages of cost and usage, the workspaces, receipts; gives the truth."""
    folder, own = OCTOBER / "anthropic", BILLS / "anthropic"
    used = read_json(folder / "analytics" / "usage.page1.json")["data"]
    paths = sorted((folder / "analytics").glob("cost.page*.json"))
    billed = [entry for path in paths for entry in read_json(path)["data"]]
    usage = [_used(entry, day) for day in DAYS for entry in _of(used, day)]
    tokens = {(entry["starting_at"], *_key(entry)): entry["usage"] for entry in usage}
    before = {(entry["starting_at"], *_key(entry)): entry["usage"] for entry in used}
    costs = [
        _billed(entry, day, tokens=tokens, before=before)
        for day in reversed(DAYS)
        for entry in _of(billed, day)
    ]
    write_pages(own / "analytics", "usage", [_page(usage, "")])
    parts = [costs[at : at + ROWS_A_PAGE] for at in range(0, len(costs), ROWS_A_PAGE)]
    cursors = [f"cur_11_{number}" for number in range(2, len(parts) + 1)] + [""]
    pages = [_page(part, cursor) for part, cursor in zip(parts, cursors, strict=True)]
    write_pages(own / "analytics", "cost", pages)
    _write_receipts()
    return _truth(costs)


def _of(entries: list[Entry], day: date) -> Iterator[Entry]:
    source = october_day(day).isoformat()
    return (entry for entry in entries if entry["starting_at"].startswith(source))


def _key(entry: Entry) -> Key:
    group = entry["group"]
    return (group["workspace_id"], group["model"], group["service_tier"])


def _dated(entry: Entry, day: date) -> Entry:
    instants = [f"{at:%Y-%m-%dT00:00:00Z}" for at in (day, day + timedelta(days=1))]
    return {**entry, "starting_at": instants[0], "ending_at": instants[1]}


def _used(entry: Entry, day: date) -> Entry:
    """Tokens by day and model."""
    by, counts = factor(day.isoformat(), "anthropic", entry["group"]["model"]), entry["usage"]
    whole = {name: _whole(counts[name], by) for name in _COUNTS}
    cached = {name: _whole(count, by) for name, count in counts["cache_creation"].items()}
    total = sum(cached.values()) + sum(whole.values()) - whole["requests"]
    changed = {**counts, **whole, "cache_creation": cached, "total_tokens": total}
    return {**_dated(entry, day), "usage": changed}


def _whole(count: int, by: Decimal) -> int:
    return int(scaled(Decimal(count), by, step="1"))


def _billed(
    entry: Entry, day: date, *, tokens: dict[Any, Entry], before: dict[Any, Entry]
) -> Entry:
    """The cost of the tokens at October's price, or of the searches, in fractional cents."""
    moved, listed = _dated(entry, day), Decimal(entry["cost"]["list_amount"])
    kind = entry["group"]["token_type"]
    if kind is None:
        new = scaled(listed, factor(day.isoformat(), "anthropic", "web search"), step="1")
    else:
        price = listed / _count(before[entry["starting_at"], *_key(entry)], kind)
        new = price * _count(tokens[moved["starting_at"], *_key(entry)], kind)
        if (entry["group"]["model"], kind) == (CHEAPER, "output_tokens") and day >= CHEAPER_FROM:
            new *= CHEAPER_BY
    amounts = {"amount": _text(new * DISCOUNT), "list_amount": _text(new)}
    return {**moved, "cost": {**entry["cost"], **amounts}}


def _count(usage: Entry, kind: str) -> int:
    group, _, name = kind.rpartition(".")
    return int(usage[group][name] if group else usage[name])


def _text(amount: Decimal) -> str:
    return f"{amount.quantize(Decimal('1e-6')):f}"


def _page(entries: list[Entry], cursor: str) -> Entry:
    refreshed = "2026-12-01T04:00:00Z"
    more = {"has_more": bool(cursor), "next_page": cursor or None}
    return {"data": entries, **more, "data_refreshed_at": refreshed}


def _write_receipts() -> None:
    folder = OCTOBER / "invoices"
    for place, (number, paid_on, amount) in RECEIPTS.items():
        old = folder / f"anthropic-credit-{place}"
        before = read_json(old.with_suffix(".expected.json"))
        (line,) = before["lines"]
        text = str(amount)
        value = {
            **before,
            "number": number,
            "date_paid": paid_on.isoformat(),
            "lines": [{**line, "unit_price": text, "amount": text}],
            **dict.fromkeys(("subtotal", "total", "amount_paid"), text),
        }
        name = f"anthropic-2026-11-credit-{place}"
        write_json(BILLS / "invoices" / f"{name}.expected.json", value)
        pdf = receipt_pdf(old.with_suffix(".pdf").read_bytes(), before, value)
        (BILLS / "invoices" / f"{name}.pdf").write_bytes(pdf)


def _truth(costs: list[Entry]) -> dict[str, object]:
    spent = {
        day: sum(
            (
                Decimal(entry["cost"]["amount"])
                for entry in costs
                if entry["starting_at"].startswith(day.isoformat())
            ),
            Decimal(0),
        )
        / 100
        for day in DAYS
    }
    credit = OPENING
    for day in DAYS:
        credit += sum((one[2] for one in RECEIPTS.values() if one[1] == day), Decimal(0))
        credit -= spent[day]
        if credit < 0:
            raise CreditError(f"On {day} the credit falls to {credit}: expected 0 or more.")
    bought = sum((one[2] for one in RECEIPTS.values()), Decimal(0))
    listed = sum((Decimal(entry["cost"]["list_amount"]) for entry in costs), Decimal(0))
    workspaces = ((entry["group"]["workspace_id"], entry["cost"]["amount"]) for entry in costs)
    return {
        "mode": "prepaid credits",
        "usage_usd": plain(sum(spent.values(), Decimal(0))),
        "list_usd": plain(listed / 100),
        "by_workspace_cents": by_key((name, Decimal(amount)) for name, amount in workspaces),
        "price_change": "claude-opus-5-5 output costs a tenth less from 2026-11-16",
        "opening_credit": plain(OPENING),
        "purchases": [
            {"number": number, "date": paid_on.isoformat(), "net": str(amount)}
            for number, paid_on, amount in RECEIPTS.values()
        ],
        "purchased_net": str(bought),
        "closing_credit": plain(credit),
    }
