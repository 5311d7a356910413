"""Dated exchange rates: the table's language (CSV, docs/reference/exchange-rates.md), the look-up.

A rate is never inverted: 1 / rate is not the published inverse. What amounts become is `fx`'s.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, cast, get_args

from tieout.core.errors import MoneyFormatError, NotReadyError, RuleFileError
from tieout.core.money import parse_decimal
from tieout.rules.csv_text import CsvRow, read_csv

RateType = Literal["spot", "closing", "average"]
RATE_COLUMNS = ("from", "to", "type", "date", "rate", "source")
_CODE_LENGTH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many of `to_currency` one of `from_currency` was worth on a day.

    An average is dated with the last day of what it is the average of.
    """

    from_currency: str
    to_currency: str
    rate_type: RateType
    on: date
    rate: Decimal
    source: str


def parse_rates(text: str, *, name: str) -> tuple[Rate, ...]:
    """Read a table of rates; `name` is the file's name in errors.

    Raises:
        RuleFileError: another header, a cell that says nothing, a rate that is not above zero, or
            the same pair, type and day twice; names the line.
    """
    header, rows = read_csv(text, name=name)
    if header != RATE_COLUMNS:
        raise RuleFileError(
            f"{name}, line 1: the header is {','.join(header)[:80]!r}; expected "
            f"{','.join(RATE_COLUMNS)}: correct it."
        )
    found = [_rate(row) for row in rows]
    seen: set[tuple[str, str, str, date]] = set()
    for row, rate in zip(rows, found, strict=True):
        key = (rate.from_currency, rate.to_currency, rate.rate_type, rate.on)
        if key in seen:
            raise row.error(
                f"{rate.from_currency} to {rate.to_currency}, {rate.rate_type}, {rate.on} is there "
                "twice; keep one rate."
            )
        seen.add(key)
    return tuple(found)


def rate_on(
    rates: Iterable[Rate],
    pair: tuple[str, str],
    rate_type: RateType,
    on: date,
    *,
    within_days: int,
) -> Rate:
    """The rate of `pair` (from, to) for a day: that day's, else the last one published before it.

    One currency has the rate 1. Weekends and holidays take the last business day's rate, if it is
    at most `within_days` old.

    Raises:
        NotReadyError: there is none; says what was looked for and which is the newest before.
    """
    if pair[0] == pair[1]:
        return Rate(
            from_currency=pair[0],
            to_currency=pair[1],
            rate_type=rate_type,
            on=on,
            rate=Decimal(1),
            source="same currency",
        )
    earlier = [
        one
        for one in rates
        if (one.from_currency, one.to_currency) == pair
        and one.rate_type == rate_type
        and one.on <= on
    ]
    newest = max(earlier, key=lambda one: one.on, default=None)
    if newest is None or newest.on < on - timedelta(days=within_days):
        seen = f"the last before is of {newest.on}" if newest else "there is none before"
        raise NotReadyError(
            f"No {rate_type} rate {pair[0]} to {pair[1]} for {on}: expected one at most "
            f"{within_days} days old, {seen}; add the published rate (an inverse is another rate)."
        )
    return newest


def _rate(row: CsvRow) -> Rate:
    row.require(RATE_COLUMNS)
    rate_type = row.cells["type"]
    if rate_type not in get_args(RateType):
        raise row.error(
            f"type is {rate_type[:40]!r}; expected one of {', '.join(get_args(RateType))}."
        )
    return Rate(
        from_currency=_currency(row, "from"),
        to_currency=_currency(row, "to"),
        rate_type=cast("RateType", rate_type),
        on=cast("date", row.day("date")),  # not empty: required above
        rate=_number(row),
        source=row.cells["source"],
    )


def _currency(row: CsvRow, column: str) -> str:
    code = row.cells[column]
    if len(code) != _CODE_LENGTH or not code.isascii() or not code.isupper():
        raise row.error(f"{column} is {code[:40]!r}; expected a currency such as EUR.")
    return code


def _number(row: CsvRow) -> Decimal:
    try:
        rate = parse_decimal(row.cells["rate"])
    except MoneyFormatError as error:
        raise row.error(f"rate: {error}") from error
    if rate <= 0:
        raise row.error(f"rate is {rate}; expected a number above zero.")
    return rate
