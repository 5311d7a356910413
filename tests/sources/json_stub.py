"""A loopback server that answers by a function and remembers what it was asked."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.sources.quiet_handler import QuietHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: path without query, the query, the JSON body (empty for GET), the headers."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, object]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    body: bytes | str | Mapping[str, object] = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        text = json.dumps(self.body) if isinstance(self.body, Mapping) else self.body
        return text.encode() if isinstance(text, str) else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    url: str
    asked: list[Asked]


@contextmanager
def serving(answer: Callable[[Asked], Reply], *, certificate: Path | None = None) -> Iterator[Stub]:
    asked: list[Asked] = []

    class Handler(QuietHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Asked(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                body=json.loads(content) if content else {},
                headers=dict(self.headers.items()),
            )
            asked.append(request)
            reply = answer(request)
            body = reply.content()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        scheme = "https" if certificate else "http"
        yield Stub(url=f"{scheme}://127.0.0.1:{server.server_port}", asked=asked)
    finally:
        server.shutdown()
        server.server_close()
