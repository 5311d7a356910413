"""Rows of a BigQuery answer as bytes that last: canonical JSON, one row a line, and back again.

Owns the text form only. FLOAT64 is the shortest text that reads back as the same float, NUMERIC its
own text, a timestamp ISO 8601 with Z: equal rows are equal bytes, whatever the page they came on.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from tieout.core.errors import SourceAnswerError
from tieout.sources.base import RawDocument
from tieout.sources.limits import load_json
from tieout.sources.rows import SourceRow

PART_BYTES: Final = 16_000_000

Values = Mapping[str, object]


def canonical(value: object) -> str:
    """A row or an answer as one JSON text: keys sorted, no spaces, numbers as exact text.

    Raises:
        TypeError: a value that no billing table has.
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def line_documents(
    lines: Sequence[str], *, name: str, request: Mapping[str, str]
) -> Iterator[RawDocument]:
    """Lines in their order as cost documents of about 16 MB: `<name>.part<N>.jsonl`."""
    part: list[bytes] = []
    size = number = 0
    for place, line in enumerate(lines, start=1):
        part.append(line.encode())
        size += len(part[-1]) + 1
        if size >= PART_BYTES or place == len(lines):
            number += 1
            yield RawDocument(
                name=f"{name}.part{number}.jsonl",
                kind="cost",
                content=b"\n".join(part) + b"\n",
                media_type="application/jsonl",
                request=request,
            )
            part, size = [], 0


def rows_of(document: RawDocument) -> Iterator[SourceRow[Values]]:
    """The rows of one document; a row counts from 1.

    Raises:
        SourceAnswerError: a line is no JSON object.
    """
    digest = document.sha256
    for number, line in enumerate(document.content.splitlines(), start=1):
        values = load_json(line, name=f"Line {number} of {document.name}")
        if not isinstance(values, dict):
            raise SourceAnswerError(
                f"Line {number} of {document.name} is no JSON object: expected a row of the "
                "billing export; pull it again."
            )
        yield SourceRow(document=digest, number=number, values=values)


def text_of(values: object, *path: str) -> str | None:
    """The text at a path of nested fields; None where a field on the way is missing or null."""
    for name in path:
        if not isinstance(values, dict):
            return None
        values = values.get(name)
    return None if values is None or values == "" else str(values)


def records_of(values: object, *path: str) -> list[Mapping[str, object]]:
    """The records of a repeated field; a missing or null field has none.

    Raises:
        SourceAnswerError: the field is no list of records.
    """
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise SourceAnswerError(
            f"Field {'.'.join(path)} is no list of records: expected the schema of the billing "
            "export; pull it again."
        )
    return values


def pairs_of(values: object, *path: str) -> dict[str, str]:
    """A repeated key-value field as a mapping; the last value of a key counts."""
    return {
        key: text_of(one, "value") or ""
        for one in records_of(values, *path)
        if (key := text_of(one, "key"))
    }


def instant_of(values: Mapping[str, object], name: str) -> datetime:
    """An instant with its zone.

    Raises:
        SourceAnswerError: missing, unreadable or without zone.
    """
    text = text_of(values, name) or ""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise SourceAnswerError(
            f"Field {name} is {text[:40]!r}: expected an instant with its zone, such as "
            "2026-10-01T00:00:00Z."
        )
    return instant


def _plain(value: object) -> object:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no text for a {type(value).__name__}")
