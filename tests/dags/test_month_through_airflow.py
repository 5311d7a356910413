"""The whole month through real Airflow processes, killed on the way; then a rule over its past.

One Airflow serves all tests of this file: it is the one that `make run --stay` leaves up.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from demo.airflow import PASSWORDS
from demo.airflow_api import AirflowApi, AirflowRefusedError
from tests import month
from tests.cli.command import here
from tests.examples import SOAK

pytestmark = pytest.mark.airflow
ROOT = Path(__file__).parents[2]
GIVE_UP_S = 900
DAYS = "31" if SOAK else "2"  # synced one by one, the last ones
OLD, NEW = "in: [staging, dev]", "in: [dev]"  # staging is no longer research and development


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """October, closed by a second `make run` after the first was killed; its Airflow is up."""

    environment: Mapping[str, str]
    program: subprocess.Popen[bytes]
    log: Path
    url: str

    def tieout(self, *arguments: str) -> str:
        """What a command says in a shell that has read `.tieout/env`."""
        text = (Path(self.environment["TIEOUT_HOME"]) / "env").read_text()
        known = (line.removeprefix("export ").partition("=") for line in text.splitlines())
        environment = {name: "".join(shlex.split(value)) for name, _, value in known}
        answer = here(arguments, environment)
        assert answer.code == 0, answer.error
        return answer.out

    @contextmanager
    def person(self, name: str) -> Iterator[AirflowApi]:
        with AirflowApi(self.url) as api:
            yield api.log_in(name, PASSWORDS[name])


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A home of its own; the database in it is removed afterwards."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    home = tmp_path_factory.mktemp("deployed") / "home"
    own = {**kept, "TIEOUT_HOME": str(home), "PYTHONPATH": str(ROOT / "include")}
    own["TIEOUT_DEMO_DAYS"] = DAYS
    yield own
    down = [sys.executable, "-m", "demo.down", "--forget"]
    subprocess.run(down, cwd=ROOT, env=own, check=True, capture_output=True)


@pytest.fixture(scope="module")
def deployed(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    logs = tmp_path_factory.mktemp("said")
    first = _begin(environment, logs / "first.log")
    _wait_for(rf"daily_sync: \d+ of {DAYS}", first, logs / "first.log")
    time.sleep(3)  # some of its tasks have ended, others run
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    second = _begin(environment, logs / "second.log", "--stay")
    try:
        said = _wait_for(r"in Airflow \((\S+)\).*Ctrl-C", second, logs / "second.log")
        yield Deployed(
            environment=environment, program=second, log=logs / "second.log", url=said[1]
        )
    finally:
        second.terminate()
        second.wait(GIVE_UP_S)


def _begin(environment: dict[str, str], log: Path, *options: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "demo.run", *options],
            cwd=ROOT,
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )


def _wait_for(text: str, program: subprocess.Popen[bytes], log: Path) -> re.Match[str]:
    give_up_at = time.monotonic() + GIVE_UP_S
    while (found := re.search(text, log.read_text(), re.DOTALL)) is None:
        assert program.poll() is None, log.read_text()
        assert time.monotonic() < give_up_at, log.read_text()
        time.sleep(0.3)
    return found


def _content_hash(home: str) -> str:
    (statement,) = (Path(home) / "published" / month.PERIOD).glob("*/statement.json")
    assert json.loads(statement.read_text())["state"] == "closed"
    return statement.parent.name


def test_the_month_closes_through_airflow_although_it_was_killed_on_the_way(
    deployed: Deployed, closed_world: month.World
) -> None:
    assert _content_hash(deployed.environment["TIEOUT_HOME"]) == _content_hash(closed_world.home)


@pytest.fixture
def policy(deployed: Deployed, tmp_path: Path) -> str:
    """A proposed change of the rules, by maria; proposed again it is the same version."""
    file = tmp_path / "classification.yaml"
    rules = (month.POLICIES / file.name).read_text()
    assert OLD in rules
    file.write_text(rules.replace(OLD, NEW))
    asked = ("rules", "propose", str(file), "--as", "maria", "--valid-from", "2026-01-01")
    made = json.loads(deployed.tieout(*asked, "--json"))
    assert made["approved_by"] is None or made["status"] == "unchanged"
    return str(made["subject"])


def _start(deployed: Deployed, policy: str) -> str:
    """Start the DAG as maria and wait for its question; the id of the run."""
    form = {"policy": policy, "first": month.PERIOD, "last": month.PERIOD, "threshold": "1000"}
    with deployed.person("maria") as maria:
        return maria.trigger("reapply", conf=form)


def _until(look: Callable[[], Any], *, api: AirflowApi, run: str) -> Any:
    give_up_at = time.monotonic() + GIVE_UP_S
    while not (found := look()):
        assert time.monotonic() < give_up_at, api.tasks("reapply", run)
        time.sleep(1)  # listing the runs costs the API server a tenth of a second
    return found


def _question(api: AirflowApi, run: str) -> dict[str, Any]:
    def asked() -> list[dict[str, Any]]:
        return [one for one in api.questions() if one["task_instance"]["dag_run_id"] == run]

    (found,) = _until(asked, api=api, run=run)
    return dict(found)


def _end(api: AirflowApi, run: str) -> str:
    """How a run ended."""

    def ended() -> str:
        (state,) = [one["state"] for one in api.runs("reapply") if one["dag_run_id"] == run]
        return str(state) if state in {"success", "failed"} else ""

    return str(_until(ended, api=api, run=run))


def _preview(question: dict[str, Any]) -> str:
    """The preview that a question shows; its sentence says what would move."""
    found = re.search(r"/tieout/api/previews/([0-9a-f]{64})`", question["body"])
    assert found is not None
    return found[1]


def _posted(deployed: Deployed) -> list[tuple[str, int]]:
    """Reclassifications in the journal: document number and debits in cents, oldest first."""
    text = (Path(deployed.environment["TIEOUT_HOME"]) / "env").read_text()
    url = re.search(r"TIEOUT_WORKER_DATABASE_URL='?([^'\n]+)", text)
    assert url is not None
    query = """
        SELECT document_no, sum(debit_minor)::bigint FROM tieout.v_journal
         WHERE journal_type = 'reclass' GROUP BY document_no ORDER BY document_no
    """
    with psycopg.connect(url[1]) as connection:
        return connection.execute(query).fetchall()


def _by_pl_category(deployed: Deployed, basis: str) -> dict[str, Decimal]:
    lines = json.loads(deployed.tieout("lines", month.PERIOD, "--basis", basis, "--json"))
    found: dict[str, Decimal] = {}
    for line in lines:
        key = line["pl_category"] or ""
        found[key] = found.get(key, Decimal(0)) + Decimal(line["billed_cost"])
    return found


def test_the_form_of_the_dag_is_checked_before_it_starts(deployed: Deployed) -> None:
    with deployed.person("maria") as maria, pytest.raises(AirflowRefusedError, match="chart@1"):
        maria.trigger("reapply", conf={"policy": "chart@1", "first": "2026-10", "last": "2026-10"})


def test_an_answer_in_airflow_approves_nothing(deployed: Deployed, policy: str) -> None:
    before = _posted(deployed)
    run = _start(deployed, policy)
    with deployed.person("chen") as chen:
        chen.answer(_question(chen, run), option="Approve")
        assert _end(chen, run) == "failed"
        states = {one["task_id"]: one for one in chen.tasks("reapply", run)}
        assert states["approve_preview"]["state"] == "success"
        assert states["apply"]["try_number"] == 1, "what is refused for a reason is not tried again"
        assert "is not approved" in chen.last_error("reapply", run, states["apply"])
    assert _posted(deployed) == before


def test_a_rule_over_the_past_waits_for_another_person_and_is_applied_once(
    deployed: Deployed, policy: str
) -> None:
    reported = _by_pl_category(deployed, "reported")
    run = _start(deployed, policy)
    with deployed.person("maria") as maria, deployed.person("chen") as chen:
        question = _question(chen, run)
        shown = _preview(question)
        approval = f"/tieout/api/previews/{shown}/approval"
        with pytest.raises(AirflowRefusedError, match="duty approver, found maria"):
            maria.decide(approval, act="approve_preview", subject=shown)
        decided = chen.decide(approval, act="approve_preview", subject=shown)
        assert decided == {"approved_by": "chen", "policy": policy}
        assert _posted(deployed) == []
        chen.answer(question, option="Approve")
        assert _end(chen, run) == "success"
        posted = _posted(deployed)
        assert posted
        assert _by_pl_category(deployed, "reported") == reported
        restated = _by_pl_category(deployed, "restated")
        assert restated != reported
        assert sum(restated.values()) == sum(reported.values())
        _clear(chen, run, "apply")
        assert _end(chen, run) == "success"
        assert _applied(chen, run)["status"] == "unchanged"
        assert _posted(deployed) == posted


def _clear(api: AirflowApi, run: str, task: str) -> None:
    """Let a task of a run that succeeded start again, with what follows it."""
    body = {
        "dry_run": False,
        "dag_run_id": run,
        "task_ids": [task],
        "only_failed": False,
        "include_downstream": True,
    }
    api.call("POST", "/api/v2/dags/reapply/clearTaskInstances", json=body)


def _applied(api: AirflowApi, run: str) -> dict[str, Any]:
    """What the task `apply` told at the end of its last try."""
    path = f"/api/v2/dags/reapply/dagRuns/{run}/taskInstances/apply/xcomEntries/return_value"
    (told,) = api.call("GET", path)["value"]
    return dict(told)


def test_make_run_ends_well_and_changes_nothing_the_next_time(
    deployed: Deployed, tmp_path: Path
) -> None:
    deployed.program.terminate()
    assert deployed.program.wait(GIVE_UP_S) == 0, deployed.log.read_text()
    assert "bean-check accepts the journal" in deployed.log.read_text()
    again = tmp_path / "again.log"
    assert _begin(dict(deployed.environment), again).wait(GIVE_UP_S) == 0
    assert "nothing was changed (unchanged)" in again.read_text()
    said = re.sub(r"  password \w+-demo  ", "", deployed.log.read_text() + again.read_text())
    assert not re.search("sk-|password", said)
