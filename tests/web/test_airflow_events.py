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

from tieout.config import utc_now
from tieout.core.errors import SegregationError, SourceAnswerError
from tieout.steps import airflow_events
from tieout.store import audit, reviews
from tieout.web import airflow_log, api
from tieout.web.app import create_app
from tieout.web.auth import logged_in_person

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
def copy(
    airflow: Airflow, ledger_database: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Copy]:
    """Ask for a copy as Ana."""
    monkeypatch.setenv("TIEOUT_DEMO", "1")
    monkeypatch.setenv("TIEOUT_HOME", str(tmp_path))
    monkeypatch.setenv("TIEOUT_WEB_DATABASE_URL", ledger_database.web_url)
    api.web_context.cache_clear()
    app = create_app()
    app.dependency_overrides[logged_in_person] = lambda: "ana"
    with TestClient(app, raise_server_exceptions=False) as client:

        def call(token: str = "mine") -> Any:
            headers = {"Authorization": f"Bearer {token}", "Sec-Fetch-Site": "same-origin"}
            return client.post("/api/controls/airflow", headers=headers)

        yield call
    api.web_context().close()
    api.web_context.cache_clear()


def test_the_log_is_copied_page_by_page_and_once(
    copy: Copy, airflow: Airflow, stores: Stores
) -> None:
    answer = copy()
    assert (answer.status_code, answer.json()) == (201, {"new": 250, "missing": 0, "upto": 250})
    assert [one["offset"] for one in airflow.asked] == ["0", "100", "200"]
    assert copy().json() == {"new": 0, "missing": 0, "upto": 250}
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
    assert copy().json() == {"new": 6, "missing": 2, "upto": 256}
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
    airflow.rows.append(an_event(251, when=utc_now().isoformat()))
    assert copy().json()["upto"] == 250


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
        airflow_events.keep(worker, found=[an_event(1)], person="ana")
    with pytest.raises(SourceAnswerError, match="a row without id or time"):
        airflow_events.keep(worker, found=[{"event": "clear"}], person="ana")
    worker.close()
