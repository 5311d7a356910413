"""Previews of a policy applied to past months, and the approvals of exactly what they showed."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tieout.audit.canonical import canonical_bytes
from tieout.core.errors import UnknownSubjectError
from tieout.core.ids import sha256_hex
from tieout.store.policies import PolicyKind
from tieout.store.schema import preview as table
from tieout.store.schema import preview_approval as approval
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A kept preview; `canonical` is the JSON text that its id is the SHA-256 of."""

    sha256: str
    kind: PolicyKind
    version: int
    first_period: str
    last_period: str
    canonical: str
    recorded_at: datetime
    recorded_by: str
    approved_by: str | None
    approved_at: datetime | None

    def content(self) -> dict[str, Any]:
        """What it showed."""
        found: dict[str, Any] = json.loads(self.canonical)
        return found


def add(
    tx: Tx,
    content: dict[str, Any],
    *,
    kind: PolicyKind,
    version: int,
    periods: tuple[str, str],
) -> Preview:
    """Keep a preview of the months `periods` (first, last); the same content again is there."""
    text = canonical_bytes(content).decode()
    sha256 = sha256_hex(text.encode())
    fields = {
        "sha256": sha256,
        "kind": kind,
        "version": version,
        "first_period": periods[0],
        "last_period": periods[1],
        "canonical": text,
    }
    tx.execute(insert(table).values(fields).on_conflict_do_nothing())
    return get(tx, sha256)


def approve(tx: Tx, sha256: str) -> Preview:
    """Approve a preview, and with it its policy, as the person of this transaction.

    Raises (at the end of the transaction):
        SegregationError: not the pages' login, no known approver, or the policy's proposer.
        UnknownSubjectError: no such preview.
    """
    tx.execute(sa.select(sa.func.tieout.approve_preview(sha256)))
    return get(tx, sha256)


def get(tx: Tx, sha256: str) -> Preview:
    """The preview whose id is this or begins with it.

    Raises:
        UnknownSubjectError: there is none, or several begin so.
    """
    found = _all(tx, table.c.sha256.startswith(sha256, autoescape=True))
    if len(found) != 1 or not sha256:
        raise UnknownSubjectError(
            f"{len(found)} previews begin with {sha256[:64]!r}: expected one; list them with "
            "`tieout rules previews`."
        )
    return found[0]


def of_policy(tx: Tx, kind: PolicyKind, version: int) -> Preview | None:
    """The newest preview of a policy version; None if there is none."""
    return next(iter(_all(tx, table.c.kind == kind, table.c.version == version)), None)


def listing(tx: Tx) -> list[Preview]:
    """All previews, newest first."""
    return _all(tx)


def _all(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[Preview]:
    statement = (
        sa.select(*table.c, approval.c.approved_by, approval.c.approved_at)
        .select_from(table.outerjoin(approval, table.c.sha256 == approval.c.sha256))
        .where(*conditions)
        .order_by(table.c.recorded_at.desc(), table.c.sha256)
    )
    return [Preview(**row) for row in tx.execute(statement).mappings()]
