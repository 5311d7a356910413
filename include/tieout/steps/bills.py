"""The billing documents of a month, as they have been read: bills, credit notes, receipts.

Owns which of them a month books. Reads stored bytes with their hashes checked; reads no paper anew
but for the review.
"""

import json

from tieout.core.errors import DocumentUnreadableError
from tieout.core.period import Period
from tieout.focus.document import BillingDocument, document_from_json
from tieout.ledger.billing_accounts import BillingAccount
from tieout.reconciliation.invoice_parts import distinct, of_month
from tieout.sources.base import load_invoice_format
from tieout.steps.context import Context
from tieout.steps.inputs import known_snapshot, reading, snapshot_head
from tieout.store import intake, runs, snapshots
from tieout.store.session import Tx


def billing_documents(
    context: Context, tx: Tx, account: BillingAccount, month: Period
) -> tuple[BillingDocument, ...]:
    """The documents of the month that have been read, ordered by date and number.

    Of a closed month those that its close knew.
    """
    snapshot = known_snapshot(tx, account, month, "documents")
    return _documents(context, snapshot, reading(tx, account, month, "documents"), month)


def arrived_documents(
    context: Context, tx: Tx, account: BillingAccount, month: Period
) -> tuple[BillingDocument, ...]:
    """As `billing_documents`, with what has arrived since a close."""
    snapshot = snapshot_head(tx, account, month, "documents")
    run = runs.latest(tx, "normalise", f"{month}/{account.subject}/documents")
    return _documents(context, snapshot, run, month)


def _documents(
    context: Context, snapshot: snapshots.Snapshot | None, run: runs.Run | None, month: Period
) -> tuple[BillingDocument, ...]:
    if snapshot is None or run is None or run.outputs["snapshot"] != snapshot.snapshot_id:
        return ()
    content = context.lake.get(run.outputs["path"], run.outputs["sha256"])
    return of_month((document_from_json(value) for value in json.loads(content)), month)


def figures_of(context: Context, paper: intake.Paper) -> tuple[BillingDocument, ...]:
    """What a document of the review says by itself, as far as it can be read."""
    if paper.format is None:
        return ()
    content = context.lake.get(paper.lake_path, paper.sha256)
    try:
        return load_invoice_format(paper.format).read(content, document_sha256=paper.sha256)
    except DocumentUnreadableError:
        return ()


def invoices_of(documents_found: tuple[BillingDocument, ...]) -> tuple[BillingDocument, ...]:
    """The month's invoices and credit notes; empty when none has been issued yet."""
    return tuple(document for document in documents_found if document.kind != "receipt")


def purchases_of(
    documents_found: tuple[BillingDocument, ...], account: BillingAccount
) -> tuple[BillingDocument, ...]:
    """What bought credit in the month: receipts, or the invoices of a commitment."""
    kind = "receipt" if account.mode == "prepaid" else "invoice"
    return tuple(document for document in documents_found if document.kind == kind)


def counted(
    documents_found: tuple[BillingDocument, ...], account: BillingAccount
) -> tuple[BillingDocument, ...]:
    """The month's documents that are booked: bills of an account in arrears, else purchases."""
    if account.mode == "arrears":
        return distinct(invoices_of(documents_found))[0]
    return distinct(purchases_of(documents_found, account))[0]
