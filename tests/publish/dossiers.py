"""A small dossier for examples of the workbook and the report; not a test itself."""

from datetime import UTC, date, datetime
from typing import Any

from tests.publish.erp_entries import entry

from tieout.core.money import to_units
from tieout.ledger.chart import Account
from tieout.reconciliation.bridge import Bridge, BridgeLine
from tieout.reports.dossier import Balance, Dossier, Share
from tieout.reports.tieout_statement import Statement, StatementRow

MOMENT = datetime(2026, 11, 9, 8, 30, tzinfo=UTC)
ACCOUNT = {"provider": "openai", "billing_account_id": "org-1"}


def dossier(**fields: Any) -> Dossier:
    """October with one account: 12.00 accrued, billed 10.00 after a credit of 2.00."""
    values: dict[str, Any] = {
        "statement": statement(),
        "content_hash": "c0" * 32,
        "ledger_seq": 7,
        "moment": MOMENT,
        "accounts": (
            Account(code="2100", name="Accrued", type="liability"),
            Account(code="5100", name="Cost of revenue", type="expense"),
        ),
        "bridges": (bridge(),),
        "balances": (
            Balance(account="2100", opening_minor=0, debit_minor=0, credit_minor=1000),
            Balance(account="5100", opening_minor=0, debit_minor=1000, credit_minor=0),
        ),
        "entries": (posted("2026-accrual-000001", 400, 600),),
        "rolls": rolls(),
        "exceptions": (),
        "certificate": {},
        "shares": (
            Share(
                pool_id=None, initiative="search", provider="openai", lines=2, units=to_units(10)
            ),
        ),
        "documents": (),
        "checks": (),
        "signatures": (),
        "flux": None,
    }
    return Dossier(**{**values, **fields})


def statement(**fields: Any) -> Statement:
    """Of that account."""
    row: dict[str, Any] = {
        **ACCOUNT,
        "mode": "arrears",
        "estimated_units": None,
        "reported_units": to_units(12),
        "billed_units": to_units(10),
        "explained_units": to_units(-2),
        "unexplained_units": 0,
    }
    values: dict[str, Any] = {
        "period": "2026-10",
        "currency": "USD",
        "state": "closed",
        "rows": (StatementRow(**row),),
        "ledger_total_units": to_units(10),
        "ledger_net_units": to_units(10),
        "unallocated_units": 0,
        "unallocated_share_bp": 0,
        "journal_debit_minor": 1000,
        "journal_credit_minor": 1000,
        "expense_minor": 1000,
        "earlier_expense_minor": (),
        "own_totals": (),
    }
    return Statement(**{**values, **fields})


def bridge(cause: str = "Credit printed on the invoice.") -> Bridge:
    """From the report to the invoice, by one credit."""
    section = "report_to_invoice"
    line = BridgeLine(
        section=section, component="credit", cause=cause, amount_units=to_units(-2), evidence=()
    )
    return Bridge(
        **ACCOUNT,
        section=section,
        currency="USD",
        start_label="Provider report (final)",
        start_units=to_units(12),
        end_label="Invoice 1",
        end_units=to_units(10),
        lines=(line,),
        unexplained_units=0,
    )


def posted(number: str, *amounts: int) -> dict[str, Any]:
    """An entry as the store gives it: days are days."""
    day = date(2026, 10, 31)
    return entry(number, *amounts, posting_on=day, document_on=day)


def rolls(*, ties: bool = True) -> dict[str, Any]:
    """What is owed at the end, tied or not."""
    movements = {"opening": "0.00", "accrual": "10.00", "reversal": "0.00", "closing": "10.00"}
    own = {**ACCOUNT, "currency": "USD", "service_period": "2026-10", **movements, "entries": []}
    tie = {"what": "accrued liability", "subject": "openai/org-1", "rolled": "10.00"}
    tie |= {"ledger": "10.00" if ties else "9.00", "open": "10.00", "allowed": "0.00"}
    return {
        "period": "2026-10",
        "currency": "USD",
        "accrued": [own],
        "accrued_closing": "10.00",
        "prepaid": [],
        "prepaid_closing": "0.00",
        "commitments": [],
        "ties": [{**tie, "ties": ties}],
        "problems": [],
    }


def exception(subject: str, **fields: Any) -> dict[str, Any]:
    """One of the queue."""
    return {
        "exception_id": "e" * 64,
        "type": "unattributed",
        "subject": subject,
        "severity": "warning",
        "state": "open",
        "blocks": False,
        "amount": "1.00",
        "amount_units": to_units(1),
        "currency": "USD",
        "age_days": 3,
        "owner": None,
        "message": "No rule decides it.",
        "remark": "Found.",
    } | fields
