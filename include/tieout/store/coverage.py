"""The completeness ledger: which days of which account have been seen, with how many rows.

A day with no charges is a mark with 0 rows; a day without a mark is a hole.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from tieout.core.period import parse_period
from tieout.store.schema import coverage as table
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One day (UTC) seen in one snapshot."""

    provider: str
    billing_account_id: str
    kind: str
    day: date
    snapshot_id: str
    rows: int
    seen_at: datetime


def mark(tx: Tx, marks: Iterable[Mark]) -> int:
    """Add marks; gives their count."""
    rows = [asdict(one) for one in marks]
    if rows:
        tx.execute(sa.insert(table), rows)
    return len(rows)


def complete_days(
    tx: Tx, *, period: str, provider: str, billing_account_id: str, kind: str = "cost"
) -> set[date]:
    """The days of the month that were seen at least once."""
    statement = sa.select(table.c.day).where(
        *_days_of(period),
        table.c.provider == provider,
        table.c.billing_account_id == billing_account_id,
        table.c.kind == kind,
    )
    return set(tx.scalars(statement))


def matrix(tx: Tx, period: str) -> list[Mark]:
    """The newest mark of every provider, account, kind and day of the month, in that order."""
    key = (table.c.provider, table.c.billing_account_id, table.c.kind, table.c.day)
    columns = [column for column in table.c if column.name != "coverage_id"]
    statement = (
        sa.select(*columns)
        .ext(distinct_on(*key))
        .where(*_days_of(period))
        .order_by(*key, table.c.coverage_id.desc())
    )
    return [Mark(**row) for row in tx.execute(statement).mappings()]


def _days_of(period: str) -> tuple[sa.ColumnElement[bool], ...]:
    month = parse_period(period)
    return table.c.day >= month.start_on, table.c.day < month.end_on
