"""The checklist of a month with an account in euros, in books of dollars."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.close.month import arrears, bridge, ready
from tests.close.test_checklist import failed
from tests.ledger.books import OCTOBER
from tests.ledger.test_foreign import BOOKS, FINAL, NOVEMBER, RATES, a_year, bill

from tieout.close.checklist import checks
from tieout.close.evidence import AccountEvidence, CloseInputs, OwnCurrency
from tieout.core.money import to_units
from tieout.ledger.entry import JournalEntry
from tieout.ledger.grouping import net_units
from tieout.ledger.remeasure import remeasurements

CLOSING = RATES[0]


def own(**fields: Any) -> OwnCurrency:
    values: dict[str, Any] = {
        "currency": "EUR",
        "net_units": net_units(FINAL),
        "tax_units": 0,
        "cost_rate": CLOSING,
        "closing_rate": CLOSING,
    }
    return OwnCurrency(**{**values, **fields})


def account(**fields: Any) -> AccountEvidence:
    bridges = (
        bridge("draft_to_final", "10000", "10250", {"late_rows": "250"}, currency="EUR"),
        bridge("report_to_invoice", "10250", "10250", {}, currency="EUR"),
    )
    values: dict[str, Any] = {
        "documents": (bill(),),
        "bridges": bridges,
        "ledger_lines_net_units": to_units("11121.25"),
        "ledger_tax_units": 0,
        "own": own(),
    }
    return arrears(**{**values, **fields})


def month(**fields: Any) -> CloseInputs:
    values: dict[str, Any] = {
        "chart": BOOKS,
        "accounts": (account(),),
        "entries": tuple(a_year(bill())),
        "closing_rates": (("EUR", CLOSING),),
    }
    return ready(**{**values, **fields})


def detail(inputs: CloseInputs, check_id: str) -> str:
    return next(one.detail for one in checks(inputs) if one.check_id == check_id)


def changed(inputs: CloseInputs, kind: str, account_code: str, more: int) -> CloseInputs:
    """The same with so many minor units more on the lines of one account, in the books only."""

    def other(entry: JournalEntry) -> JournalEntry:
        if entry.journal_type != kind:
            return entry
        lines = [
            replace(line, debit_minor=line.debit_minor + more)
            if line.account == account_code and line.debit_minor
            else line
            for line in entry.lines
        ]
        return replace(entry, lines=tuple(lines))

    return replace(inputs, entries=tuple(map(other, inputs.entries)))


def test_a_month_in_two_currencies_passes_every_check() -> None:
    assert failed(month()) == {}
    assert detail(month(), "C11") == "1 open items at EUR 1.0850 of 2026-10-30"


def test_november_is_remeasured_or_does_not_close() -> None:
    before = month(
        period=NOVEMBER, closing_rates=(("EUR", RATES[3]),), accounts=(), reports=(), pools=()
    )
    assert failed(before)["C11"] == (
        "openai/org-1 2026-10, account 2000: carried at -11182.75 USD, at the closing rate 1.0740 "
        "it is -11008.50 USD"
    )
    made = remeasurements(before.entries, chart=BOOKS, period=NOVEMBER, rates={"EUR": RATES[3]})
    after = replace(before, entries=(*before.entries, *made))
    assert "C11" not in failed(after)
    assert "C14" not in failed(after)


def test_without_a_closing_rate_open_items_are_named() -> None:
    assert failed(month(closing_rates=()))["C11"] == (
        "openai/org-1 2026-10: no closing rate EUR to USD"
    )


def test_another_version_of_the_rates_does_not_change_what_was_posted_unseen() -> None:
    corrected = replace(CLOSING, rate=Decimal("1.0860"))
    found = failed(month(accounts=(account(own=own(cost_rate=corrected)),)))
    assert found["C11"] == (
        "openai/org-1: accrued at 1.0850 of 2026-10-30, the rate in force is 1.0860 of 2026-10-30"
    )
    assert found["C15"] == ("openai/org-1: journal 11121.25 USD, ledger 11131.50 USD at 1.0860")


def test_cost_is_compared_in_the_accounts_own_currency_first() -> None:
    found = failed(month(accounts=(account(own=own(net_units=to_units("10000"))),)))
    assert found["C15"] == "openai/org-1: journal 10250.00 EUR, ledger 10000.00 EUR"


def test_tax_is_compared_as_on_the_paper() -> None:
    taxed = bill(tax="1947.53")
    fields: dict[str, Any] = {"documents": (taxed,), "own": own(tax_units=taxed.tax_units)}
    inputs = month(accounts=(account(**fields),), entries=tuple(a_year(taxed)))
    assert "C12" not in failed(inputs)
    assert "C09" not in failed(inputs)
    without = replace(inputs, accounts=(account(documents=(taxed,)),))
    assert failed(without)["C12"] == (
        "openai/org-1: documents 1947.53, ledger 0.00, journal 1947.53 EUR"
    )


def test_an_accrual_that_was_forgotten_is_asked_for_at_the_closing_rate() -> None:
    posted = tuple(one for one in a_year(bill()) if one.posting_on > OCTOBER.last_on)
    found = failed(month(entries=posted, accounts=(account(documents=()),)))
    assert "Expected 11121.25 USD accrued for 2026-10" in found["C14"]
    assert found["C07"] == "openai/org-1: no accrual for 11121.25 USD"


@pytest.mark.parametrize(("gap", "fails"), [("46.08", False), ("46.09", True)])
def test_what_is_unexplained_is_measured_in_the_books_currency(gap: str, *, fails: bool) -> None:
    """The floor of an invoice is 50.00 USD: 46.08 EUR are 49.9968 USD, 46.09 are 50.0077."""
    one = bridge("report_to_invoice", "4000", "4000", {"x": f"-{gap}"}, currency="EUR")
    found = failed(month(accounts=(account(bridges=(one,)),)))
    assert ("C10" in found) is fails
