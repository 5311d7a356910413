"""Microsoft's open tables: what a unit of measure counts, which service a resource type is.

Owns the look-up in `azure_data/` (FinOps toolkit open data, MIT, see its NOTICE). A type that is
missing there falls back to its meter category, a fact about the table and never about the amount.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tieout.focus.columns import AI_SERVICE_CATEGORY

_DATA = Path(__file__).parent / "azure_data"
_OTHER = "Other"

# names under which Azure bills, where no resource type tells the service
_METER_CATEGORIES = {
    "azure ai services": AI_SERVICE_CATEGORY,
    "azure machine learning": AI_SERVICE_CATEGORY,
    "azure openai": AI_SERVICE_CATEGORY,
    "azure openai service": AI_SERVICE_CATEGORY,
    "cognitive services": AI_SERVICE_CATEGORY,
    "foundry models": AI_SERVICE_CATEGORY,
    "foundry tools": AI_SERVICE_CATEGORY,
    "azure cosmos db": "Databases",
    "azure database for mysql": "Databases",
    "azure database for postgresql": "Databases",
    "sql database": "Databases",
    "sql managed instance": "Databases",
    "redis cache": "Databases",
    "advanced data security": "Security",
    "advanced threat protection": "Security",
    "key vault": "Security",
    "microsoft defender for cloud": "Security",
    "azure app service": "Compute",
    "azure kubernetes service": "Compute",
    "container instances": "Compute",
    "functions": "Compute",
    "virtual machines": "Compute",
    "virtual machines licenses": "Compute",
    "bandwidth": "Networking",
    "load balancer": "Networking",
    "nat gateway": "Networking",
    "virtual network": "Networking",
    "vpn gateway": "Networking",
    "azure dns": "Networking",
    "azure monitor": "Management and Governance",
    "log analytics": "Management and Governance",
    "storage": "Storage",
    "backup": "Storage",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service as FOCUS names it."""

    name: str
    category: str
    subcategory: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricingUnit:
    """One unit of measure: how many distinct units its block holds."""

    block_size: int
    unit: str


def service_of(*, consumed_service: str, resource_type: str, meter_category: str) -> Service:
    """The service of a resource type; without one, what the meter category says."""
    found = _services().get((consumed_service.lower(), resource_type.lower()))
    found = found or _services().get(("", resource_type.lower()))
    if found is not None:
        return found
    return Service(
        name=meter_category or consumed_service or _OTHER,
        category=category_of(meter_category),
        subcategory=None,
    )


def category_of(name: str) -> str:
    """FOCUS service category of a service name or meter category."""
    key = name.lower()
    return _METER_CATEGORIES.get(key) or _categories().get(key, _OTHER)


def pricing_unit(unit_of_measure: str) -> PricingUnit | None:
    """What a unit of measure counts; None: the table does not know it."""
    return _units().get(unit_of_measure.strip().lower())


@lru_cache(maxsize=1)
def _services() -> Mapping[tuple[str, str], Service]:
    """By consumed service and resource type, and by resource type alone where that is enough."""
    rows = _rows("services.csv")
    exact = {
        (row["ConsumedService"].lower(), row["ResourceType"].lower()): _service(row) for row in rows
    }
    by_type: dict[str, set[Service]] = {}
    for (_, kind), service in exact.items():
        by_type.setdefault(kind, set()).add(service)
    alone = {("", kind): found.pop() for kind, found in by_type.items() if len(found) == 1}
    return {**alone, **exact}


@lru_cache(maxsize=1)
def _categories() -> Mapping[str, str]:
    return {row["ServiceName"].lower(): row["ServiceCategory"] for row in _rows("services.csv")}


@lru_cache(maxsize=1)
def _units() -> Mapping[str, PricingUnit]:
    return {
        row["UnitOfMeasure"].strip().lower(): PricingUnit(
            block_size=int(row["PricingBlockSize"]), unit=row["DistinctUnits"]
        )
        for row in _rows("pricing_units.csv")
    }


def _service(row: Mapping[str, str]) -> Service:
    return Service(
        name=row["ServiceName"],
        category=row["ServiceCategory"],
        subcategory=row["ServiceSubcategory"] or None,
    )


def _rows(file: str) -> list[dict[str, str]]:
    with (_DATA / file).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))
