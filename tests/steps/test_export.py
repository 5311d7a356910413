"""The month as FOCUS files: every charge, every invoice, to the last unit."""

import json
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from tests import month

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
    (metadata,) = [path for name, path in files.items() if name.endswith("metadata.json")]
    assert json.loads(metadata.read_text())
    assert made.summary["files"] == len(files)
