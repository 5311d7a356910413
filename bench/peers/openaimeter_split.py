"""The split in openaimeter 0.1.0a3: `python openaimeter_split.py FILE OUT`.

Runs in the peers' environment. Timed is `allocate_costs` alone; its shares have six decimals.
"""

# mypy: ignore-errors
# The packages live in the peers' environment, which mypy does not see, and have no types.

import json
import sys
import time
from decimal import Decimal
from pathlib import Path

from open_ai_meter.core import AllocationInput, allocate_costs


def main() -> None:
    """Split every total of the file by the weights of its pool."""
    pools = json.loads(Path(sys.argv[1]).read_text())
    inputs = [
        [
            AllocationInput(Decimal(total).scaleb(-12), [Decimal(one) for one in pool["weights"]])
            for total in pool["totals"]
        ]
        for pool in pools
    ]
    started = time.process_time()
    found = [[allocate_costs(one) for one in pool] for pool in inputs]
    cpu_s = time.process_time() - started
    parts = [[[str(share) for share in row] for row in pool] for pool in found]
    Path(sys.argv[2]).write_text(json.dumps({"cpu_s": cpu_s, "parts": parts}))


if __name__ == "__main__":
    main()
