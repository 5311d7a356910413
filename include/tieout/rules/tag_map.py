"""Look-up tables that people keep as CSV: which tag means which, and who owns what.

Owns both languages and their use on attribute tuples. The tags of the charges stay as the provider
sent them; the mapped ones are made anew for each classification, so that a corrected table holds
for the past as well.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from tieout.core.errors import RuleFileError
from tieout.focus.columns import tags_json
from tieout.rules.csv_text import CsvRow, read_csv
from tieout.rules.masks import Codes, Rows, encode, tags_of
from tieout.rules.predicate import COLUMNS

OWNER_TAG = "business_owner"
TAG_COLUMNS = ("valid_from", "valid_to", "from_key", "from_value", "key", "value")
OWNER_COLUMNS = ("valid_from", "valid_to", "column", "value", "owner")

_TAG_PREFIX = "tag:"


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
            valid_from=row.day("valid_from"),
            valid_to=row.day("valid_to"),
            from_key=row.cells["from_key"],
            from_value=row.cells["from_value"],
            key=row.cells["key"],
            value=row.cells["value"],
        )
        for row in rows
    )


def parse_owners(text: str, *, name: str) -> tuple[Owner, ...]:
    """Read an owner table; the first row that fits wins.

    Raises:
        RuleFileError: as `parse_tag_map`, or a column that charges do not have.
    """
    rows = _rows(text, OWNER_COLUMNS, required=("column", "value", "owner"), name=name)
    for row in rows:
        column = row.cells["column"]
        if column not in COLUMNS and not column.startswith(_TAG_PREFIX):
            raise row.error(
                f"column is {column[:40]!r}; expected tag:<key> or one of {', '.join(COLUMNS)}."
            )
    return tuple(
        Owner(
            valid_from=row.day("valid_from"),
            valid_to=row.day("valid_to"),
            column=row.cells["column"],
            value=row.cells["value"],
            owner=row.cells["owner"],
        )
        for row in rows
    )


def table_changes(rows: Collection[TagMapping | Owner]) -> set[date]:
    """The days from which a table says something else than the day before."""
    starts = {row.valid_from for row in rows if row.valid_from}
    ends = {row.valid_to for row in rows if row.valid_to and row.valid_to < date.max}
    return starts | {day + timedelta(days=1) for day in ends}


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
    texts = encode(attributes.column("tags"))
    distinct = [_mapped_tags(tags_of(text), live_tags) for text in texts.texts()]
    distinct.append({})
    found = _owner_of_rows(attributes, texts.codes, distinct, live_owners)
    # a text of tags is made once for each pair of distinct tags and owner, not once a row
    pairs, rows = np.unique(texts.codes * (len(live_owners) + 1) + found, return_inverse=True)
    made = [
        _with_owner(distinct[code], live_owners[owner] if owner < len(live_owners) else None)
        for code, owner in (divmod(int(pair), len(live_owners) + 1) for pair in pairs)
    ]
    place = attributes.schema.get_field_index("tags")
    column = pa.array(made, pa.string()).take(pa.array(rows))
    return attributes.set_column(place, "tags", column)


def _owner_of_rows(
    attributes: pa.Table,
    codes: Rows,
    distinct: Sequence[Mapping[str, str]],
    owners: Sequence[Owner],
) -> Rows:
    """For each row the number of the first owner that fits; `len(owners)` where none does."""
    found = np.full(len(codes), len(owners), dtype=np.int64)
    columns: dict[str, Codes] = {}
    for number, owner in reversed(list(enumerate(owners))):
        if owner.column.startswith(_TAG_PREFIX):
            key = owner.column.removeprefix(_TAG_PREFIX)
            has = np.array([tags.get(key) == owner.value for tags in distinct])[codes]
        else:
            if owner.column not in columns:
                columns[owner.column] = encode(attributes.column(owner.column))
            source = columns[owner.column]
            has = np.array([*(text == owner.value for text in source.texts()), False])[source.codes]
        found[has] = number
    return found


def _mapped_tags(original: Mapping[str, str], tags: Sequence[TagMapping]) -> dict[str, str]:
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
    return result


def _with_owner(tags: Mapping[str, str], owner: Owner | None) -> str:
    return tags_json(
        tags if owner is None or OWNER_TAG in tags else {**tags, OWNER_TAG: owner.owner}
    )


def _fits(mapping: TagMapping, key: str, value: str) -> bool:
    same_key = mapping.from_key.casefold() == key.casefold()
    return same_key and mapping.from_value.casefold() in {"", value.casefold()}


def _holds(one: TagMapping | Owner, on: date) -> bool:
    return (one.valid_from or date.min) <= on <= (one.valid_to or date.max)


def _rows(
    text: str, columns: Sequence[str], *, required: Sequence[str], name: str
) -> tuple[CsvRow, ...]:
    header, rows = read_csv(text, name=name)
    if header != tuple(columns):
        raise RuleFileError(
            f"{name}: the header is {','.join(header)[:80]!r}; expected {','.join(columns)}."
        )
    for row in rows:
        row.require(required)
    return rows
