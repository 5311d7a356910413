"""Look-up tables that people keep as CSV: which tag means which, and who owns what.

Owns both languages and their use on attribute tuples. The tags of the charges stay as the provider
sent them; the mapped ones are made anew for each classification, so that a corrected table holds
for the past as well.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from tieout.core.errors import RuleFileError
from tieout.focus.columns import ATTRIBUTES, tags_json

OWNER_TAG = "business_owner"
TAG_COLUMNS = ("valid_from", "valid_to", "from_key", "from_value", "key", "value")
OWNER_COLUMNS = ("valid_from", "valid_to", "column", "value", "owner")

_TAG_PREFIX = "tag:"
_MOST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TagMapping:
    """Tag `from_key` (and value, when one is named; case does not matter) means `key`, `value`.

    An empty `value` keeps the tag's own. Days are inclusive.
    """

    valid_from: date | None
    valid_to: date | None
    from_key: str
    from_value: str
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whatever has this value in this column, or in the tag `tag:<key>`, belongs to `owner`."""

    valid_from: date | None
    valid_to: date | None
    column: str
    value: str
    owner: str


def parse_tag_map(text: str, *, name: str) -> tuple[TagMapping, ...]:
    """Read a tag table; the first row that fits a tag wins.

    Raises:
        RuleFileError: another header, a cell that is missing or no day; names the line.
    """
    rows = _rows(text, TAG_COLUMNS, required=("from_key", "key"), name=name)
    return tuple(
        TagMapping(
            valid_from=_day(row, "valid_from", place=place),
            valid_to=_day(row, "valid_to", place=place),
            from_key=row["from_key"],
            from_value=row["from_value"],
            key=row["key"],
            value=row["value"],
        )
        for place, row in rows
    )


def parse_owners(text: str, *, name: str) -> tuple[Owner, ...]:
    """Read an owner table; the first row that fits wins.

    Raises:
        RuleFileError: as `parse_tag_map`, or a column that charges do not have.
    """
    rows = _rows(text, OWNER_COLUMNS, required=("column", "value", "owner"), name=name)
    for place, row in rows:
        column = row["column"]
        if column == "tags" or (column not in ATTRIBUTES and not column.startswith(_TAG_PREFIX)):
            raise RuleFileError(
                f"{place}: column is {column[:40]!r}; expected tag:<key> or one of "
                f"{', '.join(one for one in ATTRIBUTES if one != 'tags')}."
            )
    return tuple(
        Owner(
            valid_from=_day(row, "valid_from", place=place),
            valid_to=_day(row, "valid_to", place=place),
            column=row["column"],
            value=row["value"],
            owner=row["owner"],
        )
        for place, row in rows
    )


def mapped(
    attributes: pa.Table, *, tags: Sequence[TagMapping], owners: Sequence[Owner], on: date
) -> pa.Table:
    """The attribute dictionary with mapped tags and, where found, the tag `business_owner`.

    Rows and all other columns stay. Tables hold as of the day `on`. When two tags of a tuple come
    to mean the same key, the one that stands first in the table wins; a tag that kept its own name
    comes last.
    """
    live_tags = [one for one in tags if _holds(one, on)]
    live_owners = [one for one in owners if _holds(one, on)]
    if not live_tags and not live_owners:
        return attributes
    columns = [attributes.column(name).to_pylist() for name in ATTRIBUTES]
    found = [
        _mapped_row(dict(zip(ATTRIBUTES, row, strict=True)), live_tags, live_owners)
        for row in zip(*columns, strict=True)
    ]
    place = attributes.schema.get_field_index("tags")
    return attributes.set_column(
        place, attributes.schema.field(place), pa.array(found, pa.string())
    )


def _mapped_row(
    row: Mapping[str, str | None], tags: Sequence[TagMapping], owners: Sequence[Owner]
) -> str:
    original: dict[str, str] = json.loads(row["tags"] or "{}")
    result: dict[str, str] = {}
    used: set[str] = set()
    for mapping in tags:
        for key, value in original.items():
            if key not in used and _fits(mapping, key, value):
                used.add(key)
                result.setdefault(mapping.key, mapping.value or value)
    for key, value in original.items():
        if key not in used:
            result.setdefault(key, value)
    for owner in owners:
        if OWNER_TAG not in result and _has(owner, row, result):
            result[OWNER_TAG] = owner.owner
    return tags_json(result)


def _fits(mapping: TagMapping, key: str, value: str) -> bool:
    same_key = mapping.from_key.casefold() == key.casefold()
    return same_key and mapping.from_value.casefold() in {"", value.casefold()}


def _has(owner: Owner, row: Mapping[str, str | None], tags: Mapping[str, str]) -> bool:
    if owner.column.startswith(_TAG_PREFIX):
        return tags.get(owner.column.removeprefix(_TAG_PREFIX)) == owner.value
    return row[owner.column] == owner.value


def _holds(one: TagMapping | Owner, on: date) -> bool:
    return (one.valid_from or date.min) <= on <= (one.valid_to or date.max)


def _rows(
    text: str, columns: Sequence[str], *, required: Sequence[str], name: str
) -> list[tuple[str, dict[str, str]]]:
    if len(text.encode()) > _MOST_BYTES:
        raise RuleFileError(f"{name} is larger than {_MOST_BYTES:,} bytes: split the table.")
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    found: list[tuple[str, dict[str, str]]] = []
    try:
        header = next(reader, [])
        if header != list(columns):
            raise RuleFileError(
                f"{name}: the header is {','.join(header)[:80]!r}; expected {','.join(columns)}."
            )
        for cells in reader:
            place = f"{name}, line {reader.line_num}"
            if len(cells) != len(columns):
                raise RuleFileError(
                    f"{place}: {len(cells)} cells; expected {len(columns)}, empty ones included."
                )
            row = {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}
            missing = [column for column in required if not row[column]]
            if missing:
                raise RuleFileError(f"{place}: {', '.join(missing)} is empty; fill it in.")
            found.append((place, row))
    except csv.Error as error:
        raise RuleFileError(f"{name}, line {reader.line_num}: not CSV ({error}).") from error
    return found


def _day(row: Mapping[str, str], column: str, *, place: str) -> date | None:
    if not row[column]:
        return None
    try:
        return date.fromisoformat(row[column])
    except ValueError:
        raise RuleFileError(
            f"{place}: {column} is {row[column][:40]!r}; expected a day such as 2026-10-31."
        ) from None
