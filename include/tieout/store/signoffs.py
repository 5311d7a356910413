"""Asking for the close, and the two signatures. The database decides who may; this only carries.

A worker asks; a preparer signs (open -> soft_closed); another person signs as controller, which
closes the month. Both sign a content hash. Another content asked for later, an entry that touches
the month, and a reopening void them; what was signed stays readable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from tieout.store.periods import PeriodState
from tieout.store.reopenings import reopening, reopening_approval
from tieout.store.schema import close_request
from tieout.store.session import Tx

Duty = Literal["preparer", "controller"]

_VIEW = sa.table(
    "v_signoff",
    *(
        sa.column(name)
        for name in (
            "signoff_id",
            "period",
            "duty",
            "person_id",
            "content_hash",
            "comment",
            "signed_at",
            "stands",
            "voided_because",
            "voided_at",
        )
    ),
    schema="tieout",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRequest:
    """What is to be signed: a content hash, the checks' results, the ledger sequence they saw."""

    close_request_id: int
    period: str
    content_hash: str
    checks: Sequence[Mapping[str, Any]]
    ledger_seq: int
    requested_at: datetime
    requested_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signoff:
    """One signature; `is_current` says whether it stands for the content asked for last.

    `voided_because` says why a signature does not count any more although nobody asked for another
    content.
    """

    period: str
    duty: Duty
    person_id: str
    content_hash: str
    comment: str
    signed_at: datetime
    is_current: bool
    voided_because: str | None
    voided_at: datetime | None


def request_close(
    tx: Tx, period: str, content_hash: str, *, checks: Sequence[Mapping[str, Any]]
) -> CloseRequest:
    """Ask for the close of a month; each check needs `check_id`, `passed` and `blocking`.

    The same content and checks again, with no later entry, give the request that is there.

    Raises (at the end of the transaction):
        PeriodClosedError: the month is closed.
        UnknownSubjectError: the month was never opened.
    """
    results = sa.cast([dict(check) for check in checks], JSONB)
    asked = sa.func.tieout.request_close(period, content_hash, results)
    row = tx.execute(sa.select(sa.text("*")).select_from(asked)).mappings().one()
    return _request(row)


def latest_request(tx: Tx, period: str) -> CloseRequest | None:
    """The request that counts; one from before a reopening does not."""
    reopened = (
        sa.select(sa.func.coalesce(sa.func.max(reopening_approval.c.after_request_id), 0))
        .join(reopening, reopening.c.reopening_id == reopening_approval.c.reopening_id)
        .where(reopening.c.period == period)
        .scalar_subquery()
    )
    statement = (
        sa.select(close_request)
        .where(close_request.c.period == period, close_request.c.close_request_id > reopened)
        .order_by(close_request.c.close_request_id.desc())
        .limit(1)
    )
    row = tx.execute(statement).mappings().one_or_none()
    return None if row is None else _request(row)


def record(tx: Tx, period: str, duty: Duty, content_hash: str, *, comment: str) -> PeriodState:
    """Sign as the person of this transaction; gives the month's state afterwards.

    Raises (at the end of the transaction):
        SegregationError: not the pages' login, no such person, not their duty, or the same person
            twice.
        NotReadyError: nobody asked, another content, later entries, a failed blocking check, no
            preparer yet, or an earlier month is not closed.
        PeriodClosedError: the month is closed already.
    """
    state: PeriodState = tx.execute(
        sa.select(sa.func.tieout.record_signoff(period, duty, content_hash, comment))
    ).scalar_one()
    if duty == "controller":
        state = tx.execute(
            sa.select(sa.func.tieout.close_period(period, content_hash))
        ).scalar_one()
    return state


def return_to_open(tx: Tx, period: str, reason: str) -> PeriodState:
    """Take a soft-closed month back to open, with a reason; signatures lapse with the content."""
    state: PeriodState = tx.execute(
        sa.select(sa.func.tieout.return_to_open(period, reason))
    ).scalar_one()
    return state


def listing(tx: Tx, period: str) -> list[Signoff]:
    """All signatures of a month, oldest first, void ones included."""
    newest = latest_request(tx, period)
    statement = sa.select(_VIEW).where(_VIEW.c.period == period).order_by(_VIEW.c.signoff_id)
    return [
        Signoff(
            period=row.period,
            duty=row.duty,
            person_id=row.person_id,
            content_hash=row.content_hash,
            comment=row.comment,
            signed_at=row.signed_at,
            is_current=row.stands
            and newest is not None
            and newest.content_hash == row.content_hash,
            voided_because=row.voided_because,
            voided_at=row.voided_at,
        )
        for row in tx.execute(statement)
    ]


def _request(row: sa.RowMapping) -> CloseRequest:
    return CloseRequest(**{column.name: row[column.name] for column in close_request.c})
