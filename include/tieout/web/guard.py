"""The gate in front of every route; knows no person and no route.

Owns where a request may come from, how large it may be, what a browser may do with the answer, and
that a failure inside is told as a number and never as SQL, a path or a stack.

Rules: OWASP ASVS 5.0 V3 (browser) and V4 (API); Airflow's own server sends none of these headers.
"""

import uuid
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT_BYTES: Final = 64 * 1024
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_POLICY: Final = "Content-Security-Policy"
SECURITY_HEADERS: Final[Mapping[str, str]] = {
    _POLICY: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware around the whole app; what it refuses never reaches a route."""

    def __init__(self, app: ASGIApp, *, body_limit: int = BODY_LIMIT_BYTES) -> None:
        self._app = app
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with a counted body and with our headers on the answer."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = _with_headers(send)
        headers = Headers(scope=scope)
        refusal = _refused(scope["method"], headers, self._body_limit)
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        counted = _Counted(receive, answer, self._body_limit)
        try:
            await self._app(scope, counted.receive, counted.send)
        except Exception as error:
            if counted.answered:
                raise
            if not counted.exceeded:
                await _failed(scope["path"], error)(scope, receive, answer)
        if counted.exceeded and not counted.answered:
            await _too_large(self._body_limit)(scope, receive, answer)


def refusal(status: int, sentence: str) -> JSONResponse:
    """The one shape of every refusal."""
    return JSONResponse({"error": sentence}, status_code=status)


class _BodyTooLargeError(Exception):
    """More bytes came than the limit, whatever the request had declared."""


class _Counted:
    """Counts the bytes of a body as they come.

    Once there are too many, the app's own answer is dropped: a framework may have turned our
    exception into an answer of its own.
    """

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self.answered = False

    @property
    def exceeded(self) -> bool:
        return self._left < 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.exceeded:
            raise _BodyTooLargeError
        return message

    async def send(self, message: Message) -> None:
        if self.exceeded and not self.answered:
            return
        self.answered = True
        await self._send(message)


def _refused(method: str, headers: Headers, limit: int) -> JSONResponse | None:
    if method not in SAFE_METHODS and not _comes_from_here(headers):
        return refusal(
            403,
            "This request does not come from the finance pages: expected the same origin, or an "
            "API token in an Authorization header.",
        )
    declared = headers.get("content-length", "0")
    if not declared.isdecimal():
        return refusal(400, "The length of the request is not a number of bytes.")
    return _too_large(limit) if int(declared) > limit else None


def _comes_from_here(headers: Headers) -> bool:
    """Whether no other site can have made the browser send this.

    A bearer header is never added by a browser on its own, so it is proof by itself.
    """
    if headers.get("authorization", "").lower().startswith("bearer "):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")


def _too_large(limit: int) -> JSONResponse:
    return refusal(413, f"The request is too large: at most {limit} bytes are read.")


def _failed(path: str, error: Exception) -> JSONResponse:
    number = uuid.uuid4().hex[:12]
    structlog.get_logger("tieout.web").error(
        "request_failed", number=number, path=path, exc_info=error
    )
    return refusal(500, f"This failed on our side; give number {number} to whoever runs tieout.")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            own = headers.get(_POLICY)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
            if own:  # a browser obeys both policies, so a route can only take away
                headers[_POLICY] = f"{SECURITY_HEADERS[_POLICY]}, {own}"
        await send(message)

    return sending
