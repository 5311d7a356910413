"""Two workers on the same work: it is done once, and nobody waits for ever."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.steps import allocate, classify, normalise, post, pull
from tieout.steps.context import Context, StepResult
from tieout.store import audit

pytestmark = pytest.mark.fault
WORKERS = 4


def _together(
    world: month.World, step: Callable[[Context], StepResult]
) -> list[StepResult | BaseException]:
    gate = threading.Barrier(WORKERS)

    def work() -> StepResult:
        context = world.worker()
        try:
            gate.wait(10)
            return step(context)
        finally:
            context.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        begun = [pool.submit(work) for _ in range(WORKERS)]
    return [one.exception(60) or one.result() for one in begun]


def _events(world: month.World) -> int:
    context = world.worker()
    with context.store.transaction() as tx:
        seq, _ = audit.head(tx)
    context.close()
    return seq


def test_four_workers_do_the_same_work_once(world_at: WorldAt) -> None:
    fresh_world = world_at("draft world")
    for name in month.PROVIDERS:
        pulled = _together(fresh_world, partial(pull.run, provider=name, period=month.PERIOD))
        assert sum(_new(result) for result in pulled) in {1, 2}  # cost, and usage for AI
        before = _events(fresh_world)
        read = _together(fresh_world, partial(normalise.run, provider=name, period=month.PERIOD))
        done = [result for result in read if _status(result) == "done"]
        assert len(done) == 1
        assert _events(fresh_world) - before in {1, 2}
    for step in (
        partial(classify.run, period=month.PERIOD, stage="draft"),
        partial(allocate.run, period=month.PERIOD, stage="draft"),
        partial(post.accrue, period=month.PERIOD),
    ):
        found = _together(fresh_world, step)
        assert [_status(result) for result in found].count("done") == 1, found
        assert [_status(result) for result in found].count("unchanged") == WORKERS - 1, found


def _status(result: StepResult | BaseException) -> str:
    return result.status if isinstance(result, StepResult) else repr(result)


def _new(result: StepResult | BaseException) -> int:
    assert isinstance(result, StepResult), result
    return int(result.summary["new_versions"] or 0)
