"""Amounts as people read them on a page; exact amounts stay beside, for the tooltip and exports.

Owns thousands, the two ways to show a credit, the alignment of both, and the three empty values:
zero is an en dash, unknown a question mark with its reason, not applicable blank.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

FIGURE_SPACE: Final = "\u2007"
MINUS: Final = "\u2212"
ZERO: Final = "\u2013"
TINY_BASE: Final = Decimal("0.01")
MOST_PERCENT: Final = Decimal(999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An amount to print: `text` for the eye, `exact` for the tooltip.

    `is_negative` says that a screen reader is to be told "minus", because brackets are not read.
    """

    text: str
    exact: str
    is_negative: bool = False


def shown(value: Decimal, *, digits: int = 2, brackets: bool = True) -> Shown:
    """An amount in the major unit with `digits` decimals; cost positive, credit negative.

    With brackets a positive amount ends in a figure space, so that the digits stand in line.
    """
    exact = f"{value:f}"
    closing = FIGURE_SPACE if brackets else ""
    if not value:
        return Shown(text=ZERO + closing, exact=exact)
    rounded = f"{abs(value):,.{digits}f}"
    if value > 0:
        return Shown(text=rounded + closing, exact=exact)
    text = f"({rounded})" if brackets else f"{MINUS}{rounded}"
    return Shown(text=text, exact=exact, is_negative=True)


def plain(value: Decimal, *, digits: int = 2, brackets: bool = True) -> str:
    """The same in a sentence: without the space that only aligns a column."""
    return shown(value, digits=digits, brackets=brackets).text.rstrip(FIGURE_SPACE)


def of_minor(minor: int, digits: int) -> Decimal:
    """An amount of the currency's smallest unit in the major unit, exactly."""
    return Decimal(minor).scaleb(-digits)


def percent(change: Decimal, base: Decimal) -> str:
    """A change in percent of its base, one decimal; `n/m` where that would mean nothing."""
    if abs(base) <= TINY_BASE:
        return "n/m"
    value = change / abs(base) * 100
    if abs(value) > MOST_PERCENT:
        return "n/m"
    sign = MINUS if value < 0 else "+" if value > 0 else ""
    return f"{sign}{abs(value):.1f}\u00a0%"
