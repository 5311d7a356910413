"""Charge files made from a snapshot: where they lie, and whether rows and money balance."""

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tieout.core.money import from_decimal, to_decimal
from tieout.store.schema import charge_file as table
from tieout.store.session import Tx

ChargeFileKind = Literal["charges", "usage", "estimate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeFile:
    """One Parquet file; rows_in = rows_out + rows_bad where rows map one to one.

    `source_total` is the control total as the provider printed it, `loaded_units` what was loaded
    (1e-12), `method_version` the code or card that made the file.
    """

    snapshot_id: str
    kind: ChargeFileKind
    file_sha256: str
    lake_path: str
    rows_in: int
    rows_out: int
    rows_bad: int
    source_total: str | None
    loaded_units: int
    method_version: str


def add(tx: Tx, file: ChargeFile) -> bool:
    """Keep a charge file; False when this very file is known."""
    fields = {
        "snapshot_id": file.snapshot_id,
        "kind": file.kind,
        "file_sha256": file.file_sha256,
        "lake_path": file.lake_path,
        "rows_in": file.rows_in,
        "rows_out": file.rows_out,
        "rows_bad": file.rows_bad,
        "source_total": file.source_total,
        "loaded_amount": to_decimal(file.loaded_units),
        "method_version": file.method_version,
    }
    statement = insert(table).values(fields).on_conflict_do_nothing()
    return tx.scalar(statement.returning(table.c.charge_file_id)) is not None


def get(tx: Tx, snapshot_id: str, kind: ChargeFileKind) -> ChargeFile | None:
    """The newest file of that kind made from the snapshot."""
    row = (
        tx.execute(
            sa.select(table)
            .where(table.c.snapshot_id == snapshot_id, table.c.kind == kind)
            .order_by(table.c.charge_file_id.desc())
            .limit(1)
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    fields = {**row, "loaded_units": from_decimal(row["loaded_amount"])}
    del fields["charge_file_id"], fields["loaded_amount"]
    return ChargeFile(**fields)
