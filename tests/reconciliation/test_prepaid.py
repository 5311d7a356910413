from datetime import date
from typing import Any

import pytest
from tests.reconciliation.charge_rows import charge, charges, document

from tieout.core.finding import Finding
from tieout.core.money import to_units
from tieout.reconciliation.bridge import Bridge
from tieout.reconciliation.prepaid import (
    CreditEvent,
    CreditEventKind,
    CreditMonth,
    purchased_units,
    reconcile_prepaid,
)


def receipt(number: str, day: int, amount: str, **fields: Any) -> Any:
    return document(
        [("One-time credit purchase", amount)],
        kind="receipt",
        number=number,
        issued_on=date(2026, 10, day),
        **fields,
    )


def event(kind: CreditEventKind, amount: str) -> CreditEvent:
    return CreditEvent(kind=kind, amount_units=to_units(amount), evidence="console, 31 October")


def rollforward(credit: CreditMonth, usage: str = "30") -> tuple[Bridge, tuple[Finding, ...]]:
    final = charges(charge(1, usage))
    bridges, findings = reconcile_prepaid(
        provider="anthropic",
        account="org-2",
        estimate=None,
        draft=final,
        final=final,
        credit=credit,
    )
    return bridges[-1], findings


def test_opening_bought_and_granted_less_used_and_expired_is_the_closing_credit() -> None:
    found, findings = rollforward(
        CreditMonth(
            purchases=(receipt("R-2", 17, "50"), receipt("R-1", 3, "40", tax="0")),
            opening_units=to_units("12.34"),
            events=(event("expired", "2"), event("granted", "5")),
        )
    )
    assert [(line.component, line.amount_units) for line in found.lines] == [
        ("purchase", to_units("40")),
        ("purchase", to_units("50")),
        ("usage", to_units("-30")),
        ("expiry", to_units("-2")),
        ("grant", to_units("5")),
    ]
    assert found.lines[0].evidence[0] == "R-1"
    assert found.lines[3].cause == "Credit of 2.00 USD expired unused."
    assert (found.start_units, found.end_units) == (to_units("12.34"), to_units("75.34"))
    assert [(each.kind, each.severity) for each in findings] == [("balance_not_stated", "warning")]


def test_tax_on_a_purchase_buys_no_credit() -> None:
    assert purchased_units(receipt("R-1", 3, "100", tax="19")) == to_units("100")


def test_a_stated_balance_that_differs_is_unexplained_and_blocks() -> None:
    found, findings = rollforward(
        CreditMonth(
            purchases=(), opening_units=to_units("100"), stated_closing_units=to_units("69.50")
        )
    )
    assert found.unexplained_units == to_units("-0.50")
    assert [(each.kind, each.severity) for each in findings] == [("unexplained", "blocking")]


def test_a_stated_balance_that_agrees_leaves_nothing() -> None:
    found, findings = rollforward(
        CreditMonth(
            purchases=(), opening_units=to_units("100"), stated_closing_units=to_units("70")
        )
    )
    assert (found.unexplained_units, findings) == (0, ())


def test_a_receipt_delivered_twice_counts_once_and_blocks() -> None:
    first, again = receipt("R-1", 3, "40"), receipt("R-1", 3, "40", document="e" * 64)
    found, findings = rollforward(CreditMonth(purchases=(first, again), opening_units=0))
    assert found.end_units == to_units("10")
    assert [each.kind for each in findings] == ["duplicate_document", "balance_not_stated"]


@pytest.mark.parametrize(("stated", "unexplained"), [("70.005", "0"), ("70.006", "0.006")])
def test_a_stated_balance_may_differ_by_the_rounding_of_what_the_console_shows(
    stated: str, unexplained: str
) -> None:
    found, _ = rollforward(
        CreditMonth(
            purchases=(), opening_units=to_units("100"), stated_closing_units=to_units(stated)
        )
    )
    assert found.unexplained_units == to_units(unexplained)
    assert found.end_units == to_units("70") + to_units(unexplained)


def test_a_receipt_that_never_arrived_is_seen_in_the_stated_balance() -> None:
    arrived = CreditMonth(
        purchases=(receipt("R-1", 3, "40"),),
        opening_units=to_units("10"),
        stated_closing_units=to_units("70"),  # a second purchase of 50 has no receipt
    )
    found, findings = rollforward(arrived)
    assert found.unexplained_units == to_units("50")
    assert [(each.kind, each.severity) for each in findings] == [("unexplained", "blocking")]


@pytest.mark.parametrize("stated", [None, "-25"])
def test_credit_drawn_below_zero_blocks(stated: str | None) -> None:
    _, findings = rollforward(
        CreditMonth(
            purchases=(),
            opening_units=to_units("5"),
            stated_closing_units=None if stated is None else to_units(stated),
        )
    )
    assert [(each.kind, each.severity) for each in findings] == [("credit_below_zero", "blocking")]
    assert "closes at -25.00 USD: expected none below zero" in findings[0].message


def test_a_bill_that_buys_no_credit_is_not_passed_over() -> None:
    bought = receipt("R-1", 3, "40")
    papers = (
        document([("One-time credit purchase", "40")], number="R-1"),  # the bill of the receipt
        document([("Seats", "100")], number="S-1"),
        document([("Refund", "-10")], number="C-1", kind="credit_note"),
        receipt("P-1", 4, "100"),
    )
    stated = to_units("10")
    found, findings = rollforward(
        CreditMonth(
            purchases=(bought,), opening_units=0, others=papers, stated_closing_units=stated
        )
    )
    assert found.end_units == stated
    assert [(each.kind, each.severity, each.subject) for each in findings] == [
        ("document_not_counted", "blocking", "S-1"),
        ("document_not_counted", "blocking", "C-1"),
    ]
    assert findings[0].message.startswith("Invoice S-1 of OpenAI over 100.00 USD buys no credit")
