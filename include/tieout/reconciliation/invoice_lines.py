"""Printed invoice lines against the report, line by line, so that two errors cannot cancel out.

Owns the pass 1:n on the description as exact group key; it never searches sums that happen to fit.
"""

from collections.abc import Container
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from tieout.core.finding import Finding
from tieout.core.money import SCALE, format_units, from_decimal, minor_digits
from tieout.focus.document import BillingDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMatch:
    """How many printed lines were compared and how many agree within half a minor unit."""

    compared: int
    agreeing: int
    findings: tuple[Finding, ...]


def match_lines(final: pa.Table, invoice: BillingDocument) -> LineMatch:
    """Compare each printed description with the report's charges of that description.

    OpenAI prints the line item, sometimes with a remark in brackets behind it (November 2026). An
    invoice whose lines name nothing of the report (AWS prints totals) is not compared at all.
    """
    reported = _by_description(final)
    printed: dict[str, list[int]] = {}
    for line in invoice.lines:
        name = name_in_report(line.description, reported) or line.description
        printed.setdefault(name, []).append(line.amount_units)
    if not any(name in reported for name in printed):
        return LineMatch(compared=0, agreeing=0, findings=())
    findings = []
    for name in sorted(printed.keys() | reported.keys()):
        gap = sum(printed.get(name, [])) - reported.get(name, 0)
        lines = max(len(printed.get(name, [])), 1)
        if abs(gap) > _half_minor(invoice.currency) * lines:
            findings.append(_finding(name, gap, invoice))
    return LineMatch(
        compared=len(printed.keys() | reported.keys()),
        agreeing=len(printed.keys() | reported.keys()) - len(findings),
        findings=tuple(findings),
    )


def name_in_report(description: str, reported: Container[str | None]) -> str | None:
    """The report's name of a printed line, with or without the remark in brackets behind it."""
    stem = description.split(" (", maxsplit=1)[0]
    return next((name for name in (description, stem) if name in reported), None)


def _by_description(final: pa.Table) -> dict[str, int]:
    sums = final.group_by("charge_description").aggregate([("billed_cost", "sum")]).to_pylist()
    return {
        row["charge_description"] or "": from_decimal(row["billed_cost_sum"] or Decimal(0))
        for row in sums
    }


def _half_minor(currency: str) -> int:
    minor_unit: int = 10 ** (SCALE - minor_digits(currency))
    return minor_unit // 2


def _finding(name: str, gap: int, invoice: BillingDocument) -> Finding:
    return Finding(
        kind="invoice_line_unmatched",
        severity="warning",
        subject=f"{invoice.number}: {name}",
        message=(
            f"Invoice {invoice.number} and the final report should agree on {name!r} within half a "
            f"minor unit a line; the invoice has {format_units(gap)} {invoice.currency} more: "
            "ask the provider for the detail of that line."
        ),
        amount_units=gap,
        currency=invoice.currency,
        source_document=invoice.document,
    )
