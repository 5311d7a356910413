"""Driver tables that people keep as CSV: what each target used, booked or has, from when to when.

Owns the language and what a value is worth in one month. Drivers that are measured on the ledger
(token spend, direct cost) come from the caller in the same form.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import Literal, cast, get_args

from tieout.allocation.base import Weights
from tieout.core.errors import MoneyFormatError, RuleFileError
from tieout.core.money import parse_decimal
from tieout.core.period import Period
from tieout.rules.csv_text import CsvRow, read_csv
from tieout.rules.register import POOL_PREFIX

DRIVER_COLUMNS = ("driver", "target", "valid_from", "valid_to", "value", "source")
MEASURE_COLUMN = "measure"

Measure = Literal["level", "total"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverValue:
    """`target` (an initiative's id, or `pool:<id>`) has `value` of `driver` on the days given.

    Both days are inclusive; None has no bound. A `level` (heads, seats) is there on each of its
    days, a `total` (tokens, requests) came together over all of them and has both days. `value` may
    be negative: the pool's own policy decides. `source` says where the figure is from; `line` where
    it stands.
    """

    driver: str
    target: str
    valid_from: date | None
    valid_to: date | None
    value: Fraction
    source: str
    line: int
    measure: Measure = "level"

    def in_month(self, month: Period) -> Fraction | None:
        """What the value counts in a month, exactly; None when it has no day there.

        A level counts by the days it is held of the days of the month, a total by its days in the
        month of all its days.
        """
        first = max(self.valid_from or date.min, month.start_on)
        last = min(self.valid_to or date.max, month.last_on)
        days = (last - first).days + 1
        if days < 1:
            return None
        whole = month.last_on - month.start_on
        if self.measure == "total" and self.valid_from and self.valid_to:
            whole = self.valid_to - self.valid_from
        return self.value * days / (whole.days + 1)


def parse_drivers(text: str, *, name: str) -> tuple[DriverValue, ...]:
    """Read a driver table in file order; `name` is the file's name in errors.

    Whether a target exists is the caller's to check.

    Raises:
        RuleFileError: another header, an empty or unreadable cell, an end before its start, a total
            without both days, a driver that is level in one line and total in another, or two
            values of one driver and target for the same day; names the line.
    """
    header, rows = read_csv(text, name=name)
    if header not in (DRIVER_COLUMNS, (*DRIVER_COLUMNS, MEASURE_COLUMN)):
        raise RuleFileError(
            f"{name}, line 1: the header is {','.join(header)[:80]!r}; expected "
            f"{','.join(DRIVER_COLUMNS)} and, if not all values are levels, {MEASURE_COLUMN}."
        )
    values = tuple(_value(row) for row in rows)
    _refuse_overlaps(values, name)
    _refuse_two_measures(values, name)
    return values


def drivers_of(values: Sequence[DriverValue], month: Period) -> dict[str, Weights]:
    """Each driver of the table: the value of each target in a month, targets in byte order.

    Values of one target that follow each other inside the month add up; a target without any day
    there is absent. A driver that says nothing about the month is there without targets.
    """
    found: dict[str, dict[str, Fraction]] = {one.driver: {} for one in values}
    for one in values:
        counted = one.in_month(month)
        if counted is not None:
            own = found[one.driver]
            own[one.target] = own.get(one.target, Fraction(0)) + counted
    return {driver: dict(sorted(own.items())) for driver, own in found.items()}


def _value(row: CsvRow) -> DriverValue:
    row.require(["driver", "target", "value", "source"])
    for column in ("driver", "target"):
        text = row.cells[column]
        if not _ID.fullmatch(text.removeprefix(POOL_PREFIX) if column == "target" else text):
            raise row.error(
                f"{column} is {text[:60]!r}; expected an id of letters, digits, '.', '_' or '-', "
                "at most 80."
            )
    valid_from, valid_to = row.day("valid_from"), row.day("valid_to")
    if valid_from and valid_to and valid_to < valid_from:
        raise row.error("valid_to must not lie before valid_from (it is the last day).")
    measure = row.cells.get(MEASURE_COLUMN) or "level"
    if measure not in get_args(Measure):
        raise row.error(f"measure is {measure[:40]!r}; expected level or total.")
    if measure == "total" and not (valid_from and valid_to):
        raise row.error("a total needs both days, for it is spread over them; fill them in.")
    return DriverValue(
        driver=row.cells["driver"],
        target=row.cells["target"],
        valid_from=valid_from,
        valid_to=valid_to,
        value=_number(row),
        source=row.cells["source"],
        line=row.line,
        measure=cast("Measure", measure),
    )


def _number(row: CsvRow) -> Fraction:
    text = row.cells["value"]
    try:
        return Fraction(parse_decimal(text))
    except MoneyFormatError:
        raise row.error(
            f"value is {text[:40]!r}; expected a decimal number such as 12.5."
        ) from None


def _refuse_overlaps(values: Sequence[DriverValue], name: str) -> None:
    by_key: dict[tuple[str, str], list[DriverValue]] = {}
    for one in values:
        by_key.setdefault((one.driver, one.target), []).append(one)
    for (driver, target), own in by_key.items():
        own.sort(key=lambda one: one.valid_from or date.min)
        for before, after in pairwise(own):
            if (after.valid_from or date.min) <= (before.valid_to or date.max):
                first, second = sorted((before.line, after.line))
                raise RuleFileError(
                    f"{name}, line {second}: driver {driver} of {target} already has a value for "
                    f"the same days in line {first}; end one before the other starts (both days "
                    "count), or remove one."
                )


def _refuse_two_measures(values: Sequence[DriverValue], name: str) -> None:
    first: dict[str, DriverValue] = {}
    for one in values:
        known = first.setdefault(one.driver, one)
        if known.measure != one.measure:
            raise RuleFileError(
                f"{name}, line {one.line}: driver {one.driver} is a {one.measure}, in line "
                f"{known.line} a {known.measure}; call one of them by another name."
            )
