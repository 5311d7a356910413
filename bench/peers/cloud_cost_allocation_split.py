"""The split in cloud-cost-allocation 2.4: `python cloud_cost_allocation_split.py FILE OUT POOLS`.

Runs in the peers' environment. Timed is `CloudCostAllocator.allocate`; the first POOLS pools, one
service with its consumers for each total, because it keeps an object for each share. Its modules
name classes in annotations before they exist, so they are compiled with deferred annotations.
"""

# mypy: ignore-errors
# The packages live in the peers' environment, which mypy does not see, and have no types.

import __future__

import json
import sys
import time
from configparser import ConfigParser
from decimal import Decimal
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any


def main() -> None:
    """Split every total of the first pools by the weights of its pool."""
    SourceFileLoader.get_code = _deferred
    from cloud_cost_allocation.cloud_cost_allocator import CloudCostAllocator
    from cloud_cost_allocation.config import Config
    from cloud_cost_allocation.cost_items import CostItemFactory

    pools = json.loads(Path(sys.argv[1]).read_text())[: int(sys.argv[3])]
    written = ConfigParser()
    written.read_string(_CONFIG)
    factory = CostItemFactory(Config(written))
    clouds, consumers = [], []
    for number, pool in enumerate(pools):
        for place, total in enumerate(pool["totals"]):
            service = f"pool-{number}-{place}"
            clouds.append(_cloud(factory, service, total))
            consumers.append(
                [
                    _consumer(factory, service, f"target-{number}-{place}-{at}", weight)
                    for at, weight in enumerate(pool["weights"])
                ]
            )
    allocator = CloudCostAllocator(factory)
    allocator.date_str, allocator.currency = "2026-10-01", "USD"
    started = time.process_time()
    if not allocator.allocate([one for row in consumers for one in row], clouds, ["Cost"]):
        raise SystemExit("cloud-cost-allocation refused the split")
    cpu_s = time.process_time() - started
    rows = [[str(Decimal(one.amounts[0])) for one in row] for row in consumers]
    size = len(pools[0]["totals"])
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    Path(sys.argv[2]).write_text(json.dumps({"cpu_s": cpu_s, "parts": parts}))


_NAMED = "2026-10-01"
_CONFIG = """
[General]
DateFormat = %%Y-%%m-%%d
DefaultService = unknown
Amounts = Cost
AllocationKeys = Key
AmountAllocationKeys = Cost:Key
"""


def _cloud(factory: Any, service: str, total: int) -> Any:
    found = factory.create_cloud_cost_item()
    found.date_str, found.currency, found.service, found.instance = _NAMED, "USD", service, service
    found.amounts[0] = float(Decimal(total).scaleb(-12))
    return found


def _consumer(factory: Any, provider: str, service: str, weight: int) -> Any:
    found = factory.create_consumer_cost_item()
    found.date_str, found.currency, found.service, found.instance = _NAMED, "USD", service, service
    found.provider_service, found.provider_instance = provider, provider
    found.provider_cost_allocation_type, found.allocation_keys[0] = "Key", float(weight)
    return found


def _deferred(self: SourceFileLoader, fullname: str) -> CodeType:
    path = self.get_filename(fullname)
    flags = __future__.annotations.compiler_flag
    return compile(self.get_data(path), path, "exec", flags=flags, dont_inherit=True)


if __name__ == "__main__":
    main()
