"""The exact weights of one pool in one period, and every policy decision on the way to them.

Owns the edges: nothing to share by, negative drivers, net credits, targets that are not there.
How driver values become weights is the method's; the file says which policy holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from tieout.allocation.base import Weights, load
from tieout.allocation.basis import HELD_PREFIX, UNUSED_PREFIX, Basis, pool_of
from tieout.allocation.pool import Pool
from tieout.core.errors import ConservationError, NotReadyError, RuleFileError
from tieout.core.money import format_units
from tieout.core.period import Period, period_of
from tieout.rules.register import Initiative


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a run knows besides the pools: drivers by name, the register by id, the day.

    `on` is the first day of the period; None when no pool has dated targets.
    """

    drivers: Mapping[str, Weights]
    initiatives: Mapping[str, Initiative]
    on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a policy of the file decided: `zero_driver`, `fallback`, about these targets, why."""

    policy: str
    outcome: str
    targets: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Weights by key, zero or more; `held` when the whole pool keeps what it has.

    A key is an initiative, `pool:<id>`, `unused:<owner>` or `held:<pool>` (see `basis`). Weights of
    a held pool are shown, not used: they may all be zero, or negative.
    """

    weights: dict[str, Fraction]
    held: bool = False
    decisions: tuple[Decision, ...] = ()


def resolve(pool: Pool, total_units: int, *, closed: frozenset[str], world: World) -> Resolved:
    """The weights by which a pool of `total_units` is shared.

    Raises:
        RuleFileError: the driver or a target is not known, or the period of a dated pool.
        ConservationError: a driver value is negative and the pool says `fail`.
        NotReadyError: a policy of the pool says `fail`, or its fallback bears nothing.
    """
    targets = _targets(pool, world)
    gone = _gone(pool, targets, world)
    values = _values(pool, pool.driver, targets, world)
    budget = _values(pool, pool.parameters.budget_driver, targets, world)
    shown = Resolved(weights=dict(values))
    if total_units < 0 and pool.credits != "share":
        return _hold_credit(pool, total_units, shown)
    negative = {key: value for key, value in [*values.items(), *budget.items()] if value < 0}
    if negative and pool.negative_driver != "treat_as_zero":
        return _hold_negative(pool, negative, shown)
    basis = Basis(
        driver=_floored(values),
        budget=_floored(budget),
        gone=frozenset(gone),
        closed=closed,
        total_units=abs(total_units),
        parameters=pool.parameters,
        pool_id=pool.pool_id,
        month=_month(pool, world),
    )
    resolved = Resolved(
        weights=load(pool.method).weights(basis),
        decisions=_noted(pool, total_units, negative, basis, world),
    )
    if not any(resolved.weights.values()):
        resolved = _without_driver(pool, resolved, gone, world)
    return resolved if resolved.held else _without_the_gone(pool, resolved, gone, world)


def _targets(pool: Pool, world: World) -> list[str]:
    """In byte order: those of the file, else all initiatives that the drivers know."""
    if pool.targets is not None:
        return sorted(pool.targets)
    if pool.parameters.percent:
        return [target for target, _ in pool.parameters.percent]
    named = [name for name in (pool.driver, pool.parameters.budget_driver) if name is not None]
    known = {key for name in named for key in _driver(pool, name, world)}
    return sorted(key for key in known if pool_of(key) is None)


def _values(
    pool: Pool, driver: str | None, targets: Sequence[str], world: World
) -> dict[str, Fraction]:
    """The value of each target; without a driver its percentage, or 0."""
    known: Weights = dict(pool.parameters.percent)
    if driver is not None:
        known = _driver(pool, driver, world)
    return {target: Fraction(known.get(target, 0)) for target in targets}


def _driver(pool: Pool, name: str, world: World) -> Weights:
    if name not in world.drivers:
        raise RuleFileError(
            f"Pool {pool.pool_id}: no driver {name!r}; known: {', '.join(sorted(world.drivers))}."
        )
    return world.drivers[name]


def _gone(pool: Pool, targets: Sequence[str], world: World) -> dict[str, str]:
    """Targets that take no part in the period, and why; refuses those nobody ever registered."""
    unknown = _unregistered(targets, world)
    if unknown and pool.ended_targets == "fail":
        raise RuleFileError(
            f"Pool {pool.pool_id}: {', '.join(unknown)} not in the initiative register; "
            "register it or name the pool's targets."
        )
    _refuse_unknown_bearers(pool, world)
    return {**dict.fromkeys(unknown, "not in the register"), **_out_of_term(pool, world)}


def _unregistered(keys: Iterable[str], world: World) -> list[str]:
    return [key for key in keys if pool_of(key) is None and key not in world.initiatives]


def _refuse_unknown_bearers(pool: Pool, world: World) -> None:
    """Whoever bears what a policy or unused capacity leaves must be in the register."""
    bearers = [key for key, _ in pool.fallback]
    if pool.parameters.unused_owner is not None:
        bearers.append(pool.parameters.unused_owner)
    if unknown := _unregistered(bearers, world):
        raise RuleFileError(
            f"Pool {pool.pool_id}: {', '.join(unknown)} of fallback or unused_owner not in the "
            "initiative register; register it or name another."
        )


def _out_of_term(pool: Pool, world: World) -> dict[str, str]:
    gone: dict[str, str] = {}
    month = _month(pool, world)
    if month is None:
        return gone
    for target, validity in pool.validity:
        if validity.valid_from is not None and month.start_on < validity.valid_from:
            gone[target] = f"begins on {validity.valid_from}"
        if validity.valid_to is not None and month.start_on >= validity.valid_to:
            gone[target] = f"ended before {validity.valid_to}"
    return gone


def _month(pool: Pool, world: World) -> Period | None:
    """The month of the lines; None only for a pool that no day of its own asks about."""
    if world.on is not None:
        return period_of(world.on)
    if pool.validity or pool.parameters.term:
        raise RuleFileError(
            f"Pool {pool.pool_id}: it has dates, but the lines are not of one period; allocate one "
            "period at a time."
        )
    return None


def _hold_credit(pool: Pool, total_units: int, shown: Resolved) -> Resolved:
    reason = f"net credit of {format_units(total_units)}"
    if pool.credits == "fail":
        raise NotReadyError(
            f"Pool {pool.pool_id}: {reason}, and the pool refuses credits; find where it comes "
            "from, or let the pool share or hold it (credits: share)."
        )
    decision = Decision(policy="credits", outcome="hold", targets=(), reason=reason)
    return replace(shown, held=True, decisions=(decision,))


def _hold_negative(pool: Pool, negative: Mapping[str, Fraction], shown: Resolved) -> Resolved:
    listed = ", ".join(f"{target} ({value})" for target, value in negative.items())
    if pool.negative_driver == "fail":
        raise ConservationError(
            f"Pool {pool.pool_id}: driver {pool.driver} is negative for {listed}: "
            "expected zero or more; correct the driver or leave the target out."
        )
    decision = Decision(
        policy="negative_driver", outcome="hold", targets=tuple(negative), reason=listed
    )
    return replace(shown, held=True, decisions=(decision,))


def _floored(values: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {key: max(value, Fraction(0)) for key, value in values.items()}


def _noted(
    pool: Pool, total_units: int, negative: Mapping[str, Fraction], basis: Basis, world: World
) -> tuple[Decision, ...]:
    """What was decided before the method was asked."""
    notes: list[tuple[str, str, tuple[str, ...], str]] = []
    if total_units < 0:
        reason = f"net credit of {format_units(total_units)}"
        notes.append(("credits", "share", (), reason))
    if negative:
        listed = ", ".join(f"{target} ({value})" for target, value in negative.items())
        notes.append(("negative_driver", "treat_as_zero", tuple(negative), listed))
    if pool.driver is not None:
        silent = tuple(key for key in basis.driver if key not in world.drivers[pool.driver])
        if silent:
            notes.append(("driver", "zero", silent, f"no value of {pool.driver}"))
    capacity = pool.parameters.capacity
    measured = basis.budget if pool.parameters.budget_driver else basis.driver
    if capacity is not None and sum(measured.values()) > capacity:
        notes.append(("capacity", "exceeded", (), f"more than {capacity} in all"))
    return tuple(
        Decision(policy=policy, outcome=outcome, targets=targets, reason=reason)
        for policy, outcome, targets, reason in notes
    )


def _without_driver(
    pool: Pool, resolved: Resolved, gone: Mapping[str, str], world: World
) -> Resolved:
    """What `zero_driver` says; `even` and `fallback` count those only that take part."""
    reason = f"driver {pool.driver} is zero for all {len(resolved.weights)} targets"
    weights = resolved.weights
    if pool.zero_driver == "even":
        weights = {
            key: Fraction(key not in gone and not key.startswith(UNUSED_PREFIX)) for key in weights
        }
    elif pool.zero_driver == "fallback":
        weights = _fallback(pool, world)
    elif pool.zero_driver == "fail":
        raise NotReadyError(
            f"Pool {pool.pool_id}: {reason}; "
            "wait for the driver, or let the pool hold its cost (zero_driver: hold)."
        )
    decision = Decision(
        policy="zero_driver", outcome=pool.zero_driver, targets=tuple(weights), reason=reason
    )
    decided = replace(resolved, weights=weights, decisions=(*resolved.decisions, decision))
    if pool.zero_driver == "hold":
        return replace(decided, held=True)
    if not any(weights.values()):
        raise NotReadyError(
            f"Pool {pool.pool_id}: {reason} and none of them takes part in the period; name "
            "targets that do, or let the pool hold its cost (zero_driver: hold)."
        )
    return decided


def _fallback(pool: Pool, world: World) -> dict[str, Fraction]:
    ended = [key for key, _ in pool.fallback if key in _out_of_term(pool, world)]
    if ended:
        raise NotReadyError(
            f"Pool {pool.pool_id}: its fallback names {', '.join(ended)}, which takes no part in "
            "the period; name another."
        )
    return dict(pool.fallback)


def _without_the_gone(
    pool: Pool, resolved: Resolved, gone: Mapping[str, str], world: World
) -> Resolved:
    """What `ended_targets` says about each target that is gone and has a share."""
    weights = {key: value for key, value in resolved.weights.items() if key not in gone}
    moved = {key: resolved.weights[key] for key in gone if resolved.weights.get(key)}
    reasons = ", ".join(f"{key} {why}" for key, why in gone.items())
    if not gone:
        return resolved
    if not moved:
        decision = Decision(
            policy="ended_targets", outcome="left out", targets=tuple(gone), reason=reasons
        )
        return replace(resolved, weights=weights, decisions=(*resolved.decisions, decision))
    if pool.ended_targets == "fail":
        raise NotReadyError(
            f"Pool {pool.pool_id}: {reasons}, but has a share; correct the driver, or say who "
            "bears it (ended_targets: fallback or hold)."
        )
    part = sum(moved.values(), Fraction(0))
    bearers = {f"{HELD_PREFIX}{pool.pool_id}": Fraction(1)}
    if pool.ended_targets == "fallback":
        bearers = _fallback(pool, world)
    whole = sum(bearers.values(), Fraction(0))
    for key, weight in bearers.items():
        weights[key] = weights.get(key, Fraction(0)) + part * weight / whole
    decision = Decision(
        policy="ended_targets", outcome=pool.ended_targets, targets=tuple(moved), reason=reasons
    )
    return replace(resolved, weights=weights, decisions=(*resolved.decisions, decision))
