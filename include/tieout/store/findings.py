"""Findings as they were stored by a run. Newest runs count; older ones stay readable."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert

from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import from_decimal, to_decimal
from tieout.store.runs import of_period
from tieout.store.schema import finding as table
from tieout.store.schema import run
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFinding:
    """A finding and the run that made it."""

    run_id: int
    step: str
    run_subject: str
    finding: Finding


def add_all(tx: Tx, run_id: int, findings: Iterable[Finding]) -> int:
    """Keep the findings of a run; the same finding twice is one. Gives how many were new."""
    rows = {row["fingerprint"]: row for row in (_row(run_id, one) for one in findings)}
    if not rows:
        return 0
    statement = insert(table).on_conflict_do_nothing().returning(table.c.finding_id)
    return len(tx.execute(statement, list(rows.values())).all())


def for_run(tx: Tx, run_id: int) -> list[Finding]:
    """The findings of one run in the order they were stored."""
    statement = sa.select(table).where(table.c.run_id == run_id).order_by(table.c.finding_id)
    return [_finding(row) for row in tx.execute(statement)]


def for_period(tx: Tx, period: str, *, step: str | None = None) -> list[StoredFinding]:
    """The findings of the newest run per step and subject of a month."""
    newest = _newest_runs(period)
    statement = (
        sa.select(table, newest.c.step, newest.c.run_subject)
        .join(newest, newest.c.run_id == table.c.run_id)
        .order_by(table.c.finding_id)
    )
    if step is not None:
        statement = statement.where(newest.c.step == step)
    return [
        StoredFinding(
            run_id=row.run_id, step=row.step, run_subject=row.run_subject, finding=_finding(row)
        )
        for row in tx.execute(statement)
    ]


def counts(tx: Tx, period: str) -> dict[tuple[str, str], int]:
    """How many findings of the month per (severity, kind), of newest runs only."""
    newest = _newest_runs(period)
    key = (table.c.severity, table.c.kind)
    statement = (
        sa.select(*key, sa.func.count().label("found"))
        .join(newest, newest.c.run_id == table.c.run_id)
        .group_by(*key)
        .order_by(*key)
    )
    return {(row.severity, row.kind): row.found for row in tx.execute(statement)}


def _newest_runs(period: str) -> sa.Subquery:
    return (
        sa.select(run.c.run_id, run.c.step, run.c.subject.label("run_subject"))
        .ext(distinct_on(run.c.step, run.c.subject))
        .where(of_period(period))
        .order_by(run.c.step, run.c.subject, run.c.run_id.desc())
        .subquery()
    )


def _row(run_id: int, finding: Finding) -> dict[str, object]:
    parts = (
        finding.kind,
        finding.severity,
        finding.subject,
        finding.message,
        finding.amount_units,
        finding.currency,
        finding.source_document,
        finding.source_row,
    )
    return {
        "run_id": run_id,
        "fingerprint": content_key(parts),
        "kind": finding.kind,
        "severity": finding.severity,
        "subject": finding.subject,
        "message": finding.message,
        "amount": to_decimal(finding.amount_units),
        "currency": finding.currency,
        "source_document": finding.source_document,
        "source_row": finding.source_row,
    }


def _finding(row: sa.Row[tuple[object, ...]]) -> Finding:
    return Finding(
        kind=row.kind,
        severity=row.severity,
        subject=row.subject,
        message=row.message,
        amount_units=from_decimal(row.amount),
        currency=row.currency,
        source_document=row.source_document,
        source_row=row.source_row,
    )
