"""Sums of published lines that the database made when they were published, to be read by pages.

Reads only: the insert of the lines makes the sums (`tieout.sum_publication`), nobody else can.
Owns which columns were summed together and how a question is answered out of that.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa

from tieout.core.money import from_decimal
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.reports.line_tables import Sum, Wanted
from tieout.store.schema import AMOUNT, TEXTS, metadata
from tieout.store.session import Tx

_ALONE: Final = (
    "provider",
    "billing_account_id",
    "sub_account_id",
    "sub_account_name",
    "service_name",
    "service_category",
    "charge_category",
    "invoice_id",
    "pool_id",
    *chain.from_iterable((name, f"{name}_rule") for name in DIMENSIONS),
)
_BY_ACCOUNT: Final = (
    "charge_category",
    "service_category",
    "environment",
    "product_line",
    "pool_id",
    "billing_account_id",
    "cost_center",
    "service_name",
    "initiative",
)
# as the database has them, from those of few sums to those of many
GROUPINGS: Final[tuple[tuple[str, ...], ...]] = (
    *((name,) for name in _ALONE),
    ("provider", "pl_category"),
    ("initiative", "charge_category"),
    ("initiative", "cost_center"),
    ("initiative", "environment"),
    ("cost_center", "environment"),
    *(("provider", "pl_category", name) for name in _BY_ACCOUNT),
    ("initiative", "charge_category", "service_category", "pool_id"),
    ("provider", "pl_category", "environment", "service_name"),
    ("provider", "initiative", "cost_center", "pl_category", "product_line", "environment"),
)

table = sa.Table(
    "ledger_sum",
    metadata,
    sa.Column("publication_id", sa.BigInteger),
    sa.Column("names", sa.Text),
    sa.Column("key", TEXTS),
    sa.Column("amount", AMOUNT),
    sa.Column("line_count", sa.BigInteger),
)


_UNLIKE: Final = sa.text(
    "WITH line AS (SELECT publication_id, sum(billed_cost) AS amount, count(*) AS line_count"
    "  FROM tieout.ledger_line GROUP BY publication_id),"
    " kept AS (SELECT publication_id, names, sum(amount) AS amount, sum(line_count) AS line_count"
    "  FROM tieout.ledger_sum GROUP BY publication_id, names)"
    " SELECT publication_id, coalesce(names, 'nothing') FROM line"
    " FULL JOIN kept USING (publication_id)"
    " WHERE (line.amount, line.line_count) IS DISTINCT FROM (kept.amount, kept.line_count)"
    " ORDER BY 1, 2"
)


def covering(names: Iterable[str]) -> tuple[str, ...] | None:
    """The columns that were summed together and have all of these; None: the lines must tell."""
    wanted = set(names)
    return next((one for one in GROUPINGS if wanted <= set(one)), None)


def read(
    tx: Tx,
    publications: Sequence[int],
    grouping: Sequence[str],
    by: Sequence[str],
    wanted: Sequence[Wanted] = (),
) -> dict[int, list[Sum]]:
    """Sums by some columns of a grouping, by publication id; one without such lines is not in it.

    Conditions are on columns of the grouping, too.
    """
    places = {name: place for place, name in enumerate(grouping, start=1)}
    keys = [table.c.key[places[name]].label(f"key_{name}") for name in by]
    measures = [table.c.amount, table.c.line_count]
    pool = table.c.key[places["pool_id"]] if "pool_id" in places else sa.null()
    is_whole = set(by) == set(grouping)  # each of its sums is then one of the answer
    statement = sa.select(
        table.c.publication_id,
        *keys,
        *(measures if is_whole else map(sa.func.sum, measures)),
    ).where(
        table.c.publication_id.in_(publications),
        table.c.names == ",".join(grouping),
        *(condition(table.c.key[places[one.name]], one, pool) for one in wanted),
    )
    if not is_whole:
        statement = statement.group_by(table.c.publication_id, *keys)
    return by_publication(tx.execute(statement).all())


def named_by(wanted: Sequence[Wanted]) -> tuple[str, ...]:
    """The columns that conditions look at."""
    pools = ("pool_id",) if any(one.pools for one in wanted) else ()
    return (*(one.name for one in wanted), *pools)


def unlike_lines(tx: Tx) -> list[str]:
    """Publications with sums that do not add up to their lines, as `id by names`.

    Every grouping has each line once, so its amounts and counts are those of the publication.
    """
    return [f"publication {number} by {names}" for number, names in tx.execute(_UNLIKE)]


def condition(
    column: sa.ColumnElement[Any], wanted: Wanted, pool: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """Whether a column has one of the values, or none of them; null is a value like any other.

    `pool` is the column of the pool, where lines of some pools fit whatever they have.
    """
    named = column.in_([value for value in wanted.values if value is not None])
    found = sa.or_(named, column.is_(None)) if None in wanted.values else named
    fits = sa.not_(sa.func.coalesce(found, sa.false())) if wanted.but else found
    return sa.or_(fits, pool.in_(wanted.pools)) if wanted.pools else fits


def by_publication(rows: Iterable[Any]) -> dict[int, list[Sum]]:
    """Rows of a publication id, the key, the amount and the number of lines, as sums."""
    found: dict[int, list[Sum]] = {}
    for number, *key, amount, count in rows:
        one = Sum(key=tuple(key), units=from_decimal(amount), count=int(count))
        found.setdefault(number, []).append(one)
    return found
