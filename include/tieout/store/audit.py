"""The audit log in the database: adds events to the chain and reads them. Hashing is in `audit`.

Call `record` last in a step: the log is locked from there to the commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tieout.audit.canonical import canonical_bytes
from tieout.audit.chain import Event
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


def record(
    tx: Tx, action: str, subject: str, payload: Mapping[str, Any], *, why: str = ""
) -> AuditEvent:
    """Write down what the actor of this transaction did to what, and why.

    The text says who (actor and database login) and when (UTC, microseconds); the database
    compares all three with what it knows and refuses a text that lies. Amounts in `payload` are
    texts.
    """
    known = tx.execute(
        sa.text(
            "SELECT tieout.current_actor() AS actor, CAST(session_user AS text) AS login, "
            "tieout.utc_text(now()) AS at"
        )
    ).one()
    event = {
        "schema": SCHEMA,
        "at": known.at,
        "actor": known.actor,
        "login": known.login,
        "action": action,
        "subject": subject,
        "payload": dict(payload),
        "why": why,
    }
    text = canonical_bytes(event).decode()
    row = tx.execute(sa.text("SELECT * FROM tieout.append_event(:event)"), {"event": text}).one()
    return _event(row)


def events(tx: Tx, *, after_seq: int = 0, limit: int = 1000) -> list[AuditEvent]:
    """Events in order, from the one after `after_seq`."""
    statement = sa.select(table).where(table.c.seq > after_seq).order_by(table.c.seq).limit(limit)
    return [_event(row) for row in tx.execute(statement)]


def head(tx: Tx) -> tuple[int, str]:
    """Number and hash (hex) of the last event; 0 and 64 zeros before the first."""
    row = tx.execute(sa.select(head_table.c.event_seq, head_table.c.event_hash)).one()
    return row.event_seq, bytes(row.event_hash).hex()


def _event(row: sa.Row[Any]) -> AuditEvent:
    return AuditEvent(
        seq=row.seq,
        prev_hash=bytes(row.prev_hash).hex(),
        hash=bytes(row.hash).hex(),
        canonical=row.canonical,
        login=row.login,
        recorded_at=row.recorded_at,
    )
