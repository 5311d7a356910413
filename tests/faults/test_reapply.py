"""Two apply the same preview at once, and one dies in the middle: the ledger moves once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.steps import policies, preview, reapply, sign
from tieout.store import journal, restated

pytestmark = pytest.mark.fault
NEW = (
    (month.POLICIES / "classification.yaml").read_text().replace("in: [staging, dev]", "in: [dev]")
)


class _PowerCutError(Exception):
    """Stands for whatever ends a process between two statements."""


@pytest.fixture
def world(world_at: WorldAt) -> month.World:
    made = world_at("controller signs")
    month.act("publish")(made)
    return made


@pytest.fixture
def approved(world: month.World) -> str:
    """An approved preview of October, not applied yet."""
    worker, web = world.worker(), world.web()
    try:
        label = policies.propose(
            worker,
            kind="classification",
            text=NEW,
            name="classification.yaml",
            valid_from=date(2026, 1, 1),
            person=month.PREPARER,
        ).subject
        shown = preview.run(
            worker, label=label, first=month.PERIOD, last=month.PERIOD, person=month.PREPARER
        )
        sign.approve_preview(web, preview=shown["preview"], person=month.CONTROLLER)
        return str(shown["preview"])
    finally:
        worker.close()
        web.close()


def _apply(world: month.World, approved: str) -> str:
    worker = world.worker()
    try:
        return reapply.run(worker, preview=approved).status
    finally:
        worker.close()


def _posted(world: month.World) -> tuple[int, int]:
    """Reclassifications in the journal, restated views of the month."""
    worker = world.worker()
    try:
        with worker.store.transaction() as tx:
            found = [one for one in journal.entries(tx) if one["journal_type"] == "reclass"]
            return len(found), len(restated.listing(tx, month.PERIOD))
    finally:
        worker.close()


def test_two_that_apply_the_same_preview_at_once_move_the_ledger_once(
    world: month.World, approved: str
) -> None:
    with ThreadPoolExecutor(2) as both:
        states = list(both.map(lambda _: _apply(world, approved), range(2)))
    assert sorted(states) == ["done", "unchanged"]
    entries, views = _posted(world)
    assert entries > 0
    assert views == 1


def test_one_that_dies_in_the_middle_leaves_nothing_and_the_next_one_finishes(
    world: month.World, approved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = journal.post_texts

    def cut(*given: Any) -> list[journal.Posted]:
        assert real(*given)
        raise _PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(journal, "post_texts", cut)
        with pytest.raises(_PowerCutError):
            _apply(world, approved)
    assert _posted(world) == (0, 0)
    assert _apply(world, approved) == "done"
    assert _posted(world)[1] == 1
