"""Evaluate predicates over attribute tuples: once per distinct value, then by dictionary codes.

Owns codes and masks only; which rule wins and what it gives is `classify`'s.
"""

import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import IntegrityError
from tieout.rules.predicate import AllOf, Always, AnyOf, Condition, Not, Predicate, Source

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_FEW_CODES = 64  # up to here, joining the rows of single codes beats one pass over all rows


@dataclass(frozen=True, slots=True)
class Codes:
    """One text a row: `codes` index `values`; the code `len(values)` means absent or empty.

    A lookup table over codes therefore has one entry more than there are values.
    """

    codes: Rows
    values: pa.Array

    def texts(self) -> list[str]:
        """The distinct texts in code order."""
        return [str(value) for value in self.values.to_pylist()]


@dataclass(frozen=True, slots=True)
class _Index:
    """Rows by code: those of code c are `rows[starts[c]:starts[c + 1]]`."""

    rows: Rows
    starts: Rows


@dataclass(slots=True)
class Evaluator:
    """Answers predicates about rows of an attribute table; remembers codes and lookup tables."""

    attributes: pa.Table
    _codes: dict[tuple[Source, str], Codes] = field(default_factory=dict)
    _indexes: dict[tuple[Source, str], _Index] = field(default_factory=dict)
    _lookups: dict[Condition, Mask] = field(default_factory=dict)
    _tags: tuple[Codes, list[dict[str, str]]] | None = None

    def codes(self, source: Source, name: str) -> Codes:
        """The texts of a column or tag for every row.

        Raises:
            IntegrityError: the tags of a row are not a JSON object of texts.
        """
        key = (source, name)
        if key not in self._codes:
            column = source == "column"
            self._codes[key] = (
                encode(self.attributes.column(name)) if column else self._tag_codes(name)
            )
        return self._codes[key]

    def select(self, predicate: Predicate, is_open: Mask) -> Rows:
        """Numbers of the open rows where the predicate holds, in no particular order.

        Starts from the rows of the rarest condition that has to hold, so that a selective rule
        costs what it matches and not what the table holds.
        """
        rarest = min(self._needed(predicate), key=self._count, default=None)
        if rarest is None:
            rows: Rows = np.flatnonzero(is_open)
        else:
            rows = self._rows(rarest)
            rows = rows[is_open.take(rows)]
        return rows if rarest == predicate else rows[self.matches(predicate, rows)]

    def matches(self, predicate: Predicate, rows: Rows) -> Mask:
        """For each of `rows` (row numbers), whether the predicate holds."""
        if isinstance(predicate, Condition):
            codes = self.codes(predicate.source, predicate.name).codes
            found: Mask = self._lookup(predicate).take(codes.take(rows))
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

    def _needed(self, predicate: Predicate) -> list[Condition]:
        """Conditions without which the predicate cannot hold."""
        if isinstance(predicate, Condition):
            return [predicate]
        if isinstance(predicate, AllOf):
            return [needed for part in predicate.parts for needed in self._needed(part)]
        return []

    def _count(self, condition: Condition) -> int:
        """How many rows the condition holds for."""
        sizes = np.diff(self._index(condition).starts)
        return int(sizes[self._lookup(condition)].sum())

    def _rows(self, condition: Condition) -> Rows:
        """All rows that the condition holds for."""
        lookup = self._lookup(condition)
        index = self._index(condition)
        wanted = np.flatnonzero(lookup)
        if len(wanted) > _FEW_CODES:
            codes = self.codes(condition.source, condition.name).codes
            return np.flatnonzero(lookup.take(codes))
        nothing = index.rows[:0]
        parts = [index.rows[index.starts[code] : index.starts[code + 1]] for code in wanted]
        return np.concatenate([nothing, *parts])

    def _index(self, condition: Condition) -> _Index:
        key = (condition.source, condition.name)
        if key not in self._indexes:
            source = self.codes(*key)
            sizes = np.bincount(source.codes, minlength=len(source.values) + 1)
            starts = np.concatenate([[0], np.cumsum(sizes)])
            self._indexes[key] = _Index(np.argsort(source.codes, kind="stable"), starts)
        return self._indexes[key]

    def _lookup(self, condition: Condition) -> Mask:
        if condition not in self._lookups:
            values = self.codes(condition.source, condition.name).values
            self._lookups[condition] = _lookup(condition, values)
        return self._lookups[condition]

    def _tag_codes(self, name: str) -> Codes:
        if self._tags is None:
            texts = encode(self.attributes.column("tags"))
            self._tags = (texts, [_tags(text) for text in texts.texts()])
        texts, distinct = self._tags
        wanted = [*(tags.get(name) for tags in distinct), None]
        values = encode(pa.chunked_array([wanted], pa.string()))
        return Codes(values.codes.take(texts.codes), values.values)


def encode(column: pa.ChunkedArray) -> Codes:
    """Dictionary codes of a text column; null and the empty text are both absent."""
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    absent = len(encoded.dictionary)
    codes = encoded.indices.fill_null(absent).to_numpy(zero_copy_only=False).astype(np.int64)
    codes[codes == pc.index(encoded.dictionary, "").as_py()] = absent
    return Codes(codes, encoded.dictionary)


def _lookup(condition: Condition, values: pa.Array) -> Mask:
    """The answer for every distinct value, and in the last place the answer for an absent one."""
    if condition.operator in ("exists", "missing"):
        present = condition.operator == "exists"
        return np.append(np.full(len(values), present), not present)
    if condition.operator == "in":
        answers = pc.is_in(values, value_set=pa.array(condition.values, pa.string()))
    else:
        evaluate = {
            "prefix": pc.starts_with,
            "suffix": pc.ends_with,
            "contains": pc.match_substring,
            "regex": pc.match_substring_regex,
        }[condition.operator]
        answers = evaluate(values, condition.values[0])
    return np.append(answers.to_numpy(zero_copy_only=False).astype(np.bool_), False)


def _tags(text: str) -> dict[str, str]:
    try:
        tags = json.loads(text)
    except ValueError as error:
        raise IntegrityError(
            f"Tags {text[:60]!r} are not JSON: expected an object of texts; normalise again."
        ) from error
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise IntegrityError(
            f"Tags {text[:60]!r}: expected a JSON object of texts; normalise the charges again."
        )
    return tags
