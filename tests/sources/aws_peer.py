"""A loopback peer for AWS's JSON interfaces that moto does not have: it answers from a script."""

import json
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from tests.sources.quiet_handler import QuietHandler

from tieout.config import ProviderConnection, Secret

Reply = tuple[int, bytes]
KEY_ID, CANARY = "AKIACANARYKEY0000001", "canary/Secret+Key=0123456789"


class Peer:
    """Answers each operation with its next scripted reply (the last one again and again).

    `asked` keeps operation and body of every call, `headers` the headers; `files` are what a plain
    GET gives, by path.
    """

    def __init__(self) -> None:
        self.script: dict[str, list[Reply]] = {}
        self.files: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.fetched: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answers(self, operation: str, *values: object) -> None:
        """Script successful answers."""
        self.script.setdefault(operation, []).extend(
            (200, json.dumps(value).encode()) for value in values
        )

    def refuses(self, operation: str, code: str, message: str = "no", status: int = 400) -> None:
        """Script one error."""
        body = json.dumps({"__type": code, "message": message}).encode()
        self.script.setdefault(operation, []).append((status, body))

    def next(self, operation: str) -> Reply:
        waiting = self.script[operation]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def connection(**extra: str) -> ProviderConnection:
    """A connection whose secret is a canary; the extra has what every pull needs."""
    defaults = {"bucket": "example-bills", "prefix": "exports", "report": "daily"}
    return ProviderConnection(
        name="tieout_aws_emea",
        endpoint=extra.pop("endpoint_url", None),
        login=KEY_ID,
        secret=Secret(CANARY),
        extra={**defaults, **extra},
    )


def _handler(peer: Peer) -> Callable[..., QuietHandler]:
    class Handler(QuietHandler):
        def answer(self) -> None:
            if self.command == "GET":
                peer.fetched.append(self.path)
                self._give(*peer.files[self.path.partition("?")[0]])
            else:
                self._call()

        def _call(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            target = self.headers["X-Amz-Target"]
            if target:
                operation, body = target.rpartition(".")[2], json.loads(content)
            else:  # STS speaks the older query protocol
                body = dict(parse_qsl(content.decode()))
                operation = body["Action"]
            peer.asked.append((operation, body))
            peer.headers.append(dict(self.headers))
            status, answer = peer.next(operation)
            self._give(status, {"Content-Type": "application/x-amz-json-1.1"}, answer)

        def _give(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler
