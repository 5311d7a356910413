"""Roll-forwards: how accrued liabilities and prepaid balances came to where they stand. Reads only.

Owns which figures stand against each other: the entries, the database's own trial balance, and what
is open by documents, statements and plans.
"""

from collections.abc import Mapping
from typing import Any

from tieout.core.period import Period, parse_period
from tieout.reports.rollforward import RollforwardInputs, rollforward_report
from tieout.steps import evidence
from tieout.steps.context import Context
from tieout.store import journal, periods
from tieout.store.session import Tx


def run(context: Context, *, period: str) -> dict[str, Any]:
    """The roll-forwards of a period with their ties; of a closed one as its close knew it.

    Raises:
        NotReadyError: a step before has not run yet; the message names it.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        found = evidence.load(context, tx, month)
        known = periods.find(tx, period)
        upto = known.closed_seq if known else None
        return rollforward_report(
            RollforwardInputs(
                period=month,
                currency=found.currency,
                chart=found.chart,
                entries=found.entries,
                accounts=found.accounts,
                fees=found.fees,
                balances=_balances(tx, month, upto),
                commitments=found.commitments,
                balances_before=_balances(tx, month.previous(), upto),
            )
        )


def _balances(tx: Tx, month: Period, upto_seq: int | None) -> Mapping[str, int]:
    rows = journal.trial_balance(tx, period=str(month), upto_seq=upto_seq)
    return {row.account: row.balance_minor for row in rows}
