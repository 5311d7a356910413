"""Post: journal entries of the month through the database's posting function, each exactly once.

Owns the order of entries (accrual at month end, true-up to the invoice, reversal, invoice; prepaid:
opening, purchases, drawdown; upfront fees; commitments; what closed months ask for); the entries
themselves are `ledger`'s. Auto-reverse method: the accrual and its true-up reverse on the first day
of the next period, where the invoice is booked.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tieout import log as logs
from tieout.core.finding import Finding
from tieout.core.money import minor_digits, to_minor
from tieout.core.period import Period, parse_period, period_of
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.ledger import late, posting
from tieout.ledger.amortisation import deferral, release
from tieout.ledger.billing_accounts import BillingAccount
from tieout.ledger.building import AccountMonth
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, entry_from_json, reverse
from tieout.ledger.foreign import own_chart, own_view
from tieout.ledger.foreign_lines import own_lines
from tieout.ledger.to_date import ACCRUALS
from tieout.reconciliation.invoice_parts import by_invoice, distinct
from tieout.steps import booking, commitments, earlier, fees, foreign
from tieout.steps.bills import billing_documents, invoices_of
from tieout.steps.context import Context, StepResult
from tieout.steps.fiscal import dated
from tieout.steps.inputs import (
    accounts,
    chart,
    is_billed,
    latest_outputs,
    of_account,
    of_service_month,
)
from tieout.steps.outputs import begin, result, start_run
from tieout.steps.standing import of_type, restated
from tieout.store import findings, journal, periods, runs
from tieout.store.session import Tx

METHOD_VERSION = "1"
SHOWN = ("entries", "posted", "ledger_seq")
log = logs.get("post")


def accrue(context: Context, *, period: str) -> StepResult:
    """Post the month-end accrual of every arrears account from its draft lines.

    Earlier months that were closed without an invoice are accrued again, or booked where it has
    come since; so are other papers of closed months.

    Raises:
        PeriodClosedError: the period takes no entries any more.
        NotReadyError: the draft stage has not been allocated.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        runs.hold(tx, "post", "journal")  # what is posted is read before it is added to
        periods.ensure(tx, period)
        lines, source = _lines(context, tx, month, "draft")
        books = chart(tx, month)
        made = [
            posting.accrual(
                _of(lines, account),
                month=_month(account, month),
                chart=own_chart(books, account.currency),
                source_refs=(source,),
            )
            for account in _accounts(tx, month, "arrears")
            if not of_type(_posted(tx, account, month), "accrual")
        ]
        for _, own in _earlier(context, tx, month, books=books):
            made += own
        made = foreign.in_books(tx, month, books, made)
        return _post(context, tx, "accrue", month, made, reads=[source])


def settle(context: Context, *, period: str) -> StepResult:
    """Post what the documents say: true-ups, reversals, invoices, and the prepaid month.

    An account in arrears without an invoice is accrued by its final report; whether the month may
    be closed without it is the checklist's and a person's decision. Then what closed months ask for
    (accrued again, booked late), and upfront fees: deferred in the month that bills them, released
    in later ones. At last what is owed in foreign currencies is taken to the closing rate.

    Raises:
        PeriodClosedError: the period takes no entries any more.
        NotReadyError: a stage has not been allocated, or a rate is missing.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        runs.hold(tx, "post", "journal")
        periods.ensure(tx, period)
        periods.ensure(tx, str(month.next()))
        lines, source = _lines(context, tx, month, "final")
        books = chart(tx, month)
        made: list[posting.Posting] = []
        for account in _accounts(tx, month, "arrears"):
            own_books = own_chart(books, account.currency)
            made += _settle_arrears(context, tx, account, month, books=own_books, lines=lines)
        for account in (*_accounts(tx, month, "prepaid"), *_accounts(tx, month, "commitment")):
            made += _settle_prepaid(context, tx, account, month, books=books, lines=lines)
        for closed, own in _earlier(context, tx, month, books=books):
            made += [*own, *late.reversals(closed, own)]
        made = foreign.in_books(tx, month, books, made)
        made += _amortise(context, tx, month, books=books)
        made += _commitments(tx, month, books=books)
        made += foreign.remeasured(tx, month, books, made)
        return _post(context, tx, "settle", month, made, reads=[source])


def _settle_arrears(
    context: Context,
    tx: Tx,
    account: BillingAccount,
    month: Period,
    *,
    books: Chart,
    lines: pa.Table,
) -> list[posting.Posting]:
    documents, _ = distinct(invoices_of(billing_documents(context, tx, account, month)))
    posted = _posted(tx, account, month)
    accrued = [
        entry
        for entry in posted
        if entry.journal_type in ACCRUALS and month.contains(entry.posting_on)
    ]
    if not documents and not accrued and not is_billed(context, tx, account, month):
        return []
    own = _of(lines, account)
    top_up = posting.true_up(
        accrued, own, month=_month(account, month), chart=books, documents=documents
    )
    if account.relief == "clear_on_match":
        return [top_up, *_cleared(account, month, books=books, documents=documents, posted=posted)]
    reversed_before = {entry.reverses for entry in posted if entry.reverses}
    to_reverse = [
        entry
        for entry in (*accrued, *([top_up.entry] if top_up.entry else []))
        if entry.idempotency_key not in reversed_before
    ]
    reversals = [
        posting.Posting(entry=reverse(entry, on=month.end_on), findings=()) for entry in to_reverse
    ]
    booked = _invoices(account, month, books=books, parts=by_invoice(own, documents), posted=posted)
    return [top_up, *reversals, *booked]


def _invoices(
    account: BillingAccount,
    month: Period,
    *,
    books: Chart,
    parts: Sequence[tuple[BillingDocument, pa.Table]],
    posted: Sequence[JournalEntry],
) -> list[posting.Posting]:
    """One entry for each document; the standing entry of a document that is gone is reversed."""
    standing = [*of_type(posted, "invoice"), *of_type(posted, "credit_note")]
    numbers = {document.number for document, _ in parts}
    gone = [entry for entry in standing if entry.source_refs[0] not in numbers]
    made = _postings(restated(gone, None, posted=posted), ())
    for document, rows in parts:
        booked = posting.invoice(rows, month=_month(account, month), chart=books, document=document)
        own = [entry for entry in standing if entry.source_refs[0] == document.number]
        made += _postings(restated(own, booked.entry, posted=posted), booked.findings)
    return made


def _cleared(
    account: BillingAccount,
    month: Period,
    *,
    books: Chart,
    documents: Sequence[BillingDocument],
    posted: Sequence[JournalEntry],
) -> list[posting.Posting]:
    """Each document clears its part of the accrual, which no reversal ends."""
    standing = [*of_type(posted, "invoice"), *of_type(posted, "credit_note")]
    numbers = {document.number for document in documents}
    gone = [entry for entry in standing if entry.source_refs[0] not in numbers]
    made = restated(gone, None, posted=posted)
    for document in documents:
        own = [entry for entry in standing if entry.source_refs[0] == document.number]
        wanted = posting.clearing(document, month=_month(account, month), chart=books)
        made += restated(own, wanted, posted=posted)
    return _postings(made, ())


def _settle_prepaid(
    context: Context,
    tx: Tx,
    account: BillingAccount,
    month: Period,
    *,
    books: Chart,
    lines: pa.Table,
) -> list[posting.Posting]:
    own = _month(account, month)
    posted = _posted(tx, account, month)
    entries = restated(
        of_type(posted, "opening"), _opening(account, own, books=books), posted=posted
    )
    for document in earlier.purchases(context, tx, account, month):
        bought = posting.credit_purchase(document, month=own, chart=books)
        standing = [
            entry
            for entry in of_type(posted, "credit_purchase")
            if entry.source_refs[0] == document.number
        ]
        entries += restated(standing, bought, posted=posted)
    entries += _credit_events(account, own, books=books, posted=posted)
    drawn = posting.drawdown(_of(lines, account), month=own, chart=books)
    entries += restated(of_type(posted, "drawdown"), drawn.entry, posted=posted)
    return _postings(entries, drawn.findings)


def _credit_events(
    account: BillingAccount,
    month: AccountMonth,
    *,
    books: Chart,
    posted: Sequence[JournalEntry],
) -> list[JournalEntry]:
    """Entries of granted and expired credit; one that left the register is reversed."""
    wanted = [
        posting.credit_event(event, month=month, chart=books)
        for event in account.credit_events(str(month.period))
    ]
    standing = [*of_type(posted, "manual"), *of_type(posted, "breakage")]
    refs = {entry.source_refs[0] for entry in wanted}
    gone = [entry for entry in standing if entry.source_refs[0] not in refs]
    made = restated(gone, None, posted=posted)
    for entry in wanted:
        own = [one for one in standing if one.source_refs[0] == entry.source_refs[0]]
        made += restated(own, entry, posted=posted)
    return made


def _earlier(
    context: Context, tx: Tx, month: Period, *, books: Chart
) -> list[tuple[late.ClosedMonth, list[posting.Posting]]]:
    """What each closed month asks of this one; a closed month itself takes nothing more."""
    if periods.state(tx, str(month)) == "closed":
        return []
    posted = [entry_from_json(value) for value in journal.entries(tx)]
    made = [
        (one, late.entries_of(one, chart=_chart(tx, one.month, books)))
        for one in earlier.found(context, tx, month, posted)
    ]
    for entry in (one.entry for _, own in made for one in own if one.entry):
        periods.ensure(tx, str(period_of(entry.posting_on)))
    return made


def _amortise(context: Context, tx: Tx, month: Period, *, books: Chart) -> list[posting.Posting]:
    """What the month takes of each upfront fee; entries of a fee that is gone are reversed.

    A closed month takes nothing more: the release of the next open one catches up.
    """
    if periods.state(tx, str(month)) == "closed":
        return []
    posted = [entry_from_json(value) for value in journal.entries(tx)]
    own = [entry for entry in of_type(posted, "amortisation") if entry.service_period == str(month)]
    made: list[JournalEntry] = []
    for one in fees.through(context, tx, month):
        entries = one.entries(posted)
        at = one.month(month)
        foreign.refuse_fee(tx, at, books)
        if one.fee.billed == month:
            wanted = deferral(one.fee, month=at, chart=books)
        else:
            before = [entry for entry in entries if entry.service_period < str(month)]
            wanted = release(one.fee, before, month=at, chart=books)
        standing = [entry for entry in own if entry in entries]
        own = [entry for entry in own if entry not in standing]
        made += restated(standing, wanted, posted=posted)
    return _postings([*restated(own, None, posted=posted), *made], ())


def _chart(tx: Tx, month: AccountMonth, books: Chart) -> Chart:
    """The chart by which a month of service is posted: in its currency, with its legal entities."""
    return foreign.chart_of(tx, month, of_service_month(tx, books, month.period))


def _commitments(tx: Tx, month: Period, *, books: Chart) -> list[posting.Posting]:
    """Memo and shortfall of each commitment; a closed month takes nothing more."""
    if periods.state(tx, str(month)) == "closed":
        return []
    posted = [entry_from_json(value) for value in journal.entries(tx)]
    return _postings(commitments.entries(tx, month, posted, books=books), ())


def _opening(account: BillingAccount, month: AccountMonth, *, books: Chart) -> JournalEntry | None:
    if account.opening_period != str(month.period) or not account.opening_units:
        return None
    return posting.opening_balance(
        to_minor(account.opening_units, minor_digits(account.currency)),
        month=month,
        chart=books,
        source=f"accounts policy, opening of {account.subject}",
    )


def _postings(entries: Sequence[JournalEntry], found: tuple[Finding, ...]) -> list[posting.Posting]:
    first = [posting.Posting(entry=None, findings=found)] if found else []
    return [*first, *(posting.Posting(entry=entry, findings=()) for entry in entries)]


def _post(
    context: Context,
    tx: Tx,
    step: str,
    month: Period,
    made: Sequence[posting.Posting],
    *,
    reads: list[str],
) -> StepResult:
    """Post all entries in one transaction; equal entries that stand already are left alone."""
    problems: list[Finding] = [finding for one in made for finding in one.findings]
    entries = dated(tx, [one.entry for one in made if one.entry is not None])
    at = booking.post_all(tx, entries)
    new = sum(one.is_new for one in at)
    work = begin(
        context,
        step,
        str(month),
        reads=[METHOD_VERSION, *reads, *(entry.idempotency_key for entry in entries)],
    )
    outputs: dict[str, Any] = {
        "entries": len(entries),
        "posted": new,
        "ledger_seq": journal.ledger_seq(tx),
    }
    if new:
        run_made = start_run(context, tx, work, outputs=outputs)
        findings.add_all(tx, run_made.run_id, problems)
        booking.record(tx, str(month), entries, at, outputs)
    log.info("posted", period=str(month), entries=len(entries), new=new)
    return result(work, "done" if new else "unchanged", outputs, SHOWN)


def _posted(tx: Tx, account: BillingAccount, month: Period) -> list[JournalEntry]:
    """Entries of the account for this service period, in any posting period, as on its papers."""
    found = own_view(entry_from_json(value) for value in journal.entries(tx))
    return [
        entry
        for entry in found
        if entry.service_period == str(month)
        and entry.provider == account.provider
        and entry.billing_account_id == account.billing_account_id
    ]


def _lines(context: Context, tx: Tx, month: Period, stage: str) -> tuple[pa.Table, str]:
    stored = latest_outputs(tx, "allocate", f"{month}/{stage}")["lines"]
    lines = with_own_dimensions(context.lake.get_table(stored["path"], stored["sha256"]))
    return lines, stored["sha256"]


def _of(lines: pa.Table, account: BillingAccount) -> pa.Table:
    return own_lines(of_account(lines, account.provider, account.billing_account_id))


def _accounts(tx: Tx, month: Period, mode: str) -> list[BillingAccount]:
    return [account for account in accounts(tx, month) if account.mode == mode]


def _month(account: BillingAccount, month: Period) -> AccountMonth:
    return AccountMonth(
        provider=account.provider, billing_account_id=account.billing_account_id, period=month
    )
