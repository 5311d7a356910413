"""Runs jobs on a Spark cluster with the product's own engine and writes what came back.

    PYTHONPATH=include .tools/spark/bin/python tests/engine/spark_driver.py JOBS

It runs in an environment with PySpark and Ibis, which the product's own does not have. JOBS is a
JSON file: {"engine": text of TIEOUT_ENGINE, "jobs": [{"paths", "out", and "columns", or "cuts", or
"assignment", "keys", "amount"}]}. Each job writes its table to `out` as an Arrow file. The last
line of stdout is a JSON list of one text a job: empty, or "Class: message" of its error.
"""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from tieout.engine.base import Engine, load, parse_engine
from tieout.engine.month_cube import month_cube_of_files


def main() -> None:
    """Runs all jobs in one session: starting a driver costs more than any of them."""
    wanted = json.loads(Path(sys.argv[1]).read_text())
    with load(parse_engine(wanted["engine"])) as engine:
        told = [_outcome(engine, job) for job in wanted["jobs"]]
    sys.stdout.write("\n" + json.dumps(told) + "\n")


def _outcome(engine: Engine, job: dict[str, Any]) -> str:
    try:
        table = _run(engine, job)
    except Exception as error:  # noqa: BLE001  the parent judges whether this failure was due
        return f"{type(error).__name__}: {error}"
    with pa.ipc.new_file(job["out"], table.schema) as sink:
        sink.write_table(table)
    return ""


def _run(engine: Engine, job: dict[str, Any]) -> pa.Table:
    if "cuts" in job:
        return month_cube_of_files(
            engine, job["paths"], [date.fromisoformat(day) for day in job["cuts"]]
        )
    if "columns" in job:
        return engine.distinct_attributes(job["paths"], job["columns"])
    with pa.ipc.open_file(job["assignment"]) as source:
        assignment = source.read_all()
    return engine.join_and_sum(job["paths"], assignment, keys=job["keys"], amount=job["amount"])


if __name__ == "__main__":
    main()
