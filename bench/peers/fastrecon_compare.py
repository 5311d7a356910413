"""Compare two keyed figures with fastrecon 0.9: `python fastrecon_compare.py ROWS`.

Runs in the peers' environment. Two Parquet files of the same keys, of which one in a hundred has
another amount, are written before the clock starts; timed is `compare` by key alone. It says which
keys differ, not why.
"""

# mypy: ignore-errors
# The packages live in the peers' environment, which mypy does not see.

import json
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fastrecon import ParquetFile, compare

ONE_IN = 100


def main() -> None:
    """Print the CPU-seconds of one run, the status it gave and the rows of a side."""
    rows = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        left, right = Path(folder) / "left.parquet", Path(folder) / "right.parquet"
        _write(left, rows, dear=False)
        _write(right, rows, dear=True)
        started = time.process_time()
        found = compare(ParquetFile(str(left)), ParquetFile(str(right)), keys=["id"])
        cpu_s = time.process_time() - started
    sys.stdout.write(json.dumps({"cpu_s": cpu_s, "keys": rows, "status": str(found.status)}))


def _write(path: Path, rows: int, *, dear: bool) -> None:
    costs = [Decimal("150" if dear and number % ONE_IN == 0 else "1.5") for number in range(rows)]
    columns = {
        "id": [f"project-{number}" for number in range(rows)],
        "service": ["OpenAI API"] * rows,
        "cost": pa.array(costs, pa.decimal128(28, 12)),
    }
    pq.write_table(pa.table(columns), path)


if __name__ == "__main__":
    main()
