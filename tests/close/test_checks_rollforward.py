"""C14 and the credit part of C08 on a small October that ties."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial

import pytest
from tests.close.month import (
    ANTHROPIC,
    RECEIPT,
    arrears,
    bridge,
    entries,
    prepaid,
    ready,
)
from tests.ledger.books import CHART, OCTOBER, ledger, line, paper

from tieout.allocation.basis import Term
from tieout.close.checks_rollforward import accrued_ties, credit_ties, stale_accruals
from tieout.close.evidence import CloseInputs
from tieout.close.limits import DEFAULT_LIMITS
from tieout.core.money import to_units
from tieout.ledger.amortisation import Fee, deferral
from tieout.ledger.entry import JournalEntry, reverse
from tieout.ledger.posting import credit_event, credit_purchase
from tieout.ledger.prepaid_roll import prepaid_rolls
from tieout.reconciliation.prepaid import CreditEvent, CreditEventKind

NOVEMBER = OCTOBER.next()
Change = Callable[[tuple[JournalEntry, ...]], tuple[JournalEntry, ...]]


def test_a_month_that_ties_says_what_is_accrued() -> None:
    assert accrued_ties(ready()) == ([], "98.00 USD accrued, 1 rolls of 1 accounts")
    assert credit_ties(ready()) == ([], "1 prepaid or commitment accounts")


def test_without_a_document_the_lines_say_what_must_be_accrued() -> None:
    problems, _ = accrued_ties(ready(accounts=(arrears(documents=()),)))
    assert problems == []
    dearer = arrears(documents=(), ledger_lines_net_units=to_units("98.01"))
    (problem,) = accrued_ties(ready(accounts=(dearer,)))[0]
    assert "Expected 98.01 USD accrued for 2026-10" in problem
    assert "found 98.00 USD" in problem


def test_the_documents_are_what_must_be_accrued() -> None:
    other = arrears(documents=(paper("97"), paper("3", number="INV-2")))
    (problem,) = accrued_ties(ready(accounts=(other,)))[0]
    assert "Expected 100.00 USD accrued" in problem


def test_in_november_october_is_not_owed_once_it_is_invoiced_and_must_be_without() -> None:
    november = ready(period=NOVEMBER, accounts=())
    assert accrued_ties(november)[0] == []
    unpaid = tuple(one for one in entries() if one.journal_type != "invoice")
    (problem,) = accrued_ties(replace(november, entries=unpaid))[0]
    assert "Expected 98.00 USD accrued for 2026-10, whose invoice has not come" in problem


def test_an_accrual_that_waits_too_long_is_told_with_its_age_and_found() -> None:
    unpaid = tuple(one for one in entries() if one.journal_type in ("accrual", "true_up"))
    limits = replace(DEFAULT_LIMITS, stale_months=1)
    october = ready(entries=unpaid, limits=limits)
    november = replace(october, period=NOVEMBER, accounts=())
    assert accrued_ties(october)[1].endswith("; 0.00 USD in 0 of them for 1 months or longer")
    assert accrued_ties(november)[1].endswith(
        "; 98.00 USD in 1 of them for 1 months or longer, the oldest for 1"
    )
    found = partial(stale_accruals, unpaid, chart=CHART)
    assert found(period=NOVEMBER, limits=DEFAULT_LIMITS) == ()
    assert found(period=OCTOBER, limits=limits) == ()
    (finding,) = found(period=NOVEMBER, limits=limits)
    assert (finding.kind, finding.amount_units) == ("accrual_stale", to_units("98"))


def _without(journal_type: str) -> Change:
    return lambda found: tuple(one for one in found if one.journal_type != journal_type)


def _moved(found: tuple[JournalEntry, ...]) -> tuple[JournalEntry, ...]:
    """The purchase of October booked in September."""
    return tuple(
        replace(one, posting_on=date(2026, 9, 30)) if one.journal_type == "credit_purchase" else one
        for one in found
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            _without("credit_purchase"),
            "anthropic/org-2: closes with -17.66 USD in the books, 22.336 in the roll-forward",
        ),
        (
            _without("opening"),
            (
                "anthropic/org-2: opens with 0.00 USD in the books, 12.34 in the roll-forward | "
                "anthropic/org-2: closes with 10.00 USD in the books, 22.336 in the roll-forward"
            ),
        ),
        (
            _moved,
            (
                "anthropic/org-2: opens with 52.34 USD in the books, 12.34 in the roll-forward | "
                "anthropic/org-2: purchase of 0.00 USD in the books, 40.00 USD in the roll-forward"
            ),
        ),
        (lambda _: (), "anthropic/org-2: the books have no prepaid credit"),
    ],
)
def test_credit_that_the_books_lack_or_date_otherwise_is_named(change: Change, told: str) -> None:
    assert " | ".join(credit_ties(ready(entries=change(entries())))[0]).startswith(told)


def test_an_account_without_a_roll_forward_is_named_and_one_without_credit_is_not() -> None:
    lost = ready(accounts=(prepaid(bridges=()),))
    assert credit_ties(lost)[0] == ["anthropic/org-2: no credit roll-forward"]
    empty = bridge(
        "credit_rollforward", "0", "0", {}, provider="anthropic", billing_account_id="org-2"
    )
    assert credit_ties(ready(accounts=(prepaid(bridges=(empty,)),), entries=()))[0] == []


@pytest.mark.parametrize(("end", "ties"), [("22.330", True), ("22.35", True), ("22.3501", False)])
def test_usage_may_round_by_half_a_cent_for_each_month_and_the_statement(
    end: str, ties: bool
) -> None:
    drawn = bridge(
        "credit_rollforward",
        "12.34",
        end,
        {"purchase": "40"},
        provider="anthropic",
        billing_account_id="org-2",
    )
    assert (credit_ties(ready(accounts=(prepaid(bridges=(drawn,)),)))[0] == []) is ties


def _with_event(kind: CreditEventKind, amount: str, booked: str) -> CloseInputs:
    event = CreditEvent(kind=kind, amount_units=to_units(booked), evidence="statement")
    posted = (*entries(), credit_event(event, month=ANTHROPIC, chart=CHART))
    sign = "" if kind == "granted" else "-"
    name = "grant" if kind == "granted" else "expiry"
    causes = {"purchase": "40", "usage": "-30.004", name: f"{sign}{amount}"}
    end = str(22336 + int(f"{sign}{amount}") * 1000)
    roll = bridge(
        "credit_rollforward",
        "12.34",
        f"{end[:-3]}.{end[-3:]}",
        causes,
        provider="anthropic",
        billing_account_id="org-2",
    )
    return ready(accounts=(prepaid(bridges=(roll,)),), entries=posted)


@pytest.mark.parametrize("kind", ["granted", "expired"])
def test_granted_and_expired_credit_tie_to_the_cent(kind: CreditEventKind) -> None:
    assert credit_ties(_with_event(kind, "5", "5"))[0] == []
    problems = credit_ties(_with_event(kind, "5", "4.99"))[0]
    assert any("grant" in one or "expiry" in one for one in problems)


def test_a_reversed_purchase_counts_with_purchases_and_fees_roll_apart() -> None:
    twice = credit_purchase(replace(RECEIPT, number="R-2"), month=ANTHROPIC, chart=CHART)
    taken_back = reverse(twice, on=twice.posting_on)
    shares = [
        line(cost, initiative_rule=rule, pool_id="plan", provider="anthropic")
        for cost, rule in (("30", "pool:plan"), ("60", "pool:plan/held"))
    ]
    fee = Fee(
        pool_id="plan",
        billed=OCTOBER,
        term=Term(start_on=date(2026, 10, 1), end_on=date(2027, 1, 1)),
        lines=ledger(*shares),
    )
    held = deferral(fee, month=ANTHROPIC, chart=CHART)
    assert held
    books = (*entries(), twice, taken_back, held)
    assert credit_ties(ready(entries=books))[0] == []
    credit, fees = prepaid_rolls(books, chart=CHART, period=OCTOBER)
    assert (credit.what, credit.closing_minor) == ("credit", 2234)
    assert {kind: minor for kind, minor in credit.movements.items() if minor} == {
        "opening_balance": 1234,
        "purchase": 4000,
        "usage": -3000,
    }
    assert (fees.what, fees.subject) == ("upfront fees", "anthropic/org-2")
    assert fees.movements["fee"] == fees.closing_minor > 0
    opened = {
        roll.what: roll.opening_minor for roll in prepaid_rolls(books, chart=CHART, period=NOVEMBER)
    }
    assert opened == {"credit": credit.closing_minor, "upfront fees": fees.closing_minor}
