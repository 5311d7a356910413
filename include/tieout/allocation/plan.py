"""The order in which pools are shared: who gives to whom, circle by circle, level by level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieout.allocation.loops import find_loop
from tieout.allocation.pool import Pool, gives_to
from tieout.core.errors import RuleFileError


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Pools that are shared at once: one, or a circle of reciprocal ones, by id.

    Level 0 receives from no other pool; every pool gives to higher levels only.
    """

    level: int
    pools: tuple[str, ...]


def plan(pools: Sequence[Pool]) -> tuple[Group, ...]:
    """All pools in groups, ordered by level and id; the order of `pools` plays no part.

    Raises:
        RuleFileError: a circle that its methods cannot solve; names it.
    """
    if loop := refused_loop(pools):
        raise RuleFileError(loop_message(loop))
    edges = _edges(pools)
    circles = _circles(edges)
    levels: dict[tuple[str, ...], int] = {}
    waiting = set(circles.values())
    while waiting:
        givers = {circle: _givers(circle, edges, circles) for circle in waiting}
        ready = [circle for circle in waiting if givers[circle] <= levels.keys()]
        for circle in ready:
            levels[circle] = max((levels[one] + 1 for one in givers[circle]), default=0)
        waiting -= set(ready)
    found = [Group(level=level, pools=circle) for circle, level in levels.items()]
    return tuple(sorted(found, key=lambda group: (group.level, group.pools)))


def refused_loop(pools: Sequence[Pool]) -> tuple[str, ...] | None:
    """A circle that has a pool whose method is not `reciprocal`; None when there is none."""
    known = {pool.pool_id: pool for pool in pools}
    edges = _edges(pools)
    for circle in sorted(set(_circles(edges).values())):
        inside = {pool: edges[pool] & set(circle) for pool in circle}
        solved = all(known[pool].method == "reciprocal" for pool in circle)
        if not solved and (loop := find_loop(inside)):
            return loop
    return None


def loop_message(loop: Sequence[str]) -> str:
    """The sentence about a circle of pools."""
    return (
        f"pools {' > '.join(loop)} give to each other; expected a chain that ends: leave one "
        "target out, or say method: reciprocal or step_down for all of them."
    )


def _edges(pools: Sequence[Pool]) -> dict[str, frozenset[str]]:
    known = {pool.pool_id: pool for pool in pools}
    return {pool.pool_id: gives_to(pool, known) & known.keys() for pool in pools}


def _circles(edges: Mapping[str, frozenset[str]]) -> dict[str, tuple[str, ...]]:
    """For each pool all that reach it and that it reaches, itself included."""
    reach = {pool: _reached(pool, edges) for pool in edges}
    return {
        pool: tuple(sorted({pool} | {other for other in reach[pool] if pool in reach[other]}))
        for pool in edges
    }


def _reached(start: str, edges: Mapping[str, frozenset[str]]) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = edges[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def _givers(
    circle: tuple[str, ...],
    edges: Mapping[str, frozenset[str]],
    circles: Mapping[str, tuple[str, ...]],
) -> set[tuple[str, ...]]:
    return {circles[pool] for pool, to in edges.items() if pool not in circle and to & set(circle)}
