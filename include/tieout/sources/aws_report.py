"""The AWS Cost and Usage Report, legacy and 2.0, CSV and Parquet: what its rows mean as charges.

Owns the mapping to charges; `aws_exports` owns where files lie, `aws_columns` the names of columns.
Invoice basis: the sum of `line_item_unblended_cost` (AWS cost and usage reports; FOCUS mapping).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.finding import Finding
from tieout.core.money import from_decimal
from tieout.core.period import Period
from tieout.sources.ai_columns import UnmappedRow, unmapped_rows
from tieout.sources.ai_meters import unmapped_findings
from tieout.sources.amounts import Amounts, Mask, zero_where
from tieout.sources.aws_amounts import effective_cost, read_quantities, read_unblended
from tieout.sources.aws_charges import Asked, AwsRows, charge_columns, line_type
from tieout.sources.aws_columns import (
    COVERED,
    LINE_TYPES,
    NEGATION,
    REQUIRED_COLUMNS,
    Layout,
    layout_of,
)
from tieout.sources.aws_exports import listed_data
from tieout.sources.base import Normalised, RawDocument
from tieout.sources.columns import ChargeTable, Reading, check_once, first_rows, flagged
from tieout.sources.coverage_days import Coverage
from tieout.sources.limits import load_json
from tieout.sources.tables import Wanted, read_batches

__all__ = ["REQUIRED_COLUMNS", "account_names", "read_report"]

NAME = "aws"

_SAVINGS_PLAN = frozenset({COVERED, NEGATION})


@dataclass(slots=True, kw_only=True)
class _Notes:
    """What the findings beside bad rows are made of, and how far the report reaches."""

    gap_units: int = 0
    unknown_types: dict[str, tuple[str, int]] = field(default_factory=dict)
    unmapped: list[UnmappedRow] = field(default_factory=list)
    coverage: Coverage = field(default_factory=partial(Coverage, invoice_means_final=True))


def read_report(documents: Sequence[RawDocument], *, account: str, period: Period) -> Normalised:
    """One charge for each row of the files that the manifests list, in their order.

    `account` is the payer; rows of another payer or month are findings.

    Raises:
        SourceAnswerError: no manifest; a listed file is missing, there twice, or lacks a column.
        DocumentUnreadableError: a file is truncated, too large, or no table.
    """
    files = listed_data(documents)
    check_once(files)
    asked = Asked(account=account, period=period, names=account_names(documents))
    table, notes = ChargeTable(provider=NAME), _Notes()
    for document in files:
        layouts: list[Layout] = []
        for batch in read_batches(document, partial(_choose, layouts, document.name)):
            _add(table, notes, AwsRows(batch, layouts[0]), asked)
    more = (
        *_savings_plan_findings(notes),
        *_unknown_type_findings(notes),
        *unmapped_findings("aws", notes.unmapped, currency=table.currency()),
    )
    return table.finish(more=more, complete_through=notes.coverage.through(period))


def account_names(documents: Sequence[RawDocument]) -> dict[str, str]:
    """Account names by id out of AWS Organizations' answers, if they were fetched."""
    names: dict[str, str] = {}
    for document in documents:
        if document.kind == "names":
            answer = load_json(document.content, name=document.name)
            listed = answer.get("Accounts") if isinstance(answer, dict) else None
            for account in listed if isinstance(listed, list) else []:
                if isinstance(account, dict):
                    names[str(account.get("Id"))] = str(account.get("Name"))
    return names


def _choose(layouts: list[Layout], name: str, header: tuple[str, ...]) -> Wanted:
    layouts.append(layout_of(header, name=name))
    return layouts[0].wanted()


def _add(table: ChargeTable, notes: _Notes, rows: AwsRows, asked: Asked) -> None:
    unblended = read_unblended(rows.get)
    savings_plan = rows.of_type(COVERED) | rows.of_type(NEGATION)
    # covered usage and its negation cancel out on the invoice, so both are billed as 0
    billed = zero_where(unblended, savings_plan) if savings_plan.any() else unblended
    columns, found, wrong = charge_columns(rows, asked)
    effective = effective_cost(billed, rows.get, rows.of_type)
    quantities = read_quantities(rows.get, rows.batch.rows, unblended)
    reading = Reading(
        billed=billed,
        amounts={**quantities, "effective_cost": effective},
        columns=columns,
        wrong=wrong,
    )
    kept = table.add(rows.batch, reading)
    _note(notes, rows, reading, unblended, kept)
    notes.unmapped += unmapped_rows(found, billed.units, kept, rows.batch)


def _note(notes: _Notes, rows: AwsRows, reading: Reading, unblended: Amounts, kept: Mask) -> None:
    kinds = rows.text("line_item_line_item_type")
    covered = flagged(kinds, _SAVINGS_PLAN.__contains__) & kept
    if covered.any():
        notes.gap_units += from_decimal(pc.sum(unblended.units.filter(pa.array(covered))).as_py())
    unknown = kept & ~flagged(kinds, LINE_TYPES.__contains__)
    for kind, row in first_rows(kinds, unknown).items():
        place = (rows.batch.document, rows.batch.first_row + row)
        notes.unknown_types.setdefault(kind, place)
    notes.coverage.add(
        reading.columns["charge_period_start"],
        reading.columns["charge_period_end"],
        usage=kept & flagged(kinds, lambda kind: line_type(kind).category == "Usage"),
        invoices=reading.columns["invoice_id"],
    )


def _savings_plan_findings(notes: _Notes) -> tuple[Finding, ...]:
    """A warning when covered usage and its negation do not cancel out, as on an invoice."""
    if not notes.gap_units:
        return ()
    return (
        Finding(
            kind="savings_plan_gap",
            severity="warning",
            subject="aws savings plans",
            message=(
                f"{COVERED} and {NEGATION} rows should cancel out but leave an amount over: "
                "both are billed as 0 here; compare with the invoice and ask AWS."
            ),
            amount_units=notes.gap_units,
        ),
    )


def _unknown_type_findings(notes: _Notes) -> tuple[Finding, ...]:
    """One warning for each line item type that this mapping does not know (loaded anyway)."""
    return tuple(
        Finding(
            kind="unknown_line_item_type",
            severity="warning",
            subject=f"aws line item type {kind[:40]}",
            message=(
                f"Line item type {kind[:40]!r} is not known: loaded as an Adjustment with its full "
                "amount; add it to the mapping of the aws plug-in."
            ),
            source_document=document,
            source_row=row,
        )
        for kind, (document, row) in sorted(notes.unknown_types.items())
    )
