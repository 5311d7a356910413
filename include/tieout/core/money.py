"""Exact money: integers of 1e-12 of a currency. Owns parsing, formatting and the one rounding.

A cost is positive, a credit negative. `units` always means 1e-12 of the major unit, `minor` the
currency's own smallest unit (cents for USD, none for JPY). No float ever enters.
"""

import re
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from fractions import Fraction

from tieout.core.errors import MoneyFormatError

SCALE = 12
UNITS_PER_ONE: int = 10**SCALE

_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)
_MINOR_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "BHD": 3, "KWD": 3, "OMR": 3}
_DEFAULT_MINOR_DIGITS = 2
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,60})?([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Money:
    """An exact amount: `units` of 1e-12 of `currency` (ISO 4217, upper case)."""

    units: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        """Add two amounts of one currency.

        Raises:
            MoneyFormatError: the currencies differ; tieout never converts silently.
        """
        if other.currency != self.currency:
            raise MoneyFormatError(
                f"Cannot add {other.currency} to {self.currency}: convert with a dated rate first."
            )
        return Money(units=self.units + other.units, currency=self.currency)

    def __neg__(self) -> "Money":
        return Money(units=-self.units, currency=self.currency)

    def __str__(self) -> str:
        return f"{format_units(self.units)} {self.currency}"


def parse_decimal(text: str | Decimal | int) -> Decimal:
    """Read one decimal number exactly as it is written.

    Raises:
        MoneyFormatError: not a plain decimal number (NaN, infinity, thousands separators, more
            than 20 digits before or 60 after the point).
    """
    value = str(text).strip()
    if not _NUMBER.fullmatch(value):
        shown = value[:40]
        raise MoneyFormatError(
            f"Expected a decimal number such as 12.5, found {shown!r}: correct it at the source."
        )
    return Decimal(value)


def to_units(value: str | Decimal | int) -> int:
    """Amount in units of 1e-12, rounded half-even when the source has more than 12 decimals."""
    return round_half_even(Fraction(parse_decimal(value)) * UNITS_PER_ONE)


def to_decimal(units: int) -> Decimal:
    """The same amount as a Decimal with 12 places, for Arrow and PostgreSQL."""
    return Decimal(units).scaleb(-SCALE, _EXACT)


def from_decimal(value: Decimal) -> int:
    """Units of a Decimal that has at most 12 places.

    Raises:
        MoneyFormatError: the value is finer than 1e-12: somebody multiplied inside an engine.
    """
    amount, parts = value.as_integer_ratio()
    each, finer = divmod(UNITS_PER_ONE, parts)  # parts is the smallest denominator
    if finer:
        raise MoneyFormatError(
            f"Expected at most {SCALE} decimals, found {value}: round where the amount is made."
        )
    return amount * each


def format_units(units: int, places: int | None = None) -> str:
    """Plain text without thousands separators; `places=None` strips trailing zeros (at least 2)."""
    shown = units if places is None else from_minor(to_minor(units, places), places)
    sign = "-" if shown < 0 else ""
    whole, part = divmod(abs(shown), UNITS_PER_ONE)
    digits = f"{part:0{SCALE}d}"
    kept = (
        digits.rstrip("0").ljust(_DEFAULT_MINOR_DIGITS, "0") if places is None else digits[:places]
    )
    return f"{sign}{whole}.{kept}" if kept else f"{sign}{whole}"


def minor_digits(currency: str) -> int:
    """Decimal places of the currency's smallest unit: 2 for USD, 0 for JPY, 3 for KWD."""
    return _MINOR_DIGITS.get(currency, _DEFAULT_MINOR_DIGITS)


def to_minor(units: int, digits: int) -> int:
    """Round once, at the posting boundary: half away from zero, as invoices do."""
    step: int = 10 ** (SCALE - digits)
    whole, rest = divmod(abs(units), step)
    rounded = whole + (1 if 2 * rest >= step else 0)
    return -rounded if units < 0 else rounded


def from_minor(minor: int, digits: int) -> int:
    """Units of an amount in the currency's smallest unit."""
    step: int = 10 ** (SCALE - digits)
    return minor * step


def round_half_even(value: Fraction) -> int:
    """The one rounding of products and quotients: nearest integer, ties to even."""
    floor, rest = divmod(value.numerator, value.denominator)
    twice = 2 * rest
    if twice > value.denominator or (twice == value.denominator and floor % 2):
        return floor + 1
    return floor
