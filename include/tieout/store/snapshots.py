"""Versions of what a provider said about one account and month. The newest version is the head.

The same content again is no new version (coverage may still advance, see `coverage`).
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa

from tieout.core.errors import UnknownSubjectError
from tieout.core.ids import content_key
from tieout.store.schema import snapshot as table
from tieout.store.session import Tx

SnapshotKind = Literal["cost", "usage", "documents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSnapshot:
    """A pull's result: the documents together, complete through a day (inclusive, UTC)."""

    provider: str
    billing_account_id: str
    period: str
    kind: SnapshotKind
    content_sha256: str
    document_sha256s: tuple[str, ...]
    through_on: date
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A kept version; `version` counts from 1 without a gap."""

    snapshot_id: str
    provider: str
    billing_account_id: str
    period: str
    kind: SnapshotKind
    version: int
    content_sha256: str
    document_sha256s: tuple[str, ...]
    through_on: date
    fetched_at: datetime


def add(tx: Tx, new: NewSnapshot) -> tuple[Snapshot, bool]:
    """Keep the content as the next version, or give the head when it has this content already.

    Two at once wait for each other: one wins, the other compares with the winner.
    """
    series = (new.period, new.provider, new.billing_account_id, new.kind)
    lock = sa.func.hashtextextended(content_key(("snapshot", *series)), 0)
    tx.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    newest = head(
        tx,
        provider=new.provider,
        billing_account_id=new.billing_account_id,
        period=new.period,
        kind=new.kind,
    )
    if newest is not None and newest.content_sha256 == new.content_sha256:
        return newest, False
    version = 1 if newest is None else newest.version + 1
    key = content_key((*series, version, new.content_sha256))
    kept = Snapshot(**asdict(new), snapshot_id=key, version=version)
    tx.execute(
        sa.insert(table).values(asdict(kept) | {"document_sha256s": list(new.document_sha256s)})
    )
    return kept, True


def head(
    tx: Tx, *, provider: str, billing_account_id: str, period: str, kind: SnapshotKind
) -> Snapshot | None:
    """The newest version; None before the first pull."""
    found = versions(
        tx, provider=provider, billing_account_id=billing_account_id, period=period, kind=kind
    )
    return found[-1] if found else None


def versions(
    tx: Tx, *, provider: str, billing_account_id: str, period: str, kind: SnapshotKind
) -> list[Snapshot]:
    """All versions of one series, oldest first."""
    return _all(
        tx,
        table.c.period == period,
        table.c.provider == provider,
        table.c.billing_account_id == billing_account_id,
        table.c.kind == kind,
    )


def heads(tx: Tx, period: str) -> list[Snapshot]:
    """The newest version of every provider, account and kind of a month, in that order."""
    newest = {
        (one.provider, one.billing_account_id, one.kind): one
        for one in _all(tx, table.c.period == period)
    }
    return [newest[key] for key in sorted(newest)]


def get(tx: Tx, snapshot_id: str) -> Snapshot:
    """One version by its id.

    Raises:
        UnknownSubjectError: there is none.
    """
    found = _all(tx, table.c.snapshot_id == snapshot_id)
    if not found:
        raise UnknownSubjectError(
            f"No snapshot {snapshot_id[:16]}: expected the id of a pull that was kept."
        )
    return found[0]


def _all(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[Snapshot]:
    rows = tx.execute(sa.select(table).where(*conditions).order_by(table.c.version)).mappings()
    return [Snapshot(**{**row, "document_sha256s": tuple(row["document_sha256s"])}) for row in rows]
