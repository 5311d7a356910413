"""Ids made from content: the same fact has the same id on every machine and in every run."""

import hashlib
from collections.abc import Iterable, Sequence

_UNIT_SEPARATOR = b"\x1f"
_NULL = b"\x00"


def sha256_hex(content: bytes) -> str:
    """SHA-256 of bytes as 64 lower-case hex digits."""
    return hashlib.sha256(content).hexdigest()


def content_key(parts: Iterable[str | int | None]) -> str:
    """SHA-256 over parts in order; None and the empty text differ, and no two lists collide."""
    return sha256_hex(_UNIT_SEPARATOR.join(_encode(part) for part in parts))


def content_keys(columns: Iterable[tuple[Sequence[str | None], Iterable[int]]]) -> list[str]:
    """`content_key` of each row of some columns: their texts, and for each row its text's place.

    A repeated text is encoded once; a place may count from the end, as in any sequence.
    """
    encoded = []
    for texts, codes in columns:
        parts = [_encode(text) for text in texts]
        encoded.append([parts[code] for code in codes])
    return [sha256_hex(_UNIT_SEPARATOR.join(row)) for row in zip(*encoded, strict=True)]


def attribute_key(parts: Iterable[str | None]) -> int:
    """A positive 63-bit id of an attribute tuple, for joins on integers.

    218,000 distinct tuples collide with a chance of 3e-9; `normalise` refuses a collision.
    """
    digest = hashlib.sha256(_UNIT_SEPARATOR.join(_encode(part) for part in parts)).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _encode(part: str | int | None) -> bytes:
    if part is None:
        return _NULL
    text = str(part).encode()
    return str(len(text)).encode() + b":" + text
