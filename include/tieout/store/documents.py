"""Provider documents: which bytes were fetched, when, by which request. Bytes are in the lake."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tieout.store.schema import document as table
from tieout.store.session import Tx

_COLUMNS = [column for column in table.c if column.name != "document_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """One received document; `request` is what was asked, without credentials."""

    sha256: str
    provider: str
    billing_account_id: str
    period: str
    kind: str
    name: str
    media_type: str
    size_bytes: int
    request: Mapping[str, Any]
    fetched_at: datetime
    lake_path: str


def add(tx: Tx, document: StoredDocument) -> bool:
    """Keep a document; False when the same bytes came under the same name before."""
    fields = asdict(document) | {"request": dict(document.request)}
    statement = insert(table).values(fields).on_conflict_do_nothing()
    return tx.scalar(statement.returning(table.c.document_id)) is not None


def get(tx: Tx, sha256: str) -> list[StoredDocument]:
    """Every name under which these bytes were received, oldest first."""
    return _all(tx, table.c.sha256 == sha256)


def newest(tx: Tx, sha256s: Collection[str]) -> dict[str, StoredDocument]:
    """Each of some documents under the name that it was received by last."""
    return {one.sha256: one for one in _all(tx, table.c.sha256.in_(sha256s))}


def for_period(
    tx: Tx, period: str, *, provider: str | None = None, kind: str | None = None
) -> list[StoredDocument]:
    """The documents of a month, in the order of receipt."""
    conditions = [table.c.period == period]
    if provider is not None:
        conditions.append(table.c.provider == provider)
    if kind is not None:
        conditions.append(table.c.kind == kind)
    return _all(tx, *conditions)


def _all(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[StoredDocument]:
    statement = sa.select(*_COLUMNS).where(*conditions).order_by(table.c.document_id)
    return [StoredDocument(**row) for row in tx.execute(statement).mappings()]
