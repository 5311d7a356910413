"""Where a ledger line stands in the journal: on which account, with which dimensions.

A line is cost on its natural account. One that a pool with a posting style passes on is cost of the
sender first; its receiver takes it over by a debit, and the sender gives it away by a credit of the
same account. Owns these places; grouping, rounding and amounts are `grouping`'s.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieout.allocation.pool import Pool
from tieout.core.errors import RuleFileError
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.ledger.chart import Chart
from tieout.rules.register import POOL_PREFIX, REGISTER_COLUMNS

# Function is the P&L category; nature is the service category. The charge category keeps a
# promotional credit apart from the usage it pays for. Own dimensions are left out: no account hangs
# on them, so a new one must neither split an entry nor move the cents of its rounding.
LINE_DIMENSIONS = (*DIMENSIONS, "provider", "service_category", "charge_category")
POOL = "pool_id"  # dimension of what is passed on: the pool that the cost came out of


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An account and the dimensions of a journal line on it."""

    account: str
    dimensions: dict[str, str | None]

    @property
    def key(self) -> str:
        """Equal for ledger lines that are one journal line."""
        return json.dumps([self.account, *self.dimensions.values()], ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Both sides of cost that a pool passes on: `out` of the sender, `into` the receiver."""

    out: Side
    into: Side


def booked(row: Mapping[str, Any], chart: Chart) -> Side:
    """Where a ledger line (a row of LEDGER_SCHEMA) is cost; in a pool that is passed on: there."""
    bearer = _sender(row, chart)
    dimensions = {name: bearer[name] for name in LINE_DIMENSIONS} | chart.borne_by(bearer)
    return Side(account=chart.cost_account(row), dimensions=dimensions)


def passed_on(row: Mapping[str, Any], chart: Chart) -> Passed | None:
    """Where it goes from there; None for what stays where it is booked.

    What a pool holds stays with the sender. In a chain the pool that the charge was in sends, and
    the last receiver takes over: pools between them pass on all that they take.
    """
    terms = chart.reallocation_of(row)
    if terms is None or not row["pool_line_id"] or row["initiative"].startswith(POOL_PREFIX):
        return None
    sender = booked(row, chart)
    account = terms.account or sender.account
    own = {name: row[name] for name in LINE_DIMENSIONS} | chart.borne_by(row)
    return Passed(
        out=Side(account=account, dimensions={**sender.dimensions, POOL: row[POOL]}),
        into=Side(account=account, dimensions={**own, POOL: row[POOL]}),
    )


def sides(row: Mapping[str, Any], chart: Chart) -> tuple[Side, ...]:
    """All places of a ledger line in the journal, where it is cost first."""
    moved = passed_on(row, chart)
    return (booked(row, chart), *((moved.out, moved.into) if moved else ()))


def misfits(pools: Sequence[Pool], chart: Chart) -> list[str]:
    """What the posting of pools names that the chart does not have; one sentence each."""
    types = {one.code: one.type for one in chart.accounts}
    taken = {*chart.control.values(), *(rule.account for rule in chart.expense)}
    found = []
    for pool in pools:
        terms = pool.reallocation
        if terms is None:
            continue
        if chart.expense_account(terms.pl_category) is None:
            found.append(
                f"Pool {pool.pool_id}: its sender's P&L category {terms.pl_category[:60]!r} has no "
                f"expense account in chart {chart.name}; add it there or name another."
            )
        if terms.account and (types.get(terms.account) != "expense" or terms.account in taken):
            found.append(
                f"Pool {pool.pool_id}: account {terms.account[:60]} is "
                f"{types.get(terms.account, 'not in the chart')}"
                f"{' and taken' if terms.account in taken else ''}, expected an expense account of "
                f"chart {chart.name} that nothing else is booked to; add one for assessments."
            )
    return found


def reallocations_of(pools: Sequence[Pool], chart: Chart, *, name: str) -> dict[str, Any]:
    """The posting of pools by id, for `Chart.reallocations`; `name` is the file's in errors.

    Raises:
        RuleFileError: they do not fit the chart.
    """
    for misfit in misfits(pools, chart):
        raise RuleFileError(f"{name}: {misfit}")
    return {pool.pool_id: pool.reallocation for pool in pools if pool.reallocation}


def _sender(row: Mapping[str, Any], chart: Chart) -> Mapping[str, Any]:
    """The row as its sender has it; itself where none passes it on."""
    terms = chart.reallocation_of(row)
    if terms is None:
        return row
    own = {"cost_center": terms.cost_center, "pl_category": terms.pl_category}
    unset = dict.fromkeys(REGISTER_COLUMNS)
    return {**row, **unset, **own, "initiative": f"{POOL_PREFIX}{row[POOL]}"}
