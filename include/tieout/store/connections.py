"""Where the connection of each account pointed to, pull by pull; it holds no secret.

Only the keyed fingerprint of the settings is kept, and the host in words.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from tieout.store.schema import INSTANT, metadata
from tieout.store.session import Tx

connection_seen = sa.Table(
    "connection_seen",
    metadata,
    sa.Column("connection_seen_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("provider", sa.Text),
    sa.Column("billing_account_id", sa.Text),
    sa.Column("fingerprint", sa.Text),
    sa.Column("place", sa.Text),
    sa.Column("period", sa.Text),
    sa.Column("seen_at", INSTANT),
    sa.Column("recorded_at", INSTANT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSeen:
    """One pull of an account's month: `fingerprint` has 64 hex digits, `place` is a host."""

    provider: str
    billing_account_id: str
    fingerprint: str
    place: str
    period: str
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A pull that went another way than the one before it; `recorded_at` is the database's time."""

    place_before: str
    place: str
    fingerprint: str
    period: str
    seen_at: datetime
    recorded_at: datetime


def add(tx: Tx, new: NewSeen) -> None:
    """Keep where a pull went."""
    tx.execute(sa.insert(connection_seen).values(asdict(new)))


def changes(tx: Tx, provider: str, billing_account_id: str) -> list[Change]:
    """The pulls of an account that went another way than the one before, oldest first."""
    seen = connection_seen.c
    order = seen.connection_seen_id
    known = (
        sa.select(
            connection_seen,
            sa.func.lag(seen.place).over(order_by=order).label("place_before"),
            sa.func.lag(seen.fingerprint).over(order_by=order).label("fingerprint_before"),
        )
        .where(seen.provider == provider, seen.billing_account_id == billing_account_id)
        .subquery()
    )
    columns = [known.c[name] for name in Change.__dataclass_fields__]
    statement = (
        sa.select(*columns)
        .where(known.c.fingerprint_before != known.c.fingerprint)
        .order_by(known.c.connection_seen_id)
    )
    return [Change(**row) for row in tx.execute(statement).mappings()]
