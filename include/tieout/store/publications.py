"""The published ledger: a header per publication, its lines, and which one was known when.

The head of a month is its newest publication; `as_of` goes by ledger sequence, never by a clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from tieout.core.errors import UnknownSubjectError
from tieout.core.money import from_decimal
from tieout.focus.ledger_columns import LEDGER_SCHEMA
from tieout.ledger.foreign_lines import TRANSACTION_COLUMNS
from tieout.store.schema import ledger_line
from tieout.store.schema import publication as table
from tieout.store.session import Tx

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPublication:
    """What is to be published: the signed content, the files it is in, the rules behind it."""

    period: str
    run_id: int
    content_hash: str
    files: Mapping[str, Any]
    rule_versions: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A kept publication; `total_units` is the sum of billed cost in 1e-12."""

    publication_id: int
    period: str
    run_id: int
    content_hash: str
    ledger_seq: int
    line_count: int
    total_units: int
    files: Mapping[str, Any]
    rule_versions: Mapping[str, Any]
    published_at: datetime


def publish(tx: Tx, new: NewPublication, lines: pa.Table) -> tuple[Publication, bool]:
    """Publish a closed month's ledger lines (LEDGER_SCHEMA); the same content again is not new.

    Raises (at the end of the transaction):
        NotReadyError: the month is not closed.
        IntegrityError: the content is not the one that was signed.
        ConservationError: what arrived is not what the header says.
    """
    total = sum(lines.column("billed_cost").to_pylist(), _NOTHING)
    header = tx.execute(
        sa.text("SELECT * FROM tieout.publish_period(:m, :r, :c, :n, :t, :f, :v)").bindparams(
            sa.bindparam("f", type_=JSONB), sa.bindparam("v", type_=JSONB)
        ),
        {
            "m": new.period,
            "r": new.run_id,
            "c": new.content_hash,
            "n": lines.num_rows,
            "t": total,
            "f": dict(new.files),
            "v": dict(new.rule_versions),
        },
    ).one()
    if header.is_new:
        _copy(tx, header.id, lines)
    return get(tx, header.id), header.is_new


def get(tx: Tx, publication_id: int) -> Publication:
    """One publication.

    Raises:
        UnknownSubjectError: there is none.
    """
    found = _all(tx, table.c.publication_id == publication_id)
    if not found:
        raise UnknownSubjectError(f"There is no publication {publication_id}.")
    return found[0]


def head(tx: Tx, period: str) -> Publication | None:
    """What is published of a month now."""
    return next(iter(_all(tx, table.c.period == period)), None)


def as_of(tx: Tx, period: str, seq: int) -> Publication | None:
    """What was published of a month when the ledger stood at `seq`."""
    return next(iter(_all(tx, table.c.period == period, table.c.ledger_seq <= seq)), None)


def heads(tx: Tx, *, upto_seq: int) -> dict[str, Publication]:
    """What was published of each month when the ledger stood at a sequence; one statement."""
    newest = (
        sa.select(table.c.publication_id)
        .where(table.c.ledger_seq <= upto_seq)
        .ext(distinct_on(table.c.period))
        .order_by(table.c.period, table.c.ledger_seq.desc())
    )
    return {one.period: one for one in _all(tx, table.c.publication_id.in_(newest))}


def listing(tx: Tx, period: str) -> list[Publication]:
    """All publications of a month, newest first."""
    return _all(tx, table.c.period == period)


def lines(tx: Tx, publication_id: int) -> pa.Table:
    """The lines of a publication by ledger line id, as LEDGER_SCHEMA."""
    columns = [ledger_line.c[name] for name in LEDGER_SCHEMA.names]
    statement = (
        sa.select(*columns)
        .where(ledger_line.c.publication_id == publication_id)
        .order_by(ledger_line.c.ledger_line_id)
    )
    rows = [dict(row) for row in tx.execute(statement).mappings()]
    return pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)


def _copy(tx: Tx, publication_id: int, lines: pa.Table) -> None:
    own = [
        name for name in (*LEDGER_SCHEMA.names, *TRANSACTION_COLUMNS) if name in lines.schema.names
    ]
    names = ", ".join(("publication_id", *own))
    cursor = tx.connection.cursor()
    with cursor.copy(f"COPY tieout.ledger_line ({names}) FROM STDIN") as copy:
        for row in _rows(lines.select(own)):
            copy.write_row((publication_id, *row))
    cursor.close()


def _rows(lines: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in lines.to_batches(max_chunksize=10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _all(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[Publication]:
    statement = sa.select(table).where(*conditions).order_by(table.c.ledger_seq.desc())
    return [_publication(row) for row in tx.execute(statement).mappings()]


def _publication(row: sa.RowMapping) -> Publication:
    fields = {**row, "total_units": from_decimal(row["total_amount"])}
    del fields["total_amount"]
    return Publication(**fields)
