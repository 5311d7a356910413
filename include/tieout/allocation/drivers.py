"""Driver tables that people keep as CSV: what each target used, booked or has, from when to when.

Owns the language and the look-up by day. Drivers that are measured on the ledger (token spend,
direct cost) come from the caller in the same form.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise

from tieout.core.errors import MoneyFormatError, RuleFileError
from tieout.core.money import parse_decimal
from tieout.rules.register import POOL_PREFIX

DRIVER_COLUMNS = ("driver", "target", "valid_from", "valid_to", "value", "source")

_MOST_BYTES = 4_000_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverValue:
    """`target` (an initiative's id, or `pool:<id>`) has `value` of `driver` on the days given.

    Half-open: `valid_to` is the first day after; None has no bound. `value` may be negative: the
    pool's own policy decides. `source` says where the figure is from; `line` where it stands.
    """

    driver: str
    target: str
    valid_from: date | None
    valid_to: date | None
    value: Fraction
    source: str
    line: int


def parse_drivers(text: str, *, name: str) -> tuple[DriverValue, ...]:
    """Read a driver table in file order; `name` is the file's name in errors.

    Whether a target exists is the caller's to check.

    Raises:
        RuleFileError: another header, an empty or unreadable cell, an end that is not after its
            start, or two values of one driver and target for the same day; names the line.
    """
    values = tuple(_value(place, line, row) for place, line, row in _rows(text, name))
    _refuse_overlaps(values, name)
    return values


def driver_values(drivers: Sequence[DriverValue], name: str, on: date) -> dict[str, Fraction]:
    """The value of each target on a day, by target in byte order; targets without one are absent.

    Raises:
        RuleFileError: no line has that driver at all.
    """
    known = {one.driver for one in drivers}
    if name not in known:
        raise RuleFileError(
            f"No driver {name[:60]!r} in the driver table; it has "
            f"{', '.join(sorted(known)) or 'none'}: add the driver or correct the pool."
        )
    found = {one.target: one.value for one in drivers if one.driver == name and _holds(one, on)}
    return dict(sorted(found.items()))


def _holds(one: DriverValue, on: date) -> bool:
    return (one.valid_from or date.min) <= on and (one.valid_to is None or on < one.valid_to)


def _rows(text: str, name: str) -> Iterator[tuple[str, int, dict[str, str]]]:
    """Place, line and cells of each row."""
    if len(text.encode()) > _MOST_BYTES:
        raise RuleFileError(f"{name} is larger than {_MOST_BYTES:,} bytes: split the table.")
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = next(reader, [])
        if header != list(DRIVER_COLUMNS):
            raise RuleFileError(
                f"{name}, line 1: the header is {','.join(header)[:80]!r}; expected "
                f"{','.join(DRIVER_COLUMNS)}: correct it."
            )
        for cells in reader:
            place = f"{name}, line {reader.line_num}"
            if len(cells) != len(DRIVER_COLUMNS):
                raise RuleFileError(
                    f"{place}: {len(cells)} cells; expected {len(DRIVER_COLUMNS)}, empty ones "
                    "included: correct the line."
                )
            stripped = [cell.strip() for cell in cells]
            yield place, reader.line_num, dict(zip(DRIVER_COLUMNS, stripped, strict=True))
    except csv.Error as error:
        raise RuleFileError(f"{name}, line {reader.line_num}: not CSV ({error}).") from error


def _value(place: str, line: int, row: dict[str, str]) -> DriverValue:
    empty = [column for column in ("driver", "target", "value", "source") if not row[column]]
    if empty:
        raise RuleFileError(f"{place}: {', '.join(empty)} is empty; fill it in.")
    for column, text in (
        ("driver", row["driver"]),
        ("target", row["target"].removeprefix(POOL_PREFIX)),
    ):
        if not _ID.fullmatch(text):
            raise RuleFileError(
                f"{place}: {column} is {row[column][:60]!r}; expected an id of letters, digits, "
                "'.', '_' or '-', at most 80."
            )
    valid_from, valid_to = _day(place, row, "valid_from"), _day(place, row, "valid_to")
    if valid_from and valid_to and valid_from >= valid_to:
        raise RuleFileError(
            f"{place}: valid_to is {valid_to}, the first day after; expected a day later than "
            f"valid_from {valid_from}."
        )
    return DriverValue(
        driver=row["driver"],
        target=row["target"],
        valid_from=valid_from,
        valid_to=valid_to,
        value=_number(place, row["value"]),
        source=row["source"],
        line=line,
    )


def _number(place: str, text: str) -> Fraction:
    try:
        return Fraction(parse_decimal(text))
    except MoneyFormatError:
        raise RuleFileError(
            f"{place}: value is {text[:40]!r}; expected a decimal number such as 12.5."
        ) from None


def _day(place: str, row: dict[str, str], column: str) -> date | None:
    if not row[column]:
        return None
    try:
        return date.fromisoformat(row[column])
    except ValueError:
        raise RuleFileError(
            f"{place}: {column} is {row[column][:40]!r}; expected a day such as 2026-10-31."
        ) from None


def _refuse_overlaps(values: Sequence[DriverValue], name: str) -> None:
    by_key: dict[tuple[str, str], list[DriverValue]] = {}
    for one in values:
        by_key.setdefault((one.driver, one.target), []).append(one)
    for (driver, target), own in by_key.items():
        own.sort(key=lambda one: one.valid_from or date.min)
        for before, after in pairwise(own):
            if before.valid_to is None or (after.valid_from or date.min) < before.valid_to:
                first, second = sorted((before.line, after.line))
                raise RuleFileError(
                    f"{name}, line {second}: driver {driver} of {target} overlaps line {first}; "
                    "end one (valid_to is the first day after) before the other begins."
                )
