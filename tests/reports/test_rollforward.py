"""The page of the roll-forwards: what it says of a month that ties, and of one that does not."""

import json
from typing import Any

from rich.console import Console
from tests.close.month import arrears, entries, prepaid
from tests.ledger.books import CHART, OCTOBER

from tieout.cli.reports import rollforward_view
from tieout.close.evidence import FeeBalance
from tieout.ledger.entry import JournalEntry
from tieout.ledger.trial_balance import trial_balance
from tieout.reports.rollforward import RollforwardInputs, rollforward_report

NOVEMBER = OCTOBER.next()


def report(**fields: Any) -> dict[str, Any]:
    """The page of October as the general ledger of the same entries has it."""
    period = fields.get("period", OCTOBER)
    books: tuple[JournalEntry, ...] = fields.get("entries", entries())
    at = [
        {
            row["account"]: row["balance_minor"]
            for row in trial_balance(books, through=month.last_on).to_pylist()
        }
        for month in (period, period.previous())
    ]
    values: dict[str, Any] = {
        "period": period,
        "currency": "USD",
        "chart": CHART,
        "entries": books,
        "accounts": (arrears(), prepaid()),
        "fees": (),
        "balances": at[0],
        "balances_before": at[1],
    }
    return rollforward_report(RollforwardInputs(**{**values, **fields}))


def ties(found: dict[str, Any]) -> dict[str, tuple[str, str, str, bool]]:
    return {
        f"{one['what']}: {one['subject']}": (one["rolled"], one["ledger"], one["open"], one["ties"])
        for one in found["ties"]
    }


def test_october_rolls_both_ways_and_ties_three_ways() -> None:
    found = json.loads(json.dumps(report()))
    (accrued,) = found["accrued"]
    assert len(accrued.pop("entries")) == 1
    assert {name: text for name, text in accrued.items() if text != "0.00"} == {
        "provider": "openai",
        "billing_account_id": "org-1",
        "currency": "USD",
        "service_period": "2026-10",
        "accrual": "98.00",
        "closing": "98.00",
    }
    (credit,) = found["prepaid"]
    assert (credit["what"], credit["opening"], credit["closing"]) == ("credit", "0.00", "22.34")
    assert {kind: text for kind, text in credit["movements"].items() if text != "0.00"} == {
        "opening_balance": "12.34",
        "purchase": "40.00",
        "usage": "-30.00",
    }
    assert ties(found) == {
        "accrued liability: openai/org-1": ("98.00", "98.00", "98.00", True),
        "prepaid: anthropic/org-2": ("22.34", "22.34", "22.34", True),
        "accrued, closing: control accounts 2100": ("98.00", "98.00", "98.00", True),
        "accrued, opening: control accounts 2100": ("0.00", "0.00", "0.00", True),
        "prepaid, closing: control accounts 1300": ("22.34", "22.34", "22.34", True),
        "prepaid, opening: control accounts 1300": ("0.00", "0.00", "0.00", True),
    }
    assert found["problems"] == []
    assert (found["accrued_closing"], found["prepaid_closing"]) == ("98.00", "22.34")


def test_the_closing_of_october_is_the_opening_of_november() -> None:
    later = report(period=NOVEMBER, accounts=())
    (accrued,) = later["accrued"]
    assert (accrued["opening"], accrued["reversal"], accrued["closing"]) == (
        "98.00",
        "-98.00",
        "0.00",
    )
    assert ties(later)["accrued, opening: control accounts 2100"] == (
        "98.00",
        "98.00",
        "98.00",
        True,
    )


def test_a_general_ledger_that_says_otherwise_does_not_tie() -> None:
    found = ties(report(balances={"2100": -9799, "1300": 2236}))
    assert found["accrued, closing: control accounts 2100"] == ("98.00", "97.99", "98.00", False)
    assert found["prepaid, closing: control accounts 1300"] == ("22.34", "22.36", "22.34", False)


def test_fees_stand_beside_credit_and_a_plan_without_entries_does_not_tie() -> None:
    fee = FeeBalance(provider="anthropic", billing_account_id="org-2", prepaid_minor=500)
    alone = FeeBalance(provider="aws", billing_account_id="1", prepaid_minor=500)
    found = ties(report(fees=(fee, alone)))
    assert found["prepaid: anthropic/org-2"] == ("22.34", "22.34", "27.34", False)
    assert found["prepaid: aws/1"] == ("0.00", "0.00", "5.00", False)


def test_a_person_reads_sheets_without_empty_columns_and_what_is_wrong() -> None:
    console = Console(width=200, record=True, highlight=False)
    unpaid = tuple(one for one in entries() if one.journal_type != "invoice")
    for part in rollforward_view(report(period=NOVEMBER, accounts=(), entries=unpaid)):
        console.print(part, markup=False)
    text = console.export_text()
    assert "Accrued liabilities 2026-11, USD" in text
    assert "reversal" in text
    assert "re accrual" not in text
    assert "DOES NOT TIE" not in text.split("Prepaid 2026-11")[0]
    assert "Expected 98.00 USD accrued for 2026-10, whose invoice has not come" in text
