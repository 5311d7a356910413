"""The journal: posts balanced entries once, and reads them back in the order of the ledger.

The database numbers, checks and dates every entry (`post_entry`, `post_entries` for many at once);
nothing here decides. Amounts are integers of the currency's smallest unit.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from tieout.audit.canonical import canonical_bytes
from tieout.store.schema import TEXTS, head, journal_entry, journal_line
from tieout.store.session import Tx

_REVERSAL = '"journal_type":"reversal"'  # within a text of somebody it would be escaped
_BATCH_LETTERS = 1_000_000  # of JSON in one statement: bounds the memory of both sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Where an entry stands; `is_new` is False when this very entry was posted before."""

    entry_id: int
    document_no: str
    ledger_seq: int
    content_hash: str
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalanceRow:
    """One account and currency; `balance_minor` = debit - credit."""

    account: str
    currency: str
    debit_minor: int
    credit_minor: int
    balance_minor: int


def post(tx: Tx, entry: Mapping[str, Any]) -> Posted:
    """Post one entry: `ledger.entry.entry_json` plus, if known, the `run_id` that made it.

    The run is not part of what the entry is: the same key and content from another run give the
    entry that is there.

    Raises (at the end of the transaction):
        PeriodClosedError: the month is closed, soft-closed for this type, or was never opened.
        IntegrityError: the key is taken by another content; or an unlawful reversal.
        UnbalancedEntryError: debits and credits differ, or lines are missing.
    """
    row = tx.execute(
        sa.text("SELECT * FROM tieout.post_entry(:entry, :run)"),
        {"entry": entry_text(entry), "run": entry.get("run_id")},
    ).one()
    return _posted(row)


def post_many(
    tx: Tx, entries: Iterable[Mapping[str, Any]], *, run_id: int | None = None
) -> list[Posted]:
    """Post entries in their order, as `post` would one after the other; `run_id` made them all.

    Raises:
        The errors of `post`, of the first batch that has something wrong.
    """
    return post_texts(tx, map(entry_text, entries), run_id=run_id)


def post_texts(tx: Tx, texts: Iterable[str], *, run_id: int | None = None) -> list[Posted]:
    """Post canonical texts (`entry_text`) in their order, a batch a statement.

    Gives one `Posted` an entry; an entry that is given twice is new once. Nothing is left of any
    of them when one is refused. The texts of a batch are taken from the iterable, in a thread,
    while the database posts the batch before.

    Raises:
        The errors of `post`, of the first batch that has something wrong.
    """
    posted: list[Posted] = []
    for batch in _one_ahead(_batches(texts)):
        rows = tx.execute(
            sa.text("SELECT * FROM tieout.post_entries(:batch, :run)"),
            {"batch": "\n".join(batch), "run": run_id},
        )
        posted += map(_posted, rows)
    return posted


def entry_text(entry: Mapping[str, Any]) -> str:
    """The canonical text of an entry: what is stored and hashed, without the run that made it."""
    return canonical_bytes({key: entry[key] for key in entry if key != "run_id"}).decode()


def entries(
    tx: Tx, *, period: str | None = None, upto_seq: int | None = None
) -> list[dict[str, Any]]:
    """Posted entries in ledger order, as they were given plus what the database added to each."""
    statement = (
        sa.select(journal_entry)
        .where(*_cut(journal_entry.c.period == period if period else None, upto_seq))
        .order_by(journal_entry.c.ledger_seq)
    )
    return [_entry(row) for row in tx.execute(statement).mappings()]


def canonical_texts(tx: Tx, *, upto_seq: int | None = None) -> dict[str, str]:
    """The exact text of each entry that was hashed, by document number in ledger order."""
    columns = sa.select(journal_entry.c.document_no, journal_entry.c.canonical)
    statement = columns.where(*_cut(None, upto_seq)).order_by(journal_entry.c.ledger_seq)
    return dict(map(tuple, tx.execute(statement)))


def trial_balance(
    tx: Tx, *, period: str | None = None, upto_seq: int | None = None
) -> list[TrialBalanceRow]:
    """Balances of all accounts through the end of a month, by account; they sum to zero."""
    debit = sa.func.sum(journal_line.c.debit_minor)
    credit = sa.func.sum(journal_line.c.credit_minor)
    statement = (
        sa.select(journal_line.c.account, journal_entry.c.currency, debit, credit)
        .join(journal_entry, journal_entry.c.entry_id == journal_line.c.entry_id)
        .where(*_cut(journal_entry.c.period <= period if period else None, upto_seq))
        .group_by(journal_line.c.account, journal_entry.c.currency)
        .order_by(journal_line.c.account, journal_entry.c.currency)
    )
    return [
        TrialBalanceRow(
            account=account,
            currency=code,
            debit_minor=int(debits),
            credit_minor=int(credits_),
            balance_minor=int(debits - credits_),
        )
        for account, code, debits, credits_ in tx.execute(statement)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An entry in one line; `debit_minor` is what it moves, in the currency's smallest unit."""

    document_no: str
    description: str
    currency: str
    debit_minor: int
    recorded_at: datetime


def since(tx: Tx, period: str, moment: datetime) -> list[Recorded]:
    """Entries of a month that were recorded after a moment, the largest first."""
    return _recorded(tx, journal_entry.c.period == period, journal_entry.c.recorded_at > moment)


def numbers(tx: Tx, keys: Iterable[str]) -> dict[str, str]:
    """Document numbers of entries by their idempotency keys; an unknown key is left out."""
    key = sa.column("idempotency_key", sa.Text)
    statement = sa.select(key, journal_entry.c.document_no).where(key.in_(list(keys)))
    return {row[0]: row[1] for row in tx.execute(statement)}


def citing(tx: Tx, reference: str) -> list[Recorded]:
    """Entries that name a document, by its number or SHA-256, the largest first."""
    return _recorded(tx, sa.column("source_refs", TEXTS).contains(sa.literal([reference], TEXTS)))


def _recorded(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[Recorded]:
    debit = sa.func.sum(journal_line.c.debit_minor)
    about = sa.cast(journal_entry.c.canonical, JSONB)["description"].astext
    statement = (
        sa.select(
            journal_entry.c.document_no,
            about.label("description"),
            journal_entry.c.currency,
            debit.label("debit_minor"),
            journal_entry.c.recorded_at,
        )
        .join(journal_line, journal_line.c.entry_id == journal_entry.c.entry_id)
        .where(*conditions)
        .group_by(journal_entry.c.entry_id)
        .order_by(debit.desc(), journal_entry.c.entry_id)
    )
    return [
        Recorded(**{**row, "debit_minor": int(row["debit_minor"])})
        for row in tx.execute(statement).mappings()
    ]


def heads(tx: Tx) -> tuple[int, int]:
    """The last number of the ledger and of the audit log."""
    row = tx.execute(sa.select(head.c.ledger_seq, head.c.event_seq)).one()
    return int(row.ledger_seq), int(row.event_seq)


def ledger_seq(tx: Tx) -> int:
    """The last number of the ledger: what is known now, for an as-of report."""
    return int(tx.execute(sa.select(head.c.ledger_seq)).scalar_one())


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Cut where a batch is long enough, and before a reversal: its original is posted first."""
    batch: list[str] = []
    letters, reverses = 0, False
    for text in texts:
        is_reversal = _REVERSAL in text
        if letters > _BATCH_LETTERS or (is_reversal and batch and not reverses):
            yield batch
            batch, letters = [], 0
        batch.append(text)
        letters, reverses = letters + len(text), is_reversal
    if batch:
        yield batch


def _one_ahead(batches: Iterator[list[str]]) -> Iterator[list[str]]:
    with ThreadPoolExecutor(max_workers=1) as maker:
        coming = maker.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = maker.submit(next, batches, None)
            yield batch


def _posted(row: sa.Row[Any]) -> Posted:
    return Posted(
        entry_id=row.posted_id,
        document_no=row.posted_no,
        ledger_seq=row.posted_seq,
        content_hash=row.posted_hash,
        is_new=row.is_new,
    )


def _cut(of_period: sa.ColumnElement[bool] | None, upto_seq: int | None) -> list[Any]:
    conditions: list[Any] = [] if of_period is None else [of_period]
    if upto_seq is not None:
        conditions.append(journal_entry.c.ledger_seq <= upto_seq)
    return conditions


def _entry(row: sa.RowMapping) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(row["canonical"])
    added = {key: value for key, value in row.items() if key not in ("canonical", "currency")}
    return content | added
