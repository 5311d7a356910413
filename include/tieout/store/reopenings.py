"""Reopening and locking of closed months: who asked, who approved, and what was closed before.

The database decides who may; this only carries. Posting inside a reopened month is the database's
business too (`require_postable`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from tieout.store.schema import INSTANT, TEXTS, metadata
from tieout.store.session import Tx

period_close = sa.Table(
    "period_close",
    metadata,
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("close_no", sa.Integer, primary_key=True),
    sa.Column("content_hash", sa.Text),
    sa.Column("closed_seq", sa.BigInteger),
    sa.Column("closed_at", INSTANT),
    sa.Column("closed_by", sa.Text),
)
reopening = sa.Table(
    "reopening",
    metadata,
    sa.Column("reopening_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("reason_code", sa.Text),
    sa.Column("remark", sa.Text),
    sa.Column("scope", TEXTS),
    sa.Column("expires_at", INSTANT),
    sa.Column("requested_by", sa.Text),
    sa.Column("requested_at", INSTANT),
)
reopening_approval = sa.Table(
    "reopening_approval",
    metadata,
    sa.Column("reopening_id", sa.BigInteger, primary_key=True),
    sa.Column("after_request_id", sa.BigInteger),
    sa.Column("approved_by", sa.Text),
    sa.Column("approved_at", INSTANT),
)
period_flag = sa.Table(
    "period_flag",
    metadata,
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("reopening_id", sa.BigInteger, primary_key=True),
    sa.Column("reason", sa.Text),
    sa.Column("flagged_at", INSTANT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReopening:
    """What a controller asks for: why, for which journal types, until when (aware)."""

    period: str
    reason_code: str
    remark: str
    scope: Sequence[str]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopening:
    """A request, and its second person once there is one."""

    reopening_id: int
    period: str
    reason_code: str
    remark: str
    scope: Sequence[str]
    expires_at: datetime
    requested_by: str
    requested_at: datetime
    approved_by: str | None
    approved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """One close of a month; a second one follows a reopening."""

    period: str
    close_no: int
    content_hash: str
    closed_seq: int
    closed_at: datetime
    closed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Why a closed month may not stand on the balance that it was closed with."""

    period: str
    reopening_id: int
    reason: str
    flagged_at: datetime


def request(tx: Tx, new: NewReopening) -> int:
    """Ask for a reopening as the person of this transaction; gives its number.

    Raises (at the end of the transaction):
        SegregationError: not the pages' login, or no controller.
        NotReadyError: the month is not closed, or is locked, or the time is over 31 days ahead.
        UnknownSubjectError: a journal type is not known.
    """
    asked = sa.func.tieout.request_reopening(
        new.period,
        new.reason_code,
        new.remark,
        sa.cast(list(new.scope), TEXTS),
        sa.cast(new.expires_at, INSTANT),
    )
    made: int = tx.execute(sa.select(asked)).scalar_one()
    return made


def approve(tx: Tx, reopening_id: int) -> None:
    """Reopen the month as another person than the one who asked.

    Raises (at the end of the transaction):
        SegregationError: the same person, or no controller or approver.
        NotReadyError: it has ended, or the month is not closed any more.
    """
    tx.execute(sa.select(sa.func.tieout.approve_reopening(reopening_id)))


def lock(tx: Tx, period: str, why: str) -> None:
    """Lock a closed month for good, as a controller; a locked month is never reopened.

    Raises (at the end of the transaction):
        SegregationError: no controller.
        NotReadyError: the month or one before it is not closed, or no reason is given.
    """
    tx.execute(sa.select(sa.func.tieout.lock_period_for_good(period, why)))


def get(tx: Tx, reopening_id: int) -> Reopening | None:
    """One request."""
    return next(iter(_all(tx, reopening.c.reopening_id == reopening_id)), None)


def listing(tx: Tx, period: str) -> list[Reopening]:
    """The requests of a month, oldest first."""
    return _all(tx, reopening.c.period == period)


def closes(tx: Tx, period: str) -> list[Close]:
    """Every close of a month, oldest first."""
    statement = (
        sa.select(period_close)
        .where(period_close.c.period == period)
        .order_by(period_close.c.close_no)
    )
    return [Close(**row) for row in tx.execute(statement).mappings()]


def flags(tx: Tx, period: str) -> list[Flag]:
    """What was reopened below a closed month, oldest first."""
    statement = (
        sa.select(period_flag)
        .where(period_flag.c.period == period)
        .order_by(period_flag.c.reopening_id)
    )
    return [Flag(**row) for row in tx.execute(statement).mappings()]


def _all(tx: Tx, condition: sa.ColumnElement[bool]) -> list[Reopening]:
    approval = reopening_approval.c
    statement = (
        sa.select(reopening, approval.approved_by, approval.approved_at)
        .outerjoin(reopening_approval, reopening.c.reopening_id == approval.reopening_id)
        .where(condition)
        .order_by(reopening.c.reopening_id)
    )
    return [Reopening(**row) for row in tx.execute(statement).mappings()]
