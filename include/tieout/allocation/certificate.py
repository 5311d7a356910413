"""The certificate of conservation: what went into each pool, what came out, and by which weights.

Amounts are measured on the tables before and after, not taken from the split itself. A certificate
is stored with the run so that an auditor can add it up again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from tieout.allocation.resolve import Decision
from tieout.audit.canonical import canonical_hash
from tieout.core.errors import ConservationError
from tieout.core.money import format_units

PoolState = Literal["allocated", "held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCertificate:
    """One pool. `worst_distance` is the largest |share - exact quota| in units; always below 1.

    `amount_in_units` is the pool's own lines, `amount_out_units` what became of them in the end,
    through whatever pools. At the pool itself, own and `received_units` equal the sum of
    `to_initiatives_units`, `to_pools` and `held_units`. `charge_count` counts the charges behind
    the own lines: shares carry 0, so that no charge is counted twice. A `held` pool keeps its own
    lines, in equals out. `weights` are those used, by key; in a circle of reciprocal pools the
    solved ones, and `gross_units` is all that passed through (more than cost: never post it).
    """

    pool_id: str
    method: str
    driver: str | None
    state: PoolState
    level: int
    amount_in_units: int
    amount_out_units: int
    received_units: int
    to_initiatives_units: int
    to_pools: tuple[tuple[str, int], ...]
    held_units: int
    lines_in: int
    lines_out: int
    charge_count: int
    worst_distance: Fraction
    weights: tuple[tuple[str, Fraction], ...]
    policies: tuple[tuple[str, str], ...]
    decisions: tuple[Decision, ...]
    gross_units: Fraction | None = None

    def to_pools_units(self) -> int:
        """What went to other pools."""
        return sum(units for _, units in self.to_pools)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCertificate:
    """All pools of a level of the chain: own cost and received, and where it went."""

    level: int
    pools: tuple[str, ...]
    own_units: int
    received_units: int
    to_initiatives_units: int
    to_pools_units: int
    held_units: int


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
            ConservationError: names the pool, the level, or the ledger, and the difference.
        """
        for pool in self.pools:
            _check_pool(pool)
            sent = sum(dict(other.to_pools).get(pool.pool_id, 0) for other in self.pools)
            _same(f"What pools sent to pool {pool.pool_id}", sent, pool.received_units)
        for level in self.levels():
            _same(
                f"Level {level.level}",
                level.own_units + level.received_units,
                level.to_initiatives_units + level.to_pools_units + level.held_units,
            )
        _same("The pools together", self.total_in_units, self.total_out_units)
        _same("The ledger", self.ledger_in_units, self.ledger_out_units)
        _same("The pools' own sum", self.total_in_units, sum(p.amount_in_units for p in self.pools))

    def levels(self) -> tuple[LevelCertificate, ...]:
        """The sums of each level, from the first pools of the chain to the last."""
        return tuple(
            LevelCertificate(
                level=level,
                pools=tuple(pool.pool_id for pool in own),
                own_units=sum(pool.amount_in_units for pool in own),
                received_units=sum(pool.received_units for pool in own),
                to_initiatives_units=sum(pool.to_initiatives_units for pool in own),
                to_pools_units=sum(pool.to_pools_units() for pool in own),
                held_units=sum(pool.held_units for pool in own),
            )
            for level in sorted({pool.level for pool in self.pools})
            for own in [[pool for pool in self.pools if pool.level == level]]
        )

    def worst_distance(self) -> Fraction:
        """The largest distance of any share from its exact quota, in units of 1e-12."""
        return max((pool.worst_distance for pool in self.pools), default=Fraction(0))

    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON of everything but the hash itself, 64 hex digits."""
        return canonical_hash(self._content())

    def certificate_json(self) -> dict[str, Any]:
        """Plain JSON values: units as integer texts, fractions as `numerator/denominator`."""
        return {**self._content(), "hash": self.content_hash()}

    def _content(self) -> dict[str, Any]:
        return {
            "pools": [_pool_json(pool) for pool in self.pools],
            "levels": [_level_json(level) for level in self.levels()],
            "worst_distance": _ratio(self.worst_distance()),
            "total_in_units": str(self.total_in_units),
            "total_out_units": str(self.total_out_units),
            "ledger_in_units": str(self.ledger_in_units),
            "ledger_out_units": str(self.ledger_out_units),
        }


def pools_from_json(certificate: Mapping[str, Any]) -> dict[str, PoolCertificate]:
    """The pools of a stored `certificate_json`, by id."""
    return {one["pool_id"]: _pool_from_json(one) for one in certificate["pools"]}


def _check_pool(pool: PoolCertificate) -> None:
    _same(f"Pool {pool.pool_id}", pool.amount_in_units, pool.amount_out_units)
    _same(
        f"Pool {pool.pool_id} with what it received",
        pool.amount_in_units + pool.received_units,
        pool.to_initiatives_units + pool.to_pools_units() + pool.held_units,
    )
    if not 0 <= pool.worst_distance < 1:
        raise ConservationError(
            f"Pool {pool.pool_id}: a share is {pool.worst_distance} units of 1e-12 away "
            "from its quota: expected less than 1; nothing was stored, report the method."
        )


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
        "level": pool.level,
        "amount_in_units": str(pool.amount_in_units),
        "amount_out_units": str(pool.amount_out_units),
        "received_units": str(pool.received_units),
        "to_initiatives_units": str(pool.to_initiatives_units),
        "to_pools": {other: str(units) for other, units in pool.to_pools},
        "held_units": str(pool.held_units),
        "gross_units": None if pool.gross_units is None else _ratio(pool.gross_units),
        "lines_in": pool.lines_in,
        "lines_out": pool.lines_out,
        "charge_count": pool.charge_count,
        "worst_distance": _ratio(pool.worst_distance),
        "weights": {initiative: _ratio(weight) for initiative, weight in pool.weights},
        "policies": dict(pool.policies),
        "decisions": [
            {
                "policy": decision.policy,
                "outcome": decision.outcome,
                "targets": list(decision.targets),
                "reason": decision.reason,
            }
            for decision in pool.decisions
        ],
    }


def _pool_from_json(one: Mapping[str, Any]) -> PoolCertificate:
    return PoolCertificate(
        pool_id=one["pool_id"],
        method=one["method"],
        driver=one["driver"],
        state=one["state"],
        level=one["level"],
        amount_in_units=int(one["amount_in_units"]),
        amount_out_units=int(one["amount_out_units"]),
        received_units=int(one["received_units"]),
        to_initiatives_units=int(one["to_initiatives_units"]),
        held_units=int(one["held_units"]),
        lines_in=one["lines_in"],
        lines_out=one["lines_out"],
        charge_count=one["charge_count"],
        to_pools=tuple((other, int(units)) for other, units in one["to_pools"].items()),
        gross_units=None if one["gross_units"] is None else Fraction(one["gross_units"]),
        worst_distance=Fraction(one["worst_distance"]),
        weights=tuple((key, Fraction(weight)) for key, weight in one["weights"].items()),
        policies=tuple(one["policies"].items()),
        decisions=tuple(
            Decision(**{**decision, "targets": tuple(decision["targets"])})
            for decision in one["decisions"]
        ),
    )


def _level_json(level: LevelCertificate) -> dict[str, Any]:
    return {
        "level": level.level,
        "pools": list(level.pools),
        "own_units": str(level.own_units),
        "received_units": str(level.received_units),
        "to_initiatives_units": str(level.to_initiatives_units),
        "to_pools_units": str(level.to_pools_units),
        "held_units": str(level.held_units),
    }


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
