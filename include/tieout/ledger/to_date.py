"""A service month to date: what its entries come to, and what they should by given ledger lines.

Late papers and rules that reach back are both posted as the difference of the two, so that they fit
together in any order. Owns which entries count and what is wanted; the entries are `late`'s and
`reclass`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from tieout.core.finding import Finding
from tieout.core.money import minor_digits
from tieout.focus.document import BillingDocument
from tieout.ledger.billing_accounts import Relief
from tieout.ledger.building import AccountMonth, document_minor, posted_lines
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, JournalLine
from tieout.ledger.grouping import is_cost, late_lines
from tieout.ledger.posting import changes_between, expense_of
from tieout.reconciliation.invoice_parts import by_invoice

ACCRUALS = ("accrual", "true_up")
BILLS = ("invoice", "credit_note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """The documents of an account-month: those that its close knew, and those that came later.

    Of the later ones those count that are booked. `relief` is how the account ends its accruals.
    """

    known: tuple[BillingDocument, ...] = ()
    late: tuple[BillingDocument, ...] = ()
    relief: Relief = "auto_reverse"

    @property
    def all(self) -> tuple[BillingDocument, ...]:
        """All of them: together they decide which lines each of them bills."""
        return (*self.known, *self.late)


def standing_bills(posted: Sequence[JournalEntry]) -> tuple[JournalEntry, ...]:
    """The invoices and credit notes among the entries that no other entry reverses."""
    undone = {entry.reverses for entry in posted}
    return tuple(
        entry
        for entry in posted
        if entry.journal_type in BILLS and entry.idempotency_key not in undone
    )


def is_billed(posted: Sequence[JournalEntry]) -> bool:
    """Whether the entries of an account-month hold its bill, not only a late credit note."""
    return any(
        entry.journal_type == "invoice" or entry.adjustment_kind == "none"
        for entry in standing_bills(posted)
    )


def difference(
    posted: Sequence[JournalEntry],
    lines: pa.Table,
    bills: Bills,
    *,
    month: AccountMonth,
    chart: Chart,
) -> tuple[list[JournalLine], tuple[Finding, ...]]:
    """Expense lines that take an account-month to what ledger lines and booked documents say.

    `posted` are its entries, without those of upfront fees; `lines` are LEDGER_SCHEMA.
    """
    booked = tuple(entry.source_refs[0] for entry in standing_bills(posted))
    billed = is_billed(posted)
    wanted, findings = _wanted(lines, bills, booked=booked, billed=billed, chart=chart)
    counted = _counted(posted, month, relief=bills.relief, billed=billed)
    posted_cost = posted_lines(cost_lines(counted), month=month, chart=chart)
    return changes_between(posted_cost, wanted), findings


def difference_of(
    document: BillingDocument,
    posted: Sequence[JournalEntry],
    lines: pa.Table,
    bills: Bills,
    *,
    month: AccountMonth,
    chart: Chart,
) -> list[JournalLine]:
    """As `difference`, once this document is booked as well: what its own entry takes as expense.

    Under `clear_on_match` what is accrued counts, so that it is what the accrual is off.
    """
    booked = (*(entry.source_refs[0] for entry in standing_bills(posted)), document.number)
    billed = is_billed(posted) or document.kind == "invoice"
    wanted, _ = _wanted(lines, bills, booked=booked, billed=billed, chart=chart)
    counted = _counted(posted, month, relief=bills.relief, billed=billed)
    posted_cost = posted_lines(cost_lines(counted), month=month, chart=chart)
    return changes_between(posted_cost, wanted)


def late_expense(
    lines: pa.Table, documents: Sequence[BillingDocument], *, chart: Chart, wanted: Sequence[str]
) -> tuple[list[JournalLine], tuple[Finding, ...]]:
    """Expense lines of those late documents whose numbers are wanted, each for itself.

    `documents` are all of the account and month: they decide which lines each of them bills.
    """
    made: list[JournalLine] = []
    found: list[Finding] = []
    for document, rows in by_invoice(lines, documents):
        if document.number in wanted:
            net, _ = document_minor(document, chart=chart)
            digits = minor_digits(chart.currency)
            own, wrong = late_lines(rows, lines, chart=chart, total_minor=net, digits=digits)
            made += own
            found += wrong
    return made, tuple(dict.fromkeys(found))


def cost_lines(entries: Sequence[JournalEntry]) -> list[JournalLine]:
    """Their lines of cost."""
    return [line for entry in entries for line in entry.lines if is_cost(line)]


def _wanted(
    lines: pa.Table, bills: Bills, *, booked: Sequence[str], billed: bool, chart: Chart
) -> tuple[list[JournalLine], tuple[Finding, ...]]:
    """By the documents once there is a bill; before, all lines, and what came late beside them."""
    numbers = [one.number for one in bills.late if one.number in booked]
    own: list[JournalLine] = []
    findings: tuple[Finding, ...] = ()
    if bills.known or not billed:
        own, findings = expense_of(lines, bills.known, chart=chart)
    late, wrong = late_expense(lines, bills.all, chart=chart, wanted=numbers)
    return [*own, *late], (*findings, *wrong)


def _counted(
    own: Sequence[JournalEntry], month: AccountMonth, *, relief: Relief, billed: bool
) -> list[JournalEntry]:
    """Accruals that reverse count only before there is a bill, as they were at the close."""
    accruals = {one.idempotency_key: one for one in own if one.journal_type in ACCRUALS}
    rest = [
        one for one in own if one.idempotency_key not in accruals and one.reverses not in accruals
    ]
    if relief == "clear_on_match":
        undone = {one.reverses for one in own}
        return [*rest, *(one for key, one in accruals.items() if key not in undone)]
    if billed:
        return rest
    return [*rest, *(one for one in accruals.values() if month.period.contains(one.posting_on))]
