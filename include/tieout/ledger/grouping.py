"""Ledger lines of one account-month become expense lines of an entry, rounded to cents once.

Owns the grouping, the one rounding and the way back from a journal line to its ledger lines.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import IntegrityError
from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import SCALE, format_units, from_decimal, from_minor, to_minor
from tieout.core.shares import round_parts, split
from tieout.focus.ledger_columns import DIMENSIONS
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalLine, numbered, signed_line

# Function is the P&L category; nature is the service category. The charge category keeps a
# promotional credit apart from the usage it pays for. Own dimensions are left out: no account hangs
# on them, so a new one must neither split an entry nor move the cents of its rounding.
LINE_DIMENSIONS = (*DIMENSIONS, "provider", "service_category", "charge_category")
UNEXPLAINED = "Unexplained"


@dataclass(slots=True, kw_only=True)
class _Group:
    account: str
    dimensions: dict[str, str | None]
    units: int = 0
    ledger_line_ids: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        return json.dumps([self.account, *self.dimensions.values()], ensure_ascii=False)

    @property
    def source_ref(self) -> str:
        return content_key(sorted(self.ledger_line_ids))


def expense_lines(
    lines: pa.Table, *, chart: Chart, total_minor: int, digits: int
) -> tuple[tuple[JournalLine, ...], tuple[Finding, ...]]:
    """Expense lines of ledger lines (LEDGER_SCHEMA) of one account, before tax.

    One line per expense account and LINE_DIMENSIONS, ordered by them, none of them zero;
    `sum(amount_minor) == total_minor`. Each group is within one minor unit of its exact amount.
    Tax lines are left out: recoverable tax is no cost. What `total_minor` (the invoice) is off the
    lines by more than rounding stands in suspense as a line of its own, with a blocking finding;
    it is never spread over the cost.
    """
    groups = _groups(lines, chart)
    own_minor = to_minor(sum(group.units for group in groups.values()), digits)
    parts = {key: group.units for key, group in groups.items()}
    step: int = 10 ** (SCALE - digits)
    minors = round_parts(parts, step=step, total=own_minor)
    found = [_expense_line(groups[key], minors[key]) for key in sorted(groups)]
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
    minors = round_parts(parts, step=10 ** (SCALE - digits), total=own)
    more = split(total_minor - own, weights)
    found = [_expense_line(groups[key], minors.get(key, 0) + more[key]) for key in sorted(groups)]
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
    """The ledger lines that an expense line was made of.

    Raises:
        IntegrityError: these ledger lines are not the ones that the line refers to.
    """
    for group in _groups(lines, chart).values():
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
    for row in lines.filter(pc.not_equal(lines["charge_category"], "Tax")).to_pylist():
        account = chart.expense_account(row["pl_category"])
        if account is None:
            account = chart.control_account("suspense", provider=row["provider"])
        own = {name: row[name] for name in LINE_DIMENSIONS} | chart.borne_by(row)
        group = _Group(account=account, dimensions=own)
        group = groups.setdefault(group.key, group)
        group.units += from_decimal(row["billed_cost"])
        group.ledger_line_ids.append(row["ledger_line_id"])
    return groups


def _expense_line(group: _Group, amount_minor: int) -> JournalLine:
    shown = ("charge_category", "service_category", "initiative")
    memo = ", ".join(group.dimensions[name] or f"no {name}" for name in shown)
    return signed_line(
        group.account,
        amount_minor,
        memo=memo,
        dimensions=group.dimensions,
        source_line_ref=group.source_ref,
    )


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
        category = group.dimensions["pl_category"]
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
