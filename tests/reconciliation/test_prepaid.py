from datetime import date
from typing import Any

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
    assert findings == ()


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
    assert [each.kind for each in findings] == ["duplicate_document"]
