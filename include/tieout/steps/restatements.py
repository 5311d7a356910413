"""Restatements: what a provider changed between two versions of one month's report. Reads only.

Owns the choice of versions; the causes (late, restated, withdrawn rows) are `reconciliation`'s.
"""

from itertools import pairwise
from typing import Any

from tieout.core.errors import NotReadyError
from tieout.core.money import format_units
from tieout.core.period import parse_period
from tieout.ledger.billing_accounts import BillingAccount
from tieout.reconciliation.bridge import bridge_json
from tieout.reconciliation.restatement import restatement_bridge
from tieout.steps.context import Context
from tieout.steps.inputs import accounts
from tieout.store import charge_files, snapshots
from tieout.store.session import Tx

Read = tuple[snapshots.Snapshot, charge_files.ChargeFile]


def run(context: Context, *, period: str, provider: str | None = None) -> list[dict[str, Any]]:
    """Each pair of neighbouring versions that were read, oldest first, by account.

    A pair has both versions with number, time, rows and total, and the causes of the difference,
    which add up to it exactly.

    Raises:
        NotReadyError: the register has no account of that provider.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        wanted = [one for one in accounts(tx, month) if provider in {None, one.provider}]
        if not wanted:
            raise NotReadyError(
                f"No billing account of provider {provider!r} is registered for {period}: expected "
                "one of the accounts policy; choose another provider."
            )
        return [
            _pair(context, account, before, after)
            for account in wanted
            for read in [_read(tx, account, period)]
            for before, after in pairwise(read)
        ]


def _read(tx: Tx, account: BillingAccount, period: str) -> list[Read]:
    """Versions that were normalised; one that was overtaken before it was read has no rows."""
    found = snapshots.versions(
        tx,
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        period=period,
        kind="cost",
    )
    files = [
        (snapshot, charge_files.get(tx, snapshot.snapshot_id, "charges")) for snapshot in found
    ]
    return [(snapshot, file) for snapshot, file in files if file is not None]


def _pair(context: Context, account: BillingAccount, before: Read, after: Read) -> dict[str, Any]:
    tables = [
        context.lake.get_table(file.lake_path, file.file_sha256) for _, file in (before, after)
    ]
    bridge = restatement_bridge(
        provider=account.provider,
        account=account.billing_account_id,
        draft=tables[0],
        final=tables[1],
        currency=account.currency,
    )
    found = bridge_json(bridge)
    return {
        "account": account.subject,
        "from": _version(before),
        "to": _version(after),
        "change": format_units(bridge.end_units - bridge.start_units),
        "currency": account.currency,
        "lines": found["lines"],
    }


def _version(read: Read) -> dict[str, Any]:
    snapshot, file = read
    return {
        "version": snapshot.version,
        "fetched_at": snapshot.fetched_at.isoformat(),
        "rows": file.rows_out,
        "total": format_units(file.loaded_units),
        "content_sha256": snapshot.content_sha256,
    }
