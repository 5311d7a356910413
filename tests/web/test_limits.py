"""How often one person may ask: counted per person, per kind, within a sliding minute."""

from collections.abc import Iterator
from typing import cast

import pytest
from fastapi.testclient import TestClient
from tests.web.browser import SAME, sits_down

from tieout.web.app import create_app
from tieout.web.limits import PER_MINUTE, Kind, Limits, TooManyRequestsError
from tieout.web.permissions import held_duties


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("kind", PER_MINUTE)
def test_the_first_request_beyond_a_minutes_worth_waits_for_the_oldest_to_pass(kind: str) -> None:
    clock, known = Clock(), cast("Kind", kind)
    limits = Limits(clock)
    for _ in range(PER_MINUTE[known]):
        limits.count("ana", known)
    clock.now += 20.5
    with pytest.raises(TooManyRequestsError) as refusal:
        limits.count("ana", known)
    assert (refusal.value.kind, refusal.value.wait_s) == (kind, 40)
    clock.now += refusal.value.wait_s
    limits.count("ana", known)


def test_people_and_kinds_are_counted_apart() -> None:
    limits = Limits(Clock())
    for _ in range(PER_MINUTE["export"]):
        limits.count("ana", "export")
    limits.count("ana", "upload")
    limits.count("ben", "export")
    with pytest.raises(TooManyRequestsError):
        limits.count("ana", "export")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("TIEOUT_DEMO", "1")
    app = create_app()
    app.dependency_overrides[held_duties] = lambda: ("auditor",)
    with TestClient(app) as made:
        sits_down(made, "dee")
        yield made


def test_a_person_who_asks_too_often_is_told_how_long_to_wait(client: TestClient) -> None:
    answers = [client.get("/api/openapi.json").status_code for _ in range(PER_MINUTE["read"])]
    assert set(answers) == {200}
    answer = client.get("/api/openapi.json")
    assert (answer.status_code, list(answer.json())) == (429, ["error"])
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    sits_down(client, "ben")
    assert client.get("/api/openapi.json").status_code == 200


def test_what_is_refused_for_want_of_a_duty_is_counted_too(client: TestClient) -> None:
    path = "/api/periods/2026-10/overrides/review"
    answers = [client.post(path, headers=SAME).status_code for _ in range(PER_MINUTE["write"] + 1)]
    assert answers == [403] * PER_MINUTE["write"] + [429]
