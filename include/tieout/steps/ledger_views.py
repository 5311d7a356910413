"""The ledger to be looked at: a statement by any dimension, and the lines that a figure is made of.

Reads only. Owns which months and bases stand beside each other; where lines come from is
`line_sources`'. Amounts are Decimals in the major unit, exact to twelve places.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tieout.core.errors import NotReadyError
from tieout.core.money import to_decimal
from tieout.reports.line_tables import Place, Sum, Values
from tieout.steps import line_sources
from tieout.steps.context import Context
from tieout.steps.line_sources import Basis, Kind, Source
from tieout.store import journal

Where = Sequence[tuple[str, str]]
_BATCH = 5_000
_NOTHING = Sum(key=(), units=0, count=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of the statement; `reported` is set where it was restated since."""

    amount: Decimal
    count: int
    reported: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementColumn:
    """One month as of one sequence; `kind` says what its figures are, None: there are none."""

    period: str
    kind: Kind | None
    since_seq: int | None
    upto_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Figures by the values of the dimensions; a column's figures stand at its place in a row.

    None in a row: the column has no such line. `names` are all dimensions that one may ask for,
    `ignored` names of conditions that ledger lines do not have.
    """

    by: tuple[str, ...]
    currency: str
    columns: tuple[StatementColumn, ...]
    rows: Mapping[Values, tuple[Figure | None, ...]]
    names: tuple[str, ...]
    accounts: Mapping[str, str]
    ignored: tuple[str, ...]


def statement(
    context: Context,
    *,
    months: Sequence[str],
    by: Sequence[str],
    where: Where,
    basis: Basis,
    as_of: int | None,
    against: int | None = None,
) -> Statement:
    """A statement of some months; with `against` the last month as of that sequence stands first.

    Raises:
        NotReadyError: none of the months has lines at the sequence.
        UsageError: an unknown dimension; lists those that there are.
    """
    with context.store.transaction() as tx:
        head = journal.ledger_seq(tx)
        upto = head if as_of is None else min(as_of, head)
        asked = [(month, upto) for month in months]
        if against is not None:
            asked.insert(0, (months[-1], min(against, head)))
        columns, rows = [], []
        books: Source | None = None
        for seq in dict.fromkeys(seq for _, seq in asked):
            own = [month for month, of in asked if of == seq]
            found = line_sources.sources(
                context, tx, own, basis=basis, upto_seq=seq, is_now=seq == head
            )
            books = next(iter(found.values()), books)
            now = line_sources.sums(tx, list(found.values()), by, where)
            before = _reported(context, tx, found, by=by, where=where, upto_seq=seq)
            for month in own:
                columns.append(_column(month, found.get(month), seq))
                rows.append(_figures(now.get(month, []), before.get(month)))
        if books is None:
            raise NotReadyError(
                f"{months[-1]} has no ledger lines as of sequence {upto}: expected it to be "
                "allocated, or published by then; look at its close, or at a later sequence."
            )
        return Statement(
            by=tuple(by),
            currency=books.chart.currency,
            columns=tuple(columns),
            rows={
                key: tuple(one.get(key) for one in rows)
                for key in dict.fromkeys(key for one in rows for key in one)
            },
            names=line_sources.names_of(books),
            accounts={one.code: one.name for one in books.chart.accounts},
            ignored=line_sources.unknown_of(where, books),
        )


def _reported(
    context: Context,
    tx: Any,
    found: Mapping[str, Source],
    *,
    by: Sequence[str],
    where: Where,
    upto_seq: int,
) -> Mapping[str, list[Sum]]:
    """The same sums as reported, of the months that were restated."""
    months = [period for period, one in found.items() if one.kind == "restated"]
    if not months:
        return {}
    published = line_sources.sources(
        context, tx, months, basis="reported", upto_seq=upto_seq, is_now=False
    )
    return line_sources.sums(tx, list(published.values()), by, where)


def _column(month: str, found: Source | None, seq: int) -> StatementColumn:
    return StatementColumn(
        period=month,
        kind=found.kind if found else None,
        since_seq=found.since_seq if found else None,
        upto_seq=seq,
    )


def _figures(now: Sequence[Sum], before: Sequence[Sum] | None) -> dict[Values, Figure]:
    """Figures by key; where reported figures are given, those that differ carry theirs."""
    amounts = {one.key: (one.units, one.count) for one in now}
    if before is None:
        return {
            key: Figure(amount=to_decimal(units), count=count)
            for key, (units, count) in amounts.items()
        }
    reported = {one.key: one.units for one in before}
    made = {}
    for key in dict.fromkeys((*amounts, *reported)):
        units, count = amounts.get(key, (0, 0))
        was = reported.get(key, 0)
        told = None if was == units else to_decimal(was)
        made[key] = Figure(amount=to_decimal(units), count=count, reported=told)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which lines of a month: that fit conditions, by basis, as of a sequence (None: now)."""

    period: str
    where: Where = ()
    basis: Basis = "reported"
    as_of: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesPage:
    """One page of a month's lines; `total` and `count` are of all that fit the conditions.

    `ignored` are names of conditions that ledger lines do not have.
    """

    period: str
    kind: Kind
    since_seq: int | None
    currency: str
    rows: Sequence[Mapping[str, Any]]
    total: Decimal
    count: int
    following: Place | None
    ignored: tuple[str, ...]


def lines(
    context: Context,
    asked: Asked,
    *,
    behind: Place | None = None,
    smallest_first: bool = False,
    limit: int = 100,
) -> LinesPage:
    """A page of the lines of a month, by amount.

    Raises:
        NotReadyError: the month has no lines at the sequence.
    """
    with context.store.transaction() as tx:
        one = line_sources.one_source(
            context, tx, asked.period, basis=asked.basis, as_of=asked.as_of
        )
        total = next(iter(line_sources.sums(tx, [one], (), asked.where)[asked.period]), _NOTHING)
        rows = line_sources.page(
            tx, one, asked.where, behind=behind, smallest_first=smallest_first, limit=limit + 1
        )
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    return LinesPage(
        period=asked.period,
        kind=one.kind,
        since_seq=one.since_seq,
        currency=one.chart.currency,
        rows=shown,
        total=to_decimal(total.units),
        count=total.count,
        following=_place(last) if last else None,
        ignored=line_sources.unknown_of(asked.where, one),
    )


def _place(row: Mapping[str, Any]) -> Place:
    return Place(amount=row["billed_cost"], line_id=row["ledger_line_id"])


def every_line(
    context: Context, asked: Asked, *, smallest_first: bool = False
) -> list[Mapping[str, Any]]:
    """All lines that fit the conditions, by amount; for files."""
    found: list[Mapping[str, Any]] = []
    behind: Place | None = None
    while True:
        got = lines(context, asked, behind=behind, smallest_first=smallest_first, limit=_BATCH)
        found += got.rows
        behind = got.following
        if behind is None:
            return found
