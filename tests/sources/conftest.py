import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_socket
from demo.standins import StandIns
from tests.sources.quiet_handler import QuietHandler

from tieout.config import ProviderConnection, Secret, connection_from_environment
from tieout.core.period import Period
from tieout.sources.base import RawDocument, RawKind

Answering = Callable[..., str]

OCTOBER = Period(2026, 10)
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sockets beyond this machine fail the test; the stand-ins' loopback is allowed."""
    monkeypatch.setenv("TIEOUT_ALLOW_LOOPBACK", "1")
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    yield
    pytest_socket._remove_restrictions()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIns]:
    standins = StandIns(tmp_path_factory.mktemp("standins"))
    standins.start()
    yield standins
    standins.stop()


@pytest.fixture
def draft(world: StandIns) -> StandIns:
    world.set_as_of(date(2026, 11, 1))
    return world


@pytest.fixture
def final(world: StandIns) -> StandIns:
    world.set_as_of(date(2026, 11, 3))
    return world


@pytest.fixture
def connect(world: StandIns) -> Callable[[str], ProviderConnection]:
    environment = world.connection_environment()
    return lambda name: connection_from_environment(name, environment)


@pytest.fixture
def document() -> Callable[..., RawDocument]:
    def make(kind: RawKind, content: bytes | str, name: str = "", **request: str) -> RawDocument:
        return RawDocument(
            name=name or f"{kind}.json",
            kind=kind,
            content=content.encode() if isinstance(content, str) else content,
            media_type="application/json",
            request=request,
        )

    return make


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Starts a server that gives every request the same answer; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, content: bytes | str, media_type: str = "application/json") -> str:
        body = content.encode() if isinstance(content, str) else content

        class Handler(QuietHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Retry-After-Ms", "1")
                self.end_headers()
                self.wfile.write(body)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def connection_to(tmp_path: Path) -> Callable[..., ProviderConnection]:
    def make(name: str, endpoint: str, **extra: str) -> ProviderConnection:
        defaults = {
            "bucket": "bills",
            "prefix": "cur",
            "report": "monthly",
            "invoicing_endpoint_url": endpoint,
            "documents_url": tmp_path.as_uri(),
        }
        return ProviderConnection(
            name=f"tieout_{name}",
            endpoint=endpoint,
            login="demo",
            secret=Secret("demo"),
            extra={**defaults, **extra},
        )

    return make
