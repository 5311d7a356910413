"""Which entries a month of one provider account needs; source: accrual with automatic reversal.

In arrears: accrual and true-up on the last day, both reversed on the first day of the next month,
where the invoice is booked in full. So the month carries the invoice to the cent and the next
month nets to zero. Prepaid: purchases raise the asset, the month's usage draws it down.
Owns the entries; the store gives document numbers and refuses a second posting of the same key.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from tieout.core.errors import UnbalancedEntryError
from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import minor_digits, to_minor
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
from tieout.ledger.chart import Chart, ControlRole
from tieout.ledger.entry import JournalEntry, JournalLine, JournalType, signed_line
from tieout.ledger.grouping import expense_lines, is_cost, lines_hash, net_units
from tieout.reconciliation.invoice_parts import by_invoice
from tieout.reconciliation.prepaid import CreditEvent

__all__ = [
    "AccountMonth",
    "Posting",
    "accrual",
    "changes_between",
    "clearing",
    "credit_event",
    "credit_purchase",
    "drawdown",
    "expense_of",
    "invoice",
    "opening_balance",
    "true_up",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """The entry to post (None: nothing to post) and what was found while building it."""

    entry: JournalEntry | None
    findings: tuple[Finding, ...]


def accrual(
    lines: pa.Table, *, month: AccountMonth, chart: Chart, source_refs: tuple[str, ...] = ()
) -> Posting:
    """Usage received and not invoiced: Dr expense / Cr accrued, before tax, on the last day.

    A month of service that still has no invoice at the end of a later one is accrued there again.
    """
    source = lines_hash(lines)
    if month.booked_in:  # accrued again, because the invoice has still not come
        source = content_key((source, str(month.booked_in)))
    heading = _month_end("accrual", month, source=source, source_refs=source_refs)
    return _against("accrued", lines, heading=heading, month=month, chart=chart)


def drawdown(
    lines: pa.Table, *, month: AccountMonth, chart: Chart, source_refs: tuple[str, ...] = ()
) -> Posting:
    """Prepaid credit consumed: Dr expense / Cr prepaid, on the last day."""
    heading = _month_end("drawdown", month, source=lines_hash(lines), source_refs=source_refs)
    return _against("prepaid", lines, heading=heading, month=month, chart=chart)


def true_up(
    posted: Sequence[JournalEntry],
    lines: pa.Table,
    *,
    month: AccountMonth,
    chart: Chart,
    documents: Sequence[BillingDocument],
    source_refs: tuple[str, ...] = (),
) -> Posting:
    """What the final ledger lines are more than already accrued, line by line, on the last day.

    `posted` may hold any entries; accruals and true-ups of this account-month count. Afterwards
    accrual + true-ups = the invoices before tax (without any: the lines' own total) for every
    account and dimension. A second run finds no difference and posts nothing.
    """
    wanted, findings = expense_of(lines, documents, chart=chart)
    source = lines_hash(lines)
    counted = [entry for entry in posted if _counts(entry, month)]
    entry = to_accrue(counted, wanted, month=month, chart=chart, source=source, refs=source_refs)
    return Posting(entry=entry, findings=findings)


def to_accrue(
    counted: Sequence[JournalEntry],
    wanted: Sequence[JournalLine],
    *,
    month: AccountMonth,
    chart: Chart,
    source: str,
    refs: tuple[str, ...],
) -> JournalEntry | None:
    """The true-up that takes these accruals to the wanted expense lines, on the books' last day."""
    posted = [line for entry in counted for line in entry.lines if is_cost(line)]
    changes = changes_between(posted_lines(posted, month=month, chart=chart), wanted)
    key = content_key((source, *sorted(entry.idempotency_key for entry in counted)))
    heading = _month_end("true_up", month, source=key, source_refs=refs)
    other_side = control_line("accrued", -_sum(changes), month=month, chart=chart)
    return build([*changes, other_side], heading=heading, month=month, chart=chart)


def expense_of(
    lines: pa.Table, documents: Sequence[BillingDocument], *, chart: Chart
) -> tuple[list[JournalLine], tuple[Finding, ...]]:
    """Expense lines of all documents together, each document rounded by itself as it is booked.

    Without a document (prepaid, or nothing billed) the lines round to their own total before tax.
    """
    digits = minor_digits(chart.currency)
    if not documents:
        own = to_minor(net_units(lines), digits)
        alone, findings = expense_lines(lines, chart=chart, total_minor=own, digits=digits)
        return list(alone), findings
    made: list[JournalLine] = []
    found: list[Finding] = []
    for document, rows in by_invoice(lines, documents):
        net, _ = document_minor(document, chart=chart)
        expense, wrong = expense_lines(rows, chart=chart, total_minor=net, digits=digits)
        made += expense
        found += wrong
    return made, tuple(dict.fromkeys(found))


def invoice(
    lines: pa.Table, *, month: AccountMonth, chart: Chart, document: BillingDocument
) -> Posting:
    """The invoice in full: Dr expense, Dr input tax / Cr payable; a credit note the other way.

    Posted on its date of issue, but not before the first day of the next month, where the accrual
    has been reversed. `lines` are the final ledger lines that this document bills, with the
    invoice-only charges (`reconciliation.invoice_parts.by_invoice`).
    """
    net, tax = document_minor(document, chart=chart)
    expense, findings = expense_lines(
        lines, chart=chart, total_minor=net, digits=minor_digits(chart.currency)
    )
    sides = [
        *expense,
        control_line("input_tax", tax, month=month, chart=chart),
        control_line("payable", -net - tax, month=month, chart=chart),
    ]
    entry = build(sides, heading=bill_heading(document, month), month=month, chart=chart)
    return Posting(entry=entry, findings=findings)


def clearing(
    document: BillingDocument, *, month: AccountMonth, chart: Chart
) -> JournalEntry | None:
    """The invoice against its accrual: Dr accrued, Dr input tax / Cr payable; no reversal is made.

    The true-up has taken the accrual to the documents before, so their sum clears it to the cent.
    """
    net, tax = document_minor(document, chart=chart)
    sides = [
        control_line("accrued", net, month=month, chart=chart),
        control_line("input_tax", tax, month=month, chart=chart),
        control_line("payable", -net - tax, month=month, chart=chart),
    ]
    return build(sides, heading=bill_heading(document, month), month=month, chart=chart)


def bill_heading(document: BillingDocument, month: AccountMonth) -> Heading:
    """Of an invoice or credit note, on its day of issue but not before the next month begins."""
    heading = _document_heading(
        "credit_note" if document.kind == "credit_note" else "invoice", document
    )
    return replace(heading, posting_on=max(document.issued_on, month.period.end_on))


def credit_purchase(
    document: BillingDocument, *, month: AccountMonth, chart: Chart
) -> JournalEntry:
    """Prepaid credit bought: Dr prepaid, Dr input tax / Cr cash, on the day it was paid.

    A paper of a month that was closed when it came is booked on the first day of this one. A
    commitment that is billed by an invoice stands against payable instead of cash.

    Raises:
        UnbalancedEntryError: the receipt is of zero.
    """
    net, tax = document_minor(document, chart=chart)
    paid_through: ControlRole = "cash" if document.kind == "receipt" else "payable"
    sides = [
        control_line("prepaid", net, month=month, chart=chart),
        control_line("input_tax", tax, month=month, chart=chart),
        control_line(paid_through, -net - tax, month=month, chart=chart),
    ]
    paid = _document_heading("credit_purchase", document)
    heading = replace(paid, posting_on=max(document.issued_on, month.period.start_on))
    return _required(build(sides, heading=heading, month=month, chart=chart), document.number)


def opening_balance(
    amount_minor: int, *, month: AccountMonth, chart: Chart, source: str
) -> JournalEntry:
    """Credit that was there before the first close: Dr prepaid / Cr opening, on the first day.

    `source` names where the balance was read.

    Raises:
        UnbalancedEntryError: the balance is zero.
    """
    sides = [
        control_line("prepaid", amount_minor, month=month, chart=chart),
        control_line("opening", -amount_minor, month=month, chart=chart),
    ]
    heading = Heading(
        journal_type="opening",
        posting_on=month.period.start_on,
        document_on=month.period.start_on,
        source=content_key((source, amount_minor)),
        source_refs=(source,),
    )
    return _required(build(sides, heading=heading, month=month, chart=chart), source)


def credit_event(event: CreditEvent, *, month: AccountMonth, chart: Chart) -> JournalEntry:
    """Credit granted (Dr prepaid / Cr adjustment) or expired (the other way), on the last day.

    The adjustment account is the chart's `credit_adjustment`, or suspense without one.
    """
    minor = to_minor(event.signed_units, minor_digits(chart.currency))
    sides = [
        control_line("prepaid", minor, month=month, chart=chart),
        control_line("credit_adjustment", -minor, month=month, chart=chart),
    ]
    heading = Heading(
        journal_type="manual" if event.kind == "granted" else "breakage",
        posting_on=month.period.last_on,
        document_on=month.period.last_on,
        source=content_key((event.kind, minor, event.evidence)),
        source_refs=(event.evidence,),
    )
    return _required(build(sides, heading=heading, month=month, chart=chart), event.evidence)


def _against(
    role: ControlRole, lines: pa.Table, *, heading: Heading, month: AccountMonth, chart: Chart
) -> Posting:
    digits = minor_digits(chart.currency)
    total = to_minor(net_units(lines), digits)
    expense, findings = expense_lines(lines, chart=chart, total_minor=total, digits=digits)
    sides = [*expense, control_line(role, -total, month=month, chart=chart)]
    entry = build(sides, heading=heading, month=month, chart=chart)
    return Posting(entry=entry, findings=findings)


def _month_end(
    journal_type: JournalType, month: AccountMonth, *, source: str, source_refs: tuple[str, ...]
) -> Heading:
    return Heading(
        journal_type=journal_type,
        posting_on=month.books.last_on,
        document_on=month.books.last_on,
        source=source,
        source_refs=source_refs,
    )


def _document_heading(journal_type: JournalType, document: BillingDocument) -> Heading:
    return Heading(
        journal_type=journal_type,
        posting_on=document.issued_on,
        document_on=document.issued_on,
        source=document_key(document),
        source_refs=(document.number, document.document),
    )


def _counts(entry: JournalEntry, month: AccountMonth) -> bool:
    is_accrual = entry.journal_type in ("accrual", "true_up")
    return is_accrual and month.has(entry) and month.books.contains(entry.posting_on)


def changes_between(
    already: Sequence[JournalLine], wanted: Sequence[JournalLine]
) -> list[JournalLine]:
    """What takes the lines that stand to the wanted ones: by account and dimensions, zeros kept."""
    changes = {_line_key(line): line for line in [*already, *wanted]}
    amounts = dict.fromkeys(changes, 0)
    for line in wanted:
        amounts[_line_key(line)] += line.amount_minor
    for line in already:
        amounts[_line_key(line)] -= line.amount_minor
    return [
        signed_line(
            line.account,
            amounts[key],
            memo=line.memo,
            dimensions=line.dimensions,
            source_line_ref=line.source_line_ref,
        )
        for key, line in sorted(changes.items())
    ]


def _line_key(line: JournalLine) -> str:
    return json.dumps([line.account, sorted(line.dimensions.items())], ensure_ascii=False)


def _sum(lines: Sequence[JournalLine]) -> int:
    return sum(line.amount_minor for line in lines)


def _required(entry: JournalEntry | None, source: str) -> JournalEntry:
    if entry is None:
        raise UnbalancedEntryError(
            f"{source} should carry an amount to post, found zero: leave it out."
        )
    return entry
