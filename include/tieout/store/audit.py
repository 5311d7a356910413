"""The audit log in the database: adds events to the chain and reads them. Hashing is in `audit`.

Call `record` last in a step: the log is locked from there to the commit.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tieout.audit.canonical import canonical_bytes
from tieout.audit.chain import Event
from tieout.core.errors import UnknownSubjectError
from tieout.store.schema import TEXTS
from tieout.store.schema import audit_event as table
from tieout.store.schema import head as head_table
from tieout.store.session import Tx

SCHEMA = "tieout.audit/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One link of the chain; hashes are lower-case hex, `canonical` is the exact hashed text."""

    seq: int
    prev_hash: str
    hash: str
    canonical: str
    login: str
    recorded_at: datetime

    def link(self) -> Event:
        """The part that the chain is made of."""
        return Event(
            seq=self.seq, prev_hash=self.prev_hash, hash=self.hash, canonical=self.canonical
        )

    def content(self) -> dict[str, Any]:
        """All that was hashed: who, when, action, subject, payload, why."""
        found: dict[str, Any] = json.loads(self.canonical)
        return found

    def payload(self) -> dict[str, Any]:
        """What the event says about its subject."""
        found: dict[str, Any] = self.content()["payload"]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What is to be written down; amounts in `payload` are texts."""

    action: str
    subject: str
    payload: Mapping[str, Any]
    why: str = ""


def record(
    tx: Tx, action: str, subject: str, payload: Mapping[str, Any], *, why: str = ""
) -> AuditEvent:
    """Write down what the actor of this transaction did to what, and why.

    The text says who (actor and database login) and when (UTC, microseconds); the database
    compares all three with what it knows and refuses a text that lies. Amounts in `payload` are
    texts.
    """
    event = NewEvent(action=action, subject=subject, payload=payload, why=why)
    (text,) = _texts(tx, [event])
    row = tx.execute(sa.text("SELECT * FROM tieout.append_event(:event)"), {"event": text}).one()
    return _event(row)


def record_all(tx: Tx, events: Sequence[NewEvent]) -> tuple[int, int]:
    """Write many events down in their order; gives the numbers of the first and the last.

    The log is locked once and the chain walked in one pass: for thousands of events at a time.

    Raises (at the end of the transaction):
        IntegrityError: a text lies about who or when, or has no action or subject.
    """
    appended = sa.text("SELECT * FROM tieout.append_events(:texts)").bindparams(
        sa.bindparam("texts", type_=TEXTS)
    )
    row = tx.execute(appended, {"texts": _texts(tx, events)}).one()
    return row.first_seq, row.last_seq


def publication_of(tx: Tx, period: str, content_hash: str) -> AuditEvent | None:
    """The event that published this content of a month; the last one, None if there is none."""
    statement = (
        sa.select(table)
        .where(table.c.action == "period_published", table.c.subject == period)
        .order_by(table.c.seq.desc())
    )
    found = (_event(row) for row in tx.execute(statement))
    return next((one for one in found if one.payload()["content_hash"] == content_hash), None)


def whole_log(tx: Tx, *, upto: int | None = None) -> list[AuditEvent]:
    """All events in order, or the first `upto`."""
    statement = sa.select(table).order_by(table.c.seq)
    if upto is not None:
        statement = statement.where(table.c.seq <= upto)
    return [_event(row) for row in tx.execute(statement)]


def events(tx: Tx, *, after_seq: int = 0, limit: int = 1000) -> list[AuditEvent]:
    """Events in order, from the one after `after_seq`."""
    statement = sa.select(table).where(table.c.seq > after_seq).order_by(table.c.seq).limit(limit)
    return [_event(row) for row in tx.execute(statement)]


def about(
    tx: Tx,
    subject: str,
    *,
    actions: Sequence[str] = (),
    after: datetime | None = None,
    limit: int = 200,
) -> list[AuditEvent]:
    """The newest events of one subject, in their order; of some actions, or after a moment."""
    conditions: list[sa.ColumnElement[bool]] = [table.c.subject == subject]
    conditions += [table.c.action.in_(actions)] if actions else []
    conditions += [table.c.recorded_at > after] if after else []
    statement = sa.select(table).where(*conditions).order_by(table.c.seq.desc()).limit(limit)
    return [_event(row) for row in tx.execute(statement)][::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which events are wanted; what is empty or None does not restrict.

    `subject` is the subject or how it begins, `text` stands anywhere in the canonical text;
    `start` is the first instant, `end` the first that is too late.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    text: str = ""
    start: datetime | None = None
    end: datetime | None = None


def search(
    tx: Tx, wanted: Search, *, behind: int | None = None, limit: int = 100
) -> list[AuditEvent]:
    """Events that fit, the newest first; behind a number on."""
    conditions = _fitting(wanted)
    conditions += [table.c.seq < behind] if behind is not None else []
    statement = sa.select(table).where(*conditions).order_by(table.c.seq.desc()).limit(limit)
    return [_event(row) for row in tx.execute(statement)]


def count(tx: Tx, wanted: Search) -> int:
    """How many events fit."""
    statement = sa.select(sa.func.count()).select_from(table).where(*_fitting(wanted))
    return int(tx.execute(statement).scalar_one())


def known(tx: Tx) -> tuple[list[str], list[str]]:
    """Everybody who acted, and all acts that there are, sorted."""
    row = tx.execute(
        sa.text("""
            SELECT array(SELECT DISTINCT actor FROM tieout.audit_event ORDER BY 1) AS actors,
                   array(SELECT DISTINCT action FROM tieout.audit_event ORDER BY 1) AS acts""")
    ).one()
    return list(row.actors), list(row.acts)


def one(tx: Tx, seq: int) -> AuditEvent:
    """One event.

    Raises:
        UnknownSubjectError: the log has none of that number.
    """
    row = tx.execute(sa.select(table).where(table.c.seq == seq)).one_or_none()
    if row is None:
        raise UnknownSubjectError(f"The audit log has no event {seq}: expected one up to its head.")
    return _event(row)


def _fitting(wanted: Search) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    found += [table.c.actor == wanted.actor] if wanted.actor else []
    found += [table.c.action == wanted.action] if wanted.action else []
    if wanted.subject:
        found.append(table.c.subject.startswith(wanted.subject, autoescape=True))
    if wanted.text:
        found.append(table.c.canonical.icontains(wanted.text, autoescape=True))
    found += [table.c.recorded_at >= wanted.start] if wanted.start else []
    found += [table.c.recorded_at < wanted.end] if wanted.end else []
    return found


def head(tx: Tx) -> tuple[int, str]:
    """Number and hash (hex) of the last event; 0 and 64 zeros before the first."""
    row = tx.execute(sa.select(head_table.c.event_seq, head_table.c.event_hash)).one()
    return row.event_seq, bytes(row.event_hash).hex()


def _texts(tx: Tx, events: Sequence[NewEvent]) -> list[str]:
    known = tx.execute(
        sa.text(
            "SELECT tieout.current_actor() AS actor, CAST(session_user AS text) AS login, "
            "tieout.utc_text(now()) AS at"
        )
    ).one()
    about = {"schema": SCHEMA, "at": known.at, "actor": known.actor, "login": known.login}
    return [
        canonical_bytes(
            about
            | {
                "action": one.action,
                "subject": one.subject,
                "payload": dict(one.payload),
                "why": one.why,
            }
        ).decode()
        for one in events
    ]


def _event(row: sa.Row[Any]) -> AuditEvent:
    return AuditEvent(
        seq=row.seq,
        prev_hash=bytes(row.prev_hash).hex(),
        hash=bytes(row.hash).hex(),
        canonical=row.canonical,
        login=row.login,
        recorded_at=row.recorded_at,
    )
