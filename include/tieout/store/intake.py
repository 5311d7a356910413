"""Billing documents that were handed in or that nobody could read: what came, what became of it.

Owns the events of a content and its present state (a view of the database). It decides nothing:
typed figures count once the database has let another person approve them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tieout.core.errors import UnknownSubjectError
from tieout.store import runs
from tieout.store.schema import TEXTS
from tieout.store.schema import intake as table
from tieout.store.schema import intake_event as event_table
from tieout.store.schema import intake_state as state_view
from tieout.store.session import Tx

Origin = Literal["imported", "fetched", "corrected", "entered"]
EventKind = Literal["received", "queued", "accepted", "corrected", "entered", "rejected"]
Problem = Literal["document_unreadable", "document_unmatched", "document_duplicate"]
State = Literal["received", "queued", "accepted", "proposed", "approved", "replaced", "rejected"]

SHORTEST_ID = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Bytes of a document; typed figures (`corrected`, `entered`) name what proves them."""

    sha256: str
    origin: Origin
    name: str
    media_type: str
    size_bytes: int
    lake_path: str
    evidence_sha256: str | None = None
    evidence_name: str | None = None
    evidence_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What happened to a content; who and when is written by the database.

    `format` is the invoice format that reads it, `identities` say which documents are in it (kind,
    number, seller); `problem` belongs to `queued`, whose `period` is the month that is held up.
    """

    event: EventKind
    reason: str
    provider: str | None = None
    billing_account_id: str | None = None
    period: str | None = None
    format: str | None = None
    identities: tuple[str, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A kept event of one content."""

    event: EventKind
    reason: str
    problem: Problem | None
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A content with its present state; account, period and reason are those of the last event."""

    sha256: str
    origin: Origin
    name: str
    media_type: str
    size_bytes: int
    lake_path: str
    evidence_sha256: str | None
    evidence_name: str | None
    evidence_path: str | None
    author: str
    received_at: datetime
    provider: str | None
    billing_account_id: str | None
    period: str | None
    format: str | None
    identities: tuple[str, ...]
    problem: Problem | None
    reason: str
    approved_by: str | None
    approved_at: datetime | None
    state: State


def hold(tx: Tx) -> None:
    """Keep everybody else from changing the queue until the end of this transaction."""
    runs.hold(tx, "receive", "intake")


def add(tx: Tx, content: Content) -> bool:
    """Keep a content; False when it is known."""
    statement = insert(table).values(asdict(content)).on_conflict_do_nothing()
    return tx.scalar(statement.returning(table.c.sha256)) is not None


def happened(tx: Tx, sha256: str, event: NewEvent) -> None:
    """Add an event to a known content."""
    fields = asdict(event) | {"sha256": sha256, "identities": list(event.identities)}
    tx.execute(sa.insert(event_table).values(fields))


def approve(tx: Tx, sha256: str) -> Paper:
    """Approve typed figures as the person of this transaction; twice keeps the first approval.

    Raises (at the end of the transaction):
        SegregationError: not the pages' login, no known approver, or the person who typed them.
        UnknownSubjectError: no such figures.
        NotReadyError: they were rejected or replaced.
    """
    tx.execute(sa.select(sa.func.tieout.approve_document(sha256)))
    return get(tx, sha256)


def reviewed(tx: Tx, sha256: str) -> Paper:
    """A document by its whole hash, for the person of this transaction who is to decide about it.

    One that was only fetched so far comes into the review; nobody else changes the queue meanwhile.

    Raises (at the end of the transaction):
        SegregationError: not the pages' login, or a person without a duty in the close.
        UnknownSubjectError: no such billing document.
        PeriodClosedError: it is part of a closed month.
    """
    tx.execute(sa.select(sa.func.tieout.review_document(sha256)))
    return get(tx, sha256)


def correct(tx: Tx, content: Content, event: NewEvent) -> None:
    """Keep figures that the person of this transaction typed for a document.

    Raises (at the end of the transaction):
        SegregationError, UnknownSubjectError, PeriodClosedError: as for `reviewed`.
        NotReadyError: the document was rejected or replaced, or other figures for it stand.
    """
    said = sa.func.tieout.correct_document(
        content.evidence_sha256,
        content.sha256,
        content.name,
        content.size_bytes,
        content.lake_path,
        event.provider,
        event.billing_account_id,
        event.period,
        sa.cast(list(event.identities), TEXTS),
        event.reason,
    )
    tx.execute(sa.select(said))


def reject(tx: Tx, paper: Paper, reason: str) -> None:
    """Set a document aside as the person of this transaction; twice keeps the first word.

    Raises (at the end of the transaction):
        SegregationError, UnknownSubjectError, PeriodClosedError: as for `reviewed`.
        NotReadyError: it is approved, or replaced by figures that are.
    """
    tx.execute(sa.select(sa.func.tieout.reject_document(paper.sha256, reason)))


def find(tx: Tx, sha256: str) -> Paper | None:
    """A content by its whole hash; None when it never came this way."""
    return next(iter(_all(tx, state_view.c.sha256 == sha256)), None)


def get(tx: Tx, start: str) -> Paper:
    """A content by the first characters of its hash, at least six.

    Raises:
        UnknownSubjectError: none, or several.
    """
    known = start.lower()
    is_hash = len(known) >= SHORTEST_ID and set(known) <= set("0123456789abcdef")
    found = _all(tx, state_view.c.sha256.startswith(known)) if is_hash else []
    if len(found) != 1:
        raise UnknownSubjectError(
            f"Expected one document of the review whose id begins with {start[:64]!r} (at least "
            f"{SHORTEST_ID} hex digits), found {len(found)}: look at `tieout review list`."
        )
    return found[0]


def open_papers(tx: Tx, period: str | None = None) -> list[Paper]:
    """What waits for a person, by period and arrival: queued documents and proposed figures."""
    is_open = state_view.c.state.in_(("queued", "proposed"))
    return _all(tx, is_open, *_of(period))


def papers(tx: Tx, period: str | None = None) -> list[Paper]:
    """Everything that ever came this way, settled or not."""
    return _all(tx, *_of(period))


def usable(tx: Tx, *, provider: str, billing_account_id: str, period: str) -> list[Paper]:
    """The accepted documents and approved figures of one account and month, by name."""
    found = _all(
        tx,
        state_view.c.state.in_(("accepted", "approved")),
        state_view.c.provider == provider,
        state_view.c.billing_account_id == billing_account_id,
        state_view.c.period == period,
    )
    return sorted(found, key=lambda one: (one.name, one.sha256))


def bearing(tx: Tx, identities: Sequence[str]) -> list[Paper]:
    """Contents in use or proposed that hold one of these documents."""
    overlaps = state_view.c.identities.bool_op("&&")(sa.cast(list(identities), TEXTS))
    return _all(tx, state_view.c.state.in_(("accepted", "approved", "proposed")), overlaps)


def set_aside(tx: Tx, sha256s: Sequence[str]) -> set[str]:
    """Those of these hashes that a person rejected, or replaced by approved figures.

    The evidence of approved figures counts even if it never came this way itself.
    """
    wanted = list(sha256s)
    rejected = _all(
        tx, state_view.c.sha256.in_(wanted), state_view.c.state.in_(("rejected", "replaced"))
    )
    replaced = _all(
        tx,
        state_view.c.evidence_sha256.in_(wanted),
        state_view.c.state.in_(("approved", "replaced")),
    )
    return {one.sha256 for one in rejected} | {str(one.evidence_sha256) for one in replaced}


def typed_for(tx: Tx, sha256: str) -> list[Paper]:
    """Figures that people typed with this content as evidence, oldest first."""
    return _all(tx, state_view.c.evidence_sha256 == sha256)


def history(tx: Tx, sha256: str) -> list[Event]:
    """What happened to a content, oldest first."""
    columns = [event_table.c[name] for name in Event.__dataclass_fields__]
    statement = (
        sa.select(*columns)
        .where(event_table.c.sha256 == sha256)
        .order_by(event_table.c.intake_event_id)
    )
    return [Event(**row) for row in tx.execute(statement).mappings()]


def _of(period: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    return () if period is None else (state_view.c.period == period,)


def _all(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[Paper]:
    statement = (
        sa.select(state_view)
        .where(*conditions)
        .order_by(state_view.c.period, state_view.c.received_at, state_view.c.sha256)
    )
    return [
        Paper(**{**row, "identities": tuple(row["identities"])})
        for row in tx.execute(statement).mappings()
    ]
