"""Canonical bytes: one value, one sequence of bytes, on every machine (RFC 8785 over NFC texts).

Owns what may be hashed: objects, lists, texts, booleans, null and integers below 2**53. Money and
larger integers are written as texts; instants as UTC texts.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

from tieout.core.errors import IntegrityError
from tieout.core.ids import sha256_hex

_TEXTS = frozenset({str})
LARGEST = 2**53 - 1  # RFC 8785 counts in IEEE doubles


def canonical_bytes(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value, with every text in Unicode normal form C.

    Raises:
        IntegrityError: a value that JSON has no single form for (a binary fraction, a date, a too
            large integer, a lone surrogate), or two keys that become one; names the place.
    """
    if _is_simple(value):
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        if text.isascii():  # then Python's own writer gives the same bytes, ten times as fast
            return text.encode()
    result: bytes = rfc8785.dumps(_plain(value, "$"))
    return result


def canonical_hash(value: Any) -> str:
    """SHA-256 of the canonical bytes, 64 hex digits: the content hash of statements and entries."""
    return sha256_hex(canonical_bytes(value))


def _is_simple(value: Any) -> bool:
    """Whether a value is built of plain dicts with texts as keys, lists, texts and small integers.

    Asks for the very types: what only behaves like one of them goes the long way.
    """
    kind = type(value)
    if kind is dict:
        return _TEXTS.issuperset(map(type, value)) and all(map(_is_simple, value.values()))
    if kind is list:
        return all(map(_is_simple, value))
    return kind is str or value is None or (kind is int and abs(value) <= LARGEST)


def _plain(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, int):
        return _integer(value, place)
    if isinstance(value, Mapping):
        return _object(value, place)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(part, f"{place}[{number}]") for number, part in enumerate(value)]
    raise IntegrityError(
        f"Cannot hash {place}: expected text, integer, boolean, null, list or object, found "
        f"{type(value).__name__}; write amounts and instants as texts."
    )


def _integer(value: int, place: str) -> int:
    if abs(value) > LARGEST:
        raise IntegrityError(
            f"Cannot hash {place}: expected an integer within 2**53 - 1, found {value}; write it "
            "as text."
        )
    return value


def _text(value: str, place: str) -> str:
    text = unicodedata.normalize("NFC", value)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise IntegrityError(
            f"Cannot hash {place}: found half of a surrogate pair; the source is not valid Unicode."
        )
    return text


def _object(value: Mapping[Any, Any], place: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, part in value.items():
        if not isinstance(key, str):
            raise IntegrityError(f"Cannot hash {place}: expected texts as keys, found {key!r}.")
        name = _text(key, place)
        if name in fields:
            raise IntegrityError(f"Cannot hash {place}: two keys become {name!r} in normal form C.")
        fields[name] = _plain(part, f"{place}.{name}")
    return fields
