"""Accounting months and their states. Owns no decision: signing and closing are in `signoffs`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from tieout.store.schema import period as table
from tieout.store.session import Tx

PeriodState = Literal["open", "soft_closed", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountingPeriod:
    """One month; the last three are set once it is closed, `closed_seq` is its ledger sequence."""

    period: str
    state: PeriodState
    opened_at: datetime
    closed_at: datetime | None
    closed_seq: int | None
    content_hash: str | None


def state(tx: Tx, period: str) -> PeriodState | None:
    """The state of a month; None when it was never opened."""
    found: PeriodState | None = tx.scalar(sa.select(table.c.state).where(table.c.period == period))
    return found


def find(tx: Tx, period: str) -> AccountingPeriod | None:
    """One month; None when it was never opened."""
    row = tx.execute(sa.select(table).where(table.c.period == period)).mappings().one_or_none()
    return None if row is None else AccountingPeriod(**row)


def ensure(tx: Tx, period: str) -> PeriodState:
    """Open the month unless it is there already; gives its state.

    Raises:
        PeriodClosedError: a later period is closed; a month before it cannot be opened any more.
    """
    found: PeriodState = tx.execute(sa.select(sa.func.tieout.open_period(period))).scalar_one()
    return found


def listing(tx: Tx) -> list[AccountingPeriod]:
    """All months that were ever opened, oldest first."""
    rows = tx.execute(sa.select(table).order_by(table.c.period)).mappings()
    return [AccountingPeriod(**row) for row in rows]
