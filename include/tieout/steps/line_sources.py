"""Where a month's ledger lines are to be read: as published, as restated, or not closed yet.

Owns the choice by basis and ledger sequence, and one way to ask all three; shared by the steps that
show lines. A month that is not published has lines only now: as of a past sequence it has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import pyarrow as pa

from tieout.core.errors import NotReadyError, UnknownSubjectError, UsageError
from tieout.core.period import parse_period
from tieout.focus.ledger_columns import LINE_KEY, with_own_dimensions
from tieout.ledger.chart import Chart
from tieout.reports import line_tables
from tieout.reports.line_tables import Place, Sum, Wanted
from tieout.rules.rule_set import dimensions_of
from tieout.steps.context import Context
from tieout.steps.inputs import STAGES, parsed_chart, with_pools
from tieout.steps.views import rule_set
from tieout.store import journal, ledger_lines, periods, policies, publications, restated, runs
from tieout.store.restated import Restatement
from tieout.store.session import Tx

Basis = Literal["reported", "restated"]
Kind = Literal["published", "restated", "preliminary"]
ACCOUNT = "account"
NO_VALUE = "(none)"
_OF_ACCOUNT = ("provider", "pl_category")  # what an account is decided by
_LEAST_PREFIX = 6
_KINDS: tuple[policies.PolicyKind, ...] = ("chart", "classification", "allocation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One month's lines; `since_seq` is from when on they were known, None for what is not kept."""

    period: str
    kind: Kind
    since_seq: int | None
    chart: Chart
    publication_id: int | None = None
    table: pa.Table | None = None
    view: Restatement | None = None
    stage: str = "final"
    own_names: tuple[str, ...] = field(default=())


def sources(
    context: Context, tx: Tx, months: Sequence[str], *, basis: Basis, upto_seq: int, is_now: bool
) -> dict[str, Source]:
    """The months that have lines at a sequence; `is_now` takes in months that are not closed."""
    published = publications.heads(tx, upto_seq=upto_seq)
    views = restated.heads(tx, upto_seq=upto_seq) if basis == "restated" else {}
    found: dict[str, Source] = {}
    known = _Policies(tx)
    for period in months:
        labels = views[period].rule_versions if period in views else {}
        books, own = known.of(period, labels.get("allocation"))
        if books is None:
            continue
        if period in views:
            view = views[period]
            found[period] = Source(
                period=period,
                kind="restated",
                since_seq=view.ledger_seq,
                chart=books,
                table=_table(context, view.files["lines"]),
                view=view,
                own_names=own,
            )
        elif period in published:
            found[period] = Source(
                period=period,
                kind="published",
                since_seq=published[period].ledger_seq,
                chart=books,
                publication_id=published[period].publication_id,
                own_names=own,
            )
        elif is_now and (newest := _preliminary(context, tx, period)):
            stage, table = newest
            found[period] = Source(
                period=period,
                kind="preliminary",
                since_seq=None,
                chart=books,
                table=table,
                stage=stage,
                own_names=own,
            )
    return found


def one_source(context: Context, tx: Tx, period: str, *, basis: Basis, as_of: int | None) -> Source:
    """A month's lines at a sequence; None: as they are now.

    Raises:
        NotReadyError: it has none.
    """
    head = journal.ledger_seq(tx)
    upto = head if as_of is None else min(as_of, head)
    found = sources(context, tx, [period], basis=basis, upto_seq=upto, is_now=upto == head)
    if period not in found:
        raise NotReadyError(
            f"{period} has no ledger lines as of sequence {upto}: expected it to be published by "
            "then; look at its close, or at a later sequence."
        )
    return found[period]


def sums(
    tx: Tx, found: Sequence[Source], by: Sequence[str], where: Sequence[tuple[str, str]]
) -> dict[str, list[Sum]]:
    """Sums of some months by dimensions (`account` is one), under conditions; by month.

    Raises:
        UsageError: an unknown dimension in `by`; lists those that there are.
    """
    for one in found:
        _check(by, one)
    passes_on = any(one.chart.reallocations for one in found)
    plain = tuple(dict.fromkeys(part for name in by for part in _parts(name, passes_on)))
    made: dict[str, list[Sum]] = {}
    kept = [one for one in found if one.publication_id is not None]
    # an account means other lines in another chart: conditions are the same only within one
    for books in {id(one.chart): one.chart for one in kept}.values():
        group = [one for one in kept if one.chart is books]
        ids = {one.publication_id: one for one in group if one.publication_id is not None}
        conditions = wanted(where, group[0])
        got = ledger_lines.sums(tx, list(ids), plain, conditions)
        made |= {one.period: got.get(number, []) for number, one in ids.items()}
    for one in found:
        if one.table is not None:
            rows = line_tables.fitting(one.table, wanted(where, one))
            made[one.period] = line_tables.sums(rows, plain) if rows.num_rows else []
    return {one.period: _regrouped(made[one.period], plain, by, one.chart) for one in found}


def page(
    tx: Tx,
    one: Source,
    where: Sequence[tuple[str, str]],
    *,
    behind: Place | None,
    smallest_first: bool,
    limit: int,
) -> list[dict[str, Any]]:
    """Lines by amount, the largest first unless asked otherwise, then by id; with their account."""
    conditions = wanted(where, one)
    if one.publication_id is not None:
        rows = ledger_lines.page(
            tx,
            one.publication_id,
            conditions,
            behind=behind,
            smallest_first=smallest_first,
            limit=limit,
        )
    else:
        lines = line_tables.fitting(_in_memory(one), conditions)
        rows = line_tables.page(lines, behind=behind, smallest_first=smallest_first, limit=limit)
    return [row | {ACCOUNT: account_of(row, one.chart)} for row in rows]


def line(tx: Tx, one: Source, wanted_id: str) -> dict[str, Any]:
    """One line by its id or the first characters of it, with its account.

    Raises:
        UnknownSubjectError: none or several begin so.
        UsageError: too few characters.
    """
    if len(wanted_id) < _LEAST_PREFIX:
        raise UsageError(f"Give at least {_LEAST_PREFIX} characters of the ledger line's id.")
    if one.publication_id is not None:
        rows = ledger_lines.beginning_with(tx, one.publication_id, wanted_id)
    else:
        rows = lines_beginning(_in_memory(one), wanted_id)
    if len(rows) != 1:
        raise UnknownSubjectError(
            f"{len(rows) or 'No'} ledger lines of {one.period} begin with {wanted_id[:64]!r}: "
            "expected one; look for it in the list of lines."
        )
    return rows[0] | {ACCOUNT: account_of(rows[0], one.chart)}


def lines_beginning(lines: pa.Table, prefix: str) -> list[dict[str, Any]]:
    """Two at most of the lines whose id begins so."""
    ids = lines.column("ledger_line_id").to_pylist()
    places = [place for place, line_id in enumerate(ids) if line_id.startswith(prefix)][:2]
    return [lines.slice(place, 1).to_pylist()[0] for place in places]


def account_of(row: Mapping[str, Any], chart: Chart) -> str:
    """The expense account on which a line is cost; what is passed on from there is zero."""
    return chart.cost_account(row)


def wanted(where: Sequence[tuple[str, str]], one: Source) -> list[Wanted]:
    """Conditions as the lines know them: `(none)` is null, an account its P&L categories.

    Conditions on what lines do not have are left out: whoever shows figures says so, see
    `unknown_of`.
    """
    known = names_of(one)
    found: list[Wanted] = []
    for name, value in where:
        if name == ACCOUNT:
            found += _of_account(value, one.chart)
        elif name in known:
            found.append(Wanted(name=name, values=(None if value == NO_VALUE else value,)))
    return found


def unknown_of(where: Sequence[tuple[str, str]], one: Source) -> tuple[str, ...]:
    """The names of conditions that ledger lines of a month do not have."""
    known = names_of(one)
    return tuple(name for name, _ in where if name not in known)


def _of_account(account: str, chart: Chart) -> list[Wanted]:
    """The other way round of `account_of`: pools that are passed on go by their sender."""
    homes = {
        pool: chart.expense_account(terms.pl_category)
        for pool, terms in chart.reallocations.items()
    }
    own = tuple(sorted(pool for pool, code in homes.items() if code == account))
    others = tuple(sorted(pool for pool in homes if pool not in own))
    found = [replace(one, pools=own) for one in _of_category(account, chart)]
    return [*found, Wanted(name="pool_id", values=others, but=True)] if others else found


def _of_category(account: str, chart: Chart) -> list[Wanted]:
    """By P&L category alone: suspense takes what no rule books elsewhere."""
    named = {one.pl_category for one in chart.expense}
    own = {one for one in named if chart.expense_account(one) == account}
    suspense = {
        role.partition(".")[2]: code
        for role, code in chart.control.items()
        if role.partition(".")[0] == "suspense"
    }
    if account not in suspense.values():
        return [Wanted(name="pl_category", values=tuple(sorted(own)))]
    found = [Wanted(name="pl_category", values=tuple(sorted(named - own)), but=True)]
    general = suspense[""] == account
    providers = [one for one in suspense if one and (suspense[one] != account) is general]
    if providers or not general:
        found.append(Wanted(name="provider", values=tuple(sorted(providers)), but=general))
    return found


def _regrouped(
    rows: Sequence[Sum], plain: Sequence[str], by: Sequence[str], chart: Chart
) -> list[Sum]:
    """Sums by what was asked for, out of sums by the columns that it is decided by."""
    totals: dict[tuple[str | None, ...], tuple[int, int]] = {}
    for row in rows:
        values = dict(zip(plain, row.key, strict=True))
        key = tuple(account_of(values, chart) if name == ACCOUNT else values[name] for name in by)
        units, count = totals.get(key, (0, 0))
        totals[key] = (units + row.units, count + row.count)
    return [Sum(key=key, units=units, count=count) for key, (units, count) in totals.items()]


def _parts(name: str, passes_on: bool) -> tuple[str, ...]:
    """The columns that decide a dimension: an account's is the pool's, too, if a pool has one."""
    if name != ACCOUNT:
        return (name,)
    return (*_OF_ACCOUNT, "pool_id") if passes_on else _OF_ACCOUNT


def names_of(one: Source) -> tuple[str, ...]:
    """What lines of a month can be summed and filtered by."""
    built_in = (name for name in LINE_KEY if not name.startswith("own_"))
    return (ACCOUNT, *built_in, "pool_id", *one.own_names)


def _check(names: Sequence[str], one: Source) -> None:
    known = names_of(one)
    for name in names:
        if name not in known:
            raise UsageError(
                f"Ledger lines of {one.period} have no dimension {name[:60]!r}: expected one of "
                f"{', '.join(known)}."
            )


def _in_memory(one: Source) -> pa.Table:
    if one.table is None:
        raise NotReadyError(f"The lines of {one.period} are not in memory: they are published.")
    return one.table


class _Policies:
    """Chart and own dimensions of months, read once."""

    def __init__(self, tx: Tx) -> None:
        self._months = {one.period: one for one in periods.listing(tx)}
        self._known = {kind: policies.versions(tx, kind) for kind in _KINDS}

    def of(self, period: str, restated_by: str | None) -> tuple[Chart | None, tuple[str, ...]]:
        """Both as they are for a month; no chart where none is approved yet.

        `restated_by` is the label of the pools of a restated one.
        """
        found, rules, pools = (self._in_force(kind, period) for kind in _KINDS)
        if found is None or rules is None:
            return None, ()
        pools = next((one for one in self._known["allocation"] if one.label == restated_by), pools)
        own = dimensions_of(rule_set({"classification": rules}))
        shared = (pools.body, pools.label) if pools else None
        names = tuple(name for name in own if name not in LINE_KEY)
        return _parsed(found.body, found.label, shared), names

    def _in_force(self, kind: policies.PolicyKind, period: str) -> policies.Policy | None:
        month = self._months.get(period)
        known_at = month.closed_at if month and month.state == "closed" else None
        last = parse_period(period).last_on
        return policies.in_force(self._known[kind], last, known_at=known_at)


@lru_cache(maxsize=16)
def _parsed(body: str, label: str, pools: tuple[str, str] | None) -> Chart:
    chart = parsed_chart(body, label)
    return with_pools(chart, *pools) if pools else chart


def _preliminary(context: Context, tx: Tx, period: str) -> tuple[str, pa.Table] | None:
    for stage in reversed(STAGES):
        run = runs.latest(tx, "allocate", f"{period}/{stage}")
        if run is not None:
            return stage, _table(context, run.outputs["lines"])
    return None


def _table(context: Context, file: Mapping[str, str]) -> pa.Table:
    return with_own_dimensions(context.lake.get_table(file["path"], file["sha256"]))
