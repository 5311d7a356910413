from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from tests.web.examples import HASH, an_address

from tieout.config import wall_clock
from tieout.core.errors import (
    HashMismatchError,
    NotReadyError,
    PeriodClosedError,
    SegregationError,
    SettingError,
    UnknownSubjectError,
    UsageError,
)
from tieout.web.app import create_app
from tieout.web.auth import logged_in_at, logged_in_person
from tieout.web.permissions import ROUTES, Row, held_duties

SAME = {"Sec-Fetch-Site": "same-origin"}
TYPED = {"nonce": "n" * 43, "typed": "2026-10"}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("TIEOUT_DEMO", "1")
    return create_app()


@pytest.fixture
def maria(app: FastAPI) -> Iterator[TestClient]:
    app.dependency_overrides[logged_in_person] = lambda: "maria"
    app.dependency_overrides[logged_in_at] = wall_clock
    app.dependency_overrides[held_duties] = lambda: ("preparer", "approver")
    with TestClient(app) as client:
        yield client


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address that everybody may read; the test adds the route."""
    rows = {**ROUTES, ("GET", "/extra"): Row(permission="describe")}
    monkeypatch.setattr("tieout.web.permissions.ROUTES", rows)
    return "/extra"


def test_the_demo_log_in_serves_demos_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIEOUT_DEMO", raising=False)
    with pytest.raises(SettingError, match="SimpleAuthManager is for demos"):
        create_app()


def test_no_route_answers_before_somebody_is_logged_in(app: FastAPI) -> None:
    app.add_api_route("/forgotten", lambda: "open", methods=["GET"])
    client = TestClient(app)
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(routes) >= 5
    for route in routes:
        path = an_address(route.path)
        for method in route.methods:
            answer = client.request(method, path, headers=SAME)
            assert answer.status_code == 401, f"{method} {path}"
            assert list(answer.json()) == ["error"]


def test_nothing_but_our_routes_is_served(app: FastAPI) -> None:
    client = TestClient(app)
    for path in (
        "/docs",
        "/redoc",
        "/openapi.json",
        "/api",
        "/static/../app.py",
        "/static/none.css",
    ):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SegregationError("Maria signed as preparer."), 403),
        (NotReadyError("Nothing is up for signature."), 409),
        (PeriodClosedError("2026-10 is closed."), 409),
        (UnknownSubjectError("No policy chart@9."), 404),
        (UsageError("Expected a duty."), 422),
    ],
)
def test_a_refusal_is_its_sentence(
    app: FastAPI, maria: TestClient, extra: str, error: Exception, status: int
) -> None:
    def refuse() -> None:
        raise error

    app.add_api_route(extra, refuse, methods=["GET"])
    answer = maria.get(extra)
    assert (answer.status_code, answer.json()) == (status, {"error": str(error)})


def test_a_broken_hash_is_our_failure_and_tells_nothing(
    app: FastAPI, maria: TestClient, extra: str
) -> None:
    def fail() -> None:
        raise HashMismatchError("/lake/charges/x.parquet has another hash")

    app.add_api_route(extra, fail, methods=["GET"])
    answer = maria.get(extra)
    assert answer.status_code == 500
    assert "lake" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"duty": "controller", "confirmation": TYPED},
        {"duty": "preparer", "content_hash": HASH},
        {"duty": "admin", "content_hash": HASH, "confirmation": TYPED},
        {"duty": "preparer", "content_hash": "abc", "confirmation": TYPED},
        {"duty": "preparer", "content_hash": HASH, "confirmation": TYPED, "person": "chen"},
        {"duty": "preparer", "content_hash": HASH, "confirmation": TYPED, "comment": "x" * 2001},
        {"duty": "preparer", "content_hash": HASH, "confirmation": TYPED | {"nonce": "short"}},
    ],
)
def test_a_signature_that_is_not_understood_is_refused(
    maria: TestClient, body: dict[str, Any]
) -> None:
    answer = maria.post("/api/periods/2026-10/sign-offs", headers=SAME, json=body)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("The request is not understood: body")


@pytest.mark.parametrize(
    "path",
    ["/api/periods/2026-13", "/api/policies/secrets/1/approval", "/api/policies/chart/0/approval"],
)
def test_an_address_that_names_nothing_possible_is_refused(maria: TestClient, path: str) -> None:
    if path.endswith("approval"):
        answer = maria.post(path, headers=SAME, json={"confirmation": TYPED})
    else:
        answer = maria.get(path)
    assert answer.status_code == 422


def test_a_method_that_a_route_does_not_have_is_refused(maria: TestClient) -> None:
    answer = maria.delete("/api/policies", headers=SAME)
    assert (answer.status_code, list(answer.json())) == (405, ["error"])


def test_an_address_without_a_permission_is_closed_to_everybody(
    app: FastAPI, maria: TestClient
) -> None:
    app.add_api_route("/forgotten", lambda: "open", methods=["GET"])
    answer = maria.get("/forgotten")
    assert (answer.status_code, "no permission of its own" in answer.text) == (403, True)
