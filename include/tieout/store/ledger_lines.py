"""Published ledger lines as a page asks for them: sums by dimensions, one page by keyset, one line.

Reads only. Amounts are units of 1e-12. What a condition and a sum are `reports.line_tables` says,
for lines in memory too. Which publication is meant, the steps say.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from tieout.core.money import from_decimal
from tieout.focus.ledger_columns import LEDGER_SCHEMA, OWN_DIMENSIONS
from tieout.reports.line_tables import Place, Sum, Wanted
from tieout.store.schema import ledger_line as table
from tieout.store.session import Tx

_COLUMNS: Final = tuple(LEDGER_SCHEMA.names)


def sums(
    tx: Tx, publications: Sequence[int], by: Sequence[str], wanted: Sequence[Wanted] = ()
) -> dict[int, list[Sum]]:
    """Sums by columns or own dimensions, by publication id; one without such lines is not in it."""
    keys = [_column(name).label(f"key_{place}") for place, name in enumerate(by)]
    statement = (
        sa.select(
            table.c.publication_id,
            *keys,
            sa.func.sum(table.c.billed_cost).label("amount"),
            sa.func.count().label("lines"),
        )
        .where(table.c.publication_id.in_(publications), *map(_condition, wanted))
        .group_by(table.c.publication_id, *keys)
    )
    found: dict[int, list[Sum]] = {}
    for row in tx.execute(statement):
        one = Sum(key=tuple(row[1:-2]), units=from_decimal(row.amount), count=row.lines)
        found.setdefault(row[0], []).append(one)
    return found


def page(
    tx: Tx,
    publication_id: int,
    wanted: Sequence[Wanted] = (),
    *,
    behind: Place | None = None,
    smallest_first: bool = False,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Lines by amount, the largest first, then by id; from behind a place on."""
    amount, line_id = table.c.billed_cost, table.c.ledger_line_id
    conditions = [table.c.publication_id == publication_id, *map(_condition, wanted)]
    if behind is not None:
        edge = amount >= behind.amount if smallest_first else amount <= behind.amount
        beyond = amount > behind.amount if smallest_first else amount < behind.amount
        # the first bounds the index; the second cuts among lines of the same amount
        conditions += [edge, sa.or_(beyond, line_id > behind.line_id)]
    order = (amount.asc(), line_id) if smallest_first else (amount.desc(), line_id)
    statement = (
        sa.select(*(table.c[name] for name in _COLUMNS))
        .where(*conditions)
        .order_by(*order)
        .limit(limit)
    )
    return [dict(row) for row in tx.execute(statement).mappings()]


def beginning_with(tx: Tx, publication_id: int, prefix: str) -> list[dict[str, Any]]:
    """The lines whose id begins so; two are read at most, to tell that there is more than one."""
    statement = (
        sa.select(*(table.c[name] for name in _COLUMNS))
        .where(
            table.c.publication_id == publication_id,
            table.c.ledger_line_id >= prefix,
            table.c.ledger_line_id < f"{prefix}g",  # ids are hex: nothing of theirs sorts behind g
        )
        .order_by(table.c.ledger_line_id)
        .limit(2)
    )
    return [dict(row) for row in tx.execute(statement).mappings()]


def _column(name: str) -> sa.ColumnElement[Any]:
    if name in _COLUMNS:
        return table.c[name]
    own: Mapping[Any, Any] | Any = sa.cast(table.c[OWN_DIMENSIONS], JSONB)
    return sa.func.jsonb_extract_path_text(own, sa.literal_column(_quoted(name)))


def _quoted(name: str) -> str:
    """The name as a constant: with a parameter the same expression would be two in GROUP BY."""
    if not name.replace("_", "").isalnum():
        raise ValueError(f"Expected the name of a dimension, found {name!r}.")
    return f"'{name}'"


def _condition(wanted: Wanted) -> sa.ColumnElement[bool]:
    column = _column(wanted.name)
    named = column.in_([value for value in wanted.values if value is not None])
    found = sa.or_(named, column.is_(None)) if None in wanted.values else named
    fits = sa.not_(sa.func.coalesce(found, sa.false())) if wanted.but else found
    return sa.or_(fits, table.c.pool_id.in_(wanted.pools)) if wanted.pools else fits
