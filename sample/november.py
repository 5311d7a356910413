"""The days and quantities of the sample company's second month, made out of October's.

November has 30 days. Each takes its rows from the October day of the same weekday, so that weekends
stay weekends. Owns days, factors and where October's files are; each provider has its own module.
"""

import csv
import gzip
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from texts import digest

OCTOBER = Path(__file__).parent / "bills"
BILLS = OCTOBER / "2026-11"

FIRST = date(2026, 11, 1)
DAYS = tuple(FIRST + timedelta(days=number) for number in range(30))
LAST = DAYS[-1]
DRAFT_ON, FINAL_ON = date(2026, 12, 1), date(2026, 12, 3)
CENT = Decimal("0.01")

_SAME_WEEKDAY, _WEEKS_BACK = 3, 25  # 1 November is the Sunday that 4 October was
_SPREAD = 10**12
_NUMBER = re.compile(r'"@@(.*?)@@"')


def october_day(day: date) -> date:
    """The day of October that a day of November takes its rows from: the same weekday."""
    last = 31 - _SAME_WEEKDAY
    number = day.day + _SAME_WEEKDAY if day.day <= last else day.day - _WEEKS_BACK
    return date(2026, 10, number)


def factor(*parts: str) -> Decimal:
    """How much more or less than in October: between 0.97 and 1.11, with 12 decimals."""
    share = int(digest("2026-11", *parts), 16) % _SPREAD
    return Decimal("0.97") + (Decimal(share) * Decimal("0.14") / _SPREAD).quantize(Decimal("1e-12"))


def scaled(quantity: Decimal, by: Decimal, *, step: str = "1e-12") -> Decimal:
    """A quantity times a factor, rounded half up to a step."""
    return (quantity * by).quantize(Decimal(step), ROUND_HALF_UP)


def cents(amount: Decimal) -> Decimal:
    """Whole cents, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def in_cents(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Amounts in whole cents that add up to their rounded sum: largest remainders first."""
    floors = {key: amount.quantize(CENT, ROUND_FLOOR) for key, amount in amounts.items()}
    missing = cents(sum(amounts.values(), Decimal(0))) - sum(floors.values(), Decimal(0))
    order = sorted(amounts, key=lambda key: (floors[key] - amounts[key], key))
    topped = set(order[: int(missing / CENT)])
    return {key: floors[key] + (CENT if key in topped else 0) for key in amounts}


def read_json(path: Path) -> Any:
    """JSON with its numbers as decimals."""
    return json.loads(path.read_text(), parse_float=Decimal)


def write_pages(
    folder: Path, name: str, pages: Iterable[Mapping[str, object]], *, compact: bool = True
) -> None:
    """Numbered pages as one line each; a Decimal is written as the number it is."""
    folder.mkdir(parents=True, exist_ok=True)
    separators = (",", ":") if compact else None
    for number, page in enumerate(pages, start=1):
        text = json.dumps(page, default=lambda value: f"@@{value:f}@@", separators=separators)
        (folder / f"{name}.page{number}.json").write_text(_NUMBER.sub(r"\1", text) + "\n")


def read_rows(path: Path, *, encoding: str = "utf-8") -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a packed table."""
    with gzip.open(path, "rt", encoding=encoding, newline="") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
    return list(reader.fieldnames or ()), rows


def by_key(rows: Iterable[tuple[str, Decimal]]) -> dict[str, str]:
    """Sums by a key, as plain texts."""
    sums: dict[str, Decimal] = {}
    for key, amount in rows:
        sums[key] = sums.get(key, Decimal(0)) + amount
    return {key: f"{sums[key]:f}" for key in sorted(sums)}
