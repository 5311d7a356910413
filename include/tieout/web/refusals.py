"""Refusals as pages: whoever asked for HTML gets the same sentence in the frame of the pages.

Owns nothing of the decision: it stands outside the gate and turns what comes out of it, a small
JSON object with one sentence, into HTML; a missing log-in becomes the way to Airflow's log-in.
"""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieout.web.assets import below
from tieout.web.guard import SAFE_METHODS
from tieout.web.rendering import render

_FIRST_REFUSAL: Final = 400
_NOT_LOGGED_IN: Final = 401
_TITLES: Final[Mapping[int, str]] = {
    400: "This address is not understood",
    403: "This is not yours to do",
    404: "There is nothing here",
    405: "This address does not take that",
    409: "Not now",
    413: "Too much at once",
    422: "This does not fit",
    429: "Too often in a minute",
    503: "Come back in a moment",
}
_NEXT: Final[Mapping[int, str]] = {
    403: (
        "Which duties exist stands in the chapter on people of the settings; whoever runs tieout "
        "grants them, by loading the file of people."
    ),
    404: "Go back to the month, or look for it by its document or entry number.",
    409: "What you saw may have moved since: open the page again and look at it once more.",
    422: "Nothing was recorded: go back, correct it and send it again.",
    429: "Wait a minute; nothing was lost.",
    503: "Nothing was recorded: try again.",
}


class Refusals:
    """ASGI middleware outside the gate; the API's own answers stay what they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and dress a refusal if a person is to read it."""
        if scope["type"] != "http" or not _is_for_a_person(scope):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Dressing(scope, send).send)


class _Dressing:
    """Holds a refusal back until its sentence is complete."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            if message["status"] >= _FIRST_REFUSAL and kind.startswith("application/json"):
                self._start = message
                return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._answer(self._start)

    async def _answer(self, start: Message) -> None:
        headers = MutableHeaders(raw=start["headers"])
        status, root = start["status"], self._scope.get("root_path", "")
        if status == _NOT_LOGGED_IN:
            status, body = 303, b""
            headers["location"] = f"{_airflow(root)}/auth/login?next={quote(_here(self._scope))}"
        else:
            body = _page(status, _sentence(self._body), root).encode()
        headers["content-type"] = "text/html; charset=utf-8"
        headers["content-length"] = str(len(body))
        await self._send({**start, "status": status, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _page(status: int, sentence: str, root: str) -> str:
    title = _TITLES.get(status, "This failed on our side")
    return render(
        "refusal.html",
        status=status,
        title=title,
        sentence=sentence,
        root=root,
        next_step=_NEXT.get(status, ""),
    )


def _sentence(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return "The request was refused."


def _is_for_a_person(scope: Scope) -> bool:
    accepts = Headers(scope=scope).get("accept", "")
    return "text/html" in accepts and not below(scope).startswith("/api/")


def _here(scope: Scope) -> str:
    """Where to come back to: this address, of a form the page that it stood on."""
    if scope["method"] not in SAFE_METHODS:
        page = urlsplit(Headers(scope=scope).get("referer", ""))
        return page.path + (f"?{page.query}" if page.query else "")
    query = scope.get("query_string", b"").decode("latin-1")
    return str(scope["path"]) + (f"?{query}" if query else "")


def _airflow(root: str) -> str:
    """Where Airflow itself is: the mount point without our own last part."""
    return root.rpartition("/")[0]
