"""Checkpoints of the audit log as they were kept: text, where it was to be anchored, signatures.

They say nothing by themselves: what counts is the copy outside the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from tieout.store.schema import INSTANT, metadata
from tieout.store.session import Tx

table = sa.Table(
    "checkpoint",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.Text),
    sa.Column("anchors", JSONB),
    sa.Column("recorded_at", INSTANT),
)
signature = sa.Table(
    "checkpoint_signature",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True),
    sa.Column("verifier_key", sa.Text, primary_key=True),
    sa.Column("line", sa.Text),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCheckpoint:
    """The log had `size` events; `signatures` are lines of a signed note by verifier key."""

    size: int
    body: str
    anchors: Sequence[Mapping[str, str]]
    signatures: Mapping[str, str]
    recorded_at: datetime

    def note(self) -> str:
        """The signed note: the text, an empty line, a line per signature."""
        lines = [self.signatures[key] for key in sorted(self.signatures)]
        return self.body + "\n" + "".join(f"{line}\n" for line in lines)


def add(tx: Tx, size: int, body: str, *, anchors: Sequence[Mapping[str, str]]) -> bool:
    """Keep a checkpoint; False when there is one of this size already, which stays."""
    fields = {"size": size, "body": body, "anchors": [dict(one) for one in anchors]}
    statement = insert(table).values(fields).on_conflict_do_nothing().returning(table.c.size)
    return tx.scalar(statement) is not None


def sign(tx: Tx, size: int, verifier_key: str, line: str) -> bool:
    """Keep a signature of a kept checkpoint; False when this key has signed it before."""
    fields = {"size": size, "verifier_key": verifier_key, "line": line}
    statement = insert(signature).values(fields).on_conflict_do_nothing()
    return tx.scalar(statement.returning(signature.c.size)) is not None


def listing(tx: Tx, *, upto: int | None = None) -> list[KeptCheckpoint]:
    """All checkpoints, the smallest first; with `upto` those of at most so many events."""
    rows = sa.select(table).order_by(table.c.size)
    signed = sa.select(signature).order_by(signature.c.size, signature.c.verifier_key)
    if upto is not None:
        rows, signed = rows.where(table.c.size <= upto), signed.where(signature.c.size <= upto)
    lines: dict[int, dict[str, str]] = {}
    for one in tx.execute(signed):
        lines.setdefault(one.size, {})[one.verifier_key] = one.line
    return [
        KeptCheckpoint(
            size=row.size,
            body=row.body,
            anchors=row.anchors,
            signatures=lines.get(row.size, {}),
            recorded_at=row.recorded_at,
        )
        for row in tx.execute(rows)
    ]
