from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges, document, tokens

from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.arrears import reconcile_arrears
from tieout.reconciliation.bridge import Bridge
from tieout.reconciliation.invoice_charges import invoice_only_charges
from tieout.reconciliation.invoice_gaps import invoice_gaps

OCTOBER = Period(2026, 10)


def reconcile(**given_: Any) -> tuple[dict[str, Bridge], list[str]]:
    invoice = given_.pop("invoice", None)
    invoices = given_.pop("invoices", [invoice] if invoice else [])
    values: dict[str, Any] = {"estimate": None, "invoices": invoices, **given_}
    values.setdefault("draft", values["final"])
    bridges, findings = reconcile_arrears(provider="openai", account="org-1", **values)
    return {bridge.section: bridge for bridge in bridges}, [found.kind for found in findings]


def test_credit_tax_and_rounding_turn_the_report_into_the_invoice() -> None:
    final = charges(charge(1, "10.004", charge_description="gpt-6-sol, input"))
    invoice = document([("gpt-6-sol, input", "10.00")], credit="-1.50", tax="1.70")
    bridges, findings = reconcile(final=final, invoice=invoice)
    found = bridges["report_to_invoice"]
    assert {line.component: line.amount_units for line in found.lines} == {
        "credit": to_units("-1.50"),
        "tax": to_units("1.70"),
        "rounding": to_units("-0.004"),
    }
    assert found.unexplained_units == 0
    assert found.end_units == to_units("10.20")
    assert found.lines[2].cause == (
        "Rounding of 1 printed lines, at most 0.01 USD. "
        "1 of 1 line descriptions agree within half a minor unit."
    )
    assert found.lines[0].evidence == ("INV-1", "d" * 64)
    assert findings == []


def test_a_gap_at_the_rounding_bound_is_rounding_and_one_unit_more_is_not() -> None:
    final = charges(charge(1, "10"))
    bound = invoice_gaps(final, document([("usage", "10")])).bound_units
    assert bound == to_units("0.01")
    at = reconcile(
        final=charges(charge(1, to_units("10") + bound)), invoice=document([("a", "10")])
    )
    over = reconcile(
        final=charges(charge(1, to_units("10") + bound + 1)), invoice=document([("a", "10")])
    )
    assert at[0]["report_to_invoice"].unexplained_units == 0
    assert over[0]["report_to_invoice"].unexplained_units == -bound - 1
    assert over[1] == ["unexplained"]


def test_an_unexplained_difference_is_never_made_a_rounding_charge() -> None:
    final = charges(charge(1, "10"))
    made = invoice_only_charges(
        provider="openai",
        account="org-1",
        period=OCTOBER,
        final=final,
        invoice=document([("usage", "10.50")], credit="-1"),
    )
    assert made["charge_category"].to_pylist() == ["Credit"]


def test_a_missing_invoice_is_a_warning_and_the_other_bridges_stand() -> None:
    bridges, findings = reconcile(final=charges(charge(1, "10")), estimate=charges(tokens(1, "9")))
    assert set(bridges) == {"estimate_to_report", "draft_to_final"}
    assert findings == ["only_in_estimate", "missing_invoice"]


def test_an_account_without_charges_is_in_the_default_currency() -> None:
    bridges, findings = reconcile(final=charges())
    assert bridges["draft_to_final"].currency == "USD"
    assert findings == []


def test_an_invoice_in_another_currency_blocks() -> None:
    invoice = document([("usage", "10")], currency="EUR")
    bridges, findings = reconcile(final=charges(charge(1, "10")), invoice=invoice)
    assert "report_to_invoice" not in bridges
    assert findings == ["currency_mismatch"]


def test_credits_that_the_report_already_has_are_not_made_again() -> None:
    usage, credit = charge(1, "200"), charge(1, "-150", charge_category="Credit")
    tax = charge(1, "4.00", charge_category="Tax")
    net = document([("usage net of credits", "50")], tax="4.00")
    split = document([("usage", "200")], credit="-150", tax="4.00")
    for invoice in (net, split):
        gaps = invoice_gaps(charges(usage, credit, tax), invoice)
        assert (gaps.credit_units, gaps.tax_units, gaps.rounding_units) == (0, 0, 0)
        assert gaps.unexplained_units == 0


def test_a_credit_beyond_the_reported_one_stays_a_credit() -> None:
    usage, credit = charge(1, "200"), charge(1, "-150", charge_category="Credit")
    gaps = invoice_gaps(charges(usage, credit), document([("usage", "200")], credit="-160"))
    assert (gaps.credit_units, gaps.unexplained_units) == (to_units("-10"), 0)


def test_two_opposite_line_errors_do_not_cancel_out() -> None:
    final = charges(
        charge(1, "10", charge_description="input"), charge(1, "10", charge_description="output")
    )
    invoice = document([("input", "10.05"), ("output (batch)", "9.95")])
    _, findings = reconcile(final=final, invoice=invoice)
    assert findings == ["invoice_line_unmatched", "invoice_line_unmatched"]


def test_a_printed_line_that_the_report_does_not_have_is_found() -> None:
    final = charges(charge(1, "10", charge_description="input"))
    _, findings = reconcile(final=final, invoice=document([("input", "10"), ("seat", "20")]))
    assert findings == ["invoice_line_unmatched", "unexplained"]


def test_an_invoice_that_prints_only_totals_is_compared_as_a_whole() -> None:
    bridges, findings = reconcile(
        final=charges(charge(1, "9.999")), invoice=document([("Total of October", "10")])
    )
    (line,) = bridges["report_to_invoice"].lines
    assert line.cause == "Rounding of 1 printed lines, at most 0.01 USD."
    assert findings == []


def test_invoice_only_charges_stand_for_the_month_and_name_the_invoice() -> None:
    final = charges(charge(1, "10.004", billing_account_name="Nordlicht"))
    invoice = document([("usage", "10")], credit="-1", tax="2")
    made = invoice_only_charges(
        provider="openai", account="org-1", period=OCTOBER, final=final, invoice=invoice
    )
    assert made["charge_category"].to_pylist() == ["Credit", "Tax", "Adjustment"]
    assert made["charge_description"].to_pylist() == [
        "Credit on invoice INV-1",
        "Tax on invoice INV-1",
        "Rounding to invoice INV-1",
    ]
    assert set(made["billing_account_name"].to_pylist()) == {"Nordlicht"}
    assert set(made["source_row"].to_pylist()) == {2}
    assert len(set(made["line_id"].to_pylist())) == 3


def test_an_invoice_for_no_reported_charge_names_the_seller() -> None:
    made = invoice_only_charges(
        provider="openai",
        account="org-1",
        period=OCTOBER,
        final=charges(),
        invoice=document([], credit="-1"),
    )
    assert made["invoice_issuer_name"].to_pylist() == ["OpenAI"]
    assert made["source_row"].to_pylist() == [1]


@settings(max_examples=60, deadline=None)
@given(
    costs=st.lists(st.integers(min_value=-(10**13), max_value=10**14), min_size=1, max_size=6),
    off=st.integers(min_value=-5_000_000_000, max_value=5_000_000_000),
    cents=st.tuples(st.integers(-500, 0), st.integers(0, 500)),
)
def test_report_and_invoice_only_charges_add_up_to_the_invoice(
    costs: list[int], off: int, cents: tuple[int, int]
) -> None:
    final = charges(*(charge(1, units) for units in costs))
    credit, tax = (units * 10**10 for units in cents)
    subtotal = total_units(final) + off
    invoice = document(
        [("usage", "0")],
        subtotal_units=subtotal,
        credit_units=credit,
        tax_units=tax,
        total_units=subtotal + credit + tax,
    )
    made = invoice_only_charges(
        provider="openai", account="org-1", period=OCTOBER, final=final, invoice=invoice
    )
    assert total_units(final) + total_units(made) == invoice.total_units
    bridges, _ = reconcile(final=final, invoice=invoice)
    assert bridges["report_to_invoice"].unexplained_units == 0


@pytest.mark.parametrize("digits_off", ["0.1", "-0.1", "1000000"])
def test_what_is_beyond_the_bound_is_unexplained_to_the_unit(digits_off: str) -> None:
    bridges, _ = reconcile(
        final=charges(charge(1, to_units("10") - to_units(digits_off))),
        invoice=document([("usage", "10")]),
    )
    assert bridges["report_to_invoice"].unexplained_units == to_units(digits_off)


def test_an_account_that_billed_nothing_needs_no_invoice() -> None:
    bridges, findings = reconcile(final=charges(charge(1, "0")))
    assert "report_to_invoice" not in bridges
    assert findings == []
    assert reconcile(final=charges(charge(1, "0.01")))[1] == ["missing_invoice"]


def test_usage_and_a_credit_that_cancel_each_other_need_their_invoice() -> None:
    cancelled = charges(charge(1, "200"), charge(1, "-200", charge_category="Credit"))
    assert reconcile(final=cancelled)[1] == ["missing_invoice"]
    assert reconcile(final=charges(charge(1, "0", invoice_id="A")))[1] == ["missing_invoice"]
