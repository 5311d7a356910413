"""What an allocation file names that is not there: to be asked when the file is proposed."""

from collections.abc import Collection, Sequence

from tieout.allocation.basis import pool_of
from tieout.allocation.pool import Pool


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
        named = [pool.driver, pool.parameters.budget_driver]
        missing = sorted(name for name in named if name is not None and name not in drivers)
        found += [
            f"Pool {pool.pool_id}: no driver {name!r}; known: {', '.join(sorted(drivers))}."
            for name in missing
        ]
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


def _named(pool: Pool) -> set[str]:
    must = {target for target, _ in pool.fallback}
    if pool.parameters.unused_owner is not None:
        must.add(pool.parameters.unused_owner)
    return must | pool.stated_targets() if pool.ended_targets == "fail" else must
