"""What a close stood on: the version of every provider answer and how it was read, kept for ever.

Papers and reports that arrive after the close are new facts of the open month; they never change
what a closed one shows. Owns the pin that the request for signatures leaves, and its reading.
"""

from typing import Any

from tieout.core.period import Period
from tieout.ledger.billing_accounts import BillingAccount
from tieout.steps.context import Context
from tieout.steps.outputs import begin, start_run
from tieout.store import periods, runs, snapshots
from tieout.store.session import Tx

READ = ("cost", "documents")
Pins = dict[str, dict[str, Any]]


def pin_close(
    context: Context,
    tx: Tx,
    month: Period,
    registered: tuple[BillingAccount, ...],
    content_hash: str,
) -> None:
    """Keep which versions and readings this content was made of."""
    newest = {
        (one.provider, one.billing_account_id, one.kind): one.snapshot_id
        for one in snapshots.heads(tx, str(month))
    }
    found: Pins = {}
    for account in registered:
        own = {
            kind: key
            for (provider, number, kind), key in newest.items()
            if (provider, number) == (account.provider, account.billing_account_id)
        }
        read = {
            kind: run.run_id
            for kind in READ
            if (run := runs.latest(tx, "normalise", f"{month}/{account.subject}/{kind}"))
        }
        found[account.subject] = {"snapshots": own, "runs": read}
    work = begin(context, "pin", _subject(month), reads=[content_hash])
    start_run(context, tx, work, outputs={"accounts": found, "content_hash": content_hash})


def of_close(tx: Tx, month: Period) -> Pins | None:
    """The pins of a closed month by account; None while it is open, or where none were left."""
    period = periods.find(tx, str(month))
    if period is None or period.content_hash is None:
        return None
    kept = [
        run
        for run in runs.every(tx, "pin", _subject(month))
        if run.outputs["content_hash"] == period.content_hash
    ]
    return dict(kept[-1].outputs["accounts"]) if kept else None


def _subject(month: Period) -> str:
    return f"{month}/close"
