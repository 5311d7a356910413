from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from tieout.web.guard import SECURITY_HEADERS, Guard

SAME = {"Sec-Fetch-Site": "same-origin"}
LIMIT = 1000


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def swallow(request: Request) -> Response:
    """What a framework does that turns any trouble with the body into an answer of its own."""
    try:
        await request.body()
    except Exception:  # noqa: BLE001  the point of this route
        return PlainTextResponse("cannot parse the body", status_code=400)
    return PlainTextResponse("ok")


async def fail(_request: Request) -> Response:
    raise RuntimeError("SELECT secret FROM /var/lib/x")


async def fail_late(_request: Request) -> Response:
    def parts() -> Iterator[str]:
        yield "first"
        raise RuntimeError("too late")

    return StreamingResponse(parts())


async def talk(socket: WebSocket) -> None:
    await socket.accept()


@pytest.fixture
def client() -> TestClient:
    routes = [
        Route("/echo", echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        Route("/swallow", swallow, methods=["POST"]),
        Route("/fail", fail),
        Route("/fail-late", fail_late),
        WebSocketRoute("/talk", talk),
    ]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Guard, body_limit=LIMIT)]))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "null"},
        {"Authorization": "Basic bWFyaWE6eA=="},
    ],
)
def test_a_change_from_elsewhere_is_refused(
    client: TestClient, method: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, "/echo", headers=headers)
    assert answer.status_code == 403
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize(
    "headers",
    [
        SAME,
        {"Origin": "http://testserver"},
        {"Authorization": "Bearer abc", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_change_from_our_own_pages_or_with_a_token_passes(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert client.post("/echo", headers=headers, content=b"abc").text == "3"


def test_reading_needs_no_origin(client: TestClient) -> None:
    assert client.get("/echo", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_a_body_that_declares_too_much_is_not_read(client: TestClient) -> None:
    answer = client.post("/echo", headers=SAME, content=b"x" * (LIMIT + 1))
    assert (answer.status_code, "1000 bytes" in answer.text) == (413, True)
    assert client.post("/echo", headers=SAME, content=b"x" * LIMIT).text == str(LIMIT)


@pytest.mark.parametrize("path", ["/echo", "/swallow"])
def test_a_body_that_declares_nothing_is_counted(client: TestClient, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * 400

    assert client.post(path, headers=SAME, content=chunks()).status_code == 413


@pytest.mark.parametrize("length", ["-1", "ten", "1e3"])
def test_a_length_that_is_no_number_is_refused(client: TestClient, length: str) -> None:
    answer = client.post("/echo", headers=SAME | {"Content-Length": length}, content=b"x")
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/echo", "/nowhere", "/fail"])
def test_every_answer_tells_the_browser_what_it_may_do(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    refused = client.post(path)
    assert refused.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_failure_inside_is_told_as_a_number(client: TestClient) -> None:
    answer = client.get("/fail")
    assert answer.status_code == 500
    assert "give number" in answer.json()["error"]
    assert "SELECT" not in answer.text


def test_a_failure_after_the_answer_began_ends_the_connection(client: TestClient) -> None:
    with pytest.raises(RuntimeError, match="too late"):
        client.get("/fail-late")


def test_a_web_socket_is_closed(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/talk"):
        pass


def test_start_and_end_of_the_server_pass_through() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        seen.append("started")
        yield
        seen.append("ended")

    with TestClient(Starlette(lifespan=lifespan, middleware=[Middleware(Guard)])):
        assert seen == ["started"]
    assert seen == ["started", "ended"]
