"""The real thing: Airflow's own app with our plugin in it, and tokens that Airflow made."""

import asyncio
import warnings
from collections.abc import Iterator
from datetime import timedelta

import airflow.plugins_manager as manager
import pytest
from airflow.api_fastapi.app import create_app, get_auth_manager, purge_cached_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.utils.db import initdb
from fastapi.testclient import TestClient

from tieout.config import utc_now
from tieout.core.errors import SourceRefusedError
from tieout.steps.airflow_events import overrides
from tieout.web import airflow_log, api

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
        yield TestClient(create_app(apps="core"))
        api.web_context.cache_clear()
        purge_cached_app()
    for cached in (manager._get_plugins, manager.get_fastapi_plugins):
        cached.cache_clear()


def token(user: str) -> dict[str, str]:
    return token_of(user, "user")


def token_of(user: str, role: str) -> dict[str, str]:
    person = SimpleAuthManagerUser(username=user, role=role)
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(person)}"}


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
    answer = airflow_client.get("/api/v2/plugins", headers=token_of("root", "admin"))
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
