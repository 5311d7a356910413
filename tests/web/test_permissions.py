"""Every role at every address with every method, against one table; nothing is open by default."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount
from tests.web.examples import an_address

from tieout.config import wall_clock
from tieout.core.errors import UsageError
from tieout.web import api
from tieout.web.app import create_app
from tieout.web.auth import logged_in_at, logged_in_person
from tieout.web.limits import Limits
from tieout.web.permissions import HOLDERS, ROLES, ROUTES, held_duties

TABLE = Path(__file__).with_name("role_by_route.txt")
SAME = {"Sec-Fetch-Site": "same-origin"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


class Endless(Limits):
    def count(self, person: str, kind: str) -> None:
        """Nobody waits here."""


@pytest.fixture(scope="module")
def app() -> Iterator[FastAPI]:
    """Whoever gets as far as a route is told that no database is there, which is 422 here."""

    def nowhere() -> None:
        raise UsageError("reached the route")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIEOUT_DEMO", "1")
        made = create_app()
        made.state.limits = Endless()
        for module in [route.endpoint.__module__ for route in _routes(made)]:
            if module.startswith("tieout.web"):
                patch.setattr(f"{module}.web_context", nowhere, raising=False)
        patch.setattr("tieout.web.desk.web_context", nowhere)
        made.dependency_overrides[logged_in_person] = lambda: "ana"
        made.dependency_overrides[logged_in_at] = wall_clock
        yield made
    api.web_context.cache_clear()


def _routes(app: FastAPI) -> list[APIRoute]:
    return [route for route in app.routes if isinstance(route, APIRoute)]


def _expected() -> dict[tuple[str, str], set[str]]:
    lines = [line.split() for line in TABLE.read_text().splitlines() if line.strip()]
    return {(method, path): set(roles) for method, path, *roles in lines}


def _who_may(app: FastAPI, method: str, address: str) -> set[str]:
    """Who may at the first route that fits: `…/check`, only sent, is a `{number}` to a reader."""
    for route in _routes(app):
        if method in route.methods and route.path_regex.match(address):
            return _expected()[method, route.path]
    return set()


def test_the_table_names_exactly_the_routes_that_are_there(app: FastAPI) -> None:
    there = {(method, route.path) for route in _routes(app) for method in route.methods}
    assert set(_expected()) == there
    assert set(ROUTES) == there


def test_nothing_is_mounted_beside_the_routes_but_files_that_anybody_may_see(app: FastAPI) -> None:
    mounted = {route.path for route in app.routes if isinstance(route, Mount)}
    assert mounted <= {"/static"}


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_each_role_gets_as_far_as_the_table_says(app: FastAPI, role: str) -> None:
    app.dependency_overrides[held_duties] = lambda: () if role == "nobody" else (role,)
    client = TestClient(app)
    wrong = []
    for path in sorted({path for _, path in _expected()}):
        for method in METHODS:
            roles = _who_may(app, method, an_address(path))
            answer = client.request(method, an_address(path), headers=SAME)
            allowed = {200, 422} if roles and role in roles else {403 if roles else 405}
            if answer.status_code not in allowed:
                wrong.append((method, path, answer.status_code, answer.text[:100]))
    assert wrong == []


def test_every_permission_is_held_by_somebody_and_used() -> None:
    assert {row.permission for row in ROUTES.values()} == set(HOLDERS)
    assert all(HOLDERS.values())


def test_an_administrator_decides_nothing_and_an_auditor_writes_nothing() -> None:
    own = ("POST", "/preferences")  # how a person likes to see figures
    writes = [key for key in ROUTES if key[0] == "POST" and key != own]
    held = {
        role: [key for key in writes if role in HOLDERS[ROUTES[key].permission]] for role in ROLES
    }
    assert held["administrator"] == [("POST", "/api/controls/airflow")]
    assert held["auditor"] == held["reader"] == []


def test_a_decision_takes_a_fresh_log_in_wherever_it_is_recorded() -> None:
    decides = {path for (_, path), row in ROUTES.items() if row.decides}
    endings = ("/approval", "/sign-offs", "/sign", "/lock", "/{number}/approve")
    approvals = {path for _, path in ROUTES if path.endswith(endings)}
    figures = {"/api/documents/{document}/approval"}
    asked = {"/api/confirmations", "/api/periods/{period}/reopenings"}
    assert decides == (approvals - figures) | asked
