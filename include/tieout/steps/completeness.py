"""Completeness: which day of which account has been received, in which version. Reads only.

Owns the comparison of what the register expects with what the store has; a day without a mark is a
hole, whether the provider was throttled, empty or never asked.
"""

from datetime import date
from typing import Any

from tieout.core.period import Period, parse_period
from tieout.ledger.billing_accounts import BillingAccount
from tieout.steps.context import Context
from tieout.steps.inputs import accounts
from tieout.store import coverage, snapshots
from tieout.store.session import Tx


def run(context: Context, *, period: str) -> dict[str, Any]:
    """Every expected day of every registered account, and the holes by account.

    A day is `expected` when it is over; `received` days name the version that shows them: number,
    rows of the day, content hash and when it was fetched.

    Raises:
        NotReadyError: no register is approved for the period.
    """
    month = parse_period(period)
    today = context.now().date()
    with context.store.transaction() as tx:
        marks = {
            (mark.provider, mark.billing_account_id, mark.day): mark
            for mark in coverage.matrix(tx, period)
            if mark.kind == "cost"
        }
        days = [
            _day(account, day, marks.get((*_key(account), day)), versions, today=today)
            for account in accounts(tx, month)
            for versions in [_versions(tx, account, month)]
            for day in month.days()
        ]
    holes = [one for one in days if one["expected"] and not one["received"]]
    return {
        "period": period,
        "expected": sum(1 for one in days if one["expected"]),
        "received": sum(1 for one in days if one["received"]),
        "holes": [{"account": one["account"], "day": one["day"]} for one in holes],
        "days": days,
    }


def _versions(tx: Tx, account: BillingAccount, month: Period) -> dict[str, snapshots.Snapshot]:
    provider, billing_account_id = _key(account)
    found = snapshots.versions(
        tx,
        provider=provider,
        billing_account_id=billing_account_id,
        period=str(month),
        kind="cost",
    )
    return {snapshot.snapshot_id: snapshot for snapshot in found}


def _day(
    account: BillingAccount,
    day: date,
    mark: coverage.Mark | None,
    versions: dict[str, snapshots.Snapshot],
    *,
    today: date,
) -> dict[str, Any]:
    snapshot = versions[mark.snapshot_id] if mark else None
    return {
        "account": account.subject,
        "day": day.isoformat(),
        "expected": day < today,
        "received": mark is not None,
        "rows": mark.rows if mark else None,
        "version": snapshot.version if snapshot else None,
        "content_sha256": snapshot.content_sha256 if snapshot else None,
        "refreshed_at": snapshot.fetched_at.isoformat() if snapshot else None,
    }


def _key(account: BillingAccount) -> tuple[str, str]:
    return account.provider, account.billing_account_id
