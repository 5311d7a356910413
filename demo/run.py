"""`make run`: the sample month 2026-10 through Airflow, from the providers to the closed ledger.

The story: 1 November, all days of October are in and the month is accrued; 3 November, final
reports and invoices are there; two people sign; the month is published. Run again, it changes
nothing. Killed at any point, the next run goes on from what is there.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from demo import airflow, deployment
from demo.airflow_api import AirflowApi, AirflowRefusedError
from demo.standins import FINAL_ON, StandIns
from tieout import log
from tieout.cli import views
from tieout.core.errors import TieoutError
from tieout.core.period import parse_period
from tieout.steps import audit_log, policies, publish, status
from tieout.steps.context import Context
from tieout.store import migrate
from tieout.store.policies import PolicyKind

PERIOD = "2026-10"
POLICIES_FROM = date(2026, 1, 1)
POLICY_ORDER: tuple[PolicyKind, ...] = (
    "accounts",
    "chart",
    "initiatives",
    "allocation",
    "classification",
    "rate_card",
    "tag_map",
    "owners",
)
PREPARER, CONTROLLER = "maria", "chen"
GIVE_UP_S = 900
POLL_S = 1.5  # listing the runs costs the API server a tenth of a second each time
console = Console(highlight=False, soft_wrap=True)
_started = time.monotonic()


def main() -> int:
    """Run the month; 0 when it is closed and published, else 3 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stay", action="store_true", help="keep Airflow up until Ctrl-C")
    stay: bool = parser.parse_args().stay
    home = deployment.home_folder()
    try:
        with deployment.alone(home), (home / "logs" / "run.log").open("a") as file:
            log.configure(file)
            airflow.stop_stale(home)
            made = _prepared(home)
            try:
                return _month(made, stay=stay)
            finally:
                deployment.release(made)
    except (TieoutError, deployment.DemoError, airflow.AirflowNotUpError) as error:
        console.print(f"tieout: {error}", markup=False)
        return 3
    except AirflowRefusedError as error:
        console.print(f"tieout: Airflow refused a request: {error}; see {home / 'logs'}.")
        return 3


def say(text: str) -> None:
    """One line of progress with the seconds since the start."""
    console.print(f"{time.monotonic() - _started:6.1f} s  {text}", markup=False)


def _prepared(home: Path) -> deployment.Deployment:
    say("database: PostgreSQL, split logins, schema, people")
    made = deployment.prepare(home)
    say(f"database is at schema {migrate.HEAD}")
    return made


def _month(made: deployment.Deployment, *, stay: bool) -> int:
    worker = made.worker({})
    try:
        if status.period_status(worker, period=PERIOD)["state"] == "closed":
            return _nothing_to_do(worker)
        standins = StandIns(made.home, as_of=made.calendar())
        standins.start()
        try:
            _through_airflow(made, standins, worker, stay=stay)
        finally:
            standins.stop()
        return _report(worker)
    finally:
        worker.close()


def _through_airflow(
    made: deployment.Deployment, standins: StandIns, worker: Context, *, stay: bool
) -> None:
    connections = standins.connection_environment()
    settings = made.airflow(connections, port=airflow.free_port())
    say("airflow: metadata")
    airflow.migrate(settings)
    say(f"airflow: API server, scheduler, DAG processor, triggerer on {settings.url}")
    with airflow.running(settings) as api:
        say("airflow is healthy")
        _policies(worker, settings.url)
        _daily(api)
        _close(api, standins, made, settings.url)
        if stay:
            airflow.stay(settings)


def _policies(worker: Context, url: str) -> None:
    """Proposed by one person, approved by another through the API."""
    waiting = []
    for kind in POLICY_ORDER:
        file = next(deployment.POLICIES.glob(f"{kind}.*"))
        made = policies.propose(
            worker,
            kind=kind,
            text=file.read_text(encoding="utf-8"),
            name=file.name,
            valid_from=POLICIES_FROM,
            person=PREPARER,
        )
        if made.summary["approved_by"] is None:
            waiting.append((kind, made.summary["version"]))
    with _as(url, CONTROLLER) as chen:
        for kind, version in waiting:
            chen.call("POST", f"/tieout/api/policies/{kind}/{version}/approval")
    say(f"policies: {len(waiting)} proposed by {PREPARER} and approved by {CONTROLLER}")


def _daily(api: AirflowApi) -> None:
    """One partition a day; a day that has succeeded is not run again.

    `TIEOUT_DEMO_DAYS` leaves only the last days to Airflow, for tests in a hurry: the others are
    announced as made elsewhere, and their charges come with the first day that is synced.
    """
    all_days = [str(day) for day in parse_period(PERIOD).days()]
    days = all_days[-int(os.environ.get("TIEOUT_DEMO_DAYS", len(all_days))) :]
    runs = {run["partition_key"]: run for run in api.runs("daily_sync")}
    if not runs and days != all_days:
        api.announce("tieout_daily_charges", partitions=all_days[: -len(days)])
    for day in days:
        if day not in runs:
            api.trigger("daily_sync", partition=day)
        elif runs[day]["state"] == "failed":
            api.clear("daily_sync", runs[day]["dag_run_id"])
    say(f"daily_sync: {len(days)} days, one task for each provider")
    shown = -1
    for _ in _while_waiting("the daily sync"):
        states = {run["partition_key"]: run for run in api.runs("daily_sync")}
        _raise_failed(api, "daily_sync", list(states.values()))
        done = sum(1 for day in days if states.get(day, {}).get("state") == "success")
        if done == len(days):
            break
        if done * 4 // len(days) != shown:
            shown = done * 4 // len(days)
            say(f"daily_sync: {done} of {len(days)} days are complete")
    say(f"daily_sync: all {len(days)} days are complete; the month's close starts by itself")


def _close(api: AirflowApi, standins: StandIns, made: deployment.Deployment, url: str) -> None:
    """Let the calendar move on, sign as two people, wait for the end."""
    seen: set[str] = set()
    before = [run for run in api.runs("monthly_close") if run["partition_key"] == PERIOD]
    if before and before[-1]["state"] == "failed":
        api.trigger("monthly_close", partition=PERIOD)
        say("monthly_close: an earlier run failed; begun again")
    for waited in _while_waiting("the monthly close"):
        runs = [run for run in api.runs("monthly_close") if run["partition_key"] == PERIOD]
        if not runs and waited > timedelta(seconds=30):
            api.trigger("monthly_close", partition=PERIOD)
        for run in runs[-1:]:
            if run["state"] == "success":
                say("monthly_close: published")
                return
            tasks = {
                task["task_id"]: task for task in api.tasks("monthly_close", run["dag_run_id"])
            }
            _narrate(tasks, seen)
            _raise_failed(api, "monthly_close", [run])
            accrued = tasks.get("classify_allocate_accrue", {}).get("state") == "success"
            if accrued and standins.as_of < FINAL_ON:
                made.move_calendar(FINAL_ON)
                standins.set_as_of(FINAL_ON)
                say("3 November: final reports, invoices and receipts have arrived")
        for question in api.questions():
            _sign(question, url)


def _sign(question: dict[str, Any], url: str) -> None:
    """What a person does: read the request, sign its hash on the finance API, then let it go on."""
    task = question["task_instance"]["task_id"]
    person, duty = (
        (PREPARER, "preparer") if task == "prepare_signoff" else (CONTROLLER, "controller")
    )
    with _as(url, person) as own:
        asked = own.call("GET", f"/tieout/api/periods/{PERIOD}")
        signed = {one["duty"] for one in asked["sign_offs"] if one["is_current"]}
        if duty not in signed:
            own.call(
                "POST",
                f"/tieout/api/periods/{PERIOD}/sign-offs",
                json={
                    "duty": duty,
                    "content_hash": asked["content_hash"],
                    "comment": "Demo: checked the statement and the checklist.",
                },
            )
            say(f"signed by {person} as {duty}: content {asked['content_hash'][:12]}")
        own.answer(question, option="Approve")


def _narrate(tasks: dict[str, dict[str, Any]], seen: set[str]) -> None:
    for name, task in tasks.items():
        if task["state"] == "success" and name not in seen:
            seen.add(name)
            say(f"monthly_close: {name.replace('_', ' ')}")


def _raise_failed(api: AirflowApi, dag_id: str, runs: list[dict[str, Any]]) -> None:
    for run in runs:
        if run["state"] != "failed":
            continue
        for task in api.tasks(dag_id, run["dag_run_id"]):
            if task["state"] == "failed":
                raise deployment.DemoError(
                    f"{dag_id} {run['partition_key']}: task {task['task_id']} failed: "
                    f"{api.last_error(dag_id, run['dag_run_id'], task)}"
                )


def _while_waiting(what: str) -> Iterator[timedelta]:
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < GIVE_UP_S:
        yield timedelta(seconds=waited)
        time.sleep(POLL_S)
    raise deployment.DemoError(f"Waited {GIVE_UP_S} s for {what}; see the logs folder.")


@contextmanager
def _as(url: str, person: str) -> Iterator[AirflowApi]:
    with AirflowApi(url) as api:
        yield api.log_in(person, airflow.PASSWORDS[person])


def _nothing_to_do(worker: Context) -> int:
    """The month is closed: show that it still is what was signed, and change nothing."""
    published = publish.run(worker, period=PERIOD)
    code = _report(worker)
    say(f"{PERIOD} was closed before: nothing was changed ({published.status}).")
    return code


def _report(worker: Context) -> int:
    found = status.statement(worker, period=PERIOD)
    for part in views.statement(found):
        console.print(part)
    walked = audit_log.verify(worker)
    folder = Path(found["publication"]["statement.json"]).parent
    say(f"audit log: {walked.summary['events']} events, chain unbroken")
    say(_bean_check(folder / "journal.beancount"))
    say(f"ledger tables, journal and evidence: {folder}")
    say("in PostgreSQL: views v_ledger, v_journal, v_reconciliation, v_allocation")
    say("to look at it: make up, and in another shell  . .tieout/env && tieout lines 2026-10")
    return 0


def _bean_check(journal: Path) -> str:
    """An independent program re-adds the journal, with zero tolerance."""
    program = Path(sys.executable).with_name("bean-check")
    checked = subprocess.run([program, journal], capture_output=True, text=True, check=False)
    if checked.returncode:
        raise deployment.DemoError(f"bean-check refuses {journal}: {checked.stderr[:300]}")
    return "bean-check accepts the journal (an independent program, zero tolerance)"


if __name__ == "__main__":
    sys.exit(main())
