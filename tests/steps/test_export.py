"""The month as FOCUS files: every charge, every invoice, to the last unit."""

import json
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests import month
from tests.worlds import WorldAt

from tieout.core.errors import NotReadyError
from tieout.steps import export, status


def test_the_focus_files_hold_the_ledger_total_and_every_invoice(
    closed_world: month.World, tmp_path: Path
) -> None:
    worker = closed_world.worker()
    made = export.focus(worker, period=month.PERIOD, folder=tmp_path / "focus")
    statement = status.statement(worker, period=month.PERIOD)
    worker.close()
    files = {path.name: path for path in (tmp_path / "focus").iterdir()}
    usage = pq.read_table(files["cost_and_usage.parquet"])
    assert pc.sum(usage["BilledCost"]).as_py() == Decimal(statement["ledger_total"])
    assert usage.num_rows == made.summary["charges"]
    detail = pq.read_table(files["invoice_detail.parquet"])
    assert {"EUINDE26-1048213", "EUINDE26-2210457", "G104823117", "G104823118"} <= set(
        detail["InvoiceId"].to_pylist()
    )
    shared = pq.read_table(files["cost_and_usage_allocated.parquet"])
    assert pc.sum(shared["BilledCost"]).as_py() == Decimal(statement["ledger_total"])
    assert set(shared["x_LineId"].to_pylist()) == set(usage["x_LineId"].to_pylist())
    assert shared.num_rows > usage.num_rows
    (metadata,) = [path for name, path in files.items() if name.endswith("metadata.json")]
    assert json.loads(metadata.read_text())
    assert made.summary["files"] == len(files)


def test_the_shared_out_charges_are_the_ledger_line_by_line(
    closed_world: month.World, tmp_path: Path
) -> None:
    worker = closed_world.worker()
    export.focus(worker, period=month.PERIOD, folder=tmp_path / "focus")
    lines = status.ledger_lines(worker, period=month.PERIOD, basis="reported", as_of=None)
    worker.close()
    shared = pq.read_table(tmp_path / "focus" / "cost_and_usage_allocated.parquet")
    for column, own in (("x_LedgerLineId", "ledger_line_id"), ("x_Initiative", "initiative")):
        expected: dict[str | None, Decimal] = {}
        for line in lines:
            cost = Decimal(line["billed_cost"])
            expected[line[own]] = expected.get(line[own], Decimal(0)) + cost
        summed = shared.group_by(column).aggregate([("BilledCost", "sum")]).to_pylist()
        assert {row[column]: row["BilledCost_sum"] for row in summed} == expected
    methods = set(shared["AllocatedMethodId"].to_pylist())
    assert methods == {None, "tieout/proportional"}
    parts = shared.filter(pc.is_valid(shared["AllocatedMethodId"]))
    assert set(parts["x_PoolId"].to_pylist()) == {"shared-platform", "billing-adjustments"}
    assert parts["AllocatedResourceId"].null_count == 0
    assert parts["AllocatedResourceId"].to_pylist() == parts["x_Initiative"].to_pylist()


def test_a_month_that_was_classified_and_not_allocated_is_not_exported(
    world_at: WorldAt, tmp_path: Path
) -> None:
    worker = world_at("classify final").worker()
    with pytest.raises(NotReadyError, match="has not been allocated"):
        export.focus(worker, period=month.PERIOD, folder=tmp_path)
    worker.close()
