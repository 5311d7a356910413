"""A month classified by the engine that the deployment has chosen."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import SettingError, SourceUnreachableError
from tieout.core.period import parse_period
from tieout.engine.base import EngineChoice, load
from tieout.engine.month_cube import month_cube_of_files
from tieout.steps import classify, views
from tieout.steps.context import make
from tieout.steps.inputs import latest_outputs

OCTOBER = parse_period(month.PERIOD)


def test_files_of_charges_give_the_ledger_lines_that_charges_in_memory_give(
    world_at: WorldAt,
) -> None:
    world = world_at("classify final")
    worker = world.worker()
    with worker.store.transaction() as tx:
        kept = latest_outputs(tx, "classify", f"{month.PERIOD}/final")
        used = classify.policies_used(tx, OCTOBER)
    paths = [str(Path(world.home) / "lake" / one["path"]) for one in kept["charges"]]
    with load(EngineChoice(kind="duckdb")) as engine:
        cube = month_cube_of_files(engine, paths, views.cuts(used))
    found = views.classified(cube, OCTOBER, used)
    for name, table in (("lines", found.lines), ("assignment", found.assignment)):
        folder = "lines" if name == "lines" else "assignments"
        stored = worker.lake.put_table(table, f"{folder}/period={month.PERIOD}")
        assert stored.sha256 == kept[name]["sha256"], name
    worker.close()


@pytest.mark.parametrize(
    ("engine", "refusal", "sentence"),
    [
        ("flink://x:1", SettingError, "expected duckdb, spark://host:port or sc://host:port"),
        ("spark://127.0.0.1:9", (SettingError, SourceUnreachableError), "127.0.0.1:9|pip install"),
    ],
)
def test_an_engine_that_cannot_be_used_stops_the_step_and_keeps_nothing(
    world_at: WorldAt,
    engine: str,
    refusal: type[Exception] | tuple[type[Exception], ...],
    sentence: str,
) -> None:
    world = world_at("final normalise azure")
    settings = replace(world.settings(), engine=engine)
    worker = make(settings=settings, connection=world.worker().connection)
    with pytest.raises(refusal, match=sentence):
        classify.run(worker, period=month.PERIOD, stage="final")
    worker.close()
