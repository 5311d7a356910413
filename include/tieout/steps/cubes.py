"""The cube of a month's charges: kept when they are classified, read by every later question.

Owns where it is kept and when it still answers; what is in it is `engine.month_cube`'s.
"""

from collections.abc import Collection
from datetime import date
from typing import Any

import pyarrow as pa

from tieout.core.period import Period
from tieout.engine.cube import pack, unpack
from tieout.engine.month_cube import Days, is_current, stretches
from tieout.steps.context import Context


def keep(
    context: Context, month: Period, cube: pa.Table, *, days: Days, cuts: Collection[date]
) -> dict[str, Any]:
    """Store a cube; gives what a run notes of it: its file, its days, and where it is cut."""
    file = context.lake.put(pack(cube), f"cubes/period={month}", suffix=".arrow")
    return {
        "path": file.path,
        "sha256": file.sha256,
        "first_on": days[0].isoformat(),
        "last_on": days[1].isoformat(),
        "cuts": [day.isoformat() for day in stretches(cuts, days)],
    }


def kept(context: Context, noted: dict[str, Any] | None, cuts: Collection[date]) -> pa.Table | None:
    """The kept cube, if it is cut on all of these days and its ids are today's; else None."""
    if noted is None:
        return None
    days = date.fromisoformat(noted["first_on"]), date.fromisoformat(noted["last_on"])
    known = {date.fromisoformat(day) for day in noted["cuts"]}
    if not known.issuperset(stretches(cuts, days)):
        return None
    cube = unpack(context.lake.get(noted["path"], noted["sha256"]))
    return cube if is_current(cube) else None
