"""Limits on everything that comes from outside: sizes, ratios, numbers, addresses.

Owns the refusals of unpacking, JSON and endpoints; PDF limits are in `pdf_child`. Figures come
from measurements: an honest bill unpacks at most 36:1, a bomb 1,029:1.
"""

import ipaddress
import json
import zlib
from collections.abc import Generator, Iterator
from decimal import Decimal
from typing import NoReturn
from urllib.parse import urlsplit

from tieout.config import load_settings
from tieout.core.errors import DocumentUnreadableError, SettingError, SourceAnswerError

MAX_RATIO = 200
RATIO_FREE_BYTES = 1_000_000
MAX_UNPACKED_BYTES = 2_000_000_000
MAX_DOCUMENT_BYTES = 20_000_000
MAX_JSON_BYTES = 200_000_000
MAX_JSON_DEPTH = 50
MAX_NUMBER_CHARACTERS = 80
MAX_GZIP_MEMBERS = 10_000

MAX_TABLE_ROWS = 50_000_000

_CHUNK = 1 << 16
_PART = 1 << 18
_GZIP = 31


def check_endpoint(url: str, *, allow_loopback: bool | None = None) -> str:
    """Give the address back if data may be fetched from there.

    Addresses on the internet must be https. Loopback, private and link-local addresses are refused
    unless `allow_loopback` (None: what `TIEOUT_ALLOW_LOOPBACK` says), because a connection that
    points at the deployment's own network reads what it should not. Host names are not resolved.

    Raises:
        SettingError: not such an address; says what to change.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.password:
        raise SettingError(
            f"Endpoint of host {host or '(none)'!r} is not a plain http(s) address: expected "
            "https://host without a login in it; correct the connection."
        )
    if _is_internal(host):
        allowed = load_settings().allow_loopback if allow_loopback is None else allow_loopback
        if not allowed:
            raise SettingError(
                f"Endpoint {host} is on this machine or a private network: expected a provider's "
                "public address; set TIEOUT_ALLOW_LOOPBACK=1 only for stand-ins and tests."
            )
    elif parts.scheme != "https":
        raise SettingError(
            f"Endpoint {host} is plain http: expected https, because the key travels with it; "
            "correct the connection."
        )
    return url


def gunzip(content: bytes, *, name: str, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """Unpack a gzip file of any number of members, never beyond the limits.

    Raises:
        DocumentUnreadableError: truncated, not gzip, or larger than it may be.
    """
    return b"".join(gunzip_parts(content, name=name, max_bytes=max_bytes))


def gunzip_parts(
    content: bytes, *, name: str, max_bytes: int = MAX_UNPACKED_BYTES
) -> Iterator[bytes]:
    """The same bytes in parts of at most 256 kB: nothing unpacked is kept.

    Raises:
        DocumentUnreadableError: as `gunzip`, at the part where it shows.
    """
    size = 0
    for part in _unpacked(content, name):
        size += len(part)
        too_dense = size > RATIO_FREE_BYTES and size > MAX_RATIO * len(content)
        if size > max_bytes or too_dense:
            raise DocumentUnreadableError(
                f"{name} unpacks to more than {size - 1:,} bytes from {len(content):,}: expected "
                f"at most {MAX_RATIO}:1 and {max_bytes:,} bytes; ask the sender for a smaller file."
            )
        yield part


def load_json(content: bytes, *, name: str) -> object:
    """Read JSON strictly: numbers as Decimal or int, no NaN, no duplicate keys, no deep nesting.

    Raises:
        SourceAnswerError: anything else, with the reason.
    """
    if len(content) > MAX_JSON_BYTES:
        raise SourceAnswerError(
            f"{name} has {len(content):,} bytes: expected at most {MAX_JSON_BYTES:,}; "
            "ask for a shorter range."
        )
    try:
        value: object = json.loads(
            content.decode("utf-8"),
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
        _check_depth(value)
    except (ValueError, RecursionError) as error:
        reason = str(error)[:120] or "nested too deeply"
        raise SourceAnswerError(
            f"{name} is not the JSON that was asked for ({reason}): pull it again, and report it "
            "to the provider if it stays."
        ) from error
    return value


def _is_internal(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".internal", ".local")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _unpacked(content: bytes, name: str) -> Iterator[bytes]:
    rest = memoryview(content)
    members = 0
    while rest or not members:
        members += 1
        if members > MAX_GZIP_MEMBERS:
            raise DocumentUnreadableError(
                f"{name} has more than {MAX_GZIP_MEMBERS:,} gzip members: expected one or a few; "
                "ask the sender for a plain file."
            )
        rest = yield from _member(rest, name)


def _member(packed: memoryview, name: str) -> Generator[bytes, None, memoryview]:
    """Unpack one member; returns what follows it. Fed in chunks: zlib copies what it leaves."""
    inflater = zlib.decompressobj(wbits=_GZIP)
    fed = 0
    while not inflater.eof:
        waiting: bytes | memoryview = inflater.unconsumed_tail
        if not waiting:
            waiting = packed[fed : fed + _CHUNK]
            fed += len(waiting)
        try:
            part = inflater.decompress(waiting, _PART)
        except zlib.error as error:
            raise DocumentUnreadableError(
                f"{name} is not a whole gzip file ({error}): pull it again."
            ) from error
        if not part and not waiting and not inflater.eof:
            raise DocumentUnreadableError(
                f"{name} ends in the middle (truncated gzip): pull it again."
            )
        yield part
    return packed[fed - len(inflater.unused_data) :]


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise ValueError(f"a number of {len(text)} characters")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise ValueError(f"a number of {len(text)} characters")
    return int(text)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return result


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        inner: list[object] = []
        for entry in level:
            if isinstance(entry, dict):
                inner.extend(entry.values())
            elif isinstance(entry, list):
                inner.extend(entry)
        if not inner:
            return
        level = inner
    raise ValueError(f"nested more than {MAX_JSON_DEPTH} levels deep")
