"""A closed month under new rules: one entry in an open period takes its cost where it now belongs.

The closed month is not rewritten. Afterwards the sum of everything posted for the service period
is, for every account and dimension, what the restated lines say. Owns that difference only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from tieout.core.errors import ConservationError
from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import format_units, from_minor, minor_digits
from tieout.focus.document import BillingDocument
from tieout.ledger.amortisation import without_fees
from tieout.ledger.building import AccountMonth, Heading, build
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, JournalLine
from tieout.ledger.grouping import is_cost
from tieout.ledger.late import ACCRUALS, is_billed, late_expense, standing_bills
from tieout.ledger.posting import Posting, changes_between, expense_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """The documents of an account-month: those that its close knew, and those that came later.

    Of the later ones those count that are booked.
    """

    known: tuple[BillingDocument, ...] = ()
    late: tuple[BillingDocument, ...] = ()


_NO_BILLS = Bills()


def reclass(
    posted: Sequence[JournalEntry],
    lines: pa.Table,
    *,
    month: AccountMonth,
    chart: Chart,
    bills: Bills = _NO_BILLS,
    on: date,
    source_refs: tuple[str, ...] = (),
) -> Posting:
    """What the restated ledger lines of one account-month are more or less than posted to date.

    `posted` may hold any entries; those of this account and service period count, in whatever
    period they stand: the documents once they are booked, before that what was accrued at the
    close; never what takes an upfront fee to later months. `lines` are LEDGER_SCHEMA, `bills` the
    documents that were booked (none: prepaid). One line for each target (expense account
    and dimensions) that gains (debit) or loses (credit), posted on `on`; the service period is
    kept. A second run finds no difference and posts nothing.

    Raises:
        ConservationError: the lines come to another total than was posted: a rule moves cost and
            makes none.
    """
    own = [entry for entry in without_fees(posted) if month.has(entry)]
    wanted, findings = _wanted(lines, bills, posted=own, chart=chart)
    counted = _counted(own, month)
    already = [line for entry in counted for line in entry.lines if is_cost(line)]
    changes = changes_between(already, wanted)
    _refuse_other_total(sum(line.amount_minor for line in changes), month=month, chart=chart)
    heading = Heading(
        journal_type="reclass",
        posting_on=on,
        document_on=on,
        source=content_key(
            [
                *sorted(entry.idempotency_key for entry in counted),
                *(f"{line.account} {sorted(line.dimensions.items())} {line.amount_minor}"
                  for line in changes),
            ]
        ),
        source_refs=source_refs,
        adjustment_kind="policy_change",
    )  # fmt: skip
    entry = build(changes, heading=heading, month=month, chart=chart)
    return Posting(entry=entry, findings=findings)


def _wanted(
    lines: pa.Table, bills: Bills, *, posted: Sequence[JournalEntry], chart: Chart
) -> tuple[list[JournalLine], tuple[Finding, ...]]:
    """By the documents once there is a bill; before, all lines, and what came late beside them."""
    every = (*bills.known, *bills.late)
    booked = {entry.source_refs[0] for entry in standing_bills(posted)}
    numbers = [one.number for one in bills.late if one.number in booked]
    own: list[JournalLine] = []
    findings: tuple[Finding, ...] = ()
    if bills.known or not is_billed(posted):
        own, findings = expense_of(lines, bills.known, chart=chart)
    late, wrong = late_expense(lines, every, chart=chart, wanted=numbers)
    return [*own, *late], (*findings, *wrong)


def _counted(own: Sequence[JournalEntry], month: AccountMonth) -> list[JournalEntry]:
    """Once there is a bill: without accruals that were reversed. Before: those of the close."""
    accruals = {one.idempotency_key: one for one in own if one.journal_type in ACCRUALS}
    rest = [
        one for one in own if one.idempotency_key not in accruals and one.reverses not in accruals
    ]
    if not is_billed(own):
        at_close = month.period
        return [*rest, *(one for one in accruals.values() if at_close.contains(one.posting_on))]
    undone = {one.reverses for one in own}
    return [*rest, *(one for key, one in accruals.items() if key not in undone)]


def _refuse_other_total(gap_minor: int, *, month: AccountMonth, chart: Chart) -> None:
    if gap_minor:
        digits = minor_digits(chart.currency)
        raise ConservationError(
            f"The restated lines of {month.provider}/{month.billing_account_id} for {month.period} "
            f"are {format_units(from_minor(gap_minor, digits), digits)} {chart.currency} more than "
            "was posted: expected the same total, because a rule moves cost and makes none; look "
            "for charges or documents that changed after the close."
        )
