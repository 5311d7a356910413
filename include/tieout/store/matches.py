"""What was matched in a month, what people decided about it, and the causes that were proven.

All records of two figures are in one lake file that the set names; here are the set, the records
that a person is asked about or has decided, and the causes. Amounts are int units of 1e-12.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from tieout.core.money import from_decimal, to_decimal
from tieout.store.schema import AMOUNT, INSTANT, TEXTS, metadata
from tieout.store.session import Tx

Values = dict[str, Any]

_PLACE = ("run_id", "provider", "billing_account_id", "section")
_SET_AMOUNTS = (
    "earlier_amount",
    "later_amount",
    "matched_earlier_amount",
    "matched_later_amount",
    "open_earlier_amount",
    "open_later_amount",
    "explained_amount",
    "rounding_amount",
    "unexplained_amount",
)
_SET_COUNTS = ("record_count", "suggested_count", "open_earlier_count", "open_later_count")


def _place() -> tuple[sa.Column[Any], ...]:
    texts = (sa.Column(name, sa.Text, primary_key=True) for name in _PLACE[1:])
    return (sa.Column("run_id", sa.BigInteger, primary_key=True), *texts)


match_set = sa.Table(
    "match_set",
    metadata,
    *_place(),
    sa.Column("period", sa.Text),
    sa.Column("currency", sa.Text),
    *(sa.Column(name, AMOUNT) for name in _SET_AMOUNTS),
    *(sa.Column(name, sa.BigInteger) for name in _SET_COUNTS),
    sa.Column("lake_path", sa.Text),
    sa.Column("sha256", sa.Text),
)
match_record = sa.Table(
    "match_record",
    metadata,
    *_place(),
    sa.Column("match_no", sa.Integer, primary_key=True),
    sa.Column("match_id", sa.Text),
    sa.Column("pass", sa.Text),
    sa.Column("keys", JSONB),
    sa.Column("earlier", JSONB),
    sa.Column("later", JSONB),
    sa.Column("earlier_amount", AMOUNT),
    sa.Column("later_amount", AMOUNT),
    sa.Column("decision", sa.Text),
    sa.Column("person", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("replaces", sa.Text),
)
match_decision = sa.Table(
    "match_decision",
    metadata,
    sa.Column("decision_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("period", sa.Text),
    sa.Column("provider", sa.Text),
    sa.Column("billing_account_id", sa.Text),
    sa.Column("section", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("match_id", sa.Text),
    sa.Column("earlier_ids", TEXTS),
    sa.Column("later_ids", TEXTS),
    sa.Column("reason", sa.Text),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", INSTANT),
)
explained_cause = sa.Table(
    "explained_cause",
    metadata,
    *_place(),
    sa.Column("cause_no", sa.Integer, primary_key=True),
    sa.Column("cause", sa.Text),
    sa.Column("keys", JSONB),
    sa.Column("amount", AMOUNT),
    sa.Column("line_ids", TEXTS),
    sa.Column("witnesses", TEXTS),
    sa.Column("sentence", sa.Text),
)


def add(
    tx: Tx,
    found: Mapping[str, Any],
    *,
    records: Sequence[Mapping[str, Any]],
    causes: Sequence[Mapping[str, Any]],
) -> None:
    """Keep what was found of two figures: a set, its records and its causes, in their order.

    Raises (at the end of the transaction):
        IntegrityError: matched and open are not the whole, or the causes not the difference.
    """
    tx.execute(sa.insert(match_set).values(_in_amounts(found)))
    place = {name: found[name] for name in _PLACE}
    for table, number, rows in (
        (match_record, "match_no", records),
        (explained_cause, "cause_no", causes),
    ):
        values = [place | {number: at} | _in_amounts(row) for at, row in enumerate(rows, start=1)]
        if values:
            tx.execute(sa.insert(table), values)


def sets_of(tx: Tx, run_id: int) -> list[Values]:
    """The sets of a run by provider, account and section."""
    return _of_run(tx, match_set, run_id)


def records_of(tx: Tx, run_id: int) -> list[Values]:
    """The records of a run that concern a person, in their order."""
    return _of_run(tx, match_record, run_id)


def causes_of(tx: Tx, run_id: int) -> list[Values]:
    """The causes of a run in the order in which they were proven; `unexplained` comes last."""
    return _of_run(tx, explained_cause, run_id)


def decide(tx: Tx, period: str, decision: Mapping[str, Any]) -> int:
    """Record, as the person of this transaction, a decision; gives its number.

    `decision` has provider, billing_account_id, section, kind, match_id, earlier_ids, later_ids
    and reason. The same word again gives the number that it has.

    Raises (at the end of the transaction):
        SegregationError: not the pages' login, or no known preparer.
        PeriodClosedError: the month is closed.
        UnknownSubjectError: nothing was matched there, or no such match is suggested.
        NotReadyError: the suggestion was confirmed or rejected before.
        IntegrityError: no reason, or not what its kind needs.
    """
    said = sa.func.tieout.decide_match(
        period,
        decision["provider"],
        decision["billing_account_id"],
        decision["section"],
        decision["kind"],
        decision["match_id"],
        sa.cast(list(decision["earlier_ids"]), TEXTS),
        sa.cast(list(decision["later_ids"]), TEXTS),
        decision["reason"],
    )
    return int(tx.scalar(sa.select(said)) or 0)


def decisions(tx: Tx, period: str) -> list[Values]:
    """All decisions of a month in the order in which they were made."""
    statement = (
        sa.select(match_decision)
        .where(match_decision.c.period == period)
        .order_by(match_decision.c.decision_id)
    )
    return [dict(row) for row in tx.execute(statement).mappings()]


def members_json(members: Sequence[tuple[str, int]]) -> list[list[str]]:
    """Members as they are kept: id and units as text, so that no reader makes them floats."""
    return [[name, str(units)] for name, units in members]


def _of_run(tx: Tx, table: sa.Table, run_id: int) -> list[Values]:
    statement = sa.select(table).where(table.c.run_id == run_id).order_by(*table.primary_key)
    return [_in_units(row) for row in tx.execute(statement).mappings()]


def _in_amounts(values: Mapping[str, Any]) -> Values:
    """Units to DECIMAL(28,12); what is no amount stays."""
    return {
        name: to_decimal(value) if _is_amount(name) and value is not None else value
        for name, value in values.items()
    }


def _in_units(row: sa.RowMapping) -> Values:
    return {
        name: from_decimal(value) if _is_amount(name) and value is not None else value
        for name, value in row.items()
    }


def _is_amount(name: str) -> bool:
    return name.endswith("amount")
