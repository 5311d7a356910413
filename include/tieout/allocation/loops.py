"""Pools that serve each other in a circle, solved in exact fractions; and the finding of circles.

Owns the algebra of `method: reciprocal`; which pools form a circle is `allocation.plan`'s.
"""

from collections.abc import Collection, Mapping
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter

from tieout.allocation.basis import pool_of
from tieout.core.errors import ConservationError
from tieout.rules.register import POOL_PREFIX

Rows = Mapping[str, Mapping[str, Fraction]]


def final_shares(rows: Rows) -> dict[str, dict[str, Fraction]]:
    """Where one unit of each pool ends up once all have passed on what they received.

    `rows` gives for each pool of the circle its weights over `pool:<id>` of the circle and over
    keys outside it. In the result every row has outside keys only and adds up to exactly 1. Each
    pool in turn is put in place of itself in all other rows, so nothing but sums, products and
    quotients of positive fractions is ever taken.

    Raises:
        ConservationError: a pool gives to pools only that give back: its cost never comes out.
    """
    _refuse_trap(rows)
    left = {pool: _normal(row, without=pool) for pool, row in sorted(rows.items())}
    for pool, own in list(left.items()):
        given = left[pool] = _normal(own, without=pool)
        for other, row in left.items():
            part = row.pop(f"{POOL_PREFIX}{pool}", None)
            if part is not None and other != pool:
                for key, share in given.items():
                    row[key] = row.get(key, Fraction(0)) + part * share
    return left


def gross_amounts(own_units: Mapping[str, int], rows: Rows) -> dict[str, Fraction]:
    """What passes through each pool: its own cost and all that it receives, x = d + S'x.

    More than the cost in all, as every unit is counted in each pool it passes: never post it.
    """
    shares = {pool: _normal(row, without=pool) for pool, row in sorted(rows.items())}
    pools = list(shares)
    lines = [
        [
            Fraction(int(to == by)) - shares[by].get(f"{POOL_PREFIX}{to}", Fraction(0))
            for by in pools
        ]
        + [Fraction(own_units[to])]
        for to in pools
    ]
    for at, pivot in enumerate(lines):  # never 0: a circle that leaks is diagonally dominant
        lines[at] = scaled = [value / pivot[at] for value in pivot]
        for number, line in enumerate(lines):
            if number != at and line[at]:
                lines[number] = [
                    value - line[at] * own for value, own in zip(line, scaled, strict=True)
                ]
    return {pool: line[-1] for pool, line in zip(pools, lines, strict=True)}


def find_loop(edges: Mapping[str, Collection[str]]) -> tuple[str, ...] | None:
    """A circle in a graph of `from -> to`, first pool again at the end; None without one."""
    ordered = {pool: sorted(to) for pool, to in sorted(edges.items())}
    try:
        TopologicalSorter(ordered).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return tuple(reversed(found))
    return None


def _normal(row: Mapping[str, Fraction], *, without: str) -> dict[str, Fraction]:
    kept = {key: value for key, value in row.items() if value and pool_of(key) != without}
    whole = sum(kept.values())
    return {key: value / whole for key, value in kept.items()}


def _refuse_trap(rows: Rows) -> None:
    inner = {
        pool: {to for to in rows if row.get(f"{POOL_PREFIX}{to}")} for pool, row in rows.items()
    }
    outs = {
        pool
        for pool, row in rows.items()
        if any(value and pool_of(key) not in rows for key, value in row.items())
    }
    while more := {pool for pool, to in inner.items() if pool not in outs and to & outs}:
        outs |= more
    trapped = {pool: to for pool, to in inner.items() if pool not in outs}
    if trapped:
        loop = find_loop(trapped) or sorted(trapped)
        raise ConservationError(
            f"Pools {' > '.join(loop)} give to each other only: expected a share for an initiative "
            "somewhere in the circle, found none; correct the drivers or percentages."
        )
