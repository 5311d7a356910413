"""Closed months as restated: the newest view of each, and which one was known when.

What was reported stays in `publications`; a view here never touches it. `as_of` goes by ledger
sequence, never by a clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from tieout.core.money import from_decimal, to_decimal
from tieout.store.schema import restatement as table
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRestatement:
    """A closed month's lines under approved rules; `total_units` must be what was reported."""

    period: str
    run_id: int
    preview_sha256: str
    lines_sha256: str
    total_units: int
    files: Mapping[str, Any]
    rule_versions: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """A kept view; `ledger_seq` is from when on it was known."""

    restatement_id: int
    period: str
    run_id: int
    preview_sha256: str
    ledger_seq: int
    lines_sha256: str
    total_units: int
    files: Mapping[str, Any]
    rule_versions: Mapping[str, Any]
    recorded_at: datetime
    recorded_by: str


def add(tx: Tx, new: NewRestatement) -> tuple[int, bool]:
    """Keep a view; gives its ledger sequence, and False if the newest view has the same lines.

    Raises (at the end of the transaction):
        NotReadyError: the month is not closed or not published, or nobody approved the preview.
        IntegrityError: the lines do not add up to what was reported.
    """
    row = tx.execute(
        sa.text("SELECT * FROM tieout.restate_period(:m, :r, :p, :l, :t, :f, :v)").bindparams(
            sa.bindparam("f", type_=JSONB), sa.bindparam("v", type_=JSONB)
        ),
        {
            "m": new.period,
            "r": new.run_id,
            "p": new.preview_sha256,
            "l": new.lines_sha256,
            "t": to_decimal(new.total_units),
            "f": dict(new.files),
            "v": dict(new.rule_versions),
        },
    ).one()
    return int(row.seq), bool(row.is_new)


def head(tx: Tx, period: str) -> Restatement | None:
    """The newest view of a month; None: it stands as reported."""
    return next(iter(listing(tx, period)), None)


def as_of(tx: Tx, period: str, seq: int) -> Restatement | None:
    """The view that was known when the ledger stood at `seq`."""
    return next((one for one in listing(tx, period) if one.ledger_seq <= seq), None)


def listing(tx: Tx, period: str) -> list[Restatement]:
    """All views of a month, newest first."""
    statement = sa.select(table).where(table.c.period == period).order_by(table.c.ledger_seq.desc())
    return [_restatement(row) for row in tx.execute(statement).mappings()]


def heads(tx: Tx, *, upto_seq: int) -> dict[str, Restatement]:
    """The view of each month that was known at a sequence; months as reported are not in it."""
    statement = (
        sa.select(table)
        .where(table.c.ledger_seq <= upto_seq)
        .ext(distinct_on(table.c.period))
        .order_by(table.c.period, table.c.ledger_seq.desc())
    )
    found = map(_restatement, tx.execute(statement).mappings())
    return {one.period: one for one in found}


def _restatement(row: sa.RowMapping) -> Restatement:
    fields = dict(row)
    total: Decimal = fields.pop("total_amount")
    return Restatement(**fields, total_units=from_decimal(total))
