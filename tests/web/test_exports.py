"""Exports on the finance API: listed, and acknowledged by the person who is logged in."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from demo.postgres import Logins
from fastapi.testclient import TestClient
from tests.steps.handed_in import context
from tests.store.samples import OCTOBER, an_entry
from tests.web.browser import SAME, browsing, sits_down

from tieout.steps import erp_export
from tieout.store import journal, periods, policies

TARGET = 'erp: netsuite\naccounts: {"6100": "61000", "2100": "21000"}\n'


@pytest.fixture
def ask(
    ledger_database: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A browser of Ben; October was exported to `books`."""
    worker = context(ledger_database.worker_url, tmp_path)
    with worker.store.transaction("ana") as tx:
        periods.ensure(tx, OCTOBER)
        journal.post(tx, an_entry())
        policies.propose(tx, "erp:books", TARGET, valid_from=date(2026, 1, 1))
    pages = context(ledger_database.web_url, tmp_path)
    with pages.store.transaction("ben") as tx:
        policies.approve(tx, "erp:books", 1)
    pages.close()
    erp_export.run(worker, period=OCTOBER, target="books", folder=tmp_path / "out")
    worker.close()
    with browsing(ledger_database, tmp_path, monkeypatch) as client:
        sits_down(client, "ben")
        yield client


def the_export(ask: TestClient) -> dict[str, Any]:
    (found,) = ask.get("/api/exports", params={"period": OCTOBER}).json()
    return dict(found)


def acknowledge(ask: TestClient, export: dict[str, Any], **body: str) -> Any:
    path = f"/api/exports/{export['target']}/{export['sha256']}/acknowledgement"
    return ask.post(path, headers=SAME, json={"reference": "JE-7", **body})


def test_the_word_is_that_of_the_person_who_is_logged_in(ask: TestClient) -> None:
    export = the_export(ask)
    assert (export["target"], export["reference"]) == ("books", None)
    answer = acknowledge(ask, export)
    assert (answer.status_code, answer.json()["acknowledged_by"]) == (201, "ben")
    taken = the_export(ask)
    assert (taken["reference"], taken["acknowledged_by"]) == ("JE-7", "ben")
    assert taken["acknowledged_at"] >= taken["recorded_at"]
    assert ask.get("/api/exports").json() == [taken]
    assert ask.get("/api/exports", params={"period": "2026-09"}).json() == []


def test_no_request_can_name_another_person(ask: TestClient) -> None:
    assert acknowledge(ask, the_export(ask), person="ana").status_code == 422
    assert the_export(ask)["reference"] is None


def test_another_reference_is_another_import(ask: TestClient) -> None:
    export = the_export(ask)
    acknowledge(ask, export)
    answer = acknowledge(ask, export, reference="JE-8")
    assert answer.status_code == 409
    assert "was acknowledged by ben as JE-7, found JE-8" in answer.json()["error"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"sha256": "0" * 64}, 404), ({"target": "other"}, 404), ({"sha256": "abc"}, 422)],
)
def test_what_was_not_exported_is_not_acknowledged(
    ask: TestClient, changed: dict[str, str], status: int
) -> None:
    assert acknowledge(ask, the_export(ask) | changed).status_code == status


@pytest.mark.parametrize("reference", ["", "   ", "JE\n7", "x" * 201])
def test_a_reference_is_one_line_that_says_something(ask: TestClient, reference: str) -> None:
    assert acknowledge(ask, the_export(ask), reference=reference).status_code == 422
    assert the_export(ask)["reference"] is None


def test_another_site_cannot_acknowledge(ask: TestClient) -> None:
    export = the_export(ask)
    path = f"/api/exports/books/{export['sha256']}/acknowledgement"
    answer = ask.post(path, headers={"Sec-Fetch-Site": "cross-site"}, json={"reference": "JE-7"})
    assert answer.status_code == 403
    assert the_export(ask)["reference"] is None
