"""The certificate of conservation: what went into each pool, what came out, and by which weights.

Amounts are measured on the tables before and after, not taken from the split itself. A certificate
is stored with the run so that an auditor can add it up again.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from tieout.core.errors import ConservationError
from tieout.core.money import format_units

PoolState = Literal["allocated", "held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCertificate:
    """One pool. `worst_distance` is the largest |share - exact quota| in units; always below 1.

    `charge_count` counts the charges behind the pool's lines: shares carry 0, so that no charge is
    counted twice. A `held` pool had a zero driver: its lines stay, in equals out.
    """

    pool_id: str
    method: str
    driver: str
    state: PoolState
    amount_in_units: int
    amount_out_units: int
    lines_in: int
    lines_out: int
    charge_count: int
    worst_distance: Fraction
    weights: tuple[tuple[str, Fraction], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """All pools of a run, by id; `total_*` add up the pools, `ledger_*` the whole tables."""

    pools: tuple[PoolCertificate, ...]
    total_in_units: int
    total_out_units: int
    ledger_in_units: int
    ledger_out_units: int

    def check(self) -> None:
        """Refuse to go on when anything was lost, created or misplaced by a unit or more.

        Raises:
            ConservationError: names the pool, or the ledger, and the difference.
        """
        for pool in self.pools:
            _same(f"Pool {pool.pool_id}", pool.amount_in_units, pool.amount_out_units)
            if not 0 <= pool.worst_distance < 1:
                raise ConservationError(
                    f"Pool {pool.pool_id}: a share is {pool.worst_distance} units of 1e-12 away "
                    "from its quota: expected less than 1; nothing was stored, report the method."
                )
        _same("The pools together", self.total_in_units, self.total_out_units)
        _same("The ledger", self.ledger_in_units, self.ledger_out_units)
        _same("The pools' own sum", self.total_in_units, sum(p.amount_in_units for p in self.pools))

    def certificate_json(self) -> dict[str, Any]:
        """Plain JSON values: units as integer texts, fractions as `numerator/denominator`."""
        return {
            "pools": [_pool_json(pool) for pool in self.pools],
            "total_in_units": str(self.total_in_units),
            "total_out_units": str(self.total_out_units),
            "ledger_in_units": str(self.ledger_in_units),
            "ledger_out_units": str(self.ledger_out_units),
        }


def _same(what: str, before: int, after: int) -> None:
    if before != after:
        raise ConservationError(
            f"{what}: {format_units(before)} went in and {format_units(after)} came out, "
            f"{format_units(after - before)} too much; nothing was stored, report the method."
        )


def _pool_json(pool: PoolCertificate) -> dict[str, Any]:
    return {
        "pool_id": pool.pool_id,
        "method": pool.method,
        "driver": pool.driver,
        "state": pool.state,
        "amount_in_units": str(pool.amount_in_units),
        "amount_out_units": str(pool.amount_out_units),
        "lines_in": pool.lines_in,
        "lines_out": pool.lines_out,
        "charge_count": pool.charge_count,
        "worst_distance": _ratio(pool.worst_distance),
        "weights": {initiative: _ratio(weight) for initiative, weight in pool.weights},
    }


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
