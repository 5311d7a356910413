"""Columns of amounts: text, doubles and decimals become exact decimals, as `core.money` reads them.

Owns the reading and the one rounding of whole columns; a row that the fast way cannot read goes
through `core.money` itself, so both ways give the same amount or the same refusal. A double is read
as its shortest decimal text; no arithmetic is ever done on a double.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import MoneyFormatError
from tieout.core.money import (
    SCALE,
    UNITS_PER_ONE,
    from_decimal,
    parse_decimal,
    round_half_even,
    to_decimal,
)
from tieout.focus.coded import codes_of
from tieout.focus.columns import MONEY

NULL_WORDS = ("", "NULL", "null", "(null)")

# Every text of the pattern has at most 11 digits before the point and 26 after it: rounding and
# the decimals' 38 digits cannot overflow.
_EXACT = pa.decimal128(38, 26)
_FAST = (
    r"^(?:[+-]?[0-9]{1,11}(?:\.[0-9]{1,26})?"
    r"|[+-]?[0-9](?:\.[0-9]{1,17})?[eE]-0?[0-9]"
    r"|[+-]?[0-9](?:\.[0-9]{1,14})?[eE]-1[0-2])$"
)
_COMMA = re.compile(r"[+-]?[0-9.' ]*,[0-9]+")
_WORDS = pa.array(NULL_WORDS)
_SUM = pa.decimal256(76, 26)
_PRECISE = Context(prec=200)
_TOO_LARGE_UNITS = 10**MONEY.precision
_SAMPLE = 2_048
_LARGE = 10**11
_PROMISE = 64
_MOST_DISTINCT_PCT = 60

Mask = npt.NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """One column of a batch, row by row.

    `units` (MONEY) is null where the field is empty or refused; `exact` holds the values before
    rounding, except those in `odd` (row number from 0), which 38 digits cannot hold. `wrong` says
    why a row is refused.
    """

    units: pa.Array
    exact: pa.Array
    odd: Mapping[int, Decimal] = field(default_factory=dict)
    wrong: Mapping[int, str] = field(default_factory=dict)

    def total(self) -> Decimal:
        """The exact sum of every amount that can be read, refused as too large or not."""
        exact = self.exact.cast(_SUM) if self.exact.type == _EXACT else self.exact
        total: Decimal = pc.sum(exact).as_py() or Decimal(0)
        for value in self.odd.values():
            total = _PRECISE.add(total, value)
        return _plain(total)

    def units_at(self, row: int) -> int:
        """Units of one row, 0 if it has no readable amount."""
        if row in self.odd:
            return _units(self.odd[row])
        value = self.units[row].as_py()
        return 0 if value is None else from_decimal(value)


def read_amounts(column: pa.Array, *, required: bool = False) -> Amounts:
    """Read a column of any type; an empty field (or a word for null) is null, or refused."""
    if pa.types.is_dictionary(column.type):
        values = read_amounts(column.dictionary, required=required)
        return _spread(values, column, required=required)
    if pa.types.is_null(column.type):
        return _read_texts(column.cast(pa.string()), required=required, is_checked=False)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _read_texts(column.cast(pa.string()), required=required, is_checked=True)
    if _repeats(column):
        return read_amounts(column.dictionary_encode(), required=required)
    # Arrow writes a number as its shortest text, and never as .5 or 5., which money would refuse
    return _read_texts(
        column.cast(pa.string()), required=required, is_checked=_has_exponents(column)
    )


def read_alike(
    column: pa.Array, others: Sequence[tuple[pa.Array, Amounts]], *, required: bool = False
) -> Amounts:
    """As `read_amounts`, reading only the rows in which the best of the `others` differs.

    List and billed cost, effective and contracted cost, both quantities: in real bills 94 to 99 %
    of the rows repeat another column's amount to the bit.
    """
    is_coded = pa.types.is_dictionary(column.type)
    same_type = [one for one in others if one[0].type == column.type and not is_coded]
    sample = column.slice(0, _SAMPLE)
    best = min(
        same_type,
        key=lambda one: int(_differs(sample, one[0].slice(0, _SAMPLE)).sum()),
        default=None,
    )
    if best is None or best[1].wrong or best[1].odd:
        return read_amounts(column, required=required)
    differs = _differs(column, best[0])
    count = int(differs.sum())
    if not count:
        return best[1]
    if count * 2 > len(column):
        return read_amounts(column, required=required)
    rest = read_amounts(column.filter(pa.array(differs)), required=required)
    return _filled_in(best[1], rest, differs)


def no_amounts(rows: int) -> Amounts:
    """A column that the source does not have."""
    nothing = pa.nulls(rows, MONEY)
    return Amounts(units=nothing, exact=nothing)


def zero_where(amounts: Amounts, mask: Mask) -> Amounts:
    """The same, with 0 in place of every readable amount of the masked rows."""
    zeroed = mask & amounts.units.is_valid().to_numpy(zero_copy_only=False)
    zeroed[[row for row in amounts.odd if mask[row]]] = True
    chosen = pa.array(zeroed)
    return Amounts(
        units=pc.if_else(chosen, pa.scalar(Decimal(0), amounts.units.type), amounts.units),
        exact=pc.if_else(chosen, pa.scalar(Decimal(0), amounts.exact.type), amounts.exact),
        odd={row: value for row, value in amounts.odd.items() if not zeroed[row]},
        wrong={row: reason for row, reason in amounts.wrong.items() if not zeroed[row]},
    )


def _differs(column: pa.Array, other: pa.Array) -> Mask:
    same = pc.equal(column, other)
    if same.null_count:
        same = pc.or_(pc.fill_null(same, False), pc.and_(column.is_null(), other.is_null()))
    found: Mask = ~same.to_numpy(zero_copy_only=False)
    return found


def _filled_in(amounts: Amounts, rest: Amounts, mask: Mask) -> Amounts:
    """The amounts with `rest` in the masked rows, in order."""
    rows = np.flatnonzero(mask).tolist()
    units = pc.replace_with_mask(amounts.units, pa.array(mask), rest.units)
    return Amounts(
        units=units,
        exact=units,
        odd={rows[place]: value for place, value in rest.odd.items()},
        wrong={rows[place]: reason for place, reason in rest.wrong.items()},
    )


def _read_texts(texts: pa.Array, *, required: bool, is_checked: bool) -> Amounts:
    fast = texts
    if is_checked:
        matches = pc.match_substring_regex(texts, _FAST)
        if not pc.all(matches).as_py():
            fast = pc.if_else(matches, texts, pa.scalar(None, pa.string()))
    exact = _parsed(fast)
    if exact is None:  # a double of more digits than decimals have
        return _read_texts(texts, required=required, is_checked=True)
    units = exact if exact.type == MONEY else pc.round(exact, SCALE, "half_to_even").cast(MONEY)
    if not fast.null_count:
        return Amounts(units=units, exact=exact)
    return _with_slow_rows(units, exact, texts, required=required)


def _parsed(texts: pa.Array) -> pa.Array | None:
    """As MONEY if the first texts promise that it has decimals enough: a cast fails slowly."""
    for kind in (MONEY, _EXACT):
        try:
            texts.slice(0, _PROMISE).cast(kind)
            return texts.cast(kind)
        except pa.ArrowInvalid:  # more decimals, or more digits, than the type has
            continue
    return None


def _with_slow_rows(
    units: pa.Array, exact: pa.Array, texts: pa.Array, *, required: bool
) -> Amounts:
    odd: dict[int, Decimal] = {}
    wrong: dict[int, str] = {}
    empty = pc.or_kleene(texts.is_null(), pc.is_in(texts, _WORDS))
    slow = pc.and_(units.is_null(), True if required else pc.invert(empty))
    for row in np.flatnonzero(slow.to_numpy(zero_copy_only=False)).tolist():
        text = texts[row].as_py() or ""
        try:
            odd[row] = parse_decimal(text)
        except MoneyFormatError as error:
            wrong[row] = _reason(text, error)
    read = {row: _units(value) for row, value in odd.items()}
    fits = {row: value for row, value in read.items() if abs(value) < _TOO_LARGE_UNITS}
    wrong |= {row: _too_large(value) for row, value in read.items() if row not in fits}
    return Amounts(units=_patched(units, fits), exact=exact, odd=odd, wrong=wrong)


def _patched(units: pa.Array, patches: Mapping[int, int]) -> pa.Array:
    if not patches:
        return units
    mask = np.zeros(len(units), np.bool_)
    mask[list(patches)] = True
    values = pa.array([to_decimal(patches[row]) for row in sorted(patches)], MONEY)
    return pc.replace_with_mask(units, pa.array(mask), values)


def _spread(values: Amounts, column: pa.DictionaryArray, *, required: bool) -> Amounts:
    """What was read for each value of a dictionary, given to the rows that hold it."""
    codes = codes_of(column)
    wrong = _rows_of(values.wrong, codes)
    if required and column.null_count:
        nothing = _read_texts(pa.array([None], pa.string()), required=True, is_checked=True)
        wrong |= dict.fromkeys(np.flatnonzero(codes < 0).tolist(), nothing.wrong[0])
    return Amounts(
        units=values.units.take(column.indices),
        exact=values.exact.take(column.indices),
        odd=_rows_of(values.odd, codes),
        wrong=wrong,
    )


def _rows_of(by_code: Mapping[int, T], codes: npt.NDArray[np.int32]) -> dict[int, T]:
    return {
        row: value
        for code, value in by_code.items()
        for row in np.flatnonzero(codes == code).tolist()
    }


def _units(value: Decimal) -> int:
    return round_half_even(Fraction(value) * UNITS_PER_ONE)


def _plain(total: Decimal) -> Decimal:
    """Without the zeros that the columns' types add at the end."""
    short = _PRECISE.normalize(total)
    return _PRECISE.quantize(short, Decimal(1)) if short == short.to_integral_value() else short


def _has_exponents(column: pa.Array) -> bool:
    """Whether a double is so large or small that its text has an exponent beyond our decimals.

    Arrow casts such texts to decimals without an error and wrongly (pyarrow 26: 2.1e+16 became
    2.96, and 5e-95 became 0).
    """
    if not pa.types.is_floating(column.type):
        return False
    sizes = pc.abs(column)
    bounds = pc.min_max(pc.if_else(pc.equal(sizes, 0), pa.scalar(None, sizes.type), sizes)).as_py()
    if bounds["max"] is None:
        return False
    return not (bounds["max"] < _LARGE and bounds["min"] * _LARGE > 1)


def _repeats(column: pa.Array) -> bool:
    sample = column.slice(0, _SAMPLE)
    distinct = pc.count_distinct(sample, mode="all").as_py()
    return bool(distinct * 100 < len(sample) * _MOST_DISTINCT_PCT)


def _reason(text: str, error: MoneyFormatError) -> str:
    if not _COMMA.fullmatch(text.strip()):
        return str(error)
    return (
        f"Expected a decimal point, found a comma in {text.strip()[:40]!r}: export the file again "
        "with decimal points and without thousands separators."
    )


def _too_large(units: int) -> str:
    return (
        f"Expected an amount or quantity below 10^16, found one of {len(str(abs(units)))} "
        "digits in units of 1e-12: correct it at the source."
    )
