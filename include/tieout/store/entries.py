"""Journal entries as a page asks for them: a month's by keyset, one with its lines.

Reads only; amounts are minor units. Entries of a month are those posted in it and those of its
service that were posted later.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from tieout.core.errors import UnknownSubjectError
from tieout.store.session import Tx

FILTERS: Final = ("journal_type", "provider", "billing_account_id", "period", "service_period")
_LISTED: Final = """
SELECT entry.ledger_seq, entry.document_no, entry.journal_type, entry.period,
       entry.posting_on, entry.document_on, entry.service_period, entry.currency, entry.provider,
       entry.billing_account_id, entry.description, entry.line_count, entry.recorded_at,
       entry.recorded_by, reversed.document_no AS reverses, reversal.document_no AS reversed_by,
       total.debit_minor, total.credit_minor
  FROM tieout.journal_entry AS entry
  LEFT JOIN tieout.journal_entry AS reversed ON reversed.entry_id = entry.reverses_entry_id
  LEFT JOIN tieout.journal_entry AS reversal ON reversal.reverses_entry_id = entry.entry_id
 CROSS JOIN LATERAL (SELECT sum(debit_minor) AS debit_minor, sum(credit_minor) AS credit_minor
                       FROM tieout.journal_line AS line
                      WHERE line.entry_id = entry.entry_id) AS total
"""
_TOTALS: Final = """
SELECT entry.currency, count(DISTINCT entry.entry_id) AS entries, sum(line.debit_minor) AS debits,
       sum(line.credit_minor) AS credits
  FROM tieout.journal_entry AS entry JOIN tieout.journal_line AS line USING (entry_id)"""
_OF_MONTH = "(entry.period = :month OR entry.service_period = :month)"
_ONE = sa.text(f"{_LISTED} WHERE entry.document_no = :document_no")
_ANATOMY = sa.text("""
SELECT adjustment_kind, rule_version, run_id, source_refs, idempotency_key, content_hash, canonical,
       login FROM tieout.journal_entry WHERE document_no = :document_no""")
_LINES = sa.text("""
SELECT line.line_no, line.account, line.debit_minor, line.credit_minor, line.memo, line.dimensions,
       line.source_line_ref
  FROM tieout.journal_line AS line JOIN tieout.journal_entry AS entry USING (entry_id)
 WHERE entry.document_no = :document_no ORDER BY line.line_no""")
_CARRYING = sa.text("""
SELECT entry.document_no, entry.journal_type, entry.period, entry.posting_on, entry.currency,
       entry.ledger_seq, line.line_no, line.account, line.debit_minor, line.credit_minor
  FROM tieout.journal_entry AS entry JOIN tieout.journal_line AS line USING (entry_id)
 WHERE entry.service_period = :month AND entry.provider = :provider
   AND entry.billing_account_id = :billing_account_id AND entry.ledger_seq <= :upto
   AND line.account = :account AND line.dimensions <> '{}'
   AND line.dimensions <@ CAST(:values AS jsonb)
 ORDER BY entry.ledger_seq, line.line_no""")
_BOUND = sa.text("""
SELECT seq, canonical FROM tieout.audit_event
 WHERE action = 'entries_posted'
   AND CAST(canonical AS jsonb) -> 'payload' -> 'document_nos' ? CAST(:document_no AS text)
 ORDER BY seq LIMIT 1""")
_TEXTS = sa.text("""
SELECT document_no, canonical FROM tieout.journal_entry WHERE document_no = ANY(:document_nos)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a month's entries come to in one currency, in minor units."""

    currency: str
    entries: int
    debit_minor: int
    credit_minor: int


def listing(
    tx: Tx,
    month: str,
    *,
    upto_seq: int,
    where: Sequence[tuple[str, str]] = (),
    behind: int | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Entries of a month, the newest first; behind a ledger sequence on."""
    text, values = _conditions(where)
    statement = sa.text(f"""{_LISTED}
 WHERE {_OF_MONTH} AND entry.ledger_seq <= :upto AND entry.ledger_seq < :behind {text}
 ORDER BY entry.ledger_seq DESC LIMIT :limit""")
    values |= {"month": month, "upto": upto_seq, "limit": limit}
    values["behind"] = upto_seq + 1 if behind is None else behind
    return [dict(row) for row in tx.execute(statement, values).mappings()]


def totals(
    tx: Tx, month: str, *, upto_seq: int, where: Sequence[tuple[str, str]] = ()
) -> list[Totals]:
    """How many entries a month has and what they debit and credit, by currency."""
    text, values = _conditions(where)
    statement = sa.text(
        f"{_TOTALS} WHERE {_OF_MONTH} AND entry.ledger_seq <= :upto {text}"
        " GROUP BY entry.currency ORDER BY entry.currency"
    )
    rows = tx.execute(statement, {**values, "month": month, "upto": upto_seq})
    return [
        Totals(
            currency=row.currency,
            entries=row.entries,
            debit_minor=int(row.debits),
            credit_minor=int(row.credits),
        )
        for row in rows
    ]


def one(tx: Tx, document_no: str) -> dict[str, Any]:
    """One entry with its anatomy and its `lines`.

    Raises:
        UnknownSubjectError: there is none of that number.
    """
    wanted = {"document_no": document_no}
    head = tx.execute(_ONE, wanted).mappings().one_or_none()
    if head is None:
        raise UnknownSubjectError(
            f"There is no entry {document_no[:60]!r}: look for it in the journal of its month."
        )
    anatomy = tx.execute(_ANATOMY, wanted).mappings().one()
    lines = [dict(row) for row in tx.execute(_LINES, wanted).mappings()]
    return {**head, **anatomy, "lines": lines}


def carrying(
    tx: Tx,
    row: Mapping[str, Any],
    dimensions: Mapping[str, str | None],
    *,
    account: str,
    upto_seq: int,
) -> list[dict[str, Any]]:
    """The journal lines that carry a ledger line: on this account, only with these dimensions."""
    values = {
        "month": row["period"],
        "provider": row["provider"],
        "billing_account_id": row["billing_account_id"],
        "account": account,
        "upto": upto_seq,
        "values": json.dumps(dict(dimensions)),
    }
    return [dict(found) for found in tx.execute(_CARRYING, values).mappings()]


def bound_by(tx: Tx, document_no: str) -> tuple[int, dict[str, Any]] | None:
    """The audit event that binds an entry to the log, with its payload; None: there is none yet."""
    row = tx.execute(_BOUND, {"document_no": document_no}).one_or_none()
    return None if row is None else (row.seq, json.loads(row.canonical)["payload"])


def texts(tx: Tx, document_nos: Sequence[str]) -> dict[str, str]:
    """The exact texts of entries that were hashed, by number."""
    rows = tx.execute(_TEXTS, {"document_nos": list(document_nos)})
    return {row.document_no: row.canonical for row in rows}


def _conditions(where: Sequence[tuple[str, str]]) -> tuple[str, dict[str, Any]]:
    """Names are of FILTERS or `account`; whoever calls has made sure."""
    text, values = "", {}
    for place, (name, value) in enumerate(where):
        values[f"value_{place}"] = value
        if name == "account":
            text += (
                " AND EXISTS (SELECT FROM tieout.journal_line AS own "
                f"WHERE own.entry_id = entry.entry_id AND own.account = :value_{place})"
            )
        else:
            text += f" AND entry.{name} = :value_{place}"
    return text, values
