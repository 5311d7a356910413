from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges, tokens

from tieout.core.money import to_units
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.bridge import Bridge
from tieout.reconciliation.estimate import estimate_bridge

Row = dict[str, Any]


def bridge(estimate: list[Row], report: list[Row]) -> Bridge:
    return estimate_bridge(
        provider="openai",
        account="org-1",
        estimate=charges(*estimate, pull="estimate"),
        report=charges(*report),
        currency="USD",
    )


def components(found: Bridge) -> dict[str, int]:
    return {line.component: line.amount_units for line in found.lines}


def test_equal_figures_need_no_cause() -> None:
    assert bridge([tokens(1, "2.50")], [tokens(1, "2.50")]).lines == ()


def test_the_same_key_in_many_rows_is_one_figure() -> None:
    found = bridge(
        [tokens(1, "1.00", billing_account_name="a"), tokens(1, "1.50")], [tokens(1, "2.50")]
    )
    assert found.lines == ()


def test_more_tokens_at_the_same_price_are_quantity() -> None:
    found = bridge([tokens(1, "2.00", quantity="100")], [tokens(1, "3.00", quantity="150")])
    assert components(found) == {"quantity": to_units("1")}


def test_the_same_tokens_at_another_price_are_price() -> None:
    found = bridge([tokens(1, "2.00", quantity="100")], [tokens(1, "1.90", quantity="100")])
    assert components(found) == {"price": to_units("-0.1")}


def test_billed_below_the_own_list_price_is_a_negotiated_discount() -> None:
    found = bridge([tokens(1, "2.00")], [tokens(1, "1.90", listed="2.00")])
    assert components(found) == {"negotiated_discount": to_units("-0.1")}
    assert "negotiated discount" in found.lines[0].cause


def test_joint_effects_go_to_price_and_the_discount_stays_apart() -> None:
    found = bridge(
        [tokens(1, "100", quantity="10")], [tokens(1, "171", listed="180", quantity="15")]
    )
    assert components(found) == {
        "quantity": to_units("50"),
        "price": to_units("30"),
        "negotiated_discount": to_units("-9"),
    }


def test_a_bill_at_the_contracts_rate_leaves_nothing() -> None:
    ours = [tokens(1, "95", quantity="10", listed="100")]
    assert bridge(ours, [tokens(1, "95", quantity="10", listed="100")]).lines == ()
    found = bridge(ours, [tokens(1, "190", quantity="20", listed="200")])
    assert components(found) == {"quantity": to_units("95")}


def test_a_bill_that_ignores_the_contract_is_dearer_by_the_rate_it_lacks() -> None:
    ours = [tokens(1, "95", quantity="10", listed="100")]
    found = bridge(ours, [tokens(1, "100", quantity="10", listed="100")])
    assert components(found) == {"contract_rate": to_units("5")}
    assert found.lines[0].cause.endswith("the contract's rate of its list price (1 charges).")
    dearer = bridge(ours, [tokens(1, "110", quantity="10", listed="110")])
    assert components(dearer) == {"price": to_units("9.5"), "contract_rate": to_units("5.5")}
    unlisted = bridge(ours, [tokens(1, "100", quantity="10")])
    assert components(unlisted) == {"contract_rate": to_units("5")}
    uncounted = bridge(ours, [tokens(1, "100.5")])
    assert components(uncounted) == {"price": to_units("0.5"), "contract_rate": to_units("5")}
    near = bridge(ours, [tokens(1, "96", quantity="10")])
    assert components(near) == {"price": to_units("1")}
    twice = bridge(ours, [tokens(1, "200", quantity="20")])
    assert components(twice) == {"quantity": to_units("95"), "contract_rate": to_units("10")}
    free = bridge([tokens(1, "5", listed="0")], [tokens(1, "7", listed="7")])
    assert components(free) == {"price": to_units("2")}


def test_a_key_without_quantity_on_one_side_has_no_quantity_effect() -> None:
    found = bridge(
        [tokens(1, "2.00", quantity="100")],
        [tokens(1, "1.00", quantity="50"), tokens(1, "0.50")],
    )
    assert components(found) == {"price": to_units("-0.5")}


def test_a_list_cost_that_only_some_rows_have_proves_no_discount() -> None:
    found = bridge([tokens(1, "2.00")], [tokens(1, "1.00", listed="1.10"), tokens(1, "0.50")])
    assert components(found) == {"price": to_units("-0.5")}


def test_tokens_counted_only_by_the_report_are_quantity_when_the_estimate_counted_none() -> None:
    found = bridge([tokens(1, "0", quantity="0")], [tokens(1, "3.00", quantity="9")])
    assert components(found) == {"quantity": to_units("3")}


def test_cost_without_any_tokens_on_either_side_is_price() -> None:
    found = bridge([tokens(1, "0", quantity="0")], [tokens(1, "3.00", quantity="0")])
    assert components(found) == {"price": to_units("3")}


def test_services_not_metered_by_tokens_are_named() -> None:
    found = bridge(
        [], [charge(1, "0.5", charge_description="web search {calls}"), charge(2, "0.5")]
    )
    assert components(found) == {"not_metered_by_tokens": to_units("1")}
    assert found.lines[0].cause == "2 charges are not metered by tokens: web search (calls)."


def test_unmetered_charges_without_description_are_counted() -> None:
    found = bridge([], [charge(1, "0.5")])
    assert found.lines[0].cause == "1 charges are not metered by tokens: no description."


def test_priority_tokens_are_billed_under_contract_and_never_reported() -> None:
    found = bridge([tokens(1, "7", x_service_tier="priority"), tokens(1, "2")], [tokens(1, "2")])
    assert components(found) == {"priority_tier": to_units("-7")}


def test_keys_of_one_side_are_told_apart() -> None:
    found = bridge([tokens(1, "7", x_model="gpt-6-luna")], [tokens(2, "4")])
    assert components(found) == {
        "only_in_estimate": to_units("-7"),
        "only_in_report": to_units("4"),
    }


def test_a_charge_without_project_matches_one_without_project() -> None:
    found = bridge([tokens(1, "7")], [tokens(1, "7", sub_account_id=None)])
    assert found.lines == ()


_AMOUNT = st.integers(min_value=-(10**16), max_value=10**16)
_ROW = st.fixed_dictionaries(
    {
        "day": st.integers(min_value=1, max_value=3),
        "units": _AMOUNT,
        "sub_account_id": st.sampled_from([None, "a", "b"]),
        "x_service_tier": st.sampled_from([None, "standard", "priority"]),
        "x_token_kind": st.sampled_from([None, "input", "output"]),
        "quantity": st.one_of(st.none(), st.integers(min_value=0, max_value=1000).map(str)),
        "listed": st.one_of(st.none(), st.integers(min_value=0, max_value=1000).map(str)),
    }
)


def _table(rows: list[Row], pull: str) -> pa.Table:
    return charges(*(tokens(row.pop("day"), row.pop("units"), **row) for row in rows), pull=pull)


@settings(max_examples=60, deadline=None)
@given(st.lists(_ROW, max_size=8), st.lists(_ROW, max_size=8))
def test_the_bridge_conserves_exactly_and_finds_a_cause_for_everything(
    estimated: list[Row], reported: list[Row]
) -> None:
    metered = [{**row, "x_token_kind": row["x_token_kind"] or "input"} for row in estimated]
    estimate, report = _table(metered, "estimate"), _table(reported, "final")
    found = estimate_bridge(
        provider="openai", account="org-1", estimate=estimate, report=report, currency="USD"
    )
    assert found.start_units == total_units(estimate)
    assert found.start_units + found.explained_units == found.end_units == total_units(report)
    assert found.unexplained_units == 0
