"""Shares of cost pools and the certificate that they conserve; the database adds them up again."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from tieout.core.money import from_decimal, to_decimal
from tieout.store.schema import allocation, allocation_pool, allocation_share
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one initiative carries of one pool line, in units of 1e-12."""

    pool_id: str
    pool_line_id: str
    ledger_line_id: str
    initiative: str
    amount_units: int


def shares_of(lines: pa.Table) -> list[Share]:
    """The share lines of an allocated ledger (LEDGER_SCHEMA), in its order."""
    columns = ("pool_id", "pool_line_id", "ledger_line_id", "initiative", "billed_cost")
    return [
        Share(
            pool_id=row["pool_id"],
            pool_line_id=row["pool_line_id"],
            ledger_line_id=row["ledger_line_id"],
            initiative=row["initiative"],
            amount_units=from_decimal(row["billed_cost"]),
        )
        for row in lines.select(columns).to_pylist()
        if row["pool_line_id"] is not None
    ]


def add(
    tx: Tx,
    run_id: int,
    certificate: Mapping[str, Any],
    *,
    pool_totals: Mapping[str, int],
    shares: Iterable[Share],
) -> bool:
    """Keep the allocation of a run; False when the run has one already.

    `pool_totals` says what each pool held (units of 1e-12).

    Raises (at the end of the transaction):
        ConservationError: the shares of a pool do not add up to its total.
    """
    if certificate_of(tx, run_id) is not None:
        return False
    tx.execute(sa.insert(allocation).values(run_id=run_id, certificate=dict(certificate)))
    pools = [
        {"run_id": run_id, "pool_id": pool, "amount": to_decimal(units)}
        for pool, units in pool_totals.items()
    ]
    if pools:
        tx.execute(sa.insert(allocation_pool), pools)
    rows = [
        {
            "pool_id": share.pool_id,
            "pool_line_id": share.pool_line_id,
            "ledger_line_id": share.ledger_line_id,
            "initiative": share.initiative,
            "amount": str(to_decimal(share.amount_units)),
        }
        for share in shares
    ]
    tx.execute(_INSERT_SHARES, {"run": run_id, "rows": json.dumps(rows)})
    return True


def certificate_of(tx: Tx, run_id: int) -> dict[str, Any] | None:
    """The certificate of a run; None when the run allocated nothing."""
    found: dict[str, Any] | None = tx.scalar(
        sa.select(allocation.c.certificate).where(allocation.c.run_id == run_id)
    )
    return found


def shares(tx: Tx, run_id: int) -> list[Share]:
    """The shares of a run by pool, pool line and initiative."""
    table = allocation_share
    statement = (
        sa.select(table)
        .where(table.c.run_id == run_id)
        .order_by(table.c.pool_id, table.c.pool_line_id, table.c.initiative, table.c.ledger_line_id)
    )
    return [
        Share(
            pool_id=row.pool_id,
            pool_line_id=row.pool_line_id,
            ledger_line_id=row.ledger_line_id,
            initiative=row.initiative,
            amount_units=from_decimal(row.amount),
        )
        for row in tx.execute(statement)
    ]


# One statement for all shares: the check of the sums runs once per statement.
_INSERT_SHARES = sa.text("""
    INSERT INTO tieout.allocation_share
           (run_id, pool_id, pool_line_id, ledger_line_id, initiative, amount)
    SELECT :run, pool_id, pool_line_id, ledger_line_id, initiative, amount
      FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS share (
           pool_id text, pool_line_id text, ledger_line_id text, initiative text,
           amount numeric(28,12))
""")
