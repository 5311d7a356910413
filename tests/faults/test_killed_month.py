"""Kill -9 after every step of the month, begin again, and end in the same ledger.

The moments in the middle of steps come from a seed, which is printed: `TIEOUT_SEED=n` repeats them.
`TIEOUT_SOAK=1` draws a new seed and kills a hundred times.
"""

import hashlib
import multiprocessing
import os
import signal
import sys
import time
from itertools import pairwise
from typing import Any

import pytest
from tests import month
from tests.examples import SOAK
from tests.worlds import WorldAt

from tieout.steps import audit_log, status

pytestmark = pytest.mark.fault
KILLS = 100 if SOAK else 10
LONGEST_S = 3.0 if SOAK else 1.8
SEED = int(os.environ.get("TIEOUT_SEED", str(time.time_ns()) if SOAK else "0"))


def _die_after(world: month.World, begin: int, upto: int) -> None:
    """Run these acts, then die without any clean-up."""
    os.environ["TIEOUT_ALLOW_LOOPBACK"] = "1"
    month.run(world, begin=begin, upto=upto)
    os.kill(os.getpid(), signal.SIGKILL)


def _until_killed(world: month.World) -> None:
    os.environ["TIEOUT_ALLOW_LOOPBACK"] = "1"
    month.run(world)


@pytest.fixture(scope="module")
def processes() -> Any:
    """Children that have everything imported already and share nothing with the tests."""
    context = multiprocessing.get_context("forkserver")
    providers = [f"tieout.sources.providers.{name}" for name in month.PROVIDERS]
    context.set_forkserver_preload(["tests.month", *providers, "tieout.sources.pricebook"])
    return context


@pytest.fixture(scope="module")
def undisturbed(closed_world: month.World) -> dict[str, Any]:
    """What the month comes to when nothing happens to it."""
    return _outcome(closed_world)


def _outcome(world: month.World) -> dict[str, Any]:
    context = world.worker()
    try:
        audit_log.verify(context)
        found = status.statement(context, period=month.PERIOD)
        kept = ("content_hash", "ledger_seq", "ledger_total", "expense", "state", "bridges")
        return {name: found[name] for name in kept}
    finally:
        context.close()


def test_killed_after_each_step_and_begun_again_the_ledger_is_the_same(
    undisturbed: dict[str, Any], world_at: WorldAt, processes: Any
) -> None:
    """The long way begins each time at the first act; the short one goes on where it was killed."""
    place = 0 if SOAK else month.place("accrue") + 1
    world = world_at(place)
    ends = [end for end in month.step_ends() if end > place]
    for killed, upto in pairwise([place, *ends]):
        child = processes.Process(target=_die_after, args=(world, 0 if SOAK else killed, upto))
        child.start()
        child.join(120)
        assert child.exitcode == -signal.SIGKILL, f"the acts up to {upto} did not finish"
    month.run(world)
    assert _outcome(world) == undisturbed


def test_killed_in_the_middle_of_steps_the_ledger_is_the_same(
    undisturbed: dict[str, Any], fresh_world: month.World, processes: Any
) -> None:
    sys.stderr.write(f"TIEOUT_SEED={SEED} kills at the same moments again\n")
    killed = 0
    for attempt in range(KILLS):
        child = processes.Process(target=_until_killed, args=(fresh_world,))
        child.start()
        child.join(_moment_s(attempt))
        child.kill()
        child.join(30)
        killed += child.exitcode == -signal.SIGKILL
    assert killed >= KILLS / 2, f"seed {SEED}: most months had ended before the kill"
    month.run(fresh_world)
    assert _outcome(fresh_world) == undisturbed, f"seed {SEED}"


def _moment_s(attempt: int) -> float:
    """Seconds until the kill: anywhere from nothing to LONGEST_S, by the seed."""
    digest = hashlib.sha256(f"{SEED}:{attempt}".encode()).digest()
    return LONGEST_S * int.from_bytes(digest[:4]) / 2**32
