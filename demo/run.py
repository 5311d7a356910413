"""`make run`: the sample month 2026-10 through Airflow, from the providers to the closed ledger.

The story: 1 November, all days of October are in and the month is accrued; 3 November, final
reports and invoices are there; two people sign; the month is published. Run again, it changes
nothing. Killed at any point, the next run goes on from what is there.

`make next-month` (`--period 2026-11`) closes November after it: the rules change, AWS credits
October, and OpenAI's invoice has not arrived.
"""

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from demo import airflow, deployment, people, welcome
from demo.airflow_api import AirflowApi, AirflowRefusedError
from demo.standins import StandIns
from demo.story import MONTHS, NOVEMBER, OCTOBER, Month
from demo.telling import console, say
from tieout import log
from tieout.cli import views
from tieout.cli.figures import bridge_view
from tieout.core.errors import NotReadyError, TieoutError
from tieout.core.period import parse_period
from tieout.steps import audit_log, checkpoint, close, erp_export, matches, pack, publish, status
from tieout.steps.context import Context
from tieout.store import migrate

GIVE_UP_S = 900
ACCEPTED_FOR_DAYS = 45
LOOKS_AT_THE_QUEUE = 20  # then what is left is nothing that people of the story clear away
POLL_S = 1.5  # listing the runs costs the API server a tenth of a second each time
BY_PERIOD = {month.period: month for month in MONTHS}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One month of the story in a prepared home: stand-ins, Airflow's address, a worker."""

    month: Month
    made: deployment.Deployment
    standins: StandIns
    url: str
    worker: Context


def main() -> int:
    """Run the month; 0 when it is closed and published, else 3 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stay", action="store_true", help="keep Airflow up until Ctrl-C")
    parser.add_argument("--period", choices=sorted(BY_PERIOD), default=OCTOBER.period)
    given = parser.parse_args()
    month = BY_PERIOD[given.period]
    home = deployment.home_folder()
    try:
        with deployment.alone(home), (home / "logs" / "run.log").open("a") as file:
            log.configure(file)
            airflow.stop_stale(home)
            made = _prepared(home)
            try:
                return _month(made, month, stay=given.stay)
            finally:
                deployment.release(made)
    except (TieoutError, deployment.DemoError, airflow.AirflowNotUpError) as error:
        console.print(f"tieout: {error}", markup=False)
        return 3
    except AirflowRefusedError as error:
        console.print(f"tieout: Airflow refused a request: {error}; see {home / 'logs'}.")
        return 3


def _prepared(home: Path) -> deployment.Deployment:
    say("database: PostgreSQL, split logins, schema, people")
    made = deployment.prepare(home)
    say(f"database is at schema {migrate.HEAD}")
    return made


def _month(made: deployment.Deployment, month: Month, *, stay: bool) -> int:
    worker = made.worker({})
    try:
        _check_order(worker, month)
        if status.period_status(worker, period=month.period)["state"] == "closed":
            return _nothing_to_do(worker, made, month)
    finally:
        worker.close()
    made.move_calendar(max(made.calendar(), month.draft_on))
    standins = StandIns(made.home, as_of=made.calendar())
    standins.start()
    connections = standins.connection_environment()
    os.environ["TIEOUT_ALLOW_LOOPBACK"] = "1"  # this process pulls from the stand-ins as well
    worker = made.worker(connections)
    try:
        _through_airflow(made, standins, worker, month=month, connections=connections, stay=stay)
        return _report(worker, made, month)
    finally:
        standins.stop()
        worker.close()


def _check_order(worker: Context, month: Month) -> None:
    if month is OCTOBER:
        return
    if status.period_status(worker, period=OCTOBER.period)["state"] != "closed":
        raise deployment.DemoError(
            f"{OCTOBER.period} is not closed: expected that before {month.period}; `make run` "
            "closes it."
        )


def _through_airflow(
    made: deployment.Deployment,
    standins: StandIns,
    worker: Context,
    *,
    month: Month,
    connections: Mapping[str, str],
    stay: bool,
) -> None:
    settings = made.airflow(connections, port=airflow.free_port(), today=month.final_on)
    say("airflow: metadata")
    airflow.migrate(settings)
    say(f"airflow: API server, scheduler, DAG processor, triggerer on {settings.url}")
    with airflow.running(settings) as api:
        say("airflow is healthy")
        world = World(month=month, made=made, standins=standins, url=settings.url, worker=worker)
        people.propose_and_approve(worker, settings.url, month=month)
        _daily(api, month)
        _close(api, world)
        if stay:
            welcome.tell(settings.url)
            airflow.stay()


def _daily(api: AirflowApi, month: Month) -> None:
    """One partition a day; a day that has succeeded is not run again.

    `TIEOUT_DEMO_DAYS` leaves only the last days to Airflow, for tests in a hurry: the others are
    announced as made elsewhere, and their charges come with the first day that is synced.
    """
    all_days = [str(day) for day in parse_period(month.period).days()]
    days = all_days[-int(os.environ.get("TIEOUT_DEMO_DAYS", month.daily)) :]
    runs = {run["partition_key"]: run for run in _runs(api, "daily_sync", month)}
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
        states = {run["partition_key"]: run for run in _runs(api, "daily_sync", month)}
        _raise_failed(api, "daily_sync", list(states.values()))
        done = sum(1 for day in days if states.get(day, {}).get("state") == "success")
        if done == len(days):
            break
        if done * 4 // len(days) != shown:
            shown = done * 4 // len(days)
            say(f"daily_sync: {done} of {len(days)} days are complete")
    say(f"daily_sync: all {len(days)} days are complete; the month's close starts by itself")


def _close(api: AirflowApi, world: World) -> None:
    """Let the calendar move on, sign as two people, wait for the end."""
    period = world.month.period
    seen: set[str] = set()
    before = _runs(api, "monthly_close", world.month)
    if before and before[-1]["state"] == "failed":
        api.trigger("monthly_close", partition=period)
        say("monthly_close: an earlier run failed; begun again")
    for waited in _while_waiting("the monthly close"):
        runs = _runs(api, "monthly_close", world.month)
        if not runs and waited > timedelta(seconds=30):
            api.trigger("monthly_close", partition=period)
        for run in runs[-1:]:
            if run["state"] == "success":
                say("monthly_close: published")
                return
            _play(api, world, run, seen)
        for question in api.questions():
            people.sign(question, world.url, period=period)


def _runs(api: AirflowApi, dag_id: str, month: Month) -> list[dict[str, Any]]:
    """The runs of a month, or of its days."""
    return [run for run in api.runs(dag_id) if str(run["partition_key"]).startswith(month.period)]


def _play(api: AirflowApi, world: World, run: dict[str, Any], seen: set[str]) -> None:
    """What happens in the world, and what people do, where the run has come to."""
    tasks = {task["task_id"]: task for task in api.tasks("monthly_close", run["dag_run_id"])}
    _narrate(tasks, seen)
    _raise_failed(api, "monthly_close", [run])
    if _is_done(tasks, "classify_allocate_accrue"):
        _move_on(world)
    if _is_done(tasks, "reconcile_and_post") and not _is_done(tasks, "request_close"):
        until = world.month.final_on + timedelta(days=ACCEPTED_FOR_DAYS)
        people.clear_the_queue(world.url, period=world.month.period, until=until)
        seen.add(f"look {len(seen)}")
        if len([one for one in seen if one.startswith("look ")]) > LOOKS_AT_THE_QUEUE:
            wrong = people.what_blocks(world.url, period=world.month.period)
            raise deployment.DemoError(f"{world.month.period} cannot be closed: {wrong}")


def _is_done(tasks: dict[str, dict[str, Any]], name: str) -> bool:
    return bool(tasks.get(name, {}).get("state") == "success")


def _move_on(world: World) -> None:
    """The bills of the month arrive; before them, what else happened in it. May be repeated."""
    month = world.month
    if world.standins.as_of < month.final_on:
        if month is NOVEMBER:
            people.change_rules(world.worker, world.url, month=month)
        world.made.move_calendar(month.final_on)
        world.standins.set_as_of(month.final_on)
        say(f"{_day(month)}: final reports, invoices and receipts have arrived")


def _day(month: Month) -> str:
    return f"{month.final_on.day} {month.final_on:%B}"


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


def _nothing_to_do(worker: Context, made: deployment.Deployment, month: Month) -> int:
    """The month is closed: show that it still is what was signed, and change nothing."""
    published = publish.run(worker, period=month.period)
    code = _report(worker, made, month)
    say(f"{month.period} was closed before: nothing was changed ({published.status}).")
    return code


def _report(worker: Context, made: deployment.Deployment, month: Month) -> int:
    found = status.statement(worker, period=month.period)
    for part in views.statement(found):
        console.print(part)
    for part in bridge_view(matches.bridges(worker, period=month.period)):
        console.print(part)
    walked = audit_log.verify(worker)
    folder = Path(found["publication"]["statement.json"]).parent
    say(f"audit log: {walked.summary['events']} events, chain unbroken")
    say(_bean_check(folder / "journal.beancount"))
    say(_erp_file(worker, made, month))
    say(_evidence_pack(worker, made, month))
    say(_checklist(worker, month))
    say(f"ledger tables, journal and evidence: {folder}")
    say("in PostgreSQL: views v_ledger, v_journal, v_reconciliation, v_allocation")
    command = f". .tieout/env && tieout lines {month.period}"
    say(f"to look at it: make up, and in another shell  {command}")
    return 0


def _checklist(worker: Context, month: Month) -> str:
    """How many checks passed, and which do not apply, with the reason."""
    checks = close.checklist(worker, period=month.period)
    states = Counter(one["state"] for one in checks)
    if states["failed"]:
        raise deployment.DemoError(f"{states['failed']} checks of {month.period} fail.")
    unused = [one["check_id"] for one in checks if one["state"] == "not_applicable"]
    return (
        f"checklist: {states['passed']} of {len(checks)} checks passed, {len(unused)} do not apply "
        f"({', '.join(unused)}; tieout checklist {month.period} says why)"
    )


def _erp_file(worker: Context, made: deployment.Deployment, month: Month) -> str:
    """The entries that the general ledger has not taken yet, as one import file."""
    target = people.ERP_TARGET
    try:
        done = erp_export.run(
            worker, period=month.period, target=target, folder=made.home / "erp"
        ).summary
    except NotReadyError as error:
        return f"no file for {target}: {error}"
    return f"{target} import file, read back and balanced: {done['folder']}/{done['names']}"


def _evidence_pack(worker: Context, made: deployment.Deployment, month: Month) -> str:
    """What an auditor takes home, and what the verifier inside it says on a bare Python."""
    kept = checkpoint.make(worker).summary
    folder = Path(
        str(pack.run(worker, period=month.period, folder=made.home / "packs").summary["folder"])
    )
    program = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder)]
    checked = subprocess.run(program, capture_output=True, text=True, check=False)
    if checked.returncode:
        raise deployment.DemoError(f"verify.py refuses {folder}: {checked.stdout[-300:]}")
    count = sum(line.startswith("ok:") for line in checked.stdout.splitlines())
    return (
        f"evidence pack {folder}: verify.py re-performed the close, {count} checks; checkpoint of "
        f"{kept['events']} events signed and copied"
    )


def _bean_check(journal: Path) -> str:
    """An independent program re-adds the journal, with zero tolerance."""
    program = Path(sys.executable).with_name("bean-check")
    checked = subprocess.run([program, journal], capture_output=True, text=True, check=False)
    if checked.returncode:
        raise deployment.DemoError(f"bean-check refuses {journal}: {checked.stderr[:300]}")
    return "bean-check accepts the journal (an independent program, zero tolerance)"


if __name__ == "__main__":
    sys.exit(main())
