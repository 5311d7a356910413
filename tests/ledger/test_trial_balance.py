from dataclasses import replace
from datetime import date

import pytest
from tests.ledger.books import CHART, MONTH, OCTOBER, ledger, line

from tieout.core.errors import UnbalancedEntryError
from tieout.ledger.entry import JournalEntry, reverse
from tieout.ledger.posting import accrual
from tieout.ledger.trial_balance import account_balance, daily_control_balances, trial_balance


def accrued() -> JournalEntry:
    made = accrual(ledger(line("12.34")), month=MONTH, chart=CHART).entry
    assert made
    return made


def test_a_balance_is_taken_through_a_day() -> None:
    entries = [accrued(), reverse(accrued(), on=date(2026, 11, 1))]
    october = trial_balance(entries, through=date(2026, 10, 31)).to_pylist()
    assert [(row["account"], row["balance_minor"]) for row in october] == [
        ("2100", -1234),
        ("5100", 1234),
    ]
    whole = trial_balance(entries).to_pylist()
    assert [(row["debit_minor"], row["credit_minor"]) for row in whole] == [(1234, 1234)] * 2


def test_no_entries_have_an_empty_balance() -> None:
    assert trial_balance([]).num_rows == 0


def test_an_unbalanced_entry_is_found() -> None:
    broken = replace(accrued(), lines=accrued().lines[:1])
    with pytest.raises(UnbalancedEntryError, match="found 1234 minor units"):
        trial_balance([broken])


def test_two_currencies_are_never_added() -> None:
    with pytest.raises(UnbalancedEntryError, match="found EUR, USD"):
        trial_balance([accrued(), replace(accrued(), currency="EUR")])


def test_an_account_balance_can_be_of_one_billing_account() -> None:
    other = replace(accrued(), billing_account_id="org-9")
    entries = [accrued(), other]
    assert account_balance(entries, account="5100") == 2468
    assert account_balance(entries, account="5100", billing_account_id="org-9") == 1234
    assert account_balance(entries, account="5100", provider="aws") == 0


def test_control_accounts_have_a_balance_at_the_end_of_the_period_and_of_the_books() -> None:
    entries = [accrued(), reverse(accrued(), on=date(2026, 11, 1))]
    posted = ["2100", "5100"]
    found = daily_control_balances(entries, accounts=posted, chart=CHART, period=OCTOBER)
    assert found == [(date(2026, 10, 31), "2100", -1234), (date(2026, 11, 1), "2100", 0)]
    assert daily_control_balances([], accounts=posted, chart=CHART, period=OCTOBER) == [
        (date(2026, 10, 31), "2100", 0)
    ]
