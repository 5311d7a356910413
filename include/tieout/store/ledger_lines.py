"""Published ledger lines as a page asks for them: sums by dimensions, one page by keyset, one line.

Reads only. Amounts are units of 1e-12. What a condition and a sum are `reports.line_tables` says,
for lines in memory too. Which publication is meant, the steps say.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from tieout.focus.ledger_columns import LEDGER_SCHEMA, OWN_DIMENSIONS
from tieout.reports.line_tables import Place, Sum, Wanted
from tieout.store import ledger_sums
from tieout.store.schema import ledger_line as table
from tieout.store.session import Tx

_COLUMNS: Final = tuple(LEDGER_SCHEMA.names)


def sums(
    tx: Tx, publications: Sequence[int], by: Sequence[str], wanted: Sequence[Wanted] = ()
) -> dict[int, list[Sum]]:
    """Sums by columns or own dimensions, by publication id; one without such lines is not in it.

    Out of the sums that were made with the publication where they can tell, else out of the lines.
    """
    grouping = ledger_sums.covering((*by, *ledger_sums.named_by(wanted)))
    if grouping is not None:
        return ledger_sums.read(tx, publications, grouping, by, wanted)
    if wanted or len(by) != 1:
        return summed(tx, publications, by, wanted)
    found = ledger_sums.read(tx, publications, by, by)  # of an own dimension, where lines have it
    left = [one for one in publications if one not in found]
    return found | summed(tx, left, by) if left else found


def summed(
    tx: Tx, publications: Sequence[int], by: Sequence[str], wanted: Sequence[Wanted] = ()
) -> dict[int, list[Sum]]:
    """The same out of the lines themselves."""
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
    return ledger_sums.by_publication(tx.execute(statement).all())


def fitting(
    tx: Tx, publication_id: int, wanted: Sequence[Wanted], columns: Sequence[str]
) -> pa.Table:
    """Some columns of the lines that fit all conditions, by ledger line id."""
    statement = (
        sa.select(*(table.c[name] for name in columns))
        .where(table.c.publication_id == publication_id, *map(_condition, wanted))
        .order_by(table.c.ledger_line_id)
    )
    rows = tx.execute(statement).all()
    schema = pa.schema([LEDGER_SCHEMA.field(name) for name in columns])
    values = zip(*rows, strict=True) if rows else ((),) * len(columns)
    arrays = [pa.array(one, field.type) for one, field in zip(values, schema, strict=True)]
    return pa.table(arrays, schema=schema)


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
    return ledger_sums.condition(_column(wanted.name), wanted, table.c.pool_id)
