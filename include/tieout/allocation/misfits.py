"""What an allocation file or a driver table names that is not there: to be asked when proposed."""

from collections.abc import Collection, Sequence

from tieout.allocation.basis import pool_of
from tieout.allocation.drivers import DriverValue
from tieout.allocation.pool import Pool
from tieout.rules.register import POOL_PREFIX


def misfits(
    pools: Sequence[Pool], *, initiatives: Collection[str], drivers: Collection[str]
) -> list[str]:
    """One sentence for each driver and each target that is not known, in file order.

    `initiatives` are the ids of the register, `drivers` the names of all drivers. A pool that says
    what happens to ended targets may name initiatives that have left the register, except as
    fallback or owner of unused capacity.
    """
    found = []
    for pool in pools:
        found += missing_drivers([pool], drivers)
        strangers = [
            target
            for target in sorted(_named(pool))
            if pool_of(target) is None and target not in initiatives
        ]
        found += [
            f"Pool {pool.pool_id}: {target!r} is not in the initiative register; register it or "
            "name another."
            for target in strangers
        ]
    return found


def missing_drivers(pools: Sequence[Pool], drivers: Collection[str]) -> list[str]:
    """One sentence for each driver that a pool names and nobody has, in file order."""
    return [
        f"Pool {pool.pool_id}: no driver {name!r}; known: {', '.join(sorted(drivers))}."
        for pool in pools
        for name in sorted({pool.driver, pool.parameters.budget_driver} - {None, *drivers}, key=str)
    ]


def redefined(values: Sequence[DriverValue], measured: Collection[str]) -> list[str]:
    """One sentence for each line of a table whose driver is measured on the ledger itself."""
    return [
        f"line {one.line}: driver {one.driver} is measured on the month's own lines; call it by "
        "another name."
        for one in values
        if one.driver in measured
    ]


def strange_targets(
    values: Sequence[DriverValue], *, initiatives: Collection[str], pools: Collection[str]
) -> list[str]:
    """One sentence for each line of a table whose target is no registered initiative or pool."""
    known = {*initiatives, *(f"{POOL_PREFIX}{pool}" for pool in pools)}
    return [
        f"line {one.line}: {one.target!r} is no initiative of the register and no approved pool; "
        "register it or name another."
        for one in values
        if one.target not in known
    ]


def _named(pool: Pool) -> set[str]:
    must = {target for target, _ in pool.fallback}
    if pool.parameters.unused_owner is not None:
        must.add(pool.parameters.unused_owner)
    return must | pool.stated_targets() if pool.ended_targets == "fail" else must
