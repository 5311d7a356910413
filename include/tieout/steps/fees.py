"""Upfront fees of the months so far: which account billed what, for which term, who bears it.

Owns where they are found: the pools of method `amortise` in the final lines of each month, as that
month was allocated and closed. The entries are `ledger.amortisation`'s, `post` posts them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.allocation.basis import Term
from tieout.allocation.parse import parse_pools
from tieout.core.period import Period, parse_period
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.ledger.amortisation import Fee
from tieout.ledger.building import AccountMonth
from tieout.ledger.entry import JournalEntry
from tieout.steps.context import Context
from tieout.steps.inputs import latest_outputs, of_account
from tieout.steps.pools import allocated
from tieout.steps.views import Used
from tieout.store import allocations, periods, policies, runs
from tieout.store.session import Tx

_METHOD = "amortise"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFee:
    """A fee and the account that was billed."""

    provider: str
    billing_account_id: str
    fee: Fee

    def month(self, period: Period) -> AccountMonth:
        """A month of that account."""
        return AccountMonth(
            provider=self.provider, billing_account_id=self.billing_account_id, period=period
        )

    def entries(self, posted: Sequence[JournalEntry]) -> list[JournalEntry]:
        """The entries of the fee, in any month."""
        own = (self.provider, self.billing_account_id, self.fee.source_ref)
        return [
            entry
            for entry in posted
            if (entry.provider, entry.billing_account_id, *entry.source_refs[:1]) == own
        ]


def through(context: Context, tx: Tx, month: Period) -> list[AccountFee]:
    """The fees that the months up to this one billed, by month, pool and account.

    A fee that nobody bore when it was billed, because its term had not begun, comes with the lines
    that the same pools give it in this month.
    """
    months = [parse_period(one.period) for one in periods.listing(tx)]
    return [
        one if one.fee.bearers().num_rows else _begun(context, tx, one, month)
        for billed in months
        if billed <= month
        for one in _billed(context, tx, billed)
    ]


def _billed(context: Context, tx: Tx, billed: Period) -> Iterator[AccountFee]:
    run = runs.latest(tx, "allocate", f"{billed}/final")
    certificate = (allocations.certificate_of(tx, run.run_id) if run else None) or {"pools": []}
    shared = {
        one["pool_id"]
        for one in certificate["pools"]
        if (one["method"], one["state"]) == (_METHOD, "allocated")
    }
    if run is None or not shared:
        return
    lines = _table(context, run.outputs["lines"])
    for pool_id, term in _terms(_used(tx, run)).items():
        if pool_id not in shared:
            continue
        for account in _accounts(lines.filter(pc.equal(lines["pool_id"], pool_id))):
            own = of_account(lines, *account)
            fee = Fee(pool_id=pool_id, billed=billed, term=term, lines=own)
            yield AccountFee(provider=account[0], billing_account_id=account[1], fee=fee)


def _begun(context: Context, tx: Tx, one: AccountFee, month: Period) -> AccountFee:
    """The fee with the bearers that it has in a later month; itself before its term."""
    run = runs.latest(tx, "allocate", f"{one.fee.billed}/final")
    if run is None or not one.fee.term.elapsed(month):
        return one
    direct = _table(context, latest_outputs(tx, "classify", f"{one.fee.billed}/final")["lines"])
    lines, _ = allocated(direct, month, _used(tx, run))
    own = of_account(lines, one.provider, one.billing_account_id)
    return replace(one, fee=replace(one.fee, lines=own))


def _used(tx: Tx, run: runs.Run) -> Used:
    """The versions of the policies that an allocation was computed with."""
    found = [policies.by_label(tx, label) for label in run.outputs["policies"]]
    return {one.kind: one for one in found}


def _terms(used: Used) -> dict[str, Term]:
    pools = parse_pools(used["allocation"].body, name=used["allocation"].label)
    return {pool.pool_id: pool.parameters.term for pool in pools if pool.parameters.term}


def _table(context: Context, stored: Mapping[str, Any]) -> pa.Table:
    return with_own_dimensions(context.lake.get_table(stored["path"], stored["sha256"]))


def _accounts(lines: pa.Table) -> list[tuple[str, str]]:
    rows = lines.select(["provider", "billing_account_id"]).to_pylist()
    return sorted({(row["provider"], row["billing_account_id"]) for row in rows})
