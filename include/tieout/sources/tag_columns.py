"""Tags of whole columns as canonical JSON: from JSON text, maps, or a column for each tag.

Owns the three spellings and what cannot be read; which keys count is the reader's business.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import SourceAnswerError
from tieout.focus.coded import Codes, coded, codes_of
from tieout.focus.columns import tags_json
from tieout.sources.amounts import NULL_WORDS
from tieout.sources.columns import constant, gathered, mapped, no_text
from tieout.sources.limits import load_json

NO_TAGS = "{}"

Rename = Callable[[str], str]


class TagText(NamedTuple):
    """Canonical tags, the text as received where it differs in meaning, and whether it was read."""

    tags: str
    source: str | None
    is_readable: bool


class TagColumns(NamedTuple):
    """`tags` (never null) and `source_tags` of a batch; how many rows could not be read."""

    tags: pa.DictionaryArray
    source: pa.DictionaryArray
    unreadable: Codes


def unchanged(key: str) -> str:
    """The key as the source spells it."""
    return key


@lru_cache(maxsize=1 << 16)
def read_tags(text: str) -> TagText:
    """JSON text with or without its braces (Azure leaves them out); values become text."""
    stripped = text.strip()
    if stripped in NULL_WORDS:
        return TagText(NO_TAGS, None, is_readable=True)
    has_braces = stripped.startswith("{")
    try:
        whole = stripped if has_braces else f"{{{stripped}}}"
        value = cast("dict[str, object]", load_json(whole.encode(), name="tags"))
    except SourceAnswerError:
        return TagText(NO_TAGS, text, is_readable=False)
    tags = {key: _tag_text(one) for key, one in value.items()}
    is_same = has_braces and all(isinstance(one, str) and one for one in value.values())
    return TagText(tags_json(tags), None if is_same else text, is_readable=True)


def tag_map(text: str | None) -> Mapping[str, str]:
    """The tags of a canonical text."""
    found: Mapping[str, str] = json.loads(text or NO_TAGS)
    return found


def text_tags(column: pa.Array, *, rename: Rename = unchanged) -> TagColumns:
    """Tags of a column of JSON text."""
    texts = coded(column)
    read = [read_tags(text) for text in texts.dictionary.to_pylist()]
    codes = codes_of(texts)
    unread = [place for place, one in enumerate(read) if not one.is_readable]
    return TagColumns(
        tags=gathered([*(_renamed(one.tags, rename) for one in read), NO_TAGS], codes),
        source=gathered([*(one.source for one in read), None], codes),
        unreadable=np.flatnonzero(np.isin(codes, unread)).astype(np.int32),
    )


def map_tags(column: pa.MapArray, *, rename: Rename = unchanged) -> TagColumns:
    """Tags of a Parquet map; equal maps are read once."""
    rows = len(column)
    keys, values = coded(column.keys), coded(column.items)
    pairs = np.stack([codes_of(keys), codes_of(values)], axis=1)
    offsets = np.asarray(column.offsets.to_numpy(), np.int64) * pairs.itemsize * 2
    packed = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(pairs)]
    ).dictionary_encode()
    names, texts = keys.dictionary.to_pylist(), [*values.dictionary.to_pylist(), ""]
    read = [
        tags_json({rename(names[key]): texts[value] for key, value in _pairs(one)})
        for one in packed.dictionary.to_pylist()
    ]
    tags = gathered([*read, NO_TAGS], packed.indices.to_numpy())
    return TagColumns(tags=tags, source=no_text(rows), unreadable=np.zeros(0, np.int32))


def tag_columns(columns: Mapping[str, pa.DictionaryArray], rows: int) -> pa.DictionaryArray:
    """Tags that have a column each, by key; an empty cell is no tag."""
    fragments = [
        mapped(columns[key], _fragment(key)).cast(pa.string())
        for key in sorted(columns)
        if columns[key].null_count < rows
    ]
    if not fragments:
        return constant(NO_TAGS, rows)
    # null_handling "skip" drops rows in which everything is null (pyarrow 26): replace instead
    joined = pc.binary_join_element_wise(
        "{", *fragments, "}", "", null_handling="replace", null_replacement=""
    )
    return coded(pc.replace_substring(joined, "{,", "{", max_replacements=1))


def _tag_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def _renamed(tags: str, rename: Rename) -> str:
    if rename is unchanged:
        return tags
    return tags_json({rename(key): value for key, value in tag_map(tags).items()})


def _pairs(packed: bytes) -> list[list[int]]:
    pairs: list[list[int]] = np.frombuffer(packed, np.int32).reshape(-1, 2).tolist()
    return pairs


def _fragment(key: str) -> Callable[[str], str | None]:
    name = json.dumps(key, ensure_ascii=False)

    def fragment(text: str) -> str | None:
        return f",{name}:{json.dumps(text, ensure_ascii=False)}" if text else None

    return fragment
