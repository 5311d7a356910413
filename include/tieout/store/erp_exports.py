"""Import files that were given to ledgers outside: what is in each, and who says it was taken.

A file is known by its target and the SHA-256 of its bytes. The database refuses to export an entry
again that the target has taken, and to acknowledge two files with the same entry.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tieout.core.errors import UnknownSubjectError
from tieout.store.schema import INSTANT, TEXTS, metadata
from tieout.store.session import Tx

TARGET_PREFIX = "erp:"  # of the policy that holds the target

# written by the functions of the migration and nobody else
erp_export = sa.Table(
    "erp_export",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("lake_path", sa.Text),
    sa.Column("line_count", sa.Integer),
    sa.Column("policy_version", sa.Integer),
)
erp_export_entry = sa.Table(
    "erp_export_entry",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("document_no", sa.Text, primary_key=True),
)
erp_acknowledgement = sa.Table(
    "erp_acknowledgement",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("reference", sa.Text),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("acknowledged_at", INSTANT),
)
_standing = sa.table(
    "v_erp_export",
    *(
        sa.column(name, sa.Text)
        for name in (
            "target", "sha256", "period", "name", "lake_path", "recorded_by", "reference",
            "acknowledged_by",
        )
    ),
    sa.column("line_count", sa.Integer),
    sa.column("policy_version", sa.Integer),
    sa.column("document_nos", TEXTS),
    sa.column("recorded_at", INSTANT),
    sa.column("acknowledged_at", INSTANT),
    schema="tieout",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExport:
    """A file as it was given out; `policy_version` is of the target's policy."""

    target: str
    sha256: str
    period: str
    name: str
    lake_path: str
    line_count: int
    policy_version: int
    document_nos: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpExport:
    """A kept file; `reference` is the other ledger's own, None until somebody acknowledges."""

    target: str
    sha256: str
    period: str
    name: str
    lake_path: str
    line_count: int
    policy_version: int
    document_nos: Sequence[str]
    recorded_at: datetime
    recorded_by: str
    reference: str | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None


def record(tx: Tx, new: NewExport) -> bool:
    """Remember a file; False when the target was given these very bytes before.

    Raises (at the end of the transaction):
        NotReadyError: the target has taken one of the entries with another file.
        UnknownSubjectError: an entry was not posted in the period.
        IntegrityError: the target's version was not approved.
    """
    made = sa.func.tieout.record_export(
        new.target,
        new.sha256,
        new.period,
        new.name,
        new.lake_path,
        new.line_count,
        new.policy_version,
        sa.cast(list(new.document_nos), TEXTS),
    )
    return bool(tx.scalar(sa.select(made)))


def acknowledge(tx: Tx, target: str, sha256: str, reference: str) -> bool:
    """Say, as the person of this transaction, that the target took the file as `reference`.

    False when it was acknowledged with this reference before.

    Raises (at the end of the transaction):
        SegregationError: a service, or somebody without a duty in the close.
        NotReadyError: the file has another reference, or an entry was taken with another file.
        UnknownSubjectError: there is no such file.
    """
    said = sa.func.tieout.acknowledge_export(target, sha256, reference)
    return bool(tx.scalar(sa.select(said)))


def find(tx: Tx, export: str) -> ErpExport:
    """The file whose SHA-256 begins with this; `target/` before it says for which target.

    Raises:
        UnknownSubjectError: there is none, or several.
    """
    target, _, sha256 = export.rpartition("/")
    conditions = [_standing.c.sha256.startswith(sha256, autoescape=True)]
    if target:
        conditions.append(_standing.c.target == target)
    found = _all(tx, *conditions)
    if len(found) != 1 or not sha256:
        raise UnknownSubjectError(
            f"{len(found)} export files begin with {export[:80]!r}: expected one; give more of the "
            "file's SHA-256, or target/SHA-256."
        )
    return found[0]


def listing(tx: Tx, *, period: str | None = None, target: str | None = None) -> list[ErpExport]:
    """Files in the order in which they were given out."""
    conditions = [_standing.c.period == period] if period else []
    if target:
        conditions.append(_standing.c.target == target)
    return _all(tx, *conditions)


def taken(tx: Tx, period: str) -> list[ErpExport]:
    """The acknowledged files of a month: what left for which ledger, and who says it arrived."""
    return [one for one in listing(tx, period=period) if one.reference is not None]


def export_json(one: ErpExport) -> dict[str, Any]:
    """Plain JSON values, instants as ISO text."""
    said = one.acknowledged_at
    return {
        **asdict(one),
        "document_nos": list(one.document_nos),
        "recorded_at": one.recorded_at.isoformat(),
        "acknowledged_at": said.isoformat() if said else None,
    }


def _all(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[ErpExport]:
    statement = (
        sa.select(_standing)
        .where(*conditions)
        .order_by(_standing.c.recorded_at, _standing.c.target, _standing.c.name)
    )
    return [ErpExport(**row) for row in tx.execute(statement).mappings()]
