"""Rows that say the same twice. Owns what counts as the same and which repetitions fit a gap."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tieout.reconciliation.breaks import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Rows beyond the first of their kind, and the line ids of the first ones."""

    rows: tuple[Row, ...]
    originals: tuple[str, ...]


def fitting_repeats(
    rows: tuple[Row, ...], fits: Callable[[tuple[Row, ...]], bool]
) -> Repeats | None:
    """The repetitions without which the remaining rows fit; None when none or several would do.

    All repetitions together are tried first, then any number of one kind alone.
    """
    kinds: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        kinds.setdefault(_kind(row), []).append(row)
    repeated = [found for found in kinds.values() if len(found) > 1]
    together = Repeats(
        rows=tuple(row for found in repeated for row in found[1:]),
        originals=tuple(found[0].line_id for found in repeated),
    )
    if together.rows and fits(_without(rows, together)):
        return together
    alone = [
        Repeats(rows=tuple(found[first:]), originals=(found[0].line_id,))
        for found in repeated
        for first in range(1, len(found))
    ]
    fitting = [one for one in alone if fits(_without(rows, one))]
    return fitting[0] if len(fitting) == 1 else None


def _without(rows: tuple[Row, ...], gone: Repeats) -> tuple[Row, ...]:
    ids = {row.line_id for row in gone.rows}
    return tuple(row for row in rows if row.line_id not in ids)


def _kind(row: Row) -> tuple[Any, ...]:
    """Same hours, quantity, cost, attributes and resource: only the place in the source differs."""
    return (row.starts_at, row.ends_at, row.quantity, row.units, row.charge["attr_id"])
