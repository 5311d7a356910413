"""Accounting months and their states. Owns no decision: signing, closing, reopening are elsewhere.

To everybody who asks for a state, a locked month is a closed one; `is_locked` tells them apart.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

import sqlalchemy as sa

from tieout.store.schema import period as table
from tieout.store.session import Tx

PeriodState = Literal["open", "soft_closed", "closed", "reopened"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountingPeriod:
    """One month; `closed_seq` is the ledger sequence of its close.

    The closing facts are set while it is closed; of a reopened month the closes are in
    `reopenings.closes`.
    """

    period: str
    state: PeriodState
    opened_at: datetime
    closed_at: datetime | None
    closed_seq: int | None
    content_hash: str | None
    is_locked: bool = False


def state(tx: Tx, period: str) -> PeriodState | None:
    """The state of a month; None when it was never opened."""
    found = find(tx, period)
    return None if found is None else found.state


def find(tx: Tx, period: str) -> AccountingPeriod | None:
    """One month; None when it was never opened."""
    row = tx.execute(sa.select(table).where(table.c.period == period)).mappings().one_or_none()
    return None if row is None else _period(row)


def ensure(tx: Tx, period: str) -> PeriodState:
    """Open the month unless it is there already; gives its state.

    Raises:
        PeriodClosedError: a later period is closed; a month before it cannot be opened any more.
    """
    found = tx.execute(sa.select(sa.func.tieout.open_period(period))).scalar_one()
    return _state(found)


def listing(tx: Tx) -> list[AccountingPeriod]:
    """All months that were ever opened, oldest first."""
    rows = tx.execute(sa.select(table).order_by(table.c.period)).mappings()
    return [_period(row) for row in rows]


def _period(row: sa.RowMapping) -> AccountingPeriod:
    fields = {column.name: row[column.name] for column in table.c}
    return AccountingPeriod(
        **{**fields, "state": _state(fields["state"])}, is_locked=fields["state"] == "locked"
    )


def _state(found: str) -> PeriodState:
    return cast("PeriodState", "closed" if found == "locked" else found)
