"""Evaluate predicates over attribute tuples: once per distinct value, then by dictionary codes.

Owns codes and masks only; which rule wins and what it gives is `classify`'s.
"""

import json
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import IntegrityError
from tieout.focus.coded import coded, codes_of
from tieout.rules.predicate import (
    COMPARISONS,
    AllOf,
    Always,
    AnyOf,
    Condition,
    Measure,
    Not,
    Predicate,
    Source,
    measure,
)

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_Ordered: TypeAlias = tuple[list[Any], Rows]  # numbers or days in order, and the code of each

_FEW_CODES = 64  # up to here, joining the rows of single codes beats one pass over all rows
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Codes:
    """One text a row: `codes` index `values`; the code `len(values)` means absent or empty.

    A lookup table over codes therefore has one entry more than there are values.
    """

    codes: Rows
    values: pa.Array

    def texts(self) -> list[str]:
        """The distinct texts in code order."""
        texts: list[str] = self.values.to_pylist()
        return texts


@dataclass(slots=True)
class _Texts:
    """The texts under one column or tag, and what is worked out about them on the first demand."""

    source: Codes
    _places: dict[str, int] | None = None
    _measures: dict[type, _Ordered] | None = None
    _rows: Rows | None = None
    _starts: Rows | None = None

    def places(self) -> dict[str, int]:
        """The code of each distinct text."""
        if self._places is None:
            self._places = {text: code for code, text in enumerate(self.source.texts())}
        return self._places

    def measures(self) -> dict[type, _Ordered]:
        """For numbers and for days: the values in order, and the code of each."""
        if self._measures is None:
            found: dict[type, list[tuple[Measure, int]]] = {}
            for text, code in self.places().items():
                value = measure(text)
                if value is not None:
                    found.setdefault(type(value), []).append((value, code))
            self._measures = {kind: _ordered(pairs) for kind, pairs in found.items()}
        return self._measures

    def rows(self) -> tuple[Rows, Rows]:
        """All rows by code, and starts: those of code c are `rows[starts[c]:starts[c + 1]]`."""
        if self._rows is None or self._starts is None:
            sizes = np.bincount(self.source.codes, minlength=len(self.source.values) + 1)
            self._starts = np.concatenate([[0], np.cumsum(sizes)])
            self._rows = _stable_order(self.source.codes, len(sizes))
        return self._rows, self._starts


@dataclass(frozen=True, slots=True)
class _Answer:
    """The codes that a condition holds for, out of `size`, and the number of their rows.

    Codes and not a mask: a thousand masks over the distinct resources of a year fill a machine.
    """

    wanted: npt.NDArray[np.int32]
    size: int
    row_count: int

    def by_code(self) -> Mask:
        """The answer for each code; the last is that of an absent text."""
        mask = np.zeros(self.size, dtype=np.bool_)
        mask[self.wanted] = True
        return mask


@dataclass(frozen=True, slots=True)
class _Cover:
    """Conditions of which at least one has to hold where a predicate does.

    `row_count` is the number of rows to look at; `is_exact`: one of them is also enough.
    """

    conditions: tuple[Condition, ...]
    row_count: int
    is_exact: bool


@dataclass(slots=True)
class Evaluator:
    """Answers predicates about rows of an attribute table; remembers codes and answers.

    One evaluator serves any number of rule sets over the same table.
    """

    attributes: pa.Table
    _texts: dict[tuple[Source, str], _Texts] = field(default_factory=dict)
    _answers: dict[Condition, _Answer] = field(default_factory=dict)
    _tags: tuple[Codes, list[dict[str, str]]] | None = None

    def codes(self, source: Source, name: str) -> Codes:
        """The texts of a column or tag for every row.

        Raises:
            IntegrityError: the tags of a row are not a JSON object of texts.
        """
        return self._of(source, name).source

    def select(self, predicate: Predicate, is_open: Mask) -> Rows:
        """Numbers of the open rows where the predicate holds, each once, in no particular order.

        Starts from the rows of the rarest conditions that have to hold, so that a selective rule
        costs what it matches and not what the table holds.
        """
        cover = self._cover(predicate)
        if cover is None or cover.row_count >= np.count_nonzero(is_open):
            rows: Rows = np.flatnonzero(is_open)
            return rows[self.matches(predicate, rows)]
        rows = np.concatenate([self._rows(condition) for condition in cover.conditions])
        rows = rows[is_open.take(rows)]
        if len(cover.conditions) > 1:
            once = np.zeros(len(is_open), dtype=np.bool_)
            once[rows] = True
            rows = np.flatnonzero(once)
        return rows if cover.is_exact else rows[self.matches(predicate, rows)]

    def matches(self, predicate: Predicate, rows: Rows) -> Mask:
        """For each of `rows` (row numbers), whether the predicate holds."""
        if isinstance(predicate, Condition):
            codes = self.codes(predicate.source, predicate.name).codes
            found: Mask = self._answer(predicate).by_code().take(codes.take(rows))
            return found
        if isinstance(predicate, Not):
            return ~self.matches(predicate.part, rows)
        if isinstance(predicate, Always):
            return np.ones(len(rows), dtype=np.bool_)
        return self._joined(predicate, rows)

    def _joined(self, predicate: AllOf | AnyOf, rows: Rows) -> Mask:
        """Narrow to rows still undecided: all true so far for `all`, none true for `any`."""
        wanted = isinstance(predicate, AllOf)
        undecided = np.arange(len(rows))
        for part in predicate.parts:
            undecided = undecided[self.matches(part, rows.take(undecided)) == wanted]
        mask = np.full(len(rows), not wanted)
        mask[undecided] = wanted
        return mask

    def _cover(self, predicate: Predicate) -> _Cover | None:
        """The cheapest cover; None where the predicate may hold without any condition."""
        if isinstance(predicate, Condition):
            return _Cover((predicate,), self._answer(predicate).row_count, is_exact=True)
        if not isinstance(predicate, (AllOf, AnyOf)):
            return None
        covers = [self._cover(part) for part in predicate.parts]
        known = [cover for cover in covers if cover is not None]
        if isinstance(predicate, AllOf):
            best = min(known, key=lambda cover: cover.row_count, default=None)
            is_exact = best is not None and best.is_exact and len(covers) == 1
            return best and _Cover(best.conditions, best.row_count, is_exact)
        if len(known) < len(covers):
            return None
        return _Cover(
            tuple(condition for cover in known for condition in cover.conditions),
            sum(cover.row_count for cover in known),
            all(cover.is_exact for cover in known),
        )

    def _rows(self, condition: Condition) -> Rows:
        """All rows that the condition holds for."""
        answer = self._answer(condition)
        texts = self._of(condition.source, condition.name)
        if len(answer.wanted) > _FEW_CODES:
            return np.flatnonzero(answer.by_code().take(texts.source.codes))
        rows, starts = texts.rows()
        parts = [rows[starts[code] : starts[code + 1]] for code in answer.wanted]
        return np.concatenate([rows[:0], *parts])

    def _answer(self, condition: Condition) -> _Answer:
        if condition not in self._answers:
            texts = self._of(condition.source, condition.name)
            wanted = _wanted(condition, texts).astype(np.int32)
            starts = texts.rows()[1]
            row_count = int((starts[wanted + 1] - starts[wanted]).sum())
            self._answers[condition] = _Answer(wanted, len(starts) - 1, row_count)
        return self._answers[condition]

    def _of(self, source: Source, name: str) -> _Texts:
        key = (source, name)
        if key not in self._texts:
            column = source == "column"
            found = encode(self.attributes.column(name)) if column else self._tag_codes(name)
            self._texts[key] = _Texts(found)
        return self._texts[key]

    def _tag_codes(self, name: str) -> Codes:
        if self._tags is None:
            texts = encode(self.attributes.column("tags"))
            self._tags = (texts, [tags_of(text) for text in texts.texts()])
        texts, distinct = self._tags
        wanted = [*(tags.get(name) for tags in distinct), None]
        values = encode(pa.array(wanted, pa.string()))
        return Codes(values.codes.take(texts.codes), values.values)


def encode(column: pa.Array | pa.ChunkedArray) -> Codes:
    """Dictionary codes of a text column; null and the empty text are both absent."""
    encoded = coded(column)
    absent = len(encoded.dictionary)
    codes = codes_of(encoded).astype(np.int64)
    codes[(codes < 0) | (codes == pc.index(encoded.dictionary, "").as_py())] = absent
    return Codes(codes, encoded.dictionary)


def tags_of(text: str) -> dict[str, str]:
    """The tags that a canonical JSON text holds; the empty text holds none.

    Raises:
        IntegrityError: it is not a JSON object of texts.
    """
    try:
        tags, end = _DECODER.raw_decode(text or "{}")
    except ValueError as error:
        raise IntegrityError(
            f"Tags {text[:60]!r} are not JSON: expected an object of texts; normalise again."
        ) from error
    is_whole = end == len(text or "{}")
    if not is_whole or not isinstance(tags, dict) or not {*map(type, tags.values())} <= {str}:
        raise IntegrityError(
            f"Tags {text[:60]!r}: expected a JSON object of texts; normalise the charges again."
        )
    return tags


def _wanted(condition: Condition, texts: _Texts) -> Rows:
    """The codes that the condition holds for; an absent text has the last one."""
    values = texts.source.values
    if condition.operator == "exists":
        return np.arange(len(values))
    if condition.operator == "missing":
        return np.array([len(values)])
    if condition.operator == "in":
        places = texts.places()
        codes = {places[text] for text in condition.values if text in places}
        return np.array(sorted(codes), dtype=np.int64)
    if condition.operator in COMPARISONS:
        return _compared(condition, texts)
    evaluate = {
        "prefix": pc.starts_with,
        "suffix": pc.ends_with,
        "contains": pc.match_substring,
        "regex": pc.match_substring_regex,
    }[condition.operator]
    answers = evaluate(values, condition.values[0])
    return np.flatnonzero(answers.to_numpy(zero_copy_only=False))


def _compared(condition: Condition, texts: _Texts) -> Rows:
    """The codes of the numbers (or days, as the condition's value is) on the asked side of it."""
    bound = measure(condition.values[0])
    ordered, codes = texts.measures().get(type(bound), ([], np.empty(0, dtype=np.int64)))
    find = bisect_left if condition.operator in ("ge", "lt") else bisect_right
    place = find(ordered, bound)
    return codes[place:] if condition.operator in ("gt", "ge") else codes[:place]


def _ordered(pairs: list[tuple[Measure, int]]) -> _Ordered:
    pairs.sort()
    return [value for value, _ in pairs], np.array([code for _, code in pairs], dtype=np.int64)


def _stable_order(codes: Rows, size: int) -> Rows:
    """Row numbers ordered by code, then by row: two radix passes, which sort 16 bits at a time."""
    low = np.argsort((codes & 0xFFFF).astype(np.uint16), kind="stable")
    if size <= 1 << 16:
        return low
    high = (codes >> 16).astype(np.uint16)  # codes are below 2^31, see focus.coded
    return low[np.argsort(high[low], kind="stable")]
