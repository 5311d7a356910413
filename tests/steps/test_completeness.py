"""What came in, by day and by version."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.config import connection_from_environment
from tieout.core.errors import NotReadyError
from tieout.steps import completeness, restatements
from tieout.steps.context import Context, make


def context_on(world: month.World, day: int) -> Context:
    """A worker's context in October 2026, as if it were that day."""
    return make(
        settings=world.settings(),
        connection=lambda name: connection_from_environment(name, world.connections),
        now=lambda: datetime(2026, 10, day, 6, tzinfo=UTC),
    )


def test_every_day_of_the_closed_month_names_its_version(closed_world: month.World) -> None:
    worker = closed_world.worker()
    found = completeness.run(worker, period=month.PERIOD)
    worker.close()
    assert (found["expected"], found["received"], found["holes"]) == (
        31 * len(month.PROVIDERS),
        31 * len(month.PROVIDERS),
        [],
    )
    last = next(
        one for one in found["days"] if one["day"] == "2026-10-31" and "aws" in one["account"]
    )
    assert (last["version"], last["rows"] > 8, len(last["content_sha256"])) == (2, True, 64)


def test_days_that_nobody_pulled_are_holes_and_the_future_is_not(world_at: WorldAt) -> None:
    worker = context_on(world_at("draft world"), 3)
    found = completeness.run(worker, period=month.PERIOD)
    worker.close()
    assert (found["expected"], found["received"]) == (2 * len(month.PROVIDERS), 0)
    assert {one["day"] for one in found["holes"]} == {"2026-10-01", "2026-10-02"}


def test_a_restatement_adds_up_to_the_difference_of_the_two_versions(
    closed_world: month.World,
) -> None:
    worker = closed_world.worker()
    found = restatements.run(worker, period=month.PERIOD)
    (openai,) = restatements.run(worker, period=month.PERIOD, provider="openai")
    with pytest.raises(NotReadyError, match="No billing account of provider 'github'"):
        restatements.run(worker, period=month.PERIOD, provider="github")
    worker.close()
    assert openai in found
    assert (openai["from"]["version"], openai["to"]["version"]) == (1, 2)
    change = Decimal(openai["to"]["total"]) - Decimal(openai["from"]["total"])
    assert Decimal(openai["change"]) == change > 0
    assert sum(int(line["amount_units"]) for line in openai["lines"]) == change * 10**12
