"""How large a difference may be: limit = max(floor, min(% x base, cap)); above it, a person looks.

Owns the arithmetic and the default levels; which figures are compared is the checklist's business.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """`pct` as a fraction (1/200 is 0.5 %); floor and cap in minor units of the currency."""

    pct: Fraction
    floor_minor: int
    cap_minor: int


LINE = Tolerance(pct=Fraction(1, 200), floor_minor=100, cap_minor=25_000)
# rows that may belong together: without a floor, because most rows are smaller than any
SUGGESTION = Tolerance(pct=Fraction(1, 200), floor_minor=0, cap_minor=25_000)
INVOICE = Tolerance(pct=Fraction(1, 100), floor_minor=5_000, cap_minor=100_000)
PROVIDER_MONTH = Tolerance(pct=Fraction(1, 200), floor_minor=50_000, cap_minor=500_000)
# month on month, per initiative and account: what moved more needs a sentence
FLUX = Tolerance(pct=Fraction(1, 5), floor_minor=500_000, cap_minor=5_000_000)


def limit_of(base: int | Fraction, *, tolerance: Tolerance) -> Fraction:
    """The limit for a base in minor units, whatever its sign; a base of zero gets the floor."""
    share = tolerance.pct * abs(Fraction(base))
    return max(Fraction(tolerance.floor_minor), min(share, Fraction(tolerance.cap_minor)))


def within(difference: int | Fraction, base: int | Fraction, *, tolerance: Tolerance) -> bool:
    """Whether a difference in minor units is inside; exactly at the limit is inside."""
    return abs(Fraction(difference)) <= limit_of(base, tolerance=tolerance)


def all_within(
    pairs: Iterable[tuple[int | Fraction, int | Fraction]], *, tolerance: Tolerance
) -> bool:
    """Whether each (difference, base) is inside, and the sum of |differences| for the sum of bases.

    Two opposite failures cannot cancel each other out.
    """
    found = list(pairs)
    whole = sum((abs(Fraction(difference)) for difference, _ in found), Fraction(0))
    base = sum((abs(Fraction(base)) for _, base in found), Fraction(0))
    each = all(within(difference, base, tolerance=tolerance) for difference, base in found)
    return each and within(whole, base, tolerance=tolerance)
