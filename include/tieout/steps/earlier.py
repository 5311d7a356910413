"""The closed months that an open one still has to do with: missing invoices, papers that came late.

Owns where they are found: every earlier closed month, the lines and documents that its close stood
on, and what has arrived since. The entries are `ledger.late`'s, `post` posts them. A receipt that
came late is credit of the open month.
"""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from tieout.core.period import Period, parse_period
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.ledger.amortisation import without_fees
from tieout.ledger.billing_accounts import BillingAccount
from tieout.ledger.building import AccountMonth
from tieout.ledger.entry import JournalEntry, entry_from_json
from tieout.ledger.foreign import own_view
from tieout.ledger.foreign_lines import own_lines
from tieout.ledger.late import ClosedMonth
from tieout.ledger.to_date import Bills
from tieout.reconciliation.invoice_parts import distinct
from tieout.steps.bills import (
    arrived_documents,
    billing_documents,
    invoices_of,
    purchases_of,
)
from tieout.steps.context import Context
from tieout.steps.inputs import accounts, latest_outputs, of_account
from tieout.store import journal, periods, restated
from tieout.store.session import Tx

LOOK_BACK = 12  # months in which providers still send papers


def paper_series(context: Context, *, period: str) -> list[tuple[str, str]]:
    """Months and providers whose papers the close of this month looks for, oldest first.

    Its own, and those of the months that were closed in the year before.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        closed = _closed_before(tx, month)[-LOOK_BACK:]
        return [
            (str(one), provider)
            for one in (*closed, month)
            for provider in sorted({account.provider for account in accounts(tx, one)})
        ]


def found(
    context: Context, tx: Tx, month: Period, posted: Sequence[JournalEntry]
) -> Iterator[ClosedMonth]:
    """Each account in arrears of each earlier closed month that waits, or that has a new paper.

    `posted` are all entries of the ledger.
    """
    for closed in _closed_before(tx, month):
        for account in accounts(tx, closed):
            if account.mode == "arrears":
                own = AccountMonth(
                    provider=account.provider,
                    billing_account_id=account.billing_account_id,
                    period=closed,
                    booked_in=month,
                )
                mine = tuple(own_view(one for one in without_fees(posted) if own.has(one)))
                one = _one(context, tx, account, own, mine)
                if one is not None:
                    yield one


def bills(context: Context, tx: Tx, account: BillingAccount, month: Period) -> Bills:
    """The bills of an account, each once; of an open month all are known; prepaid has none."""
    if account.mode != "arrears":
        return Bills()
    known, _ = distinct(invoices_of(billing_documents(context, tx, account, month)))
    arrived, _ = distinct(invoices_of(arrived_documents(context, tx, account, month)))
    then, now = {one.number for one in known}, {one.number for one in arrived}
    return Bills(
        known=tuple(one for one in known if one.number in now),
        late=tuple(one for one in arrived if one.number not in then),
        relief=account.relief,
    )


def purchases(
    context: Context, tx: Tx, account: BillingAccount, month: Period
) -> tuple[BillingDocument, ...]:
    """What bought credit in a month: its own papers, and late ones of the months closed before it.

    A late paper counts in the first month that is open when it comes; once its entry is posted it
    stays there. Each once; none for an account in arrears.
    """
    if account.mode == "arrears":
        return ()
    own = purchases_of(billing_documents(context, tx, account, month), account)
    late = _late_purchases(context, tx, account, month)
    if late:
        booked = _bought_in(tx, account)
        is_open = periods.state(tx, str(month)) != "closed"
        here = {str(month), None} if is_open else {str(month)}
        late = [one for one in late if booked.get(one.number) in here]
    return distinct((*own, *late))[0]


def _late_purchases(
    context: Context, tx: Tx, account: BillingAccount, month: Period
) -> list[BillingDocument]:
    """Purchases of the months closed before, as far as their own close did not know them."""
    found = []
    for closed in _closed_before(tx, month)[-LOOK_BACK:]:
        arrived = purchases_of(arrived_documents(context, tx, account, closed), account)
        known = {one.number for one in billing_documents(context, tx, account, closed)}
        found += [one for one in arrived if one.number not in known]
    return found


def _bought_in(tx: Tx, account: BillingAccount) -> dict[str, str]:
    """The month that booked each purchase of an account, by number; what was undone is none."""
    posted = [entry_from_json(value) for value in journal.entries(tx)]
    undone = {entry.reverses for entry in posted}
    return {
        entry.source_refs[0]: entry.service_period
        for entry in posted
        if entry.journal_type == "credit_purchase"
        and (entry.provider, entry.billing_account_id)
        == (account.provider, account.billing_account_id)
        and entry.idempotency_key not in undone
    }


def _one(
    context: Context,
    tx: Tx,
    account: BillingAccount,
    month: AccountMonth,
    posted: tuple[JournalEntry, ...],
) -> ClosedMonth | None:
    papers = bills(context, tx, account, month.period)
    if not papers.all and not posted:
        return None
    reported = latest_outputs(tx, "allocate", f"{month.period}/final")["lines"]
    newest = restated.head(tx, str(month.period))
    return ClosedMonth(
        month=month,
        lines=_lines(context, account, reported),
        present=_lines(context, account, newest.files["lines"] if newest else reported),
        posted=posted,
        bills=papers,
    )


def _lines(context: Context, account: BillingAccount, stored: Mapping[str, str]) -> pa.Table:
    lines = with_own_dimensions(context.lake.get_table(stored["path"], stored["sha256"]))
    return own_lines(of_account(lines, account.provider, account.billing_account_id))


def _closed_before(tx: Tx, month: Period) -> list[Period]:
    return [
        parse_period(one.period)
        for one in periods.listing(tx)
        if one.state == "closed" and one.period < str(month)
    ]
