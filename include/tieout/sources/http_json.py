"""JSON over HTTPS for providers that have no client of their own.

Owns the transport: no redirects, two time-outs, bounded repeats, pacing, a deadline for the whole
pull and a size limit. It knows no provider; messages name hosts, never headers, addresses or text.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from time import monotonic, sleep
from typing import IO, NoReturn
from urllib.parse import urlencode

from tieout.config import ProviderConnection
from tieout.core.errors import SettingError, SourceAnswerError
from tieout.sources.answers import (
    CONNECT_TIMEOUT_S,
    MAX_RETRIES,
    READ_TIMEOUT_S,
    failed_status,
    unreachable,
)
from tieout.sources.limits import MAX_JSON_BYTES, check_endpoint

MAX_PULL_S = 900
MAX_WAIT_S = 60
USER_AGENT = "tieout"

_NOT_FOUND = 404
_REPEATED = frozenset({408, 429, 500, 502, 503, 504})
_CHUNK = 1 << 16


@dataclass(slots=True, kw_only=True)
class Api:
    """One provider's address and headers for one pull; `ends_at` is its deadline (monotonic)."""

    provider: str
    endpoint: str
    headers: Mapping[str, str] = field(repr=False)
    pace_s: int
    ends_at: float
    next_at: float = 0


def open_api(
    connection: ProviderConnection,
    *,
    provider: str,
    endpoint: str,
    headers: Mapping[str, str],
    pace_s: int = 0,
) -> Api:
    """A provider at the connection's address, else at `endpoint`; `pace_s` between two requests.

    Raises:
        SettingError: the address is none that data may be fetched from.
    """
    address = check_endpoint(connection.endpoint or endpoint).rstrip("/")
    return Api(
        provider=provider,
        endpoint=address,
        headers={"Accept": "application/json", "User-Agent": USER_AGENT, **headers},
        pace_s=pace_s,
        ends_at=monotonic() + MAX_PULL_S,
    )


def get(api: Api, path: str, query: Mapping[str, str | int]) -> bytes:
    """The body of a GET.

    Raises:
        SourceError: unreachable after the repeats, refused, too large, or another status than 200.
    """
    return _ask(api, _request(api, path, query, None))


def get_if_there(api: Api, path: str, query: Mapping[str, str | int]) -> bytes | None:
    """The same; None when the provider does not have that address (404)."""
    try:
        return _ask(api, _request(api, path, query, None))
    except SourceAnswerError as error:
        cause = error.__cause__
        if isinstance(cause, urllib.error.HTTPError) and cause.code == _NOT_FOUND:
            return None
        raise


def post(api: Api, path: str, body: Mapping[str, object]) -> bytes:
    """The body of the answer to a POST of JSON, for interfaces that read by POST; as `get`."""
    return _ask(api, _request(api, path, {}, json.dumps(body).encode()))


class _TransientError(Exception):
    """Worth another try; `wait_s` is what the provider asked for."""

    def __init__(self, reason: str, wait_s: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.timeout = CONNECT_TIMEOUT_S
        super().connect()
        self.sock.settimeout(READ_TIMEOUT_S)


class _SecureConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        self.timeout = CONNECT_TIMEOUT_S
        super().connect()
        self.sock.settimeout(READ_TIMEOUT_S)


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> None:
        """None: a redirect stays an error, because the key would travel with it."""


_OPENER = urllib.request.build_opener(_Http, _Https, _NoRedirects)


def _request(
    api: Api, path: str, query: Mapping[str, str | int], body: bytes | None
) -> urllib.request.Request:
    asked = f"?{urlencode(query)}" if query else ""
    kind = {"Content-Type": "application/json"} if body is not None else {}
    return urllib.request.Request(  # noqa: S310  check_endpoint has admitted scheme and host
        f"{api.endpoint}{path}{asked}",
        data=body,
        headers={**api.headers, **kind},
        method="GET" if body is None else "POST",
    )


def _ask(api: Api, request: urllib.request.Request) -> bytes:
    for repeat in range(MAX_RETRIES + 1):
        _pause(api, api.next_at - monotonic(), "the provider is slow")
        api.next_at = monotonic() + api.pace_s
        try:
            return _once(api, request)
        except _TransientError as error:
            if repeat == MAX_RETRIES:
                raise unreachable(api.provider, api.endpoint, error.reason) from error
            wait_s = 2**repeat if error.wait_s is None else error.wait_s
            if wait_s > MAX_WAIT_S:
                _give_up(api, f"{error.reason}, try again in {wait_s} s")
            _pause(api, wait_s, error.reason)
    raise AssertionError("unreachable: the last repeat returns or raises")


def _once(api: Api, request: urllib.request.Request) -> bytes:
    try:
        with _OPENER.open(request) as response:
            return _body(api, response)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in _REPEATED:
            raise _TransientError(f"HTTP {error.code}", _retry_after(error.headers)) from error
        raise failed_status(api.provider, api.endpoint, error.code) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise _TransientError(type(reason).__name__) from error
    except ValueError:  # a header that cannot be sent; its text would be in the message
        raise SettingError(
            f"The key of {api.provider} holds characters that no key has: expected one line of "
            f"plain text; correct the connection tieout_{api.provider}."
        ) from None


def _body(api: Api, response: http.client.HTTPResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := response.read(_CHUNK):
        size += len(part)
        if size > MAX_JSON_BYTES:
            raise SourceAnswerError(
                f"{api.provider} sent more than {MAX_JSON_BYTES:,} bytes in one answer: expected "
                "fewer; ask for a shorter range."
            )
        if monotonic() > api.ends_at:
            _give_up(api, f"no end after {MAX_PULL_S} s")
        parts.append(part)
    return b"".join(parts)


def _retry_after(headers: Message) -> int | None:
    text = headers.get("Retry-After") or ""
    return int(text) if text.isdecimal() and len(text) < len("1000000") else None


def _pause(api: Api, wait_s: float, reason: str) -> None:
    if monotonic() + max(wait_s, 0) > api.ends_at:
        _give_up(api, f"{reason}, no end after {MAX_PULL_S} s")
    if wait_s > 0:
        sleep(wait_s)


def _give_up(api: Api, reason: str) -> NoReturn:
    raise unreachable(api.provider, api.endpoint, reason)
