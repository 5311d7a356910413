"""A browser of a person who has just logged in, for tests of the finance API on a real database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from demo.postgres import Logins
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tieout.config import wall_clock
from tieout.web import api
from tieout.web.app import create_app
from tieout.web.auth import logged_in_at, logged_in_person

SAME = {"Sec-Fetch-Site": "same-origin"}


@contextmanager
def browsing(logins: Logins, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The app on a database; `sits_down` says who is at the keyboard."""
    monkeypatch.setenv("TIEOUT_DEMO", "1")
    monkeypatch.setenv("TIEOUT_HOME", str(home))
    monkeypatch.setenv("TIEOUT_WEB_DATABASE_URL", logins.web_url)
    api.web_context.cache_clear()
    with TestClient(create_app()) as client:
        yield client
    api.web_context().close()
    api.web_context.cache_clear()


def sits_down(client: TestClient, person: str, *, since: Callable[[], Any] = wall_clock) -> None:
    """Another person logs in; `since` gives when, by default this very moment."""
    app: Any = client.app
    assert isinstance(app, FastAPI)
    app.dependency_overrides[logged_in_person] = lambda: person
    app.dependency_overrides[logged_in_at] = since


def asked(client: TestClient, act: str, subject: str) -> Any:
    """The answer to whoever sits there and wants to decide something."""
    wish = {"act": act, "subject": subject}
    return client.post("/api/confirmations", json=wish, headers=SAME)


def typed(answer: Any) -> dict[str, Any]:
    """Part of a body: the number that was given, and the word typed as it was shown."""
    assert answer.status_code == 201, answer.text
    given = answer.json()
    return {"confirmation": {"nonce": given["nonce"], "typed": given["type_this"]}}
