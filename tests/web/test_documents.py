"""Approving typed figures on the finance API: the one way, and never one's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.postgres import Logins
from fastapi.testclient import TestClient
from tests.steps.handed_in import a_desk, csv, hand_in, typed
from tests.web.browser import SAME, browsing, sits_down

from tieout.steps import papers, review
from tieout.steps.context import Context


@pytest.fixture
def desk(ledger_database: Logins, tmp_path: Path) -> Iterator[Context]:
    with a_desk(ledger_database, tmp_path) as made:
        yield made


@pytest.fixture
def ask(
    desk: Context, ledger_database: Logins, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A browser of Ben, who may approve."""
    with browsing(ledger_database, desk.settings.home, monkeypatch) as client:
        sits_down(client, "ben")
        yield client


def proposed(desk: Context, person: str) -> str:
    made = review.enter(
        desk, typed=typed(person=person), evidence_name="mail.txt", evidence=b"please pay"
    )
    (waiting,) = [one["document"] for one in review_list(desk)]
    assert str(waiting).startswith(str(made.summary["document"]))
    return str(waiting)


def review_list(desk: Context) -> list[dict[str, str]]:
    return papers.listing(desk)


def test_another_person_approves(desk: Context, ask: TestClient) -> None:
    document = proposed(desk, "ana")
    (shown,) = ask.get("/api/documents").json()
    assert (shown["document"], shown["author"], shown["state"]) == (document, "ana", "proposed")
    answer = ask.post(f"/api/documents/{document}/approval", headers=SAME)
    assert (answer.status_code, answer.json()["state"]) == (201, "approved")
    assert ask.get("/api/documents").json() == []


def test_the_author_is_refused(desk: Context, ask: TestClient) -> None:
    document = proposed(desk, "ben")
    answer = ask.post(f"/api/documents/{document}/approval", headers=SAME)
    assert answer.status_code == 403
    assert "ben typed the figures" in answer.json()["error"]


def test_what_nobody_typed_is_not_approved(desk: Context, ask: TestClient) -> None:
    hand_in(desk, csv(seller="Acme"))
    (waiting,) = review_list(desk)
    for document, status in ((waiting["document"], 404), ("0" * 64, 404), ("abc", 422)):
        answer = ask.post(f"/api/documents/{document}/approval", headers=SAME)
        assert answer.status_code == status


def test_another_site_cannot_approve(desk: Context, ask: TestClient) -> None:
    document = proposed(desk, "ana")
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert ask.post(f"/api/documents/{document}/approval", headers=headers).status_code == 403
    assert [one["state"] for one in review_list(desk)] == ["proposed"]
