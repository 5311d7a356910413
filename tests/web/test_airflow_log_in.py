"""The real thing: Airflow's own app with our plugin in it, and tokens that Airflow made."""

import asyncio
import warnings
from collections.abc import Iterator
from datetime import timedelta

import airflow.plugins_manager as manager
import jwt
import pytest
from airflow.api_fastapi.app import create_app, get_auth_manager, purge_cached_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.auth.tokens import get_signing_key
from airflow.utils.db import initdb
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount

from tieout.config import utc_now
from tieout.core.errors import SourceRefusedError
from tieout.steps.airflow_events import overrides
from tieout.web import airflow_log, api
from tieout.web.permissions import held_duties

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def airflow_client() -> Iterator[TestClient]:
    """No server, and an SQLite database for the log-in alone; our steps never see it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Airflow, about itself
        initdb()
    for cached in (manager._get_plugins, manager.get_fastapi_plugins):
        cached.cache_clear()  # the DAG tests may have read plugins before our variables were set
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TIEOUT_DEMO", "1")
        environment.setenv("TIEOUT_WEB_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        purge_cached_app()
        api.web_context.cache_clear()  # of a test before, with its own database or none
        app = create_app(apps="core")
        mounted = [one for one in app.routes if isinstance(one, Mount) and one.path == "/tieout"]
        (ours,) = [one.app for one in mounted]
        assert isinstance(ours, FastAPI)
        ours.dependency_overrides[held_duties] = lambda: ("preparer", "approver")
        yield TestClient(app)
        api.web_context.cache_clear()
        purge_cached_app()
    for cached in (manager._get_plugins, manager.get_fastapi_plugins):
        cached.cache_clear()


def token(user: str, *, age: timedelta = timedelta(0), role: str = "user") -> dict[str, str]:
    """A token that Airflow made, or one that it would have made some time ago."""
    person = SimpleAuthManagerUser(username=user, role=role)
    made = get_auth_manager().generate_jwt(person)
    if age:
        claims = jwt.decode(made, options={"verify_signature": False})
        claims["iat"] = claims["nbf"] = claims["iat"] - int(age.total_seconds())
        made = jwt.encode(claims, get_signing_key("api_auth", "jwt_secret"), algorithm="HS512")
    return {"Authorization": f"Bearer {made}"}


def test_without_a_token_nobody_is_let_in(airflow_client: TestClient) -> None:
    assert airflow_client.get("/tieout/api/periods/2026-10").status_code == 401


def test_a_token_that_is_not_airflows_is_refused(airflow_client: TestClient) -> None:
    headers = {"Authorization": "Bearer nonsense"}
    answer = airflow_client.get("/tieout/api/periods/2026-10", headers=headers)
    assert (answer.status_code, list(answer.json())) == (403, ["error"])


def test_a_token_of_airflow_is_a_log_in(airflow_client: TestClient) -> None:
    answer = airflow_client.get("/tieout/api/periods/2026-13", headers=token("maria"))
    assert (answer.status_code, list(answer.json())) == (422, ["error"])


def test_the_cookie_of_airflow_is_a_log_in_for_our_own_pages_only(
    airflow_client: TestClient,
) -> None:
    cookie = {"_token": token("maria")["Authorization"].removeprefix("Bearer ")}
    path, body = "/tieout/api/periods/2026-10/sign-offs", {"duty": "none"}
    airflow_client.cookies.update(cookie)
    try:
        elsewhere = airflow_client.post(path, json=body, headers={"Sec-Fetch-Site": "cross-site"})
        ours = airflow_client.post(path, json=body, headers={"Sec-Fetch-Site": "same-origin"})
    finally:
        airflow_client.cookies.clear()
    assert (elsewhere.status_code, ours.status_code) == (403, 422)


def test_the_navigation_has_one_entry_that_leads_to_the_pages(airflow_client: TestClient) -> None:
    answer = airflow_client.get("/api/v2/plugins", headers=token("root", role="admin"))
    ours = next(one for one in answer.json()["plugins"] if one["name"] == "tieout")
    (view,) = ours["external_views"]
    shown = {key: view[key] for key in ("name", "href", "destination", "nav_top_level")}
    assert shown == {
        "name": "Finance",
        "href": "/tieout/",
        "destination": "nav",
        "nav_top_level": True,
    }
    for icon in (view["icon"], view["icon_dark_mode"]):
        assert airflow_client.get(icon).headers["content-type"] == "image/svg+xml"


def test_a_page_without_a_log_in_leads_to_airflows_and_back(airflow_client: TestClient) -> None:
    headers = {"Accept": "text/html,*/*"}
    path = "/tieout/close/2026-10?as_of=7"
    answer = airflow_client.get(path, headers=headers, follow_redirects=False)
    where = "/auth/login?next=/tieout/close/2026-10%3Fas_of%3D7"
    assert (answer.status_code, answer.headers["location"]) == (303, where)


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(0), 422),
        (timedelta(minutes=9, seconds=30), 422),
        (timedelta(minutes=10, seconds=5), 401),
        (timedelta(hours=8), 401),
    ],
)
@pytest.mark.parametrize("carried", ["header", "cookie"])
def test_a_decision_takes_a_log_in_of_the_last_ten_minutes(
    airflow_client: TestClient, age: timedelta, status: int, carried: str
) -> None:
    path, body = "/tieout/api/periods/2026-10/sign-offs", {"duty": "none"}
    headers = token("maria", age=age) | {"Sec-Fetch-Site": "same-origin"}
    if carried == "cookie":
        airflow_client.cookies.set("_token", headers.pop("Authorization").removeprefix("Bearer "))
    try:
        answer = airflow_client.post(path, json=body, headers=headers)
    finally:
        airflow_client.cookies.clear()
    assert answer.status_code == status, answer.text
    if status == 401:
        assert (answer.json()["code"], answer.json()["log_in"]) == ("log_in_again", "/auth/login")
        assert 'max_age="600"' in answer.headers["WWW-Authenticate"]


def test_an_old_log_in_still_reads(airflow_client: TestClient) -> None:
    path = "/tieout/api/periods/2026-13"
    assert (
        airflow_client.get(path, headers=token("maria", age=timedelta(hours=8))).status_code == 422
    )


def test_a_token_that_somebody_made_young_again_is_refused(airflow_client: TestClient) -> None:
    old = token("maria", age=timedelta(hours=1))["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(old, options={"verify_signature": False})
    claims["iat"] += 3600
    forged = jwt.encode(claims, "k" * 64, algorithm="HS512")
    headers = {"Authorization": f"Bearer {forged}"}
    answer = airflow_client.post("/tieout/api/confirmations", json={}, headers=headers)
    assert (answer.status_code, list(answer.json())) == (403, ["error"])


def test_a_cookie_that_the_auth_manager_renews_by_itself_tells_no_age(
    airflow_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimpleAuthManager, "refresh_user", lambda *_, **__: None)
    path, body = "/tieout/api/periods/2026-10/sign-offs", {"duty": "none"}
    headers = token("maria") | {"Sec-Fetch-Site": "same-origin"}
    assert airflow_client.post(path, json=body, headers=headers).status_code == 422
    airflow_client.cookies.set("_token", headers.pop("Authorization").removeprefix("Bearer "))
    try:
        assert airflow_client.post(path, json=body, headers=headers).status_code == 401
    finally:
        airflow_client.cookies.clear()


def test_whoever_airflow_keeps_from_the_finance_pages_is_refused(
    airflow_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def hook(_self: object, *, method: str, resource_name: str, user: object) -> bool:
        asked.append((method, resource_name))
        return False

    monkeypatch.setattr(SimpleAuthManager, "is_authorized_custom_view", hook)
    answer = airflow_client.get("/tieout/api/periods/2026-10", headers=token("maria"))
    assert (answer.status_code, asked) == (403, [("GET", "tieout")])


def test_a_database_that_is_away_is_told_as_a_number(airflow_client: TestClient) -> None:
    answer = airflow_client.get("/tieout/api/policies", headers=token("maria"))
    assert answer.status_code == 500
    assert "127.0.0.1" not in answer.text


def test_an_edited_connection_stands_in_the_event_log_that_we_read(
    airflow_client: TestClient,
) -> None:
    admin = SimpleAuthManagerUser(username="root", role="admin")
    headers = {"Authorization": f"Bearer {get_auth_manager().generate_jwt(admin)}"}
    edited = {"connection_id": "tieout_openai", "conn_type": "generic", "host": "elsewhere"}
    made = airflow_client.post("/api/v2/connections", json=edited, headers=headers)
    assert made.status_code == 201, made.text
    before = utc_now() + timedelta(minutes=1)
    read = airflow_log.read(airflow_client.app, headers, after=None, before=before)
    found = asyncio.run(read)
    acts = [(one["event"], one["owner"]) for one in found if overrides(one["event"])]
    assert ("post_connection", "root") in acts
    assert [one["event_log_id"] for one in found] == sorted(one["event_log_id"] for one in found)
    refused = airflow_log.read(airflow_client.app, {}, after=None, before=before)
    with pytest.raises(SourceRefusedError, match="Airflow answered 401"):
        asyncio.run(refused)
