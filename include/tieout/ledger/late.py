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
from tieout.ledger.billing_accounts import Relief
from tieout.ledger.building import (
    AccountMonth,
    Heading,
    build,
    control_line,
    document_key,
    document_minor,
)
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, JournalLine, reverse
from tieout.ledger.grouping import late_lines, lines_hash
from tieout.ledger.posting import Posting, accrual, to_accrue
from tieout.reconciliation.invoice_parts import by_invoice

STALE_MONTHS = 6  # a bill that is later than this may never come
ACCRUALS = ("accrual", "true_up")
_BILLS = ("invoice", "credit_note")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedMonth:
    """One account in arrears and one closed month, as an open month finds them.

    `lines` are the ledger lines as reported at its close (LEDGER_SCHEMA); `posted` all entries of
    this account and service month; `documents` the bills that have arrived, each once, those that
    the close knew among them; `month.booked_in` is the open month. Under `clear_on_match` the
    accrual of the close stands until its invoice comes, and nothing is accrued again.
    """

    month: AccountMonth
    lines: pa.Table
    posted: tuple[JournalEntry, ...]
    documents: tuple[BillingDocument, ...]
    relief: Relief = "auto_reverse"

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
    def standing(self) -> tuple[JournalEntry, ...]:
        """Invoices and credit notes that are booked and not taken back."""
        return standing_bills(self.posted)

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
        """Documents that are not booked."""
        booked = {entry.source_refs[0] for entry in self.standing}
        return tuple(one for one in self.documents if one.number not in booked)

    @property
    def waits(self) -> bool:
        """Whether something was accrued and no invoice of it was issued by the end of the books."""
        accrued = any(entry.journal_type in ACCRUALS for entry in self.posted)
        last = self.month.books.last_on
        issued = any(one.kind == "invoice" and one.issued_on <= last for one in self.documents)
        return accrued and not issued and not is_billed(self.posted)


def is_billed(posted: Sequence[JournalEntry]) -> bool:
    """Whether the entries of an account-month hold its bill, not only a late credit note."""
    return any(
        entry.journal_type == "invoice" or entry.adjustment_kind == "none"
        for entry in standing_bills(posted)
    )


def standing_bills(posted: Sequence[JournalEntry]) -> tuple[JournalEntry, ...]:
    """The invoices and credit notes among the entries that no other entry reverses."""
    undone = {entry.reverses for entry in posted}
    return tuple(
        entry
        for entry in posted
        if entry.journal_type in _BILLS and entry.idempotency_key not in undone
    )


def entries_of(closed: ClosedMonth, *, chart: Chart) -> list[Posting]:
    """What the open month takes for a closed one, in the order of posting; nothing where it has it.

    An accrual as at the close where no invoice was issued by the open month's end. Then what books
    the documents that came after the close: on the day of issue, but not before the open month
    begins; where the month is accrued here, that accrual is taken to the documents, and they are
    booked where it is reversed. A document that was issued again under another number is taken
    back; one that is merely gone is left alone, with a blocking finding.
    """
    again = _accrued_again(closed, chart=chart)
    added = tuple(one.entry for one in again if one.entry)
    now = replace(closed, posted=(*closed.posted, *added))
    return [*again, *_gone(now, chart=chart), *_late_bills(now, chart=chart)]


def reversals(closed: ClosedMonth, made: Sequence[Posting]) -> list[Posting]:
    """The reversals, on the first day of the next month, of what was accrued again in this one."""
    if closed.relief == "clear_on_match":
        return []
    undone = {entry.reverses for entry in closed.posted}
    new = [one.entry for one in made if one.entry and one.entry.journal_type in ACCRUALS]
    return [
        Posting(entry=reverse(entry, on=closed.month.books.end_on), findings=())
        for entry in (*closed.accrued_here, *new)
        if entry.idempotency_key not in undone
    ]


def late_expense(
    lines: pa.Table, documents: Sequence[BillingDocument], *, chart: Chart, wanted: Sequence[str]
) -> tuple[list[JournalLine], tuple[Finding, ...]]:
    """Expense lines of those late documents whose numbers are wanted, as they are booked.

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


def _accrued_again(closed: ClosedMonth, *, chart: Chart) -> list[Posting]:
    if not closed.waits or closed.accrued_here:
        return []
    if closed.relief == "clear_on_match":
        return [Posting(entry=None, findings=tuple(_stale(closed, chart)))]
    made = accrual(closed.lines, month=closed.month, chart=chart)
    return [Posting(entry=made.entry, findings=(*made.findings, *_stale(closed, chart)))]


def _gone(closed: ClosedMonth, *, chart: Chart) -> list[Posting]:
    known = {one.number for one in closed.documents}
    gone = [entry for entry in closed.standing if entry.source_refs[0] not in known]
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
    if not fresh:
        return []
    if closed.relief == "clear_on_match" and not is_billed(closed.posted):
        return _cleared(closed, chart=chart)
    is_due = any(one.kind == "invoice" for one in fresh) and bool(closed.accrued_here)
    first = closed.month.books.end_on if is_due else closed.month.books.start_on
    booked = [_booked(closed, one, first=first, chart=chart) for one in fresh]
    if not is_due:
        return booked
    return [_trued_up(closed, chart, counted=closed.accrued_here), *booked]


def _cleared(closed: ClosedMonth, *, chart: Chart) -> list[Posting]:
    """The accrual is taken to the documents in the open month, and each document clears its part.

    Credit notes that come without their invoice wait for it, so that nothing is cleared twice.
    """
    if not any(one.kind == "invoice" for one in closed.fresh):
        return []
    booked = []
    for document in closed.fresh:
        net, _ = document_minor(document, chart=chart)
        accrued = control_line("accrued", net, month=closed.month, chart=chart)
        booked.append(
            _bill(closed, document, [accrued], first=closed.month.books.start_on, chart=chart)
        )
    return [_trued_up(closed, chart, counted=closed.accrued_still), *booked]


def _trued_up(closed: ClosedMonth, chart: Chart, *, counted: Sequence[JournalEntry]) -> Posting:
    numbers = [one.number for one in closed.fresh]
    lines, wrong = late_expense(closed.lines, closed.documents, chart=chart, wanted=numbers)
    entry = to_accrue(
        counted,
        lines,
        month=closed.month,
        chart=chart,
        source=content_key((lines_hash(closed.lines), *sorted(numbers))),
        refs=tuple(numbers),
    )
    as_estimate = replace(entry, adjustment_kind="change_in_estimate") if entry else None
    return Posting(entry=as_estimate, findings=wrong)


def _booked(
    closed: ClosedMonth, document: BillingDocument, *, first: date, chart: Chart
) -> Posting:
    lines, wrong = late_expense(
        closed.lines, closed.documents, chart=chart, wanted=[document.number]
    )
    made = _bill(closed, document, lines, first=first, chart=chart)
    return replace(made, findings=(*wrong, *made.findings))


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
    return Posting(entry=entry, findings=(_late(closed, document, net, chart),))


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
