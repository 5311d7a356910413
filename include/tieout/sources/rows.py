"""From a provider's rows to the charge table: the one place that rounds, counts and proves.

Owns bad-row findings and control totals; what a row means is the plug-in's business.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Generic, TypeVar

import pyarrow as pa

from tieout.core.errors import MoneyFormatError, SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import parse_decimal, to_decimal, to_units
from tieout.focus.columns import CHARGE_SCHEMA, MONEY
from tieout.focus.usage import USAGE_SCHEMA
from tieout.sources.base import ControlTotals, Normalised, NormalisedUsage

CHARGES = pa.schema([column for column in CHARGE_SCHEMA if column.name != "attr_id"])

_MONEY_COLUMNS = tuple(column.name for column in CHARGES if column.type == MONEY)
_TOO_LARGE_UNITS = 10**MONEY.precision
_MAX_COUNT = 2**63 - 1
_EXACT = Context(prec=200)
_BAD = (SourceAnswerError, MoneyFormatError)

Values = TypeVar("Values")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow(Generic[Values]):
    """One row as the provider wrote it; `number` counts from 1 in the document."""

    document: str
    number: int
    values: Values


def normalise(
    rows: Iterable[SourceRow[Values]],
    *,
    amount_of: Callable[[SourceRow[Values]], Decimal],
    to_charge: Callable[[SourceRow[Values], Decimal], Mapping[str, object]],
    provider: str,
) -> Normalised:
    """Turn rows into charges in source order; a row that cannot be one becomes a finding.

    `amount_of` gives the exact billed amount, `to_charge` the other columns (money columns as exact
    decimals of any length). Both refuse a row with SourceAnswerError or MoneyFormatError. Amounts
    are rounded once, here, to 1e-12. Guarantees `totals.check()`.

    Raises:
        ConservationError: the charges do not add up to the source.
    """
    charges: list[dict[str, object]] = []
    findings: list[Finding] = []
    total, loaded, refused = Decimal(0), 0, 0
    for row in rows:
        units = 0
        try:
            amount = amount_of(row)
            units = to_units(amount)  # refuses an amount that is none before it is counted
            total = _EXACT.add(total, amount)
            charge = {**to_charge(row, amount), "billed_cost": amount}
            charges.append(_finished(charge, row))
        except _BAD as error:
            refused += units
            findings.append(bad_row(row, str(error), provider=provider, units=units))
        else:
            loaded += units
    totals = ControlTotals(
        rows_in=len(charges) + len(findings),
        rows_out=len(charges),
        rows_bad=len(findings),
        source_total=total,
        loaded_units=loaded,
        refused_units=refused,
    )
    totals.check()
    table = pa.Table.from_pylist(charges, schema=CHARGES)
    return Normalised(charges=table, findings=tuple(findings), totals=totals)


def normalise_usage(
    rows: Iterable[SourceRow[Values]],
    *,
    to_usage: Callable[[SourceRow[Values]], Mapping[str, object]],
    provider: str,
) -> NormalisedUsage:
    """Turn usage rows into USAGE_SCHEMA in source order; unreadable ones become findings."""
    usage: list[dict[str, object]] = []
    findings: list[Finding] = []
    for row in rows:
        try:
            usage.append({**to_usage(row), **_origin(row, "usage_id")})
        except _BAD as error:
            findings.append(bad_row(row, str(error), provider=provider, units=0))
    return NormalisedUsage(
        usage=pa.Table.from_pylist(usage, schema=USAGE_SCHEMA),
        findings=tuple(findings),
        rows_in=len(usage) + len(findings),
        rows_out=len(usage),
        rows_bad=len(findings),
    )


def bad_row(row: SourceRow[Values], reason: str, *, provider: str, units: int) -> Finding:
    """A row that was left out, with its place and the money at stake."""
    return Finding(
        kind="bad_row",
        severity="blocking",
        subject=f"{provider} row {row.number}",
        message=f"Row {row.number} of the {provider} report was left out. {reason}",
        amount_units=units,
        source_document=row.document,
        source_row=row.number,
    )


def decimal_or_none(value: object) -> Decimal | None:
    """A decimal if the field is filled, None if it is empty.

    Raises:
        MoneyFormatError: filled with something that is no number.
    """
    if value is None or value == "":
        return None
    return parse_decimal(str(value))


def whole_number(values: Mapping[str, object], key: str) -> int:
    """A count that is zero or more; a missing or null field is zero.

    Raises:
        SourceAnswerError: not a whole number.
    """
    value = values.get(key)
    if value is None:
        return 0
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_COUNT:
        raise SourceAnswerError(
            f"Field {key} is {str(value)[:40]!r}: expected a whole number of zero or more."
        )
    return value


def shifted(value: Decimal, places: int) -> Decimal:
    """The value times ten to the power of `places`, exactly (cents to dollars: -2)."""
    return _EXACT.scaleb(value, places)


def _finished(charge: dict[str, object], row: SourceRow[Values]) -> dict[str, object]:
    rounded = {
        name: to_decimal(_fitting(to_units(value)))
        for name in _MONEY_COLUMNS
        if isinstance(value := charge.get(name), Decimal)
    }
    return {**charge, **rounded, **_origin(row, "line_id")}


def _fitting(units: int) -> int:
    if abs(units) >= _TOO_LARGE_UNITS:
        raise MoneyFormatError(
            f"Expected an amount or quantity below 10^16, found one of {len(str(abs(units)))} "
            "digits in units of 1e-12: correct it at the source."
        )
    return units


def _origin(row: SourceRow[Values], key: str) -> dict[str, object]:
    return {
        key: content_key((row.document, row.number)),
        "source_document": row.document,
        "source_row": row.number,
    }
