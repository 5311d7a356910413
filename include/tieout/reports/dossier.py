"""The dossier of a month: every figure that its workbook and its report show, as plain values.

Owns the values and the sentence that answers first; reads nothing and draws nothing. Amounts are
units of 1e-12, minor units where the name says so, or text as the other reports give it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tieout.core.money import minor_digits
from tieout.ledger.chart import Account
from tieout.reconciliation.bridge import Bridge
from tieout.reports.tieout_statement import Statement, StatementRow

Row = Mapping[str, Any]
# the bridges of one account that lead from its first known figure to its last
CHAIN = ("estimate_to_report", "report_to_invoice")
ROLL = "credit_rollforward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One account of the trial balance, debit positive, in minor units of the books' currency."""

    account: str
    opening_minor: int
    debit_minor: int
    credit_minor: int

    @property
    def closing_minor(self) -> int:
        """Opening and what moved."""
        return self.opening_minor + self.debit_minor - self.credit_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Cost of one initiative (None: not decided) on one provider; pool None: charged directly."""

    pool_id: str | None
    initiative: str | None
    provider: str
    lines: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A month as of a ledger sequence; `moment` is when it was closed, or now for an open month.

    `entries` are the entries posted in the month, as the store gives them. `flux` is None when the
    month before was never closed. `checks` and `signatures` are as the close has them.
    """

    statement: Statement
    content_hash: str
    ledger_seq: int
    moment: datetime
    accounts: Sequence[Account]
    bridges: Sequence[Bridge]
    balances: Sequence[Balance]
    entries: Sequence[Row]
    rolls: Mapping[str, Any]
    exceptions: Sequence[Row]
    certificate: Mapping[str, Any]
    shares: Sequence[Share]
    documents: Sequence[Row]
    checks: Sequence[Row]
    signatures: Sequence[Row]
    flux: Sequence[Row] | None

    @property
    def period(self) -> str:
        """The month's key."""
        return self.statement.period

    @property
    def currency(self) -> str:
        """The books' currency."""
        return self.statement.currency

    @property
    def digits(self) -> int:
        """Decimals of the currency."""
        return minor_digits(self.currency)

    def chain(self, row: StatementRow) -> list[Bridge]:
        """The bridges that explain a row of the statement, in the order of the figures."""
        return [
            one
            for section in CHAIN
            for one in self.bridges
            if one.section == section
            and (one.provider, one.billing_account_id) == (row.provider, row.billing_account_id)
        ]


def first_units(row: StatementRow) -> int:
    """The first figure that was known of an account: the estimate, else the report."""
    return row.reported_units if row.estimated_units is None else row.estimated_units


def last_units(row: StatementRow) -> int:
    """The last figure: what was billed, else the report."""
    return row.reported_units if row.billed_units is None else row.billed_units


def headline(dossier: Dossier) -> str:
    """Does the month tie? One sentence, with what is open if it does not."""
    made = dossier.statement
    state = {"closed": "is closed", "reopened": "was reopened"}.get(made.state, "is not closed")
    amount = f"{Decimal(made.expense_minor).scaleb(-dossier.digits):,.{dossier.digits}f}"
    cost = f"{made.period} {state} with a cost of {made.currency} {amount}"
    unexplained = [row for row in made.rows if row.unexplained_units]
    blocking = [one for one in dossier.checks if one["blocking"] and one["state"] == "failed"]
    if not unexplained and not blocking:
        return f"{cost}: every account ties to its provider and nothing is unexplained."
    parts = []
    if unexplained:
        parts.append(f"{len(unexplained)} of {len(made.rows)} accounts keep an unexplained rest")
    if blocking:
        parts.append(f"{len(blocking)} checks block the close")
    return f"{cost}: {' and '.join(parts)}."
