"""Dimensions of one's own from the rule file to every place where a person reads the ledger."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.focus.ledger_columns import OWN_DIMENSION_RULES, OWN_DIMENSIONS
from tieout.lake.files import Lake
from tieout.rules.own_dimensions import own_of
from tieout.steps import (
    allocate,
    classify,
    explain,
    history,
    policies,
    preview,
    publish,
    reapply,
    sign,
    status,
)
from tieout.steps.context import Context
from tieout.store import journal

OCTOBER = "2026-10"
OLD = (month.POLICIES / "classification.yaml").read_text()
NEW = OLD.replace(
    "dimensions:\n",
    """dimensions:
  seller:
    - {id: seller-ai, when: {column: provider, in: [openai, anthropic]}, then: AI lab}
    - {id: seller-cloud, when: always, then: Cloud}
  team:
    - {id: team-of-app, when: {tag: app, exists: true}, then: {tag: app}}
""",
    1,
)
OLDER_FOLDERS = ("lines/", "ledger/", "assignments/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Both logins of one October."""

    worker: Context
    web: Context

    def shown(self, text: str) -> dict[str, Any]:
        """Propose the rules and preview them over October."""
        made = policies.propose(
            self.worker,
            kind="classification",
            text=text,
            name="classification.yaml",
            valid_from=date(2026, 1, 1),
            person=month.PREPARER,
        )
        asked = {"first": OCTOBER, "last": OCTOBER, "person": month.PREPARER}
        return preview.run(self.worker, label=made.subject, **asked)

    def apply(self, text: str) -> dict[str, Any]:
        found = self.shown(text)
        sign.approve_preview(self.web, preview=found["preview"], person=month.CONTROLLER)
        reapply.run(self.worker, preview=found["preview"])
        return found

    def lines(self, basis: str) -> list[dict[str, Any]]:
        return status.ledger_lines(self.worker, period=OCTOBER, basis=basis)


def ledger_of(world: month.World) -> Ledger:
    return Ledger(worker=world.worker(), web=world.web())


@pytest.fixture
def closed(world_at: WorldAt) -> Iterator[Ledger]:
    """October, closed and published without own dimensions."""
    world = world_at("controller signs")
    month.act("publish")(world)
    made = ledger_of(world)
    yield made
    made.worker.close()
    made.web.close()


def kept_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files without own dimensions as they were before there were any."""
    read = Lake.get_table

    def without(self: Lake, path: str, sha256: str, **asked: Any) -> pa.Table:
        table = read(self, path, sha256, **asked)
        own = [OWN_DIMENSIONS, OWN_DIMENSION_RULES]
        is_old = path.startswith(OLDER_FOLDERS) and table[own[0]].null_count == table.num_rows
        return table.drop_columns(own) if is_old else table

    monkeypatch.setattr(Lake, "get_table", without)


@pytest.mark.parametrize("is_old", [False, True])
def test_own_dimensions_reach_a_closed_month_beside_what_was_reported_and_post_nothing(
    closed: Ledger, monkeypatch: pytest.MonkeyPatch, *, is_old: bool
) -> None:
    if is_old:
        kept_before(monkeypatch)
    with closed.worker.store.transaction() as tx:
        before = journal.entries(tx)
    reported = closed.lines("reported")
    shown = closed.apply(NEW)
    (one,) = shown["months"]
    assert one["reclass"] == []
    assert one["pl_lines"] == []
    assert {name for move in one["moves"] for name in move["dimensions"]} == {"seller", "team"}
    assert shown["summary"]["closed_periods_touched"] == [OCTOBER]
    assert [each["value"] for each in one["dimensions"]["seller"]] == [
        "(unallocated)", "Cloud", "AI lab",
    ]  # fmt: skip
    restated = closed.lines("restated")
    assert closed.lines("reported") == reported
    assert {own_of(row[OWN_DIMENSIONS])["seller"] for row in restated} == {"AI lab", "Cloud"}
    assert any(row["pool_line_id"] and "seller" in own_of(row[OWN_DIMENSIONS]) for row in restated)
    with closed.worker.store.transaction() as tx:
        assert journal.entries(tx) == before
    assert reapply.run(closed.worker, preview=shown["preview"]).status == "unchanged"
    charge = next(iter(preview_charges(closed, shown)))
    views = history.run(closed.worker, period=OCTOBER, charge=charge)["classifications"]
    assert views[-1]["classes"]["seller"]["rule"] in {"seller-ai", "seller-cloud"}
    assert "seller" not in views[0]["classes"]


def preview_charges(ledger: Ledger, shown: dict[str, Any]) -> list[str]:
    again = ledger.shown(OLD + "\n")
    rows = list(preview.charges(ledger.worker, preview=again["preview"]))
    assert all(json.loads(row["old_own_dimensions"])["seller"] for row in rows)
    assert all(row["new_own_dimensions"] is None for row in rows)
    return [row["line_id"] for row in rows]


def test_the_same_rules_change_nothing_in_a_month_that_was_kept_before(
    closed: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_before(monkeypatch)
    shown = closed.apply(OLD + "# the same once more\n")
    assert shown["months"][0]["before_sha256"] == shown["months"][0]["after_sha256"]
    assert closed.lines("restated") == closed.lines("reported")
    line = closed.lines("reported")[0]["ledger_line_id"]
    assert explain.run(closed.worker, period=OCTOBER, line=line)["charge_count"] > 0


def test_an_open_month_is_published_with_its_own_dimensions(world_at: WorldAt) -> None:
    world = world_at("settle")
    ledger = ledger_of(world)
    ledger.apply(NEW)
    for call in (classify.run, allocate.run):
        assert call(ledger.worker, period=OCTOBER, stage="final").status == "done"
    for name in ("settle", "reconcile", "request close", "preparer signs", "controller signs"):
        month.act(name)(world)
    assert publish.run(ledger.worker, period=OCTOBER).status == "done"
    found = status.statement(ledger.worker, period=OCTOBER)
    sellers = [one for one in found["own_dimensions"] if one["dimension"] == "seller"]
    assert [one["value"] for one in sellers] == ["AI lab", "Cloud"]
    files = {Path(path).name: Path(path) for path in found["publication"].values()}
    table = pq.read_table(files["ledger_line.parquet"])
    rows = list(csv.DictReader(io.StringIO(files["ledger_line.csv"].read_text())))
    assert [row["x_seller"] for row in rows] == [
        own_of(text)["seller"] for text in table[OWN_DIMENSIONS].to_pylist()
    ]
    line = next(row for row in ledger.lines("reported") if row["pool_line_id"])
    classes = explain.run(ledger.worker, period=OCTOBER, line=line["ledger_line_id"])
    assert classes["classification"]["seller"]["rule"] == "seller-cloud"
    assert classes["charge_count"] > 0
    ledger.worker.close()
    ledger.web.close()
