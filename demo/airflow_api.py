"""Airflow's REST API as the demo and the tests use it: log-in, runs, tasks, people's answers."""

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from tieout.config import utc_now


class AirflowRefusedError(Exception):
    """Airflow answered with an error; the text has method, path, status and its own words."""


class AirflowApi:
    """One logged-in person at one Airflow."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=120)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def log_in(self, user: str, password: str) -> Self:
        """Take a token and use it from now on."""
        answer = self.call("POST", "/auth/token", json={"username": user, "password": password})
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"
        return self

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """One request; the JSON of the answer. Told to wait, it waits and asks once more.

        Raises:
            AirflowRefusedError: any status from 400 up, or an answer that is not JSON (Airflow
                shows its start page where no route is, for instance when a plug-in did not load).
        """
        answer = self._http.request(method, path, **arguments)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            time.sleep(int(answer.headers.get("Retry-After", "1")))
            answer = self._http.request(method, path, **arguments)
        is_page = answer.headers.get("content-type", "").startswith("text/html")
        if is_page or answer.status_code >= httpx.codes.BAD_REQUEST:
            raise AirflowRefusedError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def decide(
        self, path: str, *, act: str, subject: str, body: dict[str, Any] | None = None
    ) -> Any:
        """One decision on the finance API: ask for a number, then decide with it.

        A person reads and types the word; the demo's people type what they are shown.
        """
        wish = {"act": act, "subject": subject}
        given = self.call("POST", "/tieout/api/confirmations", json=wish)
        typed = {"nonce": given["nonce"], "typed": given["type_this"]}
        return self.call("POST", path, json={**(body or {}), "confirmation": typed})

    def not_answering(self) -> str:
        """The API server, while it does not answer; empty when it does."""
        try:
            self.call("GET", "/api/v2/version")
        except (httpx.TransportError, AirflowRefusedError):
            return "the API server"
        return ""

    def not_ready(self, dags: Sequence[str], *, user: str, password: str) -> str:
        """What is still missing, in words; empty when all is healthy and the DAGs are read."""
        try:
            health = self.call("GET", "/api/v2/monitor/health")
            if "Authorization" not in self._http.headers:
                self.log_in(user, password)
                # builds the API of the tasks, which takes seconds, while others still start
                self.call("GET", "/execution/health/ping")
        except (httpx.TransportError, AirflowRefusedError):
            return "the API server"
        for part in ("metadatabase", "scheduler", "dag_processor", "triggerer"):
            if health[part]["status"] != "healthy":
                return f"the {part}"
        read = {dag["dag_id"] for dag in self.call("GET", "/api/v2/dags")["dags"]}
        return ", ".join(sorted(set(dags) - read))

    def make_pool(self, name: str, *, slots: int) -> None:
        """Create the pool, or leave the one that is there."""
        try:
            self.call("GET", f"/api/v2/pools/{name}")
        except AirflowRefusedError:
            self.call("POST", "/api/v2/pools", json={"name": name, "slots": slots})

    def backfill(self, dag_id: str, *, first: date, last: date, max_active_runs: int = 8) -> int:
        """Run the partitions `first` to `last` (both inclusive); the id of the backfill."""
        body = {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T23:59:59Z",
            "reprocess_behavior": "completed",
            "max_active_runs": max_active_runs,
        }
        return int(self.call("POST", "/api/v2/backfills", json=body)["id"])

    def trigger(
        self, dag_id: str, *, partition: str | None = None, conf: dict[str, Any] | None = None
    ) -> str:
        """Start one run by hand; its id."""
        body = {"logical_date": None, "partition_key": partition, "conf": conf or {}}
        answer = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        return str(answer["dag_run_id"])

    def announce(self, asset: str, *, partitions: Sequence[str]) -> None:
        """Tell Airflow that partitions of an asset are there, made elsewhere."""
        (found,) = self.call("GET", "/api/v2/assets", params={"name_pattern": asset})["assets"]
        for partition in partitions:
            body = {"asset_id": found["id"], "partition_key": partition}
            self.call("POST", "/api/v2/assets/events", json=body)

    def clear(self, dag_id: str, run_id: str) -> None:
        """Let the failed tasks of a run start again, with what follows them."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/clear"
        self.call("POST", path, json={"dry_run": False, "only_failed": True})

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The first 100 runs of a DAG, oldest first."""
        parameters: dict[str, str | int] = {"limit": 100, "order_by": "id"}
        return list(
            self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=parameters)["dag_runs"]
        )

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """All task instances of a run."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return list(self.call("GET", path)["task_instances"])

    def last_error(self, dag_id: str, run_id: str, task: dict[str, Any]) -> str:
        """The sentence with which the last try of a failed task ended, from its log."""
        answer = self.call(
            "GET",
            f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}"
            f"/logs/{task['try_number']}",
            params={"map_index": task["map_index"], "full_content": True},
            headers={"Accept": "application/json"},
        )
        errors = [
            f"{detail['exc_type']}: {detail['exc_value']}"
            for line in answer["content"]
            for detail in (line.get("error_detail") or [])
        ]
        return errors[-1] if errors else "its log names no error; look at the scheduler's log"

    def count(self, dag_id: str, state: str) -> int:
        """How many runs of a DAG are in a state; cheap enough to ask every second."""
        parameters: dict[str, str | int] = {"limit": 1, "state": state}
        answer = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=parameters)
        return int(answer["total_entries"])

    def questions(self) -> list[dict[str, Any]]:
        """The open requests to people, over all DAGs, four seconds after their task has started.

        Nobody answers sooner, and Airflow 3.3.2 fails a task whose answer comes while the process
        that asked is still being put away ("finished with state success, but ... queued").
        """
        path = "/api/v2/dags/~/dagRuns/~/hitlDetails"
        asked = self.call("GET", path, params={"response_received": False})["hitl_details"]
        latest = utc_now() - timedelta(seconds=4)
        return [
            one
            for one in asked
            if one["task_instance"]["state"] == "awaiting_input"
            and datetime.fromisoformat(one["task_instance"]["start_date"]) < latest
        ]

    def answer(self, question: dict[str, Any], *, option: str) -> None:
        """Answer one of `questions()` as the person who is logged in."""
        task = question["task_instance"]
        self.call(
            "PATCH",
            f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/"
            f"{task['task_id']}/{task['map_index']}/hitlDetails",
            json={"chosen_options": [option], "params_input": {}},
        )
