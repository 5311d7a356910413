"""Closed months in an open one: accrued again while the invoice is missing, booked when it comes.

An accrual reverses on the first day of the next month; if the bill has still not come when that
month ends, the liability would silently disappear, so it is accrued again. A document of a closed
month is booked in the open one, keeps its service month and is a change of estimate. Owns these
entries; what an open month needs for itself is `posting`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa

from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import format_units, from_minor, minor_digits
from tieout.focus.document import BillingDocument
from tieout.ledger.building import (
    AccountMonth,
    Heading,
    build,
    control_line,
    document_key,
    document_minor,
    posted_lines,
)
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, JournalLine, reverse
from tieout.ledger.grouping import lines_hash
from tieout.ledger.posting import Posting, accrual, to_accrue
from tieout.ledger.to_date import (
    ACCRUALS,
    Bills,
    cost_lines,
    difference,
    difference_of,
    is_billed,
    late_expense,
    standing_bills,
)

STALE_MONTHS = 6  # a bill that is later than this may never come


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedMonth:
    """One account in arrears and one closed month, as an open month finds them.

    `lines` are the ledger lines as reported at its close, `present` as they were restated last
    (LEDGER_SCHEMA both); `posted` all entries of this account and service month but those of
    upfront fees; `bills` the documents that have arrived, each once; `month.booked_in` is the open
    month. Under `clear_on_match` the accrual of the close stands until its invoice comes, and
    nothing is accrued again.
    """

    month: AccountMonth
    lines: pa.Table
    present: pa.Table
    posted: tuple[JournalEntry, ...]
    bills: Bills

    @property
    def clears(self) -> bool:
        """Whether an invoice is booked against the accrual."""
        return self.bills.relief == "clear_on_match"

    @property
    def accrued_still(self) -> tuple[JournalEntry, ...]:
        """Accruals and true-ups of the closed month that no entry reverses."""
        undone = {entry.reverses for entry in self.posted}
        return tuple(
            entry
            for entry in self.posted
            if entry.journal_type in ACCRUALS and entry.idempotency_key not in undone
        )

    @property
    def accrued_here(self) -> tuple[JournalEntry, ...]:
        """Accruals and true-ups of the closed month that the open one holds."""
        return tuple(
            entry
            for entry in self.posted
            if entry.journal_type in ACCRUALS and self.month.books.contains(entry.posting_on)
        )

    @property
    def fresh(self) -> tuple[BillingDocument, ...]:
        """Documents that are not booked, invoices first."""
        booked = {entry.source_refs[0] for entry in standing_bills(self.posted)}
        new = [one for one in self.bills.all if one.number not in booked]
        return tuple(sorted(new, key=lambda one: one.kind != "invoice"))

    @property
    def waits(self) -> bool:
        """Whether something was accrued and no invoice of it was issued by the end of the books."""
        accrued = any(entry.journal_type in ACCRUALS for entry in self.posted)
        last = self.month.books.last_on
        issued = any(one.kind == "invoice" and one.issued_on <= last for one in self.bills.all)
        return accrued and not issued and not is_billed(self.posted)

    def with_entries(self, made: Sequence[Posting]) -> "ClosedMonth":
        """The same, once these are posted."""
        entries = tuple(one.entry for one in made if one.entry)
        return replace(self, posted=(*self.posted, *entries))


def entries_of(closed: ClosedMonth, *, chart: Chart) -> list[Posting]:
    """What the open month takes for a closed one, in the order of posting; nothing where it has it.

    An accrual as at the close where no invoice was issued by the open month's end. Then what books
    the documents that came after the close: on the day of issue, but not before the open month
    begins; where the month is accrued here, that accrual is taken to the documents, and they are
    booked where it is reversed. A document that was issued again under another number is taken
    back; one that is merely gone is left alone, with a blocking finding.
    """
    made = _accrued_again(closed, chart=chart)
    made += _gone(closed.with_entries(made), chart=chart)
    return [*made, *_late_bills(closed.with_entries(made), chart=chart)]


def reversals(closed: ClosedMonth, made: Sequence[Posting]) -> list[Posting]:
    """The reversals, on the first day of the next month, of what was accrued again in this one."""
    if closed.clears:
        return []
    now = closed.with_entries(made)
    undone = {entry.reverses for entry in now.posted}
    return [
        Posting(entry=reverse(entry, on=closed.month.books.end_on), findings=())
        for entry in now.accrued_here
        if entry.idempotency_key not in undone
    ]


def _accrued_again(closed: ClosedMonth, *, chart: Chart) -> list[Posting]:
    if not closed.waits or closed.accrued_here:
        return []
    if closed.clears:
        return [Posting(entry=None, findings=tuple(_stale(closed, chart)))]
    made = accrual(closed.lines, month=closed.month, chart=chart)
    return [Posting(entry=made.entry, findings=(*made.findings, *_stale(closed, chart)))]


def _gone(closed: ClosedMonth, *, chart: Chart) -> list[Posting]:
    known = {one.number for one in closed.bills.all}
    gone = [entry for entry in standing_bills(closed.posted) if entry.source_refs[0] not in known]
    again = {one.kind for one in closed.fresh}
    first = closed.month.books.start_on
    return [
        Posting(entry=reverse(entry, on=max(entry.posting_on, first)), findings=())
        if entry.journal_type in again
        else Posting(entry=None, findings=(_missing(closed, entry, chart),))
        for entry in gone
    ]


def _late_bills(closed: ClosedMonth, *, chart: Chart) -> list[Posting]:
    fresh = closed.fresh
    invoices = any(one.kind == "invoice" for one in fresh)
    if closed.clears and not is_billed(closed.posted):
        # a credit note waits for its invoice, so that nothing is cleared twice
        return _cleared(closed, chart=chart) if invoices else []
    is_due = invoices and bool(closed.accrued_here)
    first = closed.month.books.end_on if is_due else closed.month.books.start_on
    booked: list[Posting] = []
    for document in fresh:
        now = closed.with_entries(booked)
        lines = difference_of(
            document, now.posted, closed.present, closed.bills, month=closed.month, chart=chart
        )
        booked.append(_bill(closed, document, lines, first=first, chart=chart))
    if not is_due:
        return booked
    wanted = cost_lines([one.entry for one in booked if one.entry])
    return [_trued_up(closed, wanted, chart=chart), *booked]


def _cleared(closed: ClosedMonth, *, chart: Chart) -> list[Posting]:
    """The accrual is taken to the documents, and each of them clears its part."""
    booked = []
    for document in closed.fresh:
        net, _ = document_minor(document, chart=chart)
        accrued = control_line("accrued", net, month=closed.month, chart=chart)
        first = closed.month.books.start_on
        booked.append(_bill(closed, document, [accrued], first=first, chart=chart))
    now = closed.with_entries(booked)
    changes, _ = difference(
        now.posted, closed.present, closed.bills, month=closed.month, chart=chart
    )
    standing = posted_lines(cost_lines(closed.accrued_still), month=closed.month, chart=chart)
    return [_trued_up(closed, [*standing, *changes], chart=chart), *booked]


def _trued_up(closed: ClosedMonth, wanted: Sequence[JournalLine], *, chart: Chart) -> Posting:
    numbers = [one.number for one in closed.fresh]
    entry = to_accrue(
        closed.accrued_still if closed.clears else closed.accrued_here,
        wanted,
        month=closed.month,
        chart=chart,
        source=content_key((lines_hash(closed.lines), *sorted(numbers))),
        refs=tuple(numbers),
    )
    as_estimate = replace(entry, adjustment_kind="change_in_estimate") if entry else None
    return Posting(entry=as_estimate, findings=())


def _bill(
    closed: ClosedMonth,
    document: BillingDocument,
    against: Sequence[JournalLine],
    *,
    first: date,
    chart: Chart,
) -> Posting:
    """The document against the lines that its amount before tax stands on."""
    net, tax = document_minor(document, chart=chart)
    _, wrong = late_expense(closed.present, closed.bills.all, chart=chart, wanted=[document.number])
    sides = [
        *against,
        control_line("input_tax", tax, month=closed.month, chart=chart),
        control_line("payable", -net - tax, month=closed.month, chart=chart),
    ]
    heading = Heading(
        journal_type="credit_note" if document.kind == "credit_note" else "invoice",
        posting_on=max(document.issued_on, first),
        document_on=document.issued_on,
        source=_source(closed, document),
        source_refs=(document.number, document.document),
        adjustment_kind="change_in_estimate",
    )
    entry = build(sides, heading=heading, month=closed.month, chart=chart)
    return Posting(entry=entry, findings=(*wrong, _late(closed, document, net, chart)))


def _source(closed: ClosedMonth, document: BillingDocument) -> str:
    """The document's own key; booked anew after it was taken back, one that names the earlier."""
    earlier = [
        entry.idempotency_key
        for entry in closed.posted
        if entry.source_refs[:1] == (document.number,)
    ]
    key = document_key(document)
    return content_key([key, *earlier]) if earlier else key


def _late(closed: ClosedMonth, document: BillingDocument, net_minor: int, chart: Chart) -> Finding:
    month, digits = closed.month, minor_digits(chart.currency)
    net = from_minor(net_minor, digits)
    return Finding(
        kind="late_document",
        severity="warning",
        subject=document.number,
        message=(
            f"{document.kind.replace('_', ' ').capitalize()} {document.number} of "
            f"{month.provider}/{month.billing_account_id} for {month.period} came after that month "
            f"was closed: {format_units(net, digits)} {document.currency} before tax are booked in "
            f"{month.books} with service month {month.period}; look whether the close missed it."
        ),
        amount_units=net,
        currency=document.currency,
        source_document=document.document,
    )


def _missing(closed: ClosedMonth, entry: JournalEntry, chart: Chart) -> Finding:
    number = entry.source_refs[0]
    return Finding(
        kind="booked_document_gone",
        severity="blocking",
        subject=number,
        message=(
            f"Expected {number} of {closed.month.provider}/{closed.month.billing_account_id} for "
            f"{closed.month.period} among its documents because it is booked, found it no longer: "
            "hand it in again; if the provider withdrew it, hand in the credit note."
        ),
        currency=chart.currency,
    )


def _stale(closed: ClosedMonth, chart: Chart) -> list[Finding]:
    month, books = closed.month.period, closed.month.books
    age = (books.year - month.year) * 12 + books.month - month.month
    if age <= STALE_MONTHS:
        return []
    return [
        Finding(
            kind="stale_accrual",
            severity="warning",
            subject=f"{closed.month.provider}/{closed.month.billing_account_id}",
            message=(
                f"The accrual of {closed.month.provider}/{closed.month.billing_account_id} for "
                f"{month} waits for its invoice since {age} months: expected at most "
                f"{STALE_MONTHS}; ask the provider for it, or decide that no bill is coming."
            ),
            currency=chart.currency,
        )
    ]
