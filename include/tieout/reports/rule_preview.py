"""What a policy would move if it had always been there: one month's lines before and after.

Owns the comparison as plain values, amounts as exact decimal text; what the lines are before and
after is computed elsewhere. The change of a month adds up to zero in every dimension.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import ConservationError
from tieout.core.money import format_units, from_decimal, from_minor, minor_digits
from tieout.focus.ledger_columns import DIMENSIONS, total_units, unallocated_units
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry
from tieout.reports.own_totals import own_totals
from tieout.rules.own_dimensions import classes_of

NOBODY = "(unallocated)"
Amounts = dict[str, tuple[int, int]]  # value -> units before, units after


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthChange:
    """One month: LEDGER_SCHEMA lines before and after, and the entries that a closed one needs.

    `moves` has for each class that changes `old_<dimension>`, `new_<dimension>`, the same with
    `_rule`, `old_` and `new_` of both columns of own dimensions, `billed_cost` and `charge_count`:
    charges before pools are shared. `policies` are the labels of all versions `after` stands on.
    """

    period: str
    state: str
    before: pa.Table
    before_sha256: str
    after: pa.Table
    after_sha256: str
    moves: pa.Table
    reclass: tuple[JournalEntry, ...]
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSummary:
    """What a summary keeps of a month, so that its lines need not stay in memory.

    Pairs are units before and after; `initiatives` by id, NOBODY for what is unallocated.
    """

    period: str
    touches_closed: bool
    initiatives: Amounts
    unallocated: tuple[int, int]
    charges_moved: int


def month_json(
    change: MonthChange, *, chart: Chart, chart_after: Chart | None = None
) -> dict[str, Any]:
    """The month as plain values; only what changes is listed, largest change first.

    `chart_after` is the chart with the pools of the lines after, where those are other ones.

    Raises:
        ConservationError: the lines after come to another total than those before.
    """
    totals = total_units(change.before), total_units(change.after)
    if totals[0] != totals[1]:
        raise ConservationError(
            f"The lines of {change.period} come to {format_units(totals[1])} instead of "
            f"{format_units(totals[0])} {chart.currency}: expected the same, because a rule moves "
            "cost and makes none; nothing was kept."
        )
    return {
        "period": change.period,
        "state": change.state,
        "before_sha256": change.before_sha256,
        "after_sha256": change.after_sha256,
        "policies": list(change.policies),
        "total": format_units(totals[0]),
        "dimensions": {
            name: _changes(amounts)
            for name, amounts in (*_built_in(change), *_own(change, totals[0]))
        },
        "pl_lines": _changes(_by_account(change, (chart, chart_after or chart))),
        "unallocated": _pair(unallocated_units(change.before), unallocated_units(change.after)),
        "moves": [_move(row) for row in _largest_first(change.moves.to_pylist())],
        "reclass": [_entry(entry) for entry in change.reclass],
    }


def month_summary(change: MonthChange) -> MonthSummary:
    """What the months together are told by."""
    return MonthSummary(
        period=change.period,
        touches_closed=change.state == "closed" and bool(change.moves.num_rows),
        initiatives=_by(change.before, change.after, "initiative"),
        unallocated=(unallocated_units(change.before), unallocated_units(change.after)),
        charges_moved=sum(change.moves["charge_count"].to_pylist()),
    )


def summary_json(months: Sequence[MonthSummary], *, threshold_units: int) -> dict[str, Any]:
    """All months together: changes by initiative, and those beyond the threshold (absolute)."""
    initiatives: Amounts = {}
    for month in months:
        for value, (before, after) in month.initiatives.items():
            known = initiatives.get(value, (0, 0))
            initiatives[value] = known[0] + before, known[1] + after
    beyond = {
        value: pair
        for value, pair in initiatives.items()
        if abs(pair[1] - pair[0]) > threshold_units
    }
    return {
        "initiatives": _changes(initiatives),
        "beyond_threshold": _changes(beyond),
        "threshold": format_units(threshold_units),
        "unallocated": _pair(
            sum(month.unallocated[0] for month in months),
            sum(month.unallocated[1] for month in months),
        ),
        "closed_periods_touched": [month.period for month in months if month.touches_closed],
        "charges_moved": sum(month.charges_moved for month in months),
    }


def _built_in(change: MonthChange) -> Iterator[tuple[str, Amounts]]:
    for name in DIMENSIONS:
        yield name, _by(change.before, change.after, name)


def _own(change: MonthChange, total: int) -> Iterator[tuple[str, Amounts]]:
    """The dimensions of either rule file; where one knows nothing of it, nothing was decided."""
    old, new = own_totals(change.before), own_totals(change.after)
    undecided: dict[str | None, int] = {None: total}
    for name in sorted({*old, *new}):
        before, after = old.get(name, undecided), new.get(name, undecided)
        pairs = {
            value: (before.get(value, 0), after.get(value, 0)) for value in {**before, **after}
        }
        yield name, {NOBODY if value is None else value: pair for value, pair in pairs.items()}


def _by(before: pa.Table, after: pa.Table, name: str) -> Amounts:
    old, new = _sums(before, name), _sums(after, name)
    return {value: (old.get(value, 0), new.get(value, 0)) for value in {**old, **new}}


def _sums(lines: pa.Table, name: str) -> dict[str, int]:
    return {
        row[name] if row[name] is not None else NOBODY: from_decimal(row["billed_cost_sum"])
        for row in _sums_of(lines, (name,))
    }


def _sums_of(lines: pa.Table, names: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        lines.group_by(list(names)).aggregate([("billed_cost", "sum")]).to_pylist()
    )
    return rows


def _by_account(change: MonthChange, charts: tuple[Chart, Chart]) -> Amounts:
    """Expense accounts; recoverable tax is no cost."""
    found: Amounts = {}
    for place, (lines, chart) in enumerate(zip((change.before, change.after), charts, strict=True)):
        for row in _sums_of(_before_tax(lines), ("pl_category", "pool_id")):
            code = chart.cost_account({**row, "provider": ""})
            name = f"{code} {chart.account(code).name}"
            pair = list(found.get(name, (0, 0)))
            pair[place] += from_decimal(row["billed_cost_sum"])
            found[name] = pair[0], pair[1]
    return found


def _before_tax(lines: pa.Table) -> pa.Table:
    return lines.filter(pc.not_equal(lines["charge_category"], "Tax"))


def _changes(amounts: Mapping[str, tuple[int, int]]) -> list[dict[str, str]]:
    changed = [
        (value, before, after) for value, (before, after) in amounts.items() if before != after
    ]
    ordered = sorted(changed, key=lambda one: (-abs(one[2] - one[1]), one[0]))
    return [{"value": value, **_pair(before, after)} for value, before, after in ordered]


def _pair(before: int, after: int) -> dict[str, str]:
    return {
        "before": format_units(before),
        "after": format_units(after),
        "change": format_units(after - before),
    }


def _largest_first(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (-abs(row["billed_cost"]), str(sorted(row.items()))))


def _move(row: Mapping[str, Any]) -> dict[str, Any]:
    classes = [classes_of(row, prefix=prefix) for prefix in ("old_", "new_")]
    names = dict.fromkeys([*DIMENSIONS, *sorted({*classes[0], *classes[1]})])
    nothing = (None, None)
    found = {name: [one.get(name, nothing) for one in classes] for name in names}
    return {
        "dimensions": {
            name: {"from": old, "to": new, "rule_before": old_rule, "rule_after": new_rule}
            for name, ((old, old_rule), (new, new_rule)) in found.items()
            if old != new
        },
        "amount": format_units(from_decimal(row["billed_cost"])),
        "charges": row["charge_count"],
    }


def _entry(entry: JournalEntry) -> dict[str, Any]:
    digits = minor_digits(entry.currency)
    lines = [
        {
            "account": line.account,
            "amount": format_units(from_minor(line.amount_minor, digits), digits),
            "dimensions": dict(line.dimensions),
        }
        for line in entry.lines
    ]
    moved = sum(line.debit_minor for line in entry.lines)
    return {
        "provider": entry.provider,
        "billing_account_id": entry.billing_account_id,
        "posting_on": entry.posting_on.isoformat(),
        "moved": format_units(from_minor(moved, digits), digits),
        "idempotency_key": entry.idempotency_key,
        "lines": lines,
    }
