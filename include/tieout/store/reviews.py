"""What people reviewed for the checklist, and Airflow's event log as it was read through its API.

The database decides who may review and keeps ids that are missing from the log; this only carries.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from tieout.store.schema import INSTANT, metadata
from tieout.store.session import Tx

FLUX, CONTROLS = "flux", "controls"

close_review = sa.Table(
    "close_review",
    metadata,
    sa.Column("review_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("digest", sa.Text),
    sa.Column("remark", sa.Text),
    sa.Column("reviewed_by", sa.Text),
    sa.Column("reviewed_at", INSTANT),
)
airflow_event = sa.Table(
    "airflow_event",
    metadata,
    sa.Column("airflow_id", sa.BigInteger, primary_key=True),
    sa.Column("happened_at", INSTANT),
    sa.Column("actor", sa.Text),
    sa.Column("action", sa.Text),
    sa.Column("object", sa.Text),
    sa.Column("overrides", sa.Boolean),
    sa.Column("mirrored_at", INSTANT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReview:
    """A person's word about exactly what `digest` (64 hex digits) stands for."""

    period: str
    kind: str
    subject: str
    digest: str
    remark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A kept word, and whose it is."""

    kind: str
    subject: str
    digest: str
    remark: str
    reviewed_by: str
    reviewed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowEvent:
    """One row of Airflow's event log; `action` is `missing`, without a time, where an id is gone.

    `overrides` says that the act overrides a control: a clear, a mark, a backfill, an edit.
    """

    airflow_id: int
    happened_at: datetime | None
    actor: str
    action: str
    object: str
    overrides: bool


def record(tx: Tx, new: NewReview) -> int:
    """Keep a person's word; gives its number.

    Raises (at the end of the transaction):
        SegregationError: not the pages' login, or a person without the duty.
        PeriodClosedError: the month is closed.
    """
    noted = sa.func.tieout.record_review(new.period, new.kind, new.subject, new.digest, new.remark)
    made: int = tx.execute(sa.select(noted)).scalar_one()
    return made


def listing(tx: Tx, period: str) -> list[Review]:
    """All words about a month, oldest first."""
    columns = [close_review.c[name] for name in Review.__dataclass_fields__]
    statement = (
        sa.select(*columns)
        .where(close_review.c.period == period)
        .order_by(close_review.c.review_id)
    )
    return [Review(**row) for row in tx.execute(statement).mappings()]


def mirror(tx: Tx, events: Iterable[AirflowEvent], *, upto: int) -> int:
    """Take the next events of Airflow's log; ids up to `upto` that are not among them are missing.

    Gives how many rows are new. Only the pages' login may: a worker does not write about itself.
    """
    found = [
        {
            "airflow_id": one.airflow_id,
            "happened_at": one.happened_at.isoformat() if one.happened_at else None,
            "actor": one.actor,
            "action": one.action,
            "object": one.object,
            "overrides": one.overrides,
        }
        for one in events
    ]
    taken = sa.func.tieout.mirror_airflow_events(sa.cast(found, JSONB), upto)
    made: int = tx.execute(sa.select(taken)).scalar_one()
    return made


def last_mirrored(tx: Tx) -> int | None:
    """The newest id that was taken; None before the first."""
    found: int | None = tx.scalar(sa.select(sa.func.max(airflow_event.c.airflow_id)))
    return found


def newest_time(tx: Tx) -> datetime | None:
    """The latest instant of what was taken; None before the first."""
    found: datetime | None = tx.scalar(sa.select(sa.func.max(airflow_event.c.happened_at)))
    return found


def overrides(tx: Tx, since: datetime) -> list[AirflowEvent]:
    """The acts that override a control, by id: those since an instant and what is missing since."""
    columns = [airflow_event.c[name] for name in AirflowEvent.__dataclass_fields__]
    at = sa.func.coalesce(airflow_event.c.happened_at, airflow_event.c.mirrored_at)
    statement = (
        sa.select(*columns)
        .where(airflow_event.c.overrides, at >= since)
        .order_by(airflow_event.c.airflow_id)
    )
    return [AirflowEvent(**row) for row in tx.execute(statement).mappings()]
