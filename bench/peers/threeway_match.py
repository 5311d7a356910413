"""Match three figures with threeway 1.1: `python threeway_match.py LINES`.

Runs in the peers' environment. The lines are made before the clock starts; timed is its pure
`reconcile` alone: orders, receipts and invoices of the same keys and amounts, all of which agree.
"""

# mypy: ignore-errors
# The package lives in the peers' environment, which mypy does not see.

import json
import sys
import time
from decimal import Decimal

from threeway.core import RawLine, reconcile


def main() -> None:
    """Print the CPU-seconds of one run and how many keys it gave."""
    count = int(sys.argv[1])
    sides = [[_line(number) for number in range(count)] for _ in range(3)]
    started = time.process_time()
    found = reconcile(*sides)
    cpu_s = time.process_time() - started
    sys.stdout.write(json.dumps({"cpu_s": cpu_s, "keys": len(found.lines)}))


def _line(number: int) -> RawLine:
    return RawLine(
        po_number="org-1", item_code=f"project-{number}", quantity=Decimal(10), price=Decimal("1.5")
    )


if __name__ == "__main__":
    main()
