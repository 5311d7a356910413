"""From batches of source columns to the charge table: `rows.normalise` for millions of rows.

Owns line ids, bad-row findings and control totals of whole columns; what a column means is the
reader's business. The same rows give the same charges, findings and totals as row by row.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import SourceAnswerError
from tieout.core.finding import Finding
from tieout.core.money import from_decimal
from tieout.focus.coded import Codes, Texts, coded, codes_of, distinct_tuples
from tieout.focus.columns import MONEY, TIMESTAMP
from tieout.sources.amounts import NULL_WORDS, Amounts, Mask
from tieout.sources.base import ControlTotals, Normalised, RawDocument
from tieout.sources.rows import CHARGES, SourceRow, bad_row
from tieout.sources.tables import Batch

CODED = pa.dictionary(pa.int32(), pa.string())

_OWN = frozenset({"line_id", "provider", "source_document", "source_row", "billed_cost"})
_REQUIRED = tuple(one.name for one in CHARGES if not one.nullable and one.name not in _OWN)
_EXACT = Context(prec=200)
_THREE_DIGITS = [b"%03d" % number for number in range(1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Rows of a batch that cannot be charges: which, and why (by row number from 0)."""

    rows: Mask
    reason: Callable[[int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reader makes of one batch.

    `columns` holds charge columns by name, each an array as long as the batch; text columns are
    coded. `amounts` holds the money columns beside `billed`. Of several reasons the first in
    `wrong` counts, after an amount that is no number.
    """

    billed: Amounts
    columns: Mapping[str, pa.Array]
    amounts: Mapping[str, Amounts]
    wrong: Sequence[Wrong] = ()


@dataclass(slots=True, kw_only=True)
class ChargeTable:
    """Collects the charges of one provider batch by batch, with findings and totals.

    The text columns of the result are dictionary-coded; `focus.columns.with_attr_ids` makes them
    plain.
    """

    provider: str
    tables: list[pa.RecordBatch] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    total: Decimal = Decimal(0)
    rows_in: int = 0
    rows_out: int = 0
    loaded_units: int = 0
    refused_units: int = 0

    def add(self, batch: Batch, reading: Reading) -> Mask:
        """Take one batch; gives back which of its rows became charges."""
        reasons = _reasons(reading, batch.rows)
        kept = np.ones(batch.rows, np.bool_)
        kept[list(reasons)] = False
        self.total = _EXACT.add(self.total, reading.billed.total())
        self.rows_in += batch.rows
        for row, reason in sorted(reasons.items()):
            units = reading.billed.units_at(row)
            place = SourceRow(document=batch.document, number=batch.first_row + row, values=())
            finding = bad_row(place, reason, provider=self.provider, units=units)
            currency = reading.columns["billing_currency"][row].as_py() or finding.currency
            self.findings.append(replace(finding, currency=currency))
            self.refused_units += units
        charges = _charges(batch, reading, self.provider)
        if reasons:
            charges = charges.filter(pa.array(kept))
        self.rows_out += charges.num_rows
        self.loaded_units += from_decimal(
            pc.sum(charges.column("billed_cost")).as_py() or Decimal(0)
        )
        self.tables.append(charges)
        return kept

    def currency(self) -> str:
        """The currency of the first charge, for findings; USD if there is none."""
        first = next((one for one in self.tables if one.num_rows), None)
        return "USD" if first is None else str(first.column("billing_currency")[0])

    def finish(
        self, *, more: Sequence[Finding] = (), complete_through: date | None = None
    ) -> Normalised:
        """Everything that was added, checked; `more` follows the findings of bad rows.

        Raises:
            ConservationError: the charges do not add up to the source.
        """
        totals = ControlTotals(
            rows_in=self.rows_in,
            rows_out=self.rows_out,
            rows_bad=self.rows_in - self.rows_out,
            source_total=self.total,
            loaded_units=self.loaded_units,
            refused_units=self.refused_units,
        )
        totals.check()
        return Normalised(
            charges=pa.Table.from_batches(self.tables, schema=_SCHEMA),
            findings=(*self.findings, *more),
            totals=totals,
            complete_through=complete_through,
        )


def check_once(documents: Sequence[RawDocument]) -> None:
    """Refuse the same file twice: its money would count twice.

    Raises:
        SourceAnswerError: two files have one name, or one content with rows.
    """
    names: set[str] = set()
    contents: dict[str, str] = {}
    for document in documents:
        other = contents.setdefault(document.sha256, document.name)
        if document.name in names or other != document.name:
            raise SourceAnswerError(
                f"{document.name} is there twice (same as {other}): expected each file once, or "
                "its money would count twice; remove one and pull again."
            )
        names.add(document.name)


def text_column(column: pa.Array | None, rows: int) -> pa.DictionaryArray:
    """A source column as coded text; a missing column and words for null are null."""
    if column is None:
        return no_text(rows)
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    found = coded(column)
    if not pc.any(pc.is_in(found.dictionary, pa.array(NULL_WORDS))).as_py():
        return found
    return mapped(found, lambda text: None if text in NULL_WORDS else text)


def no_text(rows: int) -> pa.DictionaryArray:
    """Text that the source does not have."""
    return pa.nulls(rows, CODED)


def constant(text: str | None, rows: int) -> pa.DictionaryArray:
    """The same text in every row."""
    if text is None:
        return no_text(rows)
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [text])


def mapped(
    column: pa.DictionaryArray, change: Callable[[str], str | None], *, null: str | None = None
) -> pa.DictionaryArray:
    """Each text changed, worked out once per distinct text; null becomes `null`."""
    texts = [change(text) for text in column.dictionary.to_pylist()]
    return gathered([*texts, null], codes_of(column))


def derived(
    columns: Sequence[pa.DictionaryArray], change: Callable[..., Texts], width: int
) -> list[pa.DictionaryArray]:
    """`width` columns out of several: `change` gets the texts of each distinct tuple once."""
    codes, tuples = distinct_tuples(columns)
    results = [change(*texts) for texts in tuples]
    return [gathered([one[place] for one in results], codes) for place in range(width)]


def gathered(texts: Sequence[str | None], codes: Codes) -> pa.DictionaryArray:
    """The text of each code as a coded column; code -1 is the last text."""
    numbers: dict[str, int] = {}
    places = [-1 if text is None else numbers.setdefault(text, len(numbers)) for text in texts]
    found = np.array(places, np.int32)[codes] if places else codes
    indices = pa.array(found, mask=found < 0) if (found < 0).any() else pa.array(found)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(numbers), pa.string()))


def flagged(column: pa.DictionaryArray, test: Callable[[str], bool]) -> Mask:
    """Which rows hold a text that passes; null does not."""
    passes = [test(text) for text in column.dictionary.to_pylist()]
    found: Mask = np.array([*passes, False], np.bool_)[codes_of(column)]
    return found


def first_rows(column: pa.DictionaryArray, rows: Mask) -> dict[str, int]:
    """Of each text the first of these rows (from 0) that holds it; null is the empty text."""
    places = np.flatnonzero(rows)
    found, firsts = np.unique(codes_of(column)[places], return_index=True)
    texts = column.dictionary.to_pylist()
    return {
        "" if code < 0 else texts[code]: int(places[first])
        for code, first in zip(found.tolist(), firsts.tolist(), strict=True)
    }


def instants(column: pa.Array, parse: Callable[[str], datetime | None]) -> pa.Array:
    """A column of instants in UTC, null where there is none.

    Instants of a Parquet file are taken as they are; without a zone they are UTC (FOCUS, AWS).
    """
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        naive = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None)), safe=False)
        return naive.cast(TIMESTAMP)
    texts = text_column(column, len(column))
    parsed = [parse(text) for text in texts.dictionary.to_pylist()]
    values = pa.array([*parsed, None], TIMESTAMP)
    codes = codes_of(texts)
    return values.take(pa.array(np.where(codes < 0, len(parsed), codes)))


def line_ids(document: str, first_row: int, rows: int) -> pa.Array:
    """`core.ids.content_key((document, row))` of consecutive rows; the common part is made once."""
    name = document.encode()
    start = b"%d:%b\x1f" % (len(name), name)
    sha256 = hashlib.sha256
    keys: list[str] = []
    row, end = first_row, first_row + rows
    while row < end:
        high, low = divmod(row, 1000)
        stop = min(end, row - low + 1000, 10 ** len(str(row)))
        head = start + b"%d:" % len(str(row)) + (b"%d" % high if high else b"")
        tails = _THREE_DIGITS[low : low + stop - row] if high else map(_digits, range(row, stop))
        keys += [sha256(head + tail).hexdigest() for tail in tails]
        row = stop
    return pa.array(keys, pa.string())


def _digits(number: int) -> bytes:
    return b"%d" % number


_SCHEMA = pa.schema(
    [
        one.with_type(CODED) if one.type == pa.string() and one.name != "line_id" else one
        for one in CHARGES
    ]
)


def _reasons(reading: Reading, rows: int) -> dict[int, str]:
    """Why each refused row is refused; the first reason counts."""
    reasons = {row: f"billed_cost: {why}" for row, why in reading.billed.wrong.items()}
    for one in (*reading.wrong, *_missing(reading, rows)):
        for row in np.flatnonzero(one.rows).tolist():
            reasons.setdefault(row, one.reason(row))
    for name, amounts in reading.amounts.items():
        for row, why in amounts.wrong.items():
            reasons.setdefault(row, f"{name}: {why}")
    return reasons


def _missing(reading: Reading, rows: int) -> list[Wrong]:
    found = []
    for name in _REQUIRED:
        column = reading.columns.get(name)
        if name in reading.amounts:
            amounts = reading.amounts[name]
            empty = amounts.units.is_null().to_numpy(zero_copy_only=False).copy()
            empty[list(amounts.wrong)] = False
        elif column is None:
            empty = np.ones(rows, np.bool_)
        elif column.null_count:
            empty = column.is_null().to_numpy(zero_copy_only=False)
        else:
            continue
        if empty.any():
            found.append(Wrong(rows=empty, reason=_no_value(name)))
    return found


def _no_value(name: str) -> Callable[[int], str]:
    return lambda _: f"{name} is empty: expected a value; correct it at the source."


def _charges(batch: Batch, reading: Reading, provider: str) -> pa.RecordBatch:
    numbers = np.arange(batch.first_row, batch.first_row + batch.rows, dtype=np.int32)
    known = {
        **reading.columns,
        **{name: amounts.units for name, amounts in reading.amounts.items()},
        "line_id": line_ids(batch.document, batch.first_row, batch.rows),
        "provider": constant(provider, batch.rows),
        "billed_cost": reading.billed.units,
        "source_document": constant(batch.document, batch.rows),
        "source_row": pa.array(numbers),
    }
    empty = {kind: pa.nulls(batch.rows, kind) for kind in (CODED, MONEY)}
    columns = [known[one.name] if one.name in known else empty[one.type] for one in _SCHEMA]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
