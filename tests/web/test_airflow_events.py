"""Airflow's event log in our own trail: paged, in order, with what was removed from it."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from demo.postgres import Logins
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.responses import JSONResponse
from tests.conftest import Stores
from tests.steps.handed_in import context
from tests.store.samples import CONTENT, OCTOBER, ask
from tests.web.browser import SAME, asked, browsing, sits_down, typed

from tieout.config import utc_now, wall_clock
from tieout.core.errors import SegregationError, SourceAnswerError
from tieout.steps import airflow_events
from tieout.store import audit, periods, reviews, signoffs
from tieout.web import airflow_log

NOW = utc_now() - timedelta(minutes=20)
Copy = Callable[..., Any]


def an_event(number: int, action: str = "running", **fields: Any) -> dict[str, Any]:
    return {
        "event_log_id": number,
        "when": (NOW + timedelta(seconds=number)).isoformat(),
        "event": action,
        "owner": "admin",
        "dag_id": "monthly_close",
        "run_id": "manual__1",
        "task_id": None,
    } | fields


class Airflow:
    """The one address that is asked, with its rows, and what was asked of it."""

    def __init__(self) -> None:
        self.rows = [an_event(number) for number in range(1, 251)]
        self.asked: list[dict[str, str]] = []
        self.app = FastAPI()
        self.app.get("/api/v2/eventLogs")(self.answer)

    def answer(self, request: Request) -> Any:
        if request.headers.get("authorization") != "Bearer mine":
            return JSONResponse({}, status_code=403)
        query = dict(request.query_params)
        self.asked.append(query)
        first = int(query["offset"])
        after = query.get("after")
        rows = [
            row
            for row in self.rows
            if (
                after is None or datetime.fromisoformat(row["when"]) > datetime.fromisoformat(after)
            )
            and datetime.fromisoformat(row["when"]) < datetime.fromisoformat(query["before"])
        ]
        return {"event_logs": rows[first : first + int(query["limit"])], "total_entries": len(rows)}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    made = Airflow()
    monkeypatch.setattr(airflow_log, "serving_app", lambda: made.app)
    return made


@pytest.fixture
def browser(
    airflow: Airflow, ledger_database: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """Ana has logged in."""
    with browsing(ledger_database, tmp_path, monkeypatch) as client:
        sits_down(client, "ana")
        yield client


@pytest.fixture
def copy(browser: TestClient) -> Copy:
    """Ask for a copy."""

    def call(token: str = "mine") -> Any:
        headers = {"Authorization": f"Bearer {token}", "Sec-Fetch-Site": "same-origin"}
        return browser.post("/api/controls/airflow", headers=headers)

    return call


def test_the_log_is_copied_page_by_page_and_once(
    copy: Copy, airflow: Airflow, stores: Stores
) -> None:
    answer = copy()
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "new": 250,
            "missing": 0,
            "upto": 250,
            "waiting": 0,
        },
    )
    assert [one["offset"] for one in airflow.asked] == ["0", "100", "200"]
    assert copy().json() == {"new": 0, "missing": 0, "upto": 250, "waiting": 0}
    assert "after" in airflow.asked[-1]
    with stores.reader.transaction() as tx:
        assert reviews.overrides(tx, NOW) == []
        assert len(audit.events(tx)) == 1


def test_acts_that_override_a_control_and_purged_ids_are_listed(
    copy: Copy, airflow: Airflow, stores: Stores
) -> None:
    copy()
    airflow.rows += [
        an_event(251, "post_clear_task_instances", task_id="verify_closed"),
        an_event(252, "patch_task_instance"),
        an_event(253, "update_hitl_detail"),
        an_event(256, "patch_connection", dag_id=None, run_id=None, owner=None),
    ]
    assert copy().json() == {"new": 6, "missing": 2, "upto": 256, "waiting": 0}
    with stores.reader.transaction() as tx:
        found = reviews.overrides(tx, NOW)
    assert [(one.airflow_id, one.action, one.object, one.actor) for one in found] == [
        (251, "post_clear_task_instances", "monthly_close manual__1 verify_closed", "admin"),
        (252, "patch_task_instance", "monthly_close manual__1", "admin"),
        (254, "missing", "", "unknown"),
        (255, "missing", "", "unknown"),
        (256, "patch_connection", "", "unknown"),
    ]


def test_an_event_that_is_too_young_waits_for_the_next_copy(copy: Copy, airflow: Airflow) -> None:
    airflow.rows.append(an_event(251, "clear", when=wall_clock().isoformat()))
    airflow.rows.append(an_event(252, "patch_pool"))
    assert copy().json() == {"new": 250, "missing": 0, "upto": 250, "waiting": 2}


def test_who_may_not_read_the_log_of_airflow_copies_nothing(copy: Copy, stores: Stores) -> None:
    answer = copy("another")
    assert (answer.status_code, "answered 403" in answer.json()["error"]) == (403, True)
    with stores.reader.transaction() as tx:
        assert reviews.last_mirrored(tx) is None


def test_a_worker_does_not_write_about_itself(
    stores: Stores, ledger_database: Logins, tmp_path: Path
) -> None:
    worker = context(ledger_database.worker_url, tmp_path)
    with pytest.raises(SegregationError, match="The login tieout_worker may not do this"):
        airflow_events.keep(worker, found=[an_event(1)], person="ana", now=wall_clock())
    with pytest.raises(SourceAnswerError, match="a row without id or time"):
        airflow_events.keep(worker, found=[{"event": "clear"}], person="ana", now=wall_clock())
    worker.close()


@pytest.fixture
def closing(browser: TestClient, stores: Stores) -> Copy:
    """Ben signs as controller what Ana has signed; gives the answer."""
    with stores.worker.transaction() as tx:
        ask(tx)
    with stores.web.transaction("ana") as tx:
        signoffs.record(tx, OCTOBER, "preparer", CONTENT, comment="")
    sits_down(browser, "ben")

    def call(token: str = "mine") -> Any:
        body = typed(asked(browser, "sign", OCTOBER))
        body |= {"duty": "controller", "content_hash": CONTENT}
        headers = {"Authorization": f"Bearer {token}"}
        return browser.post(f"/api/periods/{OCTOBER}/sign-offs", json=body, headers=headers)

    return call


def review(browser: TestClient) -> None:
    path = f"/api/periods/{OCTOBER}/overrides/review"
    answer = browser.post(path, json={"remark": "Looked at it."}, headers=SAME)
    assert answer.status_code == 201, answer.text


def test_the_signature_that_closes_copies_the_log_itself(closing: Copy, stores: Stores) -> None:
    answer = closing()
    assert (answer.status_code, answer.json()) == (201, {"state": "closed"})
    with stores.reader.transaction() as tx:
        assert reviews.last_mirrored(tx) == 250


def test_a_month_does_not_close_over_an_act_that_nobody_has_reviewed(
    closing: Copy, browser: TestClient, airflow: Airflow, stores: Stores
) -> None:
    airflow.rows.append(an_event(251, "patch_task_instance"))
    answer = closing()
    assert (answer.status_code, "1 acts in Airflow override" in answer.text) == (409, True)
    assert "251 patch_task_instance monthly_close manual__1 by admin" in answer.json()["error"]
    with stores.reader.transaction() as tx:
        assert periods.state(tx, OCTOBER) == "soft_closed"
    review(browser)
    airflow.rows.append(an_event(252, "clear"))
    assert closing().status_code == 409
    review(browser)
    assert closing().json() == {"state": "closed"}


def test_a_month_does_not_close_over_an_act_that_is_not_copied_yet(
    closing: Copy, airflow: Airflow
) -> None:
    airflow.rows.append(an_event(251, "clear", when=wall_clock().isoformat()))
    answer = closing()
    assert (answer.status_code, "sign again in a moment" in answer.text) == (409, True)
    airflow.rows[-1] = an_event(251, when=wall_clock().isoformat())
    assert closing().json() == {"state": "closed"}


def test_who_may_not_read_the_log_of_airflow_closes_nothing(closing: Copy, stores: Stores) -> None:
    answer = closing("another")
    assert (answer.status_code, "answered 403" in answer.text) == (403, True)
    with stores.reader.transaction() as tx:
        assert periods.state(tx, OCTOBER) == "soft_closed"


def test_a_log_that_is_too_long_for_one_copy_is_not_taken_in_part(
    copy: Copy, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_log, "MOST_PAGES", 2)
    answer = copy()
    assert (answer.status_code, "more than 200 events" in answer.text) == (409, True)
    with stores.reader.transaction() as tx:
        assert reviews.last_mirrored(tx) is None
