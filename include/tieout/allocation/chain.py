"""The way of every unit through the pools: level by level, line by line, circles solved at once.

Owns amounts only. A line is a number that the caller gives; nothing here knows what is in it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tieout.allocation.basis import HELD_PREFIX, pool_of
from tieout.allocation.loops import final_shares, gross_amounts
from tieout.allocation.plan import Group, plan
from tieout.allocation.pool import Pool, closed_to
from tieout.allocation.resolve import Decision, Resolved, World, resolve
from tieout.core.shares import split_many

_Amounts = dict[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`units` of a pool line that leave the chain: pool `pool_id` gave them to `key` (`basis`)."""

    line: int
    pool_id: str
    key: str
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What one pool did. `weights` are those used: in a circle the solved ones, outside keys only.

    `held` pools keep their own lines whole; what they received is held part by part.
    """

    pool: Pool
    level: int
    held: bool
    received_units: int
    to_pools: tuple[tuple[str, int], ...]
    weights: Mapping[str, Fraction]
    worst_distance: Fraction
    decisions: tuple[Decision, ...]
    gross_units: Fraction | None


def share_out(
    own: Mapping[str, Mapping[int, int]], *, pools: Sequence[Pool], world: World
) -> tuple[list[Node], list[Part]]:
    """Send the own lines of each pool (units by line number) down the chain.

    Every pool splits each line it has, rounded as it came, so that each level ties to the one
    before; a line that reaches a pool on several ways is split there once. Pools without a line
    have no node. Guarantees: the parts of a line and, for a held pool, the line itself add up to
    it; the order of pools and lines plays no part.

    Raises:
        RuleFileError, ConservationError, NotReadyError: as `resolve`, `plan` and `final_shares`.
    """
    known = {pool.pool_id: pool for pool in pools}
    received: dict[str, _Amounts] = {pool_id: {} for pool_id in known}
    nodes: list[Node] = []
    parts: list[Part] = []
    for group in plan(pools):
        if any(own.get(one) or received[one] for one in group.pools):
            made, left = _group(group, own, received, known, world)
            nodes += made
            parts += left
    return nodes, parts


def _group(
    group: Group,
    own: Mapping[str, Mapping[int, int]],
    received: Mapping[str, _Amounts],
    known: Mapping[str, Pool],
    world: World,
) -> tuple[list[Node], list[Part]]:
    """Share out one group; what goes to later pools is added to `received`."""
    resolved, amounts = {}, {}
    for one in group.pools:
        amounts[one] = sum(own.get(one, {}).values()) + sum(received[one].values())
        closed = closed_to(known[one], known.values())
        resolved[one] = resolve(known[one], amounts[one], closed=closed, world=world)
    rows = {one: _row(one, resolved[one]) for one in group.pools}
    circle = any(pool_of(key) in rows for row in rows.values() for key in row)
    used = final_shares(rows) if circle else rows
    gross = gross_amounts(amounts, rows) if circle else {}
    nodes: list[Node] = []
    left: list[Part] = []
    for one in group.pools:
        held = resolved[one].held
        lines = {} if held else dict(own.get(one, {}))
        arrived = sum(received[one].values())
        _add(lines, received[one].items())
        parts, worst = _split(one, lines, used[one])
        left += [part for part in parts if pool_of(part.key) is None]
        nodes.append(
            Node(
                pool=known[one],
                level=group.level,
                held=held,
                received_units=arrived,
                to_pools=_pass_on(parts, received),
                weights=resolved[one].weights if held or not circle else used[one],
                worst_distance=worst,
                decisions=resolved[one].decisions,
                gross_units=gross.get(one),
            )
        )
    return nodes, left


def _row(pool_id: str, resolved: Resolved) -> dict[str, Fraction]:
    return {f"{HELD_PREFIX}{pool_id}": Fraction(1)} if resolved.held else resolved.weights


def _split(
    pool_id: str, lines: Mapping[int, int], weights: Mapping[str, Fraction]
) -> tuple[list[Part], Fraction]:
    """The parts of each line, without those of 0, and the largest distance from a quota."""
    common = math.lcm(*(weight.denominator for weight in weights.values()))
    whole = {key: (weight * common).numerator for key, weight in weights.items()}
    total, worst = sum(whole.values()), 0
    parts = []
    for key, shares in split_many(list(lines.values()), whole).items():
        for (line, units), share in zip(lines.items(), shares, strict=True):
            worst = max(worst, abs(share * total - units * whole[key]))
            if share:
                parts.append(Part(line=line, pool_id=pool_id, key=key, units=share))
    return parts, Fraction(worst, total)


def _pass_on(
    parts: Sequence[Part], received: Mapping[str, _Amounts]
) -> tuple[tuple[str, int], ...]:
    """Give other pools what is theirs; the sum for each, by id."""
    sent: dict[str, int] = {}
    for part in parts:
        to = pool_of(part.key)
        if to is not None:
            sent[to] = sent.get(to, 0) + part.units
            _add(received[to], [(part.line, part.units)])
    return tuple(sorted(sent.items()))


def _add(lines: _Amounts, more: Iterable[tuple[int, int]]) -> None:
    for line, units in more:
        lines[line] = lines.get(line, 0) + units
