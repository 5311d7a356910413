"""The finance API imports Airflow, which is told its home first; pages over a closed month."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import tests.dags.airflow_home  # noqa: F401  the import is the point
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests import month

from tieout.config import wall_clock
from tieout.web import airflow_log, api
from tieout.web.app import create_app
from tieout.web.auth import logged_in_at, logged_in_person
from tieout.web.limits import Kind, Limits

SAME = {"Sec-Fetch-Site": "same-origin"}


@dataclass(slots=True)
class Browser:
    """A browser at the pages; `person` is who is logged in, and may change."""

    client: TestClient
    person: str = "ana"
    since_log_in: timedelta = timedelta(0)

    def get(self, address: str) -> Any:
        """What a person sees who opens an address; redirects are followed."""
        return self.client.get(f"/tieout{address}", headers={"Accept": "text/html"})

    def send(self, address: str, **fields: str | list[str]) -> Any:
        """What comes back at once when a person sends a form."""
        headers = {"Accept": "text/html", **SAME}
        path = f"/tieout{address}"
        return self.client.post(path, data=fields, headers=headers, follow_redirects=False)


class Unhurried(Limits):
    """Tests ask more often than people."""

    def count(self, person: str, kind: Kind) -> None:
        """Let everybody in."""


def an_idle_airflow() -> FastAPI:
    """An Airflow in whose event log nothing happened."""
    airflow = FastAPI()
    airflow.get("/api/v2/eventLogs")(lambda: {"event_logs": []})
    return airflow


@contextmanager
def mounted(world: month.World) -> Iterator[tuple[FastAPI, FastAPI]]:
    """The pages of one world: the app as Airflow mounts it, and the app around it."""
    settings = {
        "TIEOUT_DEMO": "1",
        "TIEOUT_HOME": world.home,
        "TIEOUT_WEB_DATABASE_URL": world.web_url,
        "TIEOUT_LAKE_URL": world.settings().lake_url,
        "TIEOUT_PUBLISH_URL": world.settings().publish_url,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        patch.setattr(airflow_log, "serving_app", an_idle_airflow)
        if api.web_context.cache_info().currsize:
            api.web_context().close()  # of a browser that is open beside this one
        api.web_context.cache_clear()
        app = create_app()
        app.state.limits = Unhurried()
        outer = FastAPI()
        outer.mount("/tieout", app)
        yield app, outer
        api.web_context().close()
        api.web_context.cache_clear()


@contextmanager
def browsing(world: month.World) -> Iterator[Browser]:
    """A browser at the pages of one world."""
    with mounted(world) as (app, outer), TestClient(outer) as client:
        made = Browser(client)
        app.dependency_overrides[logged_in_person] = lambda: made.person
        app.dependency_overrides[logged_in_at] = lambda: wall_clock() - made.since_log_in
        yield made


@pytest.fixture(scope="module")
def pages(closed_world: month.World) -> Iterator[Browser]:
    """A browser over the closed sample month, shared by the tests of one module."""
    with browsing(closed_world) as made:
        yield made
