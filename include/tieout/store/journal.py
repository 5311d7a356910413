"""The journal: posts balanced entries once, and reads them back in the order of the ledger.

The database numbers, checks and dates every entry (`post_entry`); nothing here decides.
Amounts are integers of the currency's smallest unit.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tieout.audit.canonical import canonical_bytes
from tieout.store.schema import head, journal_entry, journal_line
from tieout.store.session import Tx


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
    content = {key: value for key, value in entry.items() if key != "run_id"}
    text = canonical_bytes(content).decode()
    row = tx.execute(
        sa.text("SELECT * FROM tieout.post_entry(:entry, :run)"),
        {"entry": text, "run": entry.get("run_id")},
    ).one()
    return Posted(
        entry_id=row.posted_id,
        document_no=row.posted_no,
        ledger_seq=row.posted_seq,
        content_hash=row.posted_hash,
        is_new=row.is_new,
    )


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


def ledger_seq(tx: Tx) -> int:
    """The last number of the ledger: what is known now, for an as-of report."""
    return int(tx.execute(sa.select(head.c.ledger_seq)).scalar_one())


def _cut(of_period: sa.ColumnElement[bool] | None, upto_seq: int | None) -> list[Any]:
    conditions: list[Any] = [] if of_period is None else [of_period]
    if upto_seq is not None:
        conditions.append(journal_entry.c.ledger_seq <= upto_seq)
    return conditions


def _entry(row: sa.RowMapping) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(row["canonical"])
    added = {key: value for key, value in row.items() if key not in ("canonical", "currency")}
    return content | added
