"""Ledger lines of one account-month become expense lines of an entry, rounded to cents once.

Owns the grouping, the one rounding and the way back from a journal line to its ledger lines.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import IntegrityError
from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import SCALE, format_units, from_decimal, from_minor, to_minor
from tieout.core.shares import round_parts, split
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalLine, numbered, signed_line
from tieout.ledger.sides import LINE_DIMENSIONS, POOL, Side, booked, passed_on

UNEXPLAINED = "Unexplained"
_GIVEN, _HELD = "given", "held"
_Divide = Callable[[Mapping[str, int], int], dict[str, int]]


@dataclass(slots=True, kw_only=True)
class _Group:
    side: Side
    units: int = 0
    ledger_line_ids: list[str] = field(default_factory=list)

    @property
    def source_ref(self) -> str:
        return content_key(sorted(self.ledger_line_ids))

    def add(self, row: Mapping[str, Any]) -> None:
        self.units += from_decimal(row["billed_cost"])
        self.ledger_line_ids.append(row["ledger_line_id"])


@dataclass(slots=True, kw_only=True)
class _Family:
    """What one group of cost passes on: the credit of its sender, the debits of the receivers."""

    out: _Group
    into: dict[str, _Group] = field(default_factory=dict)

    def lines(self, whole: int, units: int, divide: _Divide) -> dict[str, int]:
        """What of the sender's amount each receiver takes; `units` are those of the sender."""
        kept = {_GIVEN: self.out.units, _HELD: units - self.out.units}
        return divide(
            {key: group.units for key, group in self.into.items()}, divide(kept, whole)[_GIVEN]
        )


def expense_lines(
    lines: pa.Table, *, chart: Chart, total_minor: int, digits: int
) -> tuple[tuple[JournalLine, ...], tuple[Finding, ...]]:
    """Expense lines of ledger lines (LEDGER_SCHEMA) of one account, before tax.

    One line per expense account and LINE_DIMENSIONS, ordered by them, none of them zero;
    `sum(amount_minor) == total_minor`. Each group is within one minor unit of its exact amount.
    Tax lines are left out: recoverable tax is no cost. What `total_minor` (the invoice) is off the
    lines by more than rounding stands in suspense as a line of its own, with a blocking finding;
    it is never spread over the cost. What pools pass on is a credit of the sender and debits of the
    receivers, zero together, behind the lines of cost.
    """
    groups = _groups(lines, chart)
    own_minor = to_minor(sum(group.units for group in groups.values()), digits)
    parts = {key: group.units for key, group in groups.items()}
    step: int = 10 ** (SCALE - digits)
    minors = round_parts(parts, step=step, total=own_minor)
    found = [_expense_line(groups[key], minors[key]) for key in sorted(groups)]
    for key, family in _families(lines, chart).items():
        taken = family.lines(minors[key], groups[key].units, partial(_rounded, step=step))
        found += _passed_on(family, taken)
    findings = list(_unmapped(groups, chart))
    gap = total_minor - own_minor
    if gap:
        provider = pc.min(lines["provider"]).as_py() or ""
        account = pc.min(lines["billing_account_id"]).as_py() or ""
        found.append(_gap_line(gap, chart=chart, provider=provider, billing_account_id=account))
        findings.append(_gap_finding(gap, chart=chart, provider=provider, digits=digits))
    return numbered(found), tuple(findings)


def late_lines(
    rows: pa.Table, lines: pa.Table, *, chart: Chart, total_minor: int, digits: int
) -> tuple[tuple[JournalLine, ...], tuple[Finding, ...]]:
    """Expense lines of a document that came after its month was closed, before tax.

    `rows` are the ledger lines that it bills (none: a credit note, say), `lines` all of its account
    and month. What the total is more than `rows` is a change of estimate and is borne by all lines
    in proportion to their amounts without sign; `sum(amount_minor) == total_minor`. Without any
    line to bear it the total stands in suspense with a blocking finding (`expense_lines`).
    """
    groups = _groups(lines, chart)
    weights = {key: abs(group.units) for key, group in groups.items()}
    if not any(weights.values()):
        return expense_lines(lines, chart=chart, total_minor=total_minor, digits=digits)
    parts = {key: group.units for key, group in _groups(rows, chart).items()}
    own = to_minor(sum(parts.values()), digits)
    step: int = 10 ** (SCALE - digits)
    minors = round_parts(parts, step=step, total=own)
    more = split(total_minor - own, weights)
    found = [_expense_line(groups[key], minors.get(key, 0) + more[key]) for key in sorted(groups)]
    billed = _families(rows, chart)
    for key, family in _families(lines, chart).items():
        taken = family.lines(more[key], groups[key].units, _by_size)
        if key in billed:
            own_part = billed[key].lines(minors[key], parts[key], partial(_rounded, step=step))
            taken = {name: minor + own_part.get(name, 0) for name, minor in taken.items()}
        found += _passed_on(family, taken)
    return numbered(found), tuple(_unmapped(groups, chart))


def net_units(lines: pa.Table) -> int:
    """Cost before tax of ledger lines, in units."""
    return _sum(lines) - tax_units(lines)


def tax_units(lines: pa.Table) -> int:
    """Tax among ledger lines, in units."""
    return _sum(lines.filter(pc.equal(lines["charge_category"], "Tax")))


def lines_hash(lines: pa.Table) -> str:
    """Content key of ledger lines: ids and amounts, whatever their order."""
    pairs = zip(lines["ledger_line_id"].to_pylist(), lines["billed_cost"].to_pylist(), strict=True)
    return content_key(f"{line_id} {from_decimal(cost)}" for line_id, cost in sorted(pairs))


def lines_behind(line: JournalLine, lines: pa.Table, *, chart: Chart) -> pa.Table:
    """The ledger lines that an expense line was made of; of a sender's credit those passed on.

    Raises:
        IntegrityError: these ledger lines are not the ones that the line refers to.
    """
    families = _families(lines, chart).values()
    moved = (group for family in families for group in (family.out, *family.into.values()))
    for group in chain(_groups(lines, chart).values(), moved):
        if group.source_ref == line.source_line_ref:
            wanted = pa.array(group.ledger_line_ids, pa.string())
            return lines.filter(pc.is_in(lines["ledger_line_id"], wanted))
    raise IntegrityError(
        f"Line {line.line_no} on account {line.account} does not come from these ledger lines: "
        "open the publication that the entry names."
    )


def is_cost(line: JournalLine) -> bool:
    """Lines of cost carry the charge category; control accounts do not."""
    return "charge_category" in line.dimensions


def _groups(lines: pa.Table, chart: Chart) -> dict[str, _Group]:
    groups: dict[str, _Group] = {}
    for row in _before_tax(lines):
        side = booked(row, chart)
        groups.setdefault(side.key, _Group(side=side)).add(row)
    return groups


def _families(lines: pa.Table, chart: Chart) -> dict[str, _Family]:
    """What pools pass on, by the key of the group that it is cost of before, in their order."""
    families: dict[str, _Family] = {}
    for row in _before_tax(lines) if chart.reallocations else ():
        moved = passed_on(row, chart)
        if moved is not None:
            key = booked(row, chart).key
            family = families.setdefault(key, _Family(out=_Group(side=moved.out)))
            family.out.add(row)
            family.into.setdefault(moved.into.key, _Group(side=moved.into)).add(row)
    return {key: families[key] for key in sorted(families)}


def _before_tax(lines: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lines.filter(
        pc.not_equal(lines["charge_category"], "Tax")
    ).to_pylist()
    return rows


def _rounded(parts: Mapping[str, int], total: int, *, step: int) -> dict[str, int]:
    """Parts (units) in steps that add up to `total`: beyond their own rounded sum by size."""
    exact = sum(parts.values())
    nearest = min(max(total, exact // step), -(-exact // step))
    found = round_parts(parts, step=step, total=nearest)
    more = _by_size(parts, total - nearest)
    return {key: minor + more[key] for key, minor in found.items()}


def _by_size(parts: Mapping[str, int], total: int) -> dict[str, int]:
    return split(total, {key: abs(units) for key, units in parts.items()})


def _expense_line(group: _Group, amount_minor: int, *, what: str = "") -> JournalLine:
    dimensions = group.side.dimensions
    shown = ("charge_category", "service_category", "initiative")
    memo = ", ".join(dimensions[name] or f"no {name}" for name in shown)
    return signed_line(
        group.side.account,
        amount_minor,
        memo=f"{what}{memo}",
        dimensions=dimensions,
        source_line_ref=group.source_ref,
    )


def _passed_on(family: _Family, taken: Mapping[str, int]) -> Iterator[JournalLine]:
    """The sender's credit and the receivers' debits, in order of their keys; zero together."""
    pool = family.out.side.dimensions[POOL]
    yield _expense_line(family.out, -sum(taken.values()), what="Allocated out: ")
    for key in sorted(taken):
        yield _expense_line(family.into[key], taken[key], what=f"Allocated from {pool}: ")


def _gap_line(
    gap_minor: int, *, chart: Chart, provider: str, billing_account_id: str
) -> JournalLine:
    """Borne by the entity that is billed; by the default one where no line names the account."""
    dimensions: dict[str, str | None] = dict.fromkeys(LINE_DIMENSIONS)
    dimensions |= {"provider": provider, "charge_category": UNEXPLAINED}
    dimensions |= chart.borne_by({"provider": provider, "billing_account_id": billing_account_id})
    account = chart.control_account("suspense", provider=provider)
    memo = "Difference to the invoice without a cause"
    return signed_line(account, gap_minor, memo=memo, dimensions=dimensions)


def _gap_finding(gap_minor: int, *, chart: Chart, provider: str, digits: int) -> Finding:
    amount = format_units(from_minor(gap_minor, digits), digits)
    return Finding(
        kind="unexplained",
        severity="blocking",
        subject=f"{provider}: journal",
        message=(
            f"Expected the ledger lines of {provider} to round to the invoice, found {amount} "
            f"{chart.currency} without a cause, kept in suspense: explain it before the close."
        ),
        amount_units=from_minor(gap_minor, digits),
        currency=chart.currency,
    )


def _unmapped(groups: dict[str, _Group], chart: Chart) -> Iterator[Finding]:
    amounts: dict[str | None, int] = {}
    for group in groups.values():
        category = group.side.dimensions["pl_category"]
        if chart.expense_account(category) is None:
            amounts[category] = amounts.get(category, 0) + group.units
    for category, units in sorted(amounts.items(), key=_category_order):
        yield Finding(
            kind="unmapped",
            severity="warning",
            subject=f"P&L category {category or 'none'}",
            message=(
                f"Expected an expense account for P&L category {category or 'none'} in chart "
                f"{chart.name}, found none: {format_units(units)} {chart.currency} stand in "
                "suspense; classify the lines or add the category to the chart."
            ),
            amount_units=units,
            currency=chart.currency,
        )


def _category_order(found: tuple[str | None, int]) -> str:
    return found[0] or ""


def _sum(lines: pa.Table) -> int:
    total: Any = pc.sum(lines["billed_cost"]).as_py()
    return from_decimal(total) if total is not None else 0
