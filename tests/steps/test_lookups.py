"""Tag and owner tables are policies: two people, versions, and they hold for the past."""

from collections import Counter
from datetime import date
from decimal import Decimal

from tests import month
from tests.worlds import WorldAt

from tieout.steps import classify, policies, sign, status
from tieout.steps.context import Context
from tieout.steps.inputs import latest_outputs

TABLE = (
    "valid_from,valid_to,from_key,from_value,key,value\n"
    ",,App,search-ranking,app,support-assistant\n"
)


def by_initiative(worker: Context) -> Counter[str | None]:
    with worker.store.transaction() as tx:
        stored = latest_outputs(tx, "classify", f"{month.PERIOD}/final")["lines"]
    found: Counter[str | None] = Counter()
    for line in worker.lake.get_table(stored["path"], stored["sha256"]).to_pylist():
        if line["provider"] == "aws":
            found[line["initiative"]] += line["billed_cost"]
    return found


def test_an_approved_tag_table_moves_what_its_tags_decided(world_at: WorldAt) -> None:
    world = world_at("classify final")
    worker, web = world.worker(), world.web()
    before = by_initiative(worker)
    made = policies.propose(
        worker,
        kind="tag_map",
        text=TABLE,
        name="tag_map.csv",
        valid_from=date(2026, 1, 1),
        person=month.PREPARER,
    )
    assert classify.run(worker, period=month.PERIOD, stage="final").status == "unchanged"
    sign.approve_policy(
        web, kind="tag_map", version=int(made.summary["version"] or 0), person=month.CONTROLLER
    )
    assert classify.run(worker, period=month.PERIOD, stage="final").status == "done"
    after = by_initiative(worker)
    kinds = {one["kind"] for one in status.policies(worker)}
    worker.close()
    web.close()
    assert before["search-ranking"] > Decimal(1000)
    assert after["search-ranking"] == 0
    assert after["support-assistant"] == before["support-assistant"] + before["search-ranking"]
    assert "tag_map" in kinds
