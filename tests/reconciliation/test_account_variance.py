"""A month of an account as a variance bridge: which figures meet, and what it says of gaps."""

from typing import Any

import pyarrow as pa
import pytest
from tests.reconciliation.charge_rows import charge, charges, document, tokens

from tieout.core.money import format_units, to_units
from tieout.core.period import Period
from tieout.reconciliation.account_variance import account_variance
from tieout.reconciliation.bridge import Bridge
from tieout.reconciliation.variance import Exchange, variance
from tieout.reconciliation.variance_figures import variance_figures

DOLLARS = Exchange(transaction_currency="USD", functional_currency="USD")


def _lines(bridge: Bridge) -> dict[str, str]:
    return {line.component: format_units(line.amount_units) for line in bridge.lines}


def _month(estimate: pa.Table | None, final: pa.Table, **fields: Any) -> Bridge:
    values: dict[str, Any] = {"draft": final, "invoices": ()}
    return account_variance(
        provider="openai",
        account="org-1",
        period=Period(2026, 10),
        estimate=estimate,
        final=final,
        **{**values, **fields},
    )


def test_an_estimate_and_a_report_with_meters_of_its_own_meet_by_model_tier_and_kind() -> None:
    estimate = charges(tokens(1, "10", quantity="100", consumed_unit="Tokens"), pull="estimate")
    final = charges(
        tokens(1, "12", quantity="100", consumed_unit="tokens", sku_meter="gpt-6-sol, input"),
        charge(1, "3", charge_description="web search", sku_meter="web search"),
    )
    bridge = _month(estimate, final)
    assert _lines(bridge) == {"price": "2.00", "new": "3.00"}
    assert (bridge.start_label, bridge.end_label) == ("Own estimate", "Provider report (final)")
    assert (bridge.end_units, bridge.unexplained_units) == (to_units("15"), 0)


@pytest.mark.parametrize("counted", [{}, {"quantity": "0.0001", "consumed_unit": "1M"}])
def test_without_comparable_quantities_the_bridge_says_so_and_guesses_nothing(
    counted: dict[str, str],
) -> None:
    estimate = charges(tokens(1, "10", quantity="100", consumed_unit="Tokens"), pull="estimate")
    bridge = _month(estimate, charges(tokens(1, "9.5", **counted)))
    (line,) = bridge.lines
    assert (line.component, format_units(line.amount_units)) == ("uncounted", "-0.50")
    assert line.cause == "Price or volume: a side counts no quantity, so nothing tells them apart."
    assert line.evidence == ("OpenAI API / - / - / - / gpt-6-sol / standard / input",)


def test_rows_of_one_key_in_two_units_are_not_added_up() -> None:
    draft = charges(
        tokens(1, "1", quantity="5", consumed_unit="tokens", sku_meter="a"),
        tokens(1, "1", quantity="5", consumed_unit="1M", sku_meter="a"),
    )
    final = charges(tokens(1, "3", quantity="10", consumed_unit="tokens", sku_meter="a"))
    assert _lines(_month(None, final, draft=draft)) == {"uncounted": "1.00"}


def test_tokens_of_embeddings_never_stand_with_those_of_chat_models() -> None:
    found = variance_figures(
        charges(
            tokens(1, "10", quantity="10", sku_meter="a"),
            tokens(1, "1", quantity="10", sku_meter="b", x_model="text-embedding-4"),
        ),
        charges(
            tokens(1, "20", quantity="20", sku_meter="a"),
            tokens(1, "1", quantity="10", sku_meter="b", x_model="text-embedding-4"),
        ),
        period=Period(2026, 10),
        invoices=(),
    )
    assert len({one.group for one in found.metered}) == 2
    assert variance(found, DOLLARS).posted("volume") == 1000
    assert variance(found, DOLLARS).posted("mix") == 0


def test_credit_and_tax_that_only_the_invoice_prints_are_lines_and_a_draft_may_begin() -> None:
    draft = charges(charge(1, "10", quantity="10", consumed_unit="Hrs", sku_id="A"), pull="draft")
    final = charges(charge(1, "12", quantity="12", consumed_unit="Hrs", sku_id="A"))
    invoice = document([("usage", "12.01")], credit="-5", tax="1.90")
    bridge = _month(None, final, draft=draft, invoices=(invoice,))
    assert _lines(bridge) == {
        "volume": "2.00",
        "credits": "-5.00",
        "tax": "1.90",
        "rounding": "0.01",
    }
    assert (bridge.start_label, bridge.end_label) == ("Provider report (draft)", "Invoice INV-1")
    credit = next(line for line in bridge.lines if line.component == "credits")
    assert credit.evidence == ("INV-1",)


def test_an_invoice_that_the_report_does_not_explain_stays_unexplained_in_full() -> None:
    final = charges(charge(1, "10", quantity="10", consumed_unit="Hrs"))
    invoice = document([("usage", "14")])
    assert _month(None, final, invoices=(invoice,)).unexplained_units == to_units("4")


def test_an_invoice_in_another_currency_is_left_out() -> None:
    final = charges(charge(1, "10", quantity="10", consumed_unit="Hrs"))
    bridge = _month(None, final, invoices=(document([("usage", "9")], currency="EUR"),))
    assert (bridge.end_label, bridge.end_units) == ("Provider report (final)", to_units("10"))
