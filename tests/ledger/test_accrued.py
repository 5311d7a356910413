"""The December trap and every way in which an accrued liability can fail to tie, as entries."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import CHART, ledger, line, paper

from tieout.core.ids import content_key
from tieout.core.period import Period
from tieout.ledger import posting
from tieout.ledger.accrued import (
    Accrued,
    accrued,
    forgotten,
    movements,
    open_items,
)
from tieout.ledger.building import AccountMonth
from tieout.ledger.control import control_balances, control_codes
from tieout.ledger.entry import JournalEntry, numbered, reverse, signed_line
from tieout.reconciliation.rollforward import KINDS, Liability

OCTOBER, NOVEMBER, DECEMBER = Period(2026, 10), Period(2026, 11), Period(2026, 12)
JANUARY = DECEMBER.next()


def of(service: Period) -> Liability:
    return Liability(
        provider="openai", billing_account_id="org-1", currency="USD", service_period=service
    )


def _at(service: Period) -> AccountMonth:
    return AccountMonth(provider="openai", billing_account_id="org-1", period=service)


def accrue(service: Period, amount: str, *, posted_in: Period | None = None) -> JournalEntry:
    """The accrual of a service month on the last day of its own or of a later month."""
    entry = posting.accrual(ledger(line(amount)), month=_at(service), chart=CHART).entry
    assert entry
    if posted_in is None:
        return entry
    key = content_key((entry.idempotency_key, str(posted_in)))
    return replace(
        entry, posting_on=posted_in.last_on, document_on=posted_in.last_on, idempotency_key=key
    )


def undo(entry: JournalEntry) -> JournalEntry:
    """The automatic reversal on the first day of the next month."""
    return reverse(entry, on=Period(entry.posting_on.year, entry.posting_on.month).end_on)


def bill(service: Period, amount: str, on: date) -> JournalEntry:
    document = paper(amount, number=f"INV-{service}", issued_on=on)
    found = posting.invoice(
        ledger(line(amount)), month=_at(service), chart=CHART, document=document
    ).entry
    assert found
    return found


def booked(account: str, minor: int, *, of_type: str = "manual", **fields: Any) -> JournalEntry:
    """An entry of its own against an expense account."""
    lines = [
        signed_line(account, minor, memo="", dimensions={}),
        signed_line("5100", -minor, memo="", dimensions={}),
    ]
    values: dict[str, Any] = {
        "journal_type": of_type,
        "posting_on": OCTOBER.last_on,
        "lines": numbered(lines),
        "idempotency_key": content_key((account, minor, of_type)),
        **fields,
    }
    return replace(accrue(OCTOBER, "1"), **values)


OCT, NOV, DEC = accrue(OCTOBER, "12345.67"), accrue(NOVEMBER, "13000"), accrue(DECEMBER, "14100")
AGAIN = accrue(NOVEMBER, "13000", posted_in=DECEMBER)
PAID = bill(OCTOBER, "12410.02", date(2026, 11, 3))
BOOKS = [OCT, undo(OCT), PAID, NOV, undo(NOV), DEC, AGAIN]
OWED = {OCTOBER: {of(OCTOBER): 1_234_567}, NOVEMBER: {of(NOVEMBER): 1_300_000}}
OWED[DECEMBER] = {of(DECEMBER): 1_410_000}


def month(entries: Sequence[JournalEntry], period: Period) -> Accrued:
    return accrued(entries, chart=CHART, period=period, owed=OWED[period])


def column(found: Accrued) -> Mapping[str, int]:
    """The sheet's column of a month, without its zeros."""
    sums: dict[str, int] = {kind: sum(one.movements[kind] for one in found.rolls) for kind in KINDS}
    opening = sum(one.opening_minor for one in found.rolls)
    return {"opening": opening, **{name: one for name, one in sums.items() if one}} | {
        "closing": found.closing_minor
    }


def test_three_months_of_entries_roll_as_the_worked_example_and_tie() -> None:
    found = [month(BOOKS, period) for period in (OCTOBER, NOVEMBER, DECEMBER)]
    assert [column(one) for one in found] == [
        {"opening": 0, "accrual": 1_234_567, "closing": 1_234_567},
        {"opening": 1_234_567, "accrual": 1_300_000, "reversal": -1_234_567, "closing": 1_300_000},
        {
            "opening": 1_300_000,
            "accrual": 1_410_000,
            "re_accrual": 1_300_000,
            "reversal": -1_300_000,
            "closing": 2_710_000,
        },
    ]
    assert all(one.findings == () for one in found)
    (tie,) = found[-1].ties
    assert (tie.rolled_minor, tie.ledger_minor, tie.open_minor) == (2_710_000,) * 3


def test_december_fails_when_november_is_neither_invoiced_nor_accrued_again() -> None:
    trap = [entry for entry in BOOKS if entry is not AGAIN]
    (finding,) = month(trap, DECEMBER).findings
    assert (finding.kind, finding.severity) == ("accrual_missing", "blocking")
    assert finding.message == (
        "Expected 13000.00 USD accrued for 2026-11, whose invoice has not come, found 0.00 USD: "
        "accrue the difference."
    )
    late = bill(NOVEMBER, "13050", date(2026, 12, 20))
    assert month([*trap, late], DECEMBER).findings == ()
    after = bill(NOVEMBER, "13050", date(2027, 1, 4))
    assert len(month([*trap, after], DECEMBER).findings) == 1


def test_a_month_that_was_accrued_again_and_forgotten_later_is_found_in_that_month() -> None:
    january = [*BOOKS, undo(DEC), undo(AGAIN)]
    assert forgotten(january, chart=CHART, period=JANUARY) == {
        of(NOVEMBER): 1_300_000,
        of(DECEMBER): 1_410_000,
    }


def test_a_month_settled_otherwise_is_not_asked_for_again() -> None:
    released = booked(
        "2100", 1_300_000, posting_on=date(2026, 12, 31), service_period=str(NOVEMBER)
    )
    books = [OCT, undo(OCT), PAID, NOV, DEC, released]
    found = month(books, DECEMBER)
    assert column(found)["reclass"] == -1_300_000
    assert found.findings == ()


def test_an_accrual_that_stands_beside_its_invoice_does_not_tie() -> None:
    double = [OCT, PAID, NOV]
    (finding,) = month(double, NOVEMBER).findings
    assert finding.kind == "rollforward_untied"
    assert "25345.67 USD rolled forward" in finding.message
    assert "13000.00 USD open" in finding.message


def test_an_accrual_cleared_by_its_invoice_ties_and_a_cent_left_does_not() -> None:
    cleared = booked("2100", 1_234_567, of_type="invoice", posting_on=date(2026, 11, 3))
    assert month([OCT, cleared, NOV], NOVEMBER).findings == ()
    short = booked("2100", 1_234_566, of_type="invoice", posting_on=date(2026, 11, 3))
    assert [one.kind for one in month([OCT, short, NOV], NOVEMBER).findings] == [
        "rollforward_untied"
    ]


def test_an_own_month_that_is_accrued_short_is_named_with_its_amount() -> None:
    assert [one.kind for one in month([], OCTOBER).findings] == ["accrual_missing"]
    short = replace(OCT, lines=accrue(OCTOBER, "12345.66").lines)
    (finding,) = month([short], OCTOBER).findings
    assert finding.amount_units == 10**10


def test_an_entry_on_another_providers_accrued_account_shows_in_the_control_account() -> None:
    chart = replace(CHART, control={**CHART.control, "accrued.aws": "2010"})
    assert control_codes(chart, "accrued") == ("2010", "2100")
    stray = booked("2010", -500)
    assert movements([stray], chart=chart) == ()
    balances = control_balances([stray], chart=chart, role="accrued")
    assert balances == {("openai", "org-1", "USD"): -500}
    found = accrued([stray], chart=chart, period=OCTOBER, owed={})
    assert [one.kind for one in found.findings] == ["rollforward_untied"]


@pytest.mark.parametrize("period", [OCTOBER, NOVEMBER])
def test_what_is_posted_after_the_period_changes_nothing(period: Period) -> None:
    before = [entry for entry in BOOKS if entry.posting_on < period.end_on]
    assert month(before, period) == month(BOOKS, period)


@given(order=st.permutations(range(len(BOOKS))))
def test_the_order_of_entries_changes_nothing(order: list[int]) -> None:
    turned = [BOOKS[place] for place in order]
    assert month(turned, DECEMBER) == month(BOOKS, DECEMBER)
    assert open_items(turned, chart=CHART) == open_items(BOOKS, chart=CHART)
