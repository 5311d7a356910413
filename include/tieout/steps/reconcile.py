"""Reconcile: own estimate, provider report and billing document of each account, gap by gap.

Owns which three figures stand against each other; the bridges and their causes are computed in
`reconciliation` and add up exactly, with what nobody explained as its own line. Beside them each
account has its month as one variance bridge: price, volume, mix and the rest; of an account in a
foreign currency in that of the books, with what the rate changed.
"""

from typing import TypedDict

import pyarrow as pa

from tieout import log as logs
from tieout.core.finding import Finding
from tieout.core.period import Period, parse_period
from tieout.focus.document import BillingDocument
from tieout.ledger.billing_accounts import BillingAccount
from tieout.reconciliation.account_variance import AccountFigures, bridge_of
from tieout.reconciliation.arrears import reconcile_arrears
from tieout.reconciliation.bridge import Bridge, bridge_json
from tieout.reconciliation.prepaid import CreditMonth, reconcile_prepaid
from tieout.reconciliation.variance import SECTION
from tieout.steps import commitments, earlier, foreign
from tieout.steps.bills import billing_documents, counted, invoices_of, purchases_of
from tieout.steps.context import Context, StepResult, Summary
from tieout.steps.inputs import (
    AccountSnapshot,
    charges,
    estimate_file,
    opening_units,
    refuse_closed,
    stage_snapshots,
)
from tieout.steps.outputs import begin, done_before, result, start_run
from tieout.store import audit, charge_files, findings, reconciliations
from tieout.store.session import Tx

METHOD_VERSION = "2"  # with variance bridges
log = logs.get("reconcile")


class _Figures(TypedDict):
    """What both kinds of reconciliation and the variance bridge are given of an account."""

    provider: str
    account: str
    estimate: pa.Table | None
    draft: pa.Table
    final: pa.Table


def run(context: Context, *, period: str) -> StepResult:
    """Reconcile all accounts of a period and store the bridges with their evidence.

    Raises:
        NotReadyError: an account has no draft or no final report.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        drafts = stage_snapshots(tx, month, "draft")
        finals = stage_snapshots(tx, month, "final")
        papers = [_papers(context, tx, final.account, month) for final in finals]
        estimates = [estimate_file(tx, final.account, month) for final in finals]
        opened = [
            f"{opening_units(tx, final.account, month)} {final.account.credit_events(period)} "
            f"{final.account.stated_units(period)}"
            for final in finals
            if final.account.mode != "arrears"
        ]
        promised = commitments.reads(tx, month)
        rates = foreign.cost_rates(tx, month)
        own = _reads(drafts, finals, papers, estimates)
        reads = [*own, *opened, *promised, *map(str, rates.items())]
        work = begin(context, "reconcile", period, reads=reads)
        if found := done_before(tx, work):
            return result(work, "unchanged", found.outputs, ("bridges", "unexplained"))
        refuse_closed(tx, month, "reconciling it again")
        bridges: list[Bridge] = []
        problems: list[Finding] = []
        for draft, final, paper, file in zip(drafts, finals, papers, estimates, strict=True):
            estimate = file and context.lake.get_table(file.lake_path, file.file_sha256)
            made, wrong = _reconcile(
                context, tx, month, draft=draft, final=final, paper=paper, estimate=estimate
            )
            bridges.extend(made)
            problems.extend(wrong)
        drawn, wrong_draws = commitments.reconciled(context, tx, month, finals)
        bridges.extend(drawn)
        problems.extend(wrong_draws)
        gaps = [bridge for bridge in bridges if bridge.section != SECTION]
        unexplained = sum(1 for bridge in gaps if bridge.unexplained_units)
        outputs: Summary = {"bridges": len(gaps), "unexplained": unexplained}
        run_made = start_run(context, tx, work, outputs=dict(outputs))
        values = [bridge_json(bridge) for bridge in bridges]
        reconciliations.add(tx, run_made.run_id, period, values)
        findings.add_all(tx, run_made.run_id, problems)
        audit.record(tx, "accounts_reconciled", period, {"run": run_made.run_id, "bridges": values})
    log.info("reconciled", period=period, bridges=len(gaps), unexplained=unexplained)
    return result(work, "done", dict(outputs), ("bridges", "unexplained"))


def _reconcile(
    context: Context,
    tx: Tx,
    month: Period,
    *,
    draft: AccountSnapshot,
    final: AccountSnapshot,
    paper: tuple[BillingDocument, ...],
    estimate: pa.Table | None,
) -> tuple[tuple[Bridge, ...], tuple[Finding, ...]]:
    """The bridges from gap to gap, the variance bridge over all of them, and what is wrong."""
    account = final.account
    figures: _Figures = {
        "provider": account.provider,
        "account": account.billing_account_id,
        "estimate": estimate,
        "draft": charges(context, (draft,)),
        "final": charges(context, (final,)),
    }
    if account.mode == "arrears":
        bridges, found = reconcile_arrears(**figures, invoices=invoices_of(paper))
    else:
        bridges, found = reconcile_prepaid(**figures, credit=_credit(tx, account, month, paper))
    billing = counted(paper, account) if account.mode == "arrears" else ()
    exchange = foreign.exchange_of(tx, account, month, billing)
    whole = AccountFigures(**figures, period=month, invoices=billing)
    return (*bridges, bridge_of(whole, exchange)), found


def _papers(
    context: Context, tx: Tx, account: BillingAccount, month: Period
) -> tuple[BillingDocument, ...]:
    """The papers of the month; of a prepaid account also the purchases that came late."""
    own = billing_documents(context, tx, account, month)
    bought = earlier.purchases(context, tx, account, month)
    return (*own, *(one for one in bought if one not in own))


def _credit(
    tx: Tx, account: BillingAccount, month: Period, paper: tuple[BillingDocument, ...]
) -> CreditMonth:
    bought = purchases_of(paper, account)
    return CreditMonth(
        purchases=bought,
        others=tuple(one for one in paper if one not in bought),
        opening_units=opening_units(tx, account, month),
        events=account.credit_events(str(month)),
        stated_closing_units=account.stated_units(str(month)),
    )


def _reads(
    drafts: tuple[AccountSnapshot, ...],
    finals: tuple[AccountSnapshot, ...],
    papers: list[tuple[BillingDocument, ...]],
    estimates: list[charge_files.ChargeFile | None],
) -> list[str]:
    return [
        METHOD_VERSION,
        *(source.file.file_sha256 for source in (*drafts, *finals)),
        *(f"{paper.document}/{paper.number}" for found in papers for paper in found),
        *(file.file_sha256 if file else "" for file in estimates),
    ]
