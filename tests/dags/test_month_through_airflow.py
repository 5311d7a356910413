"""The whole month through real Airflow processes, with the program killed in the middle."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import month

pytestmark = pytest.mark.airflow
ROOT = Path(__file__).parents[2]
GIVE_UP_S = 400
DAYS = "31" if os.environ.get("TIEOUT_SOAK") == "1" else "3"  # synced one by one, the last ones


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A home of its own; the database in it is removed afterwards."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    own = {**kept, "TIEOUT_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT / "include")}
    own["TIEOUT_DEMO_DAYS"] = DAYS
    yield own
    down = [sys.executable, "-m", "demo.down", "--forget"]
    subprocess.run(down, cwd=ROOT, env=own, check=True, capture_output=True)


def _begin(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "demo.run"],
            cwd=ROOT,
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )


def _wait_for(text: str, log: Path) -> None:
    give_up_at = time.monotonic() + GIVE_UP_S
    while not re.search(text, log.read_text()):
        assert time.monotonic() < give_up_at, log.read_text()
        time.sleep(0.3)


def _content_hash(home: str) -> str:
    (statement,) = (Path(home) / "published" / month.PERIOD).glob("*/statement.json")
    assert json.loads(statement.read_text())["state"] == "closed"
    return statement.parent.name


def test_the_month_closes_through_airflow_although_it_was_killed_on_the_way(
    environment: dict[str, str], tmp_path: Path, closed_world: month.World
) -> None:
    first = _begin(environment, tmp_path / "first.log")
    _wait_for(rf"daily_sync: \d+ of {DAYS}", tmp_path / "first.log")
    time.sleep(3)  # some of its tasks have ended, others run
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    second = _begin(environment, tmp_path / "second.log")
    said = tmp_path / "second.log"
    assert second.wait(GIVE_UP_S) == 0, said.read_text()
    assert "bean-check accepts the journal" in said.read_text()
    assert _content_hash(environment["TIEOUT_HOME"]) == _content_hash(closed_world.home)
    third = _begin(environment, tmp_path / "third.log")
    assert third.wait(60) == 0
    assert "nothing was changed (unchanged)" in (tmp_path / "third.log").read_text()
    assert not re.search("sk-|password", said.read_text())
