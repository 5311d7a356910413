"""The pages under a real server, and people in front of real windows.

Who sits at a window stands in a cookie of it, so two people work at once; Airflow's own log-in is
tried in test_frame.py. A test fails when anything was wrong in the console of one of its windows.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import uvicorn
from fastapi import HTTPException, Request
from playwright.sync_api import Browser
from starlette.types import ASGIApp
from tests import month
from tests.browser.windows import DESKTOP, Scheme, Window, chromium, window
from tests.web.conftest import mounted
from tests.worlds import WorldAt

from tieout.config import wall_clock
from tieout.web.auth import logged_in_at, logged_in_person

_WHO = "person"


@dataclass(slots=True)
class Office:
    """The desk at an address, a browser, and the windows that are open."""

    url: str
    world: month.World
    browser: Browser
    since_log_in: timedelta = timedelta(0)
    _open: list[Window] = field(default_factory=list)

    def at(
        self,
        person: str,
        address: str = "/",
        *,
        size: tuple[int, int] = DESKTOP,
        scheme: Scheme = "light",
        script: bool = True,
    ) -> Window:
        """A window of its own for a person who is logged in."""
        context = self.browser.new_context(
            base_url=self.url,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
            java_script_enabled=script,
        )
        context.add_cookies([{"name": _WHO, "value": person, "url": self.url}])
        made = window(context)
        self._open.append(made)
        made.open(f"/tieout{address}")
        return made

    def leave(self) -> list[str]:
        """Close all windows; what was wrong in them."""
        troubles = [one for made in self._open for one in made.troubles]
        for made in self._open:
            made.page.context.close()
        self._open.clear()
        return troubles


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of a server of this process on the loopback interface."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


@contextmanager
def opened(world: month.World, browser: Browser) -> Iterator[Office]:
    """An office over one world."""
    with mounted(world) as (app, outer), served(outer) as url:
        made = Office(url, world, browser)

        def who(request: Request) -> str:
            if _WHO not in request.cookies:
                raise HTTPException(status_code=401)
            return request.cookies[_WHO]

        def since() -> datetime:
            return wall_clock() - made.since_log_in

        app.dependency_overrides[logged_in_person] = who
        app.dependency_overrides[logged_in_at] = since
        yield made
        made.leave()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for one module: its loop must not outlive it, other tests have their own."""
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def closed_office(closed_world: month.World, browser: Browser) -> Iterator[Office]:
    """An office over the closed sample month."""
    with opened(closed_world, browser) as made:
        yield made


@pytest.fixture
def office(closed_office: Office) -> Iterator[Office]:
    """The same, whose windows are closed after each test and had no trouble."""
    yield closed_office
    assert closed_office.leave() == []


OfficeAt = Callable[[str], Office]


@pytest.fixture
def office_at(world_at: WorldAt, browser: Browser) -> Iterator[OfficeAt]:
    """Opens an office over a world of its own after an act of the month; without trouble."""
    made: list[Office] = []
    with ExitStack() as stack:

        def opens(act: str) -> Office:
            made.append(stack.enter_context(opened(world_at(act), browser)))
            return made[-1]

        yield opens
        assert [one for office in made for one in office.leave()] == []
