import json
from dataclasses import replace

import pytest

from tieout.core.errors import ConservationError
from tieout.reconciliation.bridge import (
    Bridge,
    BridgeLine,
    Part,
    bridge_from_json,
    bridge_json,
    gather,
)


def bridge() -> Bridge:
    line = BridgeLine(
        section="report_to_invoice",
        component="credit",
        cause="Credit printed on invoice INV-1.",
        amount_units=-150,
        evidence=("INV-1",),
    )
    return Bridge(
        provider="openai",
        billing_account_id="org-1",
        section="report_to_invoice",
        currency="USD",
        start_label="Provider report (final)",
        start_units=1000,
        end_label="Invoice INV-1",
        end_units=851,
        lines=(line,),
        unexplained_units=1,
    )


def test_a_bridge_that_does_not_add_up_cannot_exist() -> None:
    with pytest.raises(ConservationError, match="report_to_invoice of openai/org-1 should end at"):
        replace(bridge(), unexplained_units=0)


def test_a_bridge_comes_back_from_json_as_it_was() -> None:
    text = json.dumps(bridge_json(bridge()))
    assert bridge_from_json(json.loads(text)) == bridge()


def test_a_stored_bridge_that_was_changed_is_refused() -> None:
    value = bridge_json(bridge())
    with pytest.raises(ConservationError):
        bridge_from_json({**value, "end_units": "852"})


def test_components_are_summed_in_the_order_of_causes_and_zero_is_dropped() -> None:
    parts = [
        Part(component="tax", amount_units=2, rows=1, evidence="b"),
        Part(component="price", amount_units=5, rows=2, evidence="a"),
        Part(component="tax", amount_units=-2, rows=1, evidence="a"),
        Part(component="price", amount_units=1, rows=1, evidence="c"),
    ]
    causes = {"price": "{rows} prices.", "tax": "{rows} taxes.", "other": "nothing."}
    (line,) = gather("estimate_to_report", parts, causes=causes)
    assert (line.component, line.amount_units) == ("price", 6)
    assert line.cause == "3 prices."
    assert line.evidence == ("a", "c")


def test_evidence_is_limited_to_five_ids_and_the_cause_counts_all() -> None:
    parts = [
        Part(component="price", amount_units=1, rows=1, evidence=f"line {number}")
        for number in range(9)
    ]
    (line,) = gather("estimate_to_report", parts, causes={"price": "{rows} rows."})
    assert (len(line.evidence), line.cause) == (5, "9 rows.")
