"""The totals of a workbook: what its sheets add up to, beside what was stated and signed.

Owns the formulas of the totals; both the summary and the statement show them.
"""

from decimal import Decimal
from typing import Final

from tieout.core.money import to_decimal
from tieout.publish.sheets import Block, Cell, Column, Formula, rounded, tied
from tieout.reports.dossier import Dossier
from tieout.reports.tieout_statement import statement_json

_OF_TYPE: Final = 'SUMIFS(balance_{0},balance_type,"expense")'
EXPENSE: Final = f"({_OF_TYPE.format('debit')}-{_OF_TYPE.format('credit')})"


def figures(dossier: Dossier) -> dict[str, tuple[str, Decimal, Decimal]]:
    """What the sheets add up to: by name the formula, what it comes to, and what was stated."""
    made, digits = dossier.statement, dossier.digits
    lines = [line for entry in dossier.entries for line in entry["lines"]]
    expenses = {one.code for one in dossier.accounts if one.type == "expense"}
    moved = [
        one.debit_minor - one.credit_minor for one in dossier.balances if one.account in expenses
    ]
    rolls = dossier.rolls

    def minor(amount: int) -> Decimal:
        return Decimal(amount).scaleb(-digits)

    def closing(roll: str) -> Decimal:
        return sum((Decimal(row["closing"]) for row in rolls[roll]), Decimal(0))

    found = {
        "ledger_total": (
            "SUM(share_amount)",
            to_decimal(sum(one.units for one in dossier.shares)),
            to_decimal(made.ledger_total_units),
        ),
        "expense": (EXPENSE, minor(sum(moved)), minor(made.expense_minor)),
        "journal_debit": (
            "SUM(journal_debit)",
            minor(sum(line["debit_minor"] for line in lines)),
            minor(made.journal_debit_minor),
        ),
        "journal_credit": (
            "SUM(journal_credit)",
            minor(sum(line["credit_minor"] for line in lines)),
            minor(made.journal_credit_minor),
        ),
        **{
            f"{roll}_closing": (
                f"SUM({roll}_closing)",
                closing(roll),
                Decimal(rolls[f"{roll}_closing"]),
            )
            for roll in ("accrued", "prepaid")
        },
    }
    return {
        name: (f"ROUND({text},{digits})", rounded(added_up, digits), rounded(stated, digits))
        for name, (text, added_up, stated) in found.items()
    }


def totals(dossier: Dossier) -> Block:
    """The statement's totals as it states them, and as this workbook re-adds them."""
    stated, again = statement_json(dossier.statement), figures(dossier)
    titles = {
        "ledger_total": "Cost of the month, tax included",
        "ledger_net": "Cost of the month before tax",
        "unallocated": "of it without an initiative",
        "journal_debit": "Debits posted",
        "journal_credit": "Credits posted",
        "expense": "Expense in the books",
    }
    rows = [
        _total_row(title, Decimal(stated[name]), again.get(name), dossier.digits)
        for name, title in titles.items()
    ]
    rows += [
        {
            "provider": f"of it consumed in {one['service_period']}",
            "stated": Decimal(one["expense"]),
        }
        for one in stated["earlier_expense"]
    ]
    return Block(
        name="total",
        title="The ledger and the books",
        columns=(
            Column(name="provider", title="Figure", width=30),
            Column(name="why", title=""),
            Column(name="exact", title="Exact amount", kind="id"),
            Column(name="stated", title="As stated", kind="money"),
            Column(name="again", title="Re-added", kind="money"),
            Column(name="apart", title="Difference", kind="money"),
            Column(name="tie", title="Check", kind="tie"),
        ),
        rows=rows,
    )


def _total_row(
    title: str, stated: Decimal, again: tuple[str, Decimal, Decimal] | None, digits: int
) -> dict[str, Cell]:
    row: dict[str, Cell] = {"provider": title, "stated": stated, "exact": f"{stated:f}"}
    if again is not None:
        text, added_up, signed = again
        row["again"] = Formula(text=text, value=added_up)
        row["apart"] = Formula(text=f"ROUND([stated],{digits})-[again]", value=signed - added_up)
        row["tie"] = tied("[apart]", "0", holds=signed == added_up)
    return row
