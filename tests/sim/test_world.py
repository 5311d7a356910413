"""Random months with faults end in the ledger of the same facts delivered once and in order.

And the test of the test: each planted bug is found. `TIEOUT_SOAK=1` lives 10,000 months, each with
a truth of its own; a seed that ever failed stands in tests/faults/seeds.txt and is run for ever.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.examples import SOAK
from tests.sim.checks import LieError
from tests.sim.world import ACTS, World, live

pytestmark = pytest.mark.fault
MONTHS, PARTS = (10_000, 20) if SOAK else (300, 3)
TRUTHS = 25  # in `make test`; what is made of the same facts is then made once
FIRST_SEED = int(os.environ.get("TIEOUT_SEED", "0"))
SEEDS = Path(__file__).parents[1] / "faults" / "seeds.txt"
BUGS = (
    "no fsync",
    "no directory sync",
    "commit before rename",
    "no CAS",
    "key built from run id",
    "blind retry after lost ack",
    "period checked before the lock",
    "approver by role",
    "late event into closed month",
    "as-of by timestamp",
    "float sum",
    "GC without grace",
    "page repeat counted twice",
    "empty throttled answer taken as zero",
    "reversal of a reversal",
)
WITHIN = 1_000


def _truth(seed: int) -> int | None:
    return None if SOAK else seed % TRUTHS


def _lived(seed: int, bugs: frozenset[str] = frozenset()) -> World:
    """One month; a failure says how to live it again."""
    try:
        return live(seed, bugs, truth=_truth(seed))
    except LieError as lie:
        raise LieError(f"{lie}; live(seed={seed}, truth={_truth(seed)}) shows it again") from lie


@pytest.mark.parametrize("part", range(PARTS))
def test_months_with_faults_end_in_the_ledger_of_the_same_facts_once_in_order(part: int) -> None:
    size = MONTHS // PARTS
    worlds = [_lived(FIRST_SEED + part * size + number) for number in range(size)]
    states = [world.store.state for world in worlds]
    assert sum(world.faults.crashes for world in worlds) > size / 2
    assert sum(state.months["2026-10"].state == "closed" for state in states) > size / 20
    assert all(any(row.entry.journal_type == "invoice" for row in state.rows) for state in states)


@pytest.mark.parametrize(
    "line", [one for one in SEEDS.read_text().splitlines() if one[:1].isdigit()]
)
def test_a_seed_that_failed_once_never_fails_again(line: str) -> None:
    seed, _, truth = line.split("#", maxsplit=1)[0].strip().partition(" ")
    live(int(seed), truth=int(truth) if truth else None)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    for seed in range(WITHIN):
        try:
            live(seed, frozenset({bug}), truth=seed % TRUTHS)
        except LieError:
            return
    pytest.fail(f"{bug}: {WITHIN} seeds did not find it")


def test_the_same_seed_is_the_same_month_whatever_the_hash_seed() -> None:
    program = "from tests.sim.world import live; print([live(s, truth=s).trace for s in range(3)])"
    root = Path(__file__).parents[2]
    traces = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={
                **os.environ,
                "PYTHONHASHSEED": hash_seed,
                "PYTHONPATH": f"{root / 'include'}:{root}",
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(traces) == 1


class Months(RuleBasedStateMachine):
    """Hypothesis chooses what happens, in what order and where the process dies."""

    world: World

    @initialize(truth=st.integers(0, TRUTHS - 1))
    def begin(self, truth: int) -> None:
        self.world = World(0, truth=truth)

    @rule(name=st.sampled_from(sorted(set(ACTS))), arm=st.integers(0, 8), hold=st.booleans())
    def act(self, name: str, arm: int, hold: bool) -> None:
        self.world.act(name, arm=arm, hold=hold)

    @rule(arm=st.integers(0, 8))
    def resume(self, arm: int) -> None:
        self.world.resume(arm=arm)

    @rule(full=st.booleans(), flip=st.booleans())
    def trouble(self, full: bool, flip: bool) -> None:
        self.world.disk.full, self.world.disk.flip_next = full, flip

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()


def test_no_order_of_acts_and_crashes_breaks_the_ledger() -> None:
    cases = settings(max_examples=3_000 if SOAK else 100, stateful_step_count=30)
    run_state_machine_as_test(Months, settings=cases)
