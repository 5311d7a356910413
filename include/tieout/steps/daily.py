"""Daily: every open month reconciled to what is known so far, and how it moved since yesterday.

Owns which months are open and what a day leaves: one run a month and day, never changed. A closed
month is shown as it was closed.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from tieout import log as logs
from tieout.core.period import Period, parse_period, period_of
from tieout.ledger.billing_accounts import BillingAccount
from tieout.reconciliation.so_far import SoFar, so_far
from tieout.reports.figures import AccountFigures, drift, figures_rows, kept
from tieout.steps import evidence
from tieout.steps.bills import billing_documents, counted
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import accounts, estimate_file, snapshot_head
from tieout.steps.outputs import begin, done_before, finish
from tieout.store import charge_files, periods, runs
from tieout.store.session import Tx

METHOD_VERSION = "1"
STEP = "daily"
log = logs.get(STEP)


def run(context: Context, *, day: date) -> StepResult:
    """Reconcile the month of a day and every other open month to what is known now.

    The same figures again on one day change nothing; the next day is compared with the last run of
    an earlier day.

    Raises:
        NotReadyError: no account is registered.
    """
    today = context.now().date()
    done = moved = 0
    with context.store.transaction() as tx:
        months = _open_months(tx, period_of(day))
        for month in months:
            changed = _reconcile(context, tx, month, today)
            done += changed is not None
            moved += changed or 0
    log.info("reconciled_to_date", day=str(today), months=len(months), moved=moved)
    return StepResult(
        step=STEP,
        subject=str(day),
        status="done" if done else "unchanged",
        summary={"months": len(months), "moved": moved},
    )


def figures(context: Context, *, period: str) -> dict[str, Any]:
    """Estimate, report and invoice of each account, the state of each, and the last day's drift.

    Raises:
        NotReadyError: no account is registered.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        is_closed = periods.state(tx, period) == "closed"
        known = _as_closed(context, tx, month) if is_closed else _known(context, tx, month)
        days = _days(tx, month)
    last = days[-1] if days else None
    before = _before(days, last.outputs["day"]) if last else None
    return {
        "period": period,
        "state": "closed" if is_closed else "open",
        "accounts": figures_rows(known, is_closed=is_closed),
        "day": last.outputs["day"] if last else None,
        "since": before.outputs["day"] if before else None,
        "drift": drift(last.outputs["accounts"], before.outputs["accounts"])
        if last and before
        else [],
    }


def _open_months(tx: Tx, month: Period) -> list[Period]:
    known = {one.period: one.state for one in periods.listing(tx)}
    found = {parse_period(text) for text, state in known.items() if state != "closed"}
    if known.get(str(month)) != "closed":
        found.add(month)
    return sorted(found)


def _reconcile(context: Context, tx: Tx, month: Period, today: date) -> int | None:
    """Keep what is known of a month; gives how many accounts moved, None when nothing is new."""
    found = kept(_known(context, tx, month))
    work = begin(context, STEP, str(month), reads=[METHOD_VERSION, str(today), *map(str, found)])
    if done_before(tx, work):
        return None
    before = _before(_days(tx, month), str(today))
    changes = drift(found, before.outputs["accounts"]) if before else []
    outputs = {"day": str(today), "accounts": found, "drift": changes}
    finish(context, tx, work, outputs=outputs, action="reconciled_to_date")
    return len(changes)


def _days(tx: Tx, month: Period) -> list[runs.Run]:
    return runs.every(tx, STEP, str(month))


def _before(days: Sequence[runs.Run], day: str) -> runs.Run | None:
    """The last run of an earlier day."""
    earlier = [one for one in days if one.outputs["day"] < day]
    return earlier[-1] if earlier else None


def _known(context: Context, tx: Tx, month: Period) -> list[AccountFigures]:
    return [
        AccountFigures(
            account=account.subject,
            mode=account.mode,
            currency=account.currency,
            found=_so_far(context, tx, account, month),
        )
        for account in accounts(tx, month)
    ]


def _so_far(context: Context, tx: Tx, account: BillingAccount, month: Period) -> SoFar:
    snapshot = snapshot_head(tx, account, month, "cost")
    report = charge_files.get(tx, snapshot.snapshot_id, "charges") if snapshot else None
    papers = billing_documents(context, tx, account, month)
    return so_far(
        _table(context, estimate_file(tx, account, month)),
        _table(context, report),
        counted(papers, account) if account.mode == "arrears" else (),
    )


def _as_closed(context: Context, tx: Tx, month: Period) -> list[AccountFigures]:
    """The figures that two people signed, whatever came later."""
    found = evidence.load(context, tx, month)
    return [
        AccountFigures(
            account=f"{row.provider}/{row.billing_account_id}",
            mode=row.mode,
            currency=found.currency,
            found=SoFar(
                estimated_units=row.estimated_units,
                reported_units=row.reported_units,
                invoiced_units=row.billed_units if row.mode == "arrears" else None,
            ),
        )
        for row in found.statement().rows
    ]


def _table(context: Context, file: charge_files.ChargeFile | None) -> pa.Table | None:
    return file and context.lake.get_table(file.lake_path, file.file_sha256)
