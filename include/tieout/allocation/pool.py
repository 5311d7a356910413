"""The cost pool as a value: what it holds, who bears it, and what is done at the edges."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Literal

from tieout.allocation.basis import Parameters, pool_of
from tieout.allocation.reallocation import Reallocation

ZeroDriver = Literal["hold", "fail", "even", "fallback"]
NegativeDriver = Literal["fail", "treat_as_zero", "hold"]
Credits = Literal["share", "hold", "fail"]
EndedTargets = Literal["fail", "fallback", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """A target takes part from `valid_from` up to before `valid_to`; None has no bound."""

    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Charges that nobody owns alone, and how they are shared.

    `targets` are initiatives and `pool:<id>`; None means every initiative that the driver knows.
    `zero_driver` decides when there is nothing to share by, `negative_driver` when a driver value
    is below zero, `credits` when the pool holds a net credit, `ended_targets` when a target with a
    share has ended, has not begun or is in no register. `fallback` are the weights that a policy
    `fallback` falls back on. `reallocation` is how the journal shows what the pool passes on; None:
    its cost is booked on the receivers straight away.
    """

    pool_id: str
    description: str
    owner: str
    method: str
    driver: str | None = None
    targets: tuple[str, ...] | None = None
    validity: tuple[tuple[str, Validity], ...] = ()
    parameters: Parameters = field(default_factory=Parameters)
    fallback: tuple[tuple[str, Fraction], ...] = ()
    zero_driver: ZeroDriver = "fail"
    negative_driver: NegativeDriver = "fail"
    credits: Credits = "share"
    ended_targets: EndedTargets = "fail"
    reallocation: Reallocation | None = None

    def policies(self) -> dict[str, str]:
        """The four policies by their key in the file."""
        return {
            "zero_driver": self.zero_driver,
            "negative_driver": self.negative_driver,
            "credits": self.credits,
            "ended_targets": self.ended_targets,
        }

    def stated_targets(self) -> frozenset[str]:
        """All targets that the file names for the pool, those of the fallback included."""
        percent = [target for target, _ in self.parameters.percent]
        fallback = [target for target, _ in self.fallback]
        return frozenset([*(self.targets or ()), *percent, *fallback])


def closed_to(pool: Pool, pools: Iterable[Pool]) -> frozenset[str]:
    """The pools that this one may not give to.

    Step-down: itself and those whose order comes before; reciprocal: itself; otherwise none.
    """
    if pool.method == "step_down":
        return frozenset(
            other.pool_id
            for other in pools
            if other.method == "step_down"
            and (other.parameters.order or 0) <= (pool.parameters.order or 0)
        )
    return frozenset([pool.pool_id] if pool.method == "reciprocal" else [])


def gives_to(pool: Pool, known: Mapping[str, Pool]) -> frozenset[str]:
    """The pools that this one may pass cost on to, by what the file says."""
    fallback = {pool_of(target) for target, _ in pool.fallback}
    if pool.method == "direct":
        stated = fallback
    else:
        stated = {pool_of(target) for target in pool.stated_targets()}
    closed = closed_to(pool, known.values()) - fallback
    return frozenset(one for one in stated if one is not None and one not in closed)
