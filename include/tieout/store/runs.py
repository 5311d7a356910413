"""Runs: one execution of a step on one subject with one set of inputs, and what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert

from tieout.core.errors import UnknownSubjectError
from tieout.store.schema import run as table
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What a step reports; `subject` is such as `2026-10/openai/final`, `input_key` a SHA-256."""

    step: str
    subject: str
    input_key: str
    outputs: Mapping[str, Any]
    code_version: str
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A kept run; `supersedes` is the run of the same step and subject before it."""

    run_id: int
    step: str
    subject: str
    input_key: str
    outputs: Mapping[str, Any]
    code_version: str
    started_at: datetime
    finished_at: datetime
    supersedes: int | None


def find(tx: Tx, step: str, subject: str, input_key: str) -> Run | None:
    """The run that had exactly these inputs: its outputs still hold."""
    return _newest(
        tx,
        table.c.step == step,
        table.c.subject == subject,
        table.c.input_key == input_key,
    )


def hold(tx: Tx, step: str, subject: str) -> None:
    """Wait until nobody else works on this step and subject, and keep them out until commit.

    A second worker on the same work then sees what the first one recorded and has nothing to do.
    """
    name = f"tieout/{step}/{subject}"
    tx.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def latest(tx: Tx, step: str, subject: str) -> Run | None:
    """The newest run of a step on a subject."""
    return _newest(tx, table.c.step == step, table.c.subject == subject)


def latest_of(tx: Tx, step: str, subjects: Sequence[str]) -> dict[str, Run]:
    """The newest run of a step on each of some subjects that have one; one statement."""
    statement = (
        sa.select(table)
        .ext(distinct_on(table.c.subject))
        .where(table.c.step == step, table.c.subject.in_(subjects))
        .order_by(table.c.subject, table.c.run_id.desc())
    )
    return {row["subject"]: Run(**row) for row in tx.execute(statement).mappings()}


def every(tx: Tx, step: str, subject: str) -> list[Run]:
    """All runs of a step on a subject, oldest first."""
    statement = (
        sa.select(table)
        .where(table.c.step == step, table.c.subject == subject)
        .order_by(table.c.run_id)
    )
    return [Run(**row) for row in tx.execute(statement).mappings()]


def newest_id(tx: Tx) -> int:
    """The number of the last run of all; 0 before the first."""
    newest = sa.select(sa.func.coalesce(sa.func.max(table.c.run_id), 0))
    return int(tx.execute(newest).scalar_one())


def get(tx: Tx, run_id: int) -> Run:
    """One run by its number.

    Raises:
        UnknownSubjectError: there is none.
    """
    found = _newest(tx, table.c.run_id == run_id)
    if found is None:
        raise UnknownSubjectError(f"There is no run {run_id}: give the number of a kept run.")
    return found


def record(tx: Tx, new: NewRun) -> Run:
    """Keep a run; the same step, subject and inputs again give the run that is there."""
    before = latest(tx, new.step, new.subject)
    fields = asdict(new) | {"outputs": dict(new.outputs)}
    fields["supersedes"] = before.run_id if before else None
    tx.execute(insert(table).values(fields).on_conflict_do_nothing())
    same = (
        table.c.step == new.step,
        table.c.subject == new.subject,
        table.c.input_key == new.input_key,
    )
    return Run(**tx.execute(sa.select(table).where(*same)).mappings().one())


def for_period(tx: Tx, period: str) -> list[Run]:
    """The newest run per step and subject of a month, in the order they were made."""
    statement = (
        sa.select(table)
        .ext(distinct_on(table.c.step, table.c.subject))
        .where(of_period(period))
        .order_by(table.c.step, table.c.subject, table.c.run_id.desc())
    )
    runs = [Run(**row) for row in tx.execute(statement).mappings()]
    return sorted(runs, key=lambda one: one.run_id)


def of_period(period: str) -> sa.ColumnElement[bool]:
    """Condition: the run's subject is the month or lies below it."""
    return (table.c.subject == period) | table.c.subject.startswith(f"{period}/", autoescape=True)


def _newest(tx: Tx, *conditions: sa.ColumnElement[bool]) -> Run | None:
    statement = sa.select(table).where(*conditions).order_by(table.c.run_id.desc()).limit(1)
    row = tx.execute(statement).mappings().one_or_none()
    return None if row is None else Run(**row)
