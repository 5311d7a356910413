"""The exceptions queue: what is wrong in a month, its age, and what people decided about it.

The database keeps identity and age, decides who may do what, and says whether an acceptance still
holds; this only carries. Amounts are int units of 1e-12.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from tieout.close.exceptions import Problem
from tieout.core.finding import Severity
from tieout.core.money import format_units, from_decimal
from tieout.store.schema import AMOUNT, INSTANT, metadata
from tieout.store.session import Tx

exception = sa.Table(
    "exception",
    metadata,
    sa.Column("exception_id", sa.Text, primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("type", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("first_seen_at", INSTANT),
)
exception_seen = sa.Table(
    "exception_seen",
    metadata,
    sa.Column("seen_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("exception_id", sa.Text),
    sa.Column("severity", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("amount", AMOUNT),
    sa.Column("currency", sa.Text),
    sa.Column("seen_at", INSTANT),
)
exception_event = sa.Table(
    "exception_event",
    metadata,
    sa.Column("event_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("exception_id", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("remark", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("due_on", sa.Date),
    sa.Column("expires_on", sa.Date),
    sa.Column("accepted_amount", AMOUNT),
    sa.Column("entry_no", sa.Text),
    sa.Column("actor", sa.Text),
    sa.Column("recorded_at", INSTANT),
)
_VIEW = sa.table(
    "v_exception",
    *(
        sa.column(name)
        for name in (
            "exception_id",
            "period",
            "type",
            "kind",
            "subject",
            "first_seen_at",
            "severity",
            "message",
            "amount",
            "currency",
            "state",
            "remark",
            "actor",
            "changed_at",
            "owner",
            "due_on",
            "expires_on",
            "entry_no",
            "accepted",
        )
    ),
    schema="tieout",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredException:
    """An exception as it is now; `accepted` is False once the acceptance does not hold any more.

    `remark` and `actor` are those of the last change. The owner is the last one assigned.
    """

    exception_id: str
    period: str
    type: str
    kind: str
    subject: str
    first_seen_at: datetime
    severity: Severity
    message: str
    amount_units: int
    currency: str
    state: str
    remark: str
    actor: str
    changed_at: datetime
    owner: str | None
    due_on: date | None
    expires_on: date | None
    entry_no: str | None
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionEvent:
    """One change of state; `expires_on` only of an acceptance."""

    state: str
    remark: str
    owner: str | None
    due_on: date | None
    expires_on: date | None
    entry_no: str | None
    actor: str
    recorded_at: datetime


def note(tx: Tx, period: str, problems: Iterable[Problem]) -> list[str]:
    """Keep what is wrong in a month now; what is missing from it is resolved. Gives the new ids."""
    found = [
        {
            "exception_id": one.exception_id,
            "type": one.type,
            "kind": one.kind,
            "subject": one.subject,
            "severity": one.severity,
            "message": one.message,
            "amount": format_units(one.amount_units),
            "currency": one.currency,
        }
        for one in problems
    ]
    noted = sa.func.tieout.note_exceptions(period, sa.cast(found, JSONB))
    return list(tx.execute(sa.select(noted)).scalars())


def assign(tx: Tx, exception_id: str, *, owner: str, due_on: date, remark: str) -> None:
    """Give an exception an owner and a day, as the person of this transaction.

    Raises (at the end of the transaction), as `explain`, `accept` and `resolve` do:
        SegregationError: not the pages' login, or a person without the duty.
        UnknownSubjectError: no such exception, person or entry.
        NotReadyError: the exception is resolved.
    """
    tx.execute(sa.select(sa.func.tieout.assign_exception(exception_id, owner, due_on, remark)))


def explain(tx: Tx, exception_id: str, *, remark: str) -> None:
    """Say why it is so."""
    tx.execute(sa.select(sa.func.tieout.explain_exception(exception_id, remark)))


def accept(tx: Tx, exception_id: str, *, until: date, remark: str) -> None:
    """Accept the amount at stake to the end of a day, as another person than who explained it."""
    tx.execute(sa.select(sa.func.tieout.accept_exception(exception_id, until, remark)))


def resolve(tx: Tx, exception_id: str, *, entry_no: str | None, remark: str) -> None:
    """Say that it is settled, and by which entry; found again, it is open again."""
    tx.execute(sa.select(sa.func.tieout.resolve_exception(exception_id, entry_no, remark)))


def get(tx: Tx, exception_id: str) -> StoredException | None:
    """One exception."""
    return next(iter(_all(tx, _VIEW.c.exception_id == exception_id)), None)


def listing(tx: Tx, period: str | None = None) -> list[StoredException]:
    """The exceptions of a month, or of all months, oldest first; resolved ones too."""
    return _all(tx, sa.true() if period is None else _VIEW.c.period == period)


def history(tx: Tx, exception_id: str) -> list[ExceptionEvent]:
    """Every change of state, oldest first."""
    columns = [exception_event.c[name] for name in ExceptionEvent.__dataclass_fields__]
    statement = (
        sa.select(*columns)
        .where(exception_event.c.exception_id == exception_id)
        .order_by(exception_event.c.event_id)
    )
    return [ExceptionEvent(**row) for row in tx.execute(statement).mappings()]


def _all(tx: Tx, condition: sa.ColumnElement[bool]) -> list[StoredException]:
    statement = (
        sa.select(_VIEW).where(condition).order_by(_VIEW.c.first_seen_at, _VIEW.c.exception_id)
    )
    return [_stored(row) for row in tx.execute(statement).mappings()]


def _stored(row: sa.RowMapping) -> StoredException:
    fields = {**row, "amount_units": from_decimal(row["amount"])}
    del fields["amount"]
    return StoredException(**fields)
