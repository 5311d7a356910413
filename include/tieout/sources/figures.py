"""Printed figures: which mark is the decimal one, which currency they are in, what they amount to.

Owns the reading of `1,234.50`, `1.234,50`, `1'234.50`, `1 234,50`, `(5.00)`, `-€5.00`, `12,50 €`
and `CHF 5.00`. The decimal mark is decided once for a document, from all its figures together; what
fits two ways is refused, never guessed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tieout.core.errors import MoneyFormatError
from tieout.core.money import minor_digits

DecimalMark = Literal[".", ","]

# A symbol that stands for one currency only; "$", "¥" and "kr" need a code beside them.
_SYMBOLS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "zł": "PLN", "₪": "ILS", "Kč": "CZK",
    "US$": "USD", "CA$": "CAD", "A$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD", "R$": "BRL",
    "MX$": "MXN",
}  # fmt: skip
_SHARED = {
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN"}),
    "¥": frozenset({"JPY", "CNY"}),
    "kr": frozenset({"SEK", "NOK", "DKK"}),
}
_SPACES = "  \u2007\u2009\u202f"
_QUOTES = "'\u2019"
_MINUS = "-\u2212\u2013"
_SYMBOL = "|".join(re.escape(one) for one in sorted([*_SYMBOLS, *_SHARED], key=len, reverse=True))
_UNIT = rf"{_SYMBOL}|[A-Z]{{3}}"
_FIGURE = re.compile(
    rf"(?P<open>\()?(?P<minus>[{_MINUS}]\s?)?(?P<before>{_UNIT})?\s?(?P<inner>[{_MINUS}])?"
    rf"(?P<digits>\d(?:[\d.,{_QUOTES}{_SPACES}]*\d)?)\s?(?P<after>{_SYMBOL})?\s?(?P<code>[A-Z]{{3}})?"
    r"(?P<close>\))?(\s?(?P<last>[A-Z]{3}))?"
)
_PLACES = ("before", "after", "code", "last")
_GROUPS: dict[DecimalMark, str] = {".": ",", ",": "."}
_GROUPED = {
    mark: re.compile(
        rf"\d+({re.escape(mark)}\d+)?"
        rf"|\d{{1,3}}(?P<group>[{re.escape(other)}{_QUOTES}{_SPACES}])\d{{3}}((?P=group)\d{{3}})*"
        rf"({re.escape(mark)}\d+)?"
    )
    for mark, other in _GROUPS.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A printed figure: its digits with their marks, its sign, and the units printed around it."""

    digits: str
    is_negative: bool
    units: tuple[str, ...]


def figure_of(text: str) -> Figure | None:
    """The figure that the whole text is, or None."""
    match = _FIGURE.fullmatch(text)
    if not match or bool(match["open"]) != bool(match["close"]):
        return None
    if not any(grouped.fullmatch(match["digits"]) for grouped in _GROUPED.values()):
        return None
    signs = [match["minus"], match["inner"], match["open"]]
    if sum(map(bool, signs)) > 1:
        return None
    units = tuple(unit for unit in (match[one] for one in _PLACES) if unit)
    return Figure(digits=match["digits"], is_negative=any(signs), units=units)


def currency_of(amounts: Iterable[Figure]) -> str:
    """The one currency (ISO 4217) that the amounts name by symbol or code.

    Raises:
        MoneyFormatError: none, more than one, or only a symbol that several currencies share.
    """
    units = {unit for amount in amounts for unit in amount.units}
    named = {_SYMBOLS.get(unit, unit) for unit in units if unit not in _SHARED}
    shared = [_SHARED[unit] for unit in units if unit in _SHARED]
    if len(named) > 1 or any(not named <= group for group in shared):
        raise MoneyFormatError(
            f"Expected figures in one currency, found {', '.join(sorted(units))}: enter the "
            "document by hand."
        )
    if not named:
        raise MoneyFormatError(
            f"Expected a currency code such as USD beside an amount, found no currency or only "
            f"{', '.join(sorted(units)) or 'bare digits'}, which several currencies share: enter "
            "the document by hand."
        )
    return named.pop()


def decimal_mark(
    amounts: Iterable[Figure], *, others: Iterable[Figure] = (), currency: str
) -> DecimalMark:
    """The decimal mark under which every figure of a document can be read.

    An amount has no decimals or as many as its currency has (2 for EUR, none for JPY), which tells
    `1.234` from `1,234`; `others` (quantities, unit prices) may have any number.

    Raises:
        MoneyFormatError: no mark fits all figures, or both do and give different sums.
    """
    money, rest = list(amounts), list(others)
    places = minor_digits(currency)
    fitting: list[DecimalMark] = [
        mark
        for mark in _GROUPS
        if all(_fits(one, mark, places) for one in money)
        and all(_fits(one, mark, None) for one in rest)
    ]
    if not fitting:
        raise MoneyFormatError(
            f"Expected all figures in one number format with {places} decimals for {currency}, "
            f"found {_shown(money + rest)}: enter the document by hand."
        )
    if len(fitting) > 1 and any(plain(one, ".") != plain(one, ",") for one in (*money, *rest)):
        raise MoneyFormatError(
            f"Expected figures that can be read in one way, found {_shown(money + rest)}, where "
            "point and comma may each be the decimal mark: enter the document by hand."
        )
    return fitting[0]


def plain(figure: Figure, mark: DecimalMark) -> str:
    """The figure as plain text for `core.money.to_units`: `-1234.50`."""
    whole, _, part = figure.digits.partition(mark)
    digits = re.sub(r"\D", "", whole) + (f".{part}" if part else "")
    return f"-{digits}" if figure.is_negative else digits


def _fits(figure: Figure, mark: DecimalMark, places: int | None) -> bool:
    if not _GROUPED[mark].fullmatch(figure.digits):
        return False
    decimals = len(figure.digits.partition(mark)[2])
    return places is None or decimals in {0, places}


def _shown(figures: list[Figure]) -> str:
    return ", ".join(dict.fromkeys(one.digits for one in figures[:5]))
