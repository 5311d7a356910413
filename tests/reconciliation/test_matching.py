from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges, document, tokens
from tests.reconciliation.match_rows import CENT, PASSES, ids, shown, side

from tieout.core.errors import ConservationError
from tieout.core.money import to_units
from tieout.focus.columns import MONEY
from tieout.reconciliation.compare import units_of
from tieout.reconciliation.match_passes import (
    DRAFT_TO_FINAL,
    ESTIMATE_TO_REPORT,
    REPORT_TO_INVOICE,
)
from tieout.reconciliation.match_sides import Side, charges_side, invoices_side
from tieout.reconciliation.match_values import Matching, Member
from tieout.reconciliation.matching import match


def test_a_line_number_decides_before_anything_else() -> None:
    number = {"invoice_id": "INV-1", "invoice_detail_id": "7"}
    report = side("report", ("r1", "5", {**number, "sku_id": "a"}), ("r2", "5", {"sku_id": "b"}))
    invoice = side("invoice", ("i1", "5", {**number, "sku_id": "b"}), ("i2", "5", {"sku_id": "b"}))
    found = match(report, invoice, passes=PASSES)
    assert shown(found.records) == [("line number", "r1", "i1"), ("sku 1:1", "r2", "i2")]


def test_rows_without_a_line_number_are_no_line_number_alike() -> None:
    found = match(
        side("report", ("r1", "5", {"invoice_id": "INV-1"})),
        side("invoice", ("i1", "5", {"invoice_id": "INV-1"})),
        passes=PASSES[:1],
    )
    assert (found.records, ids(found)) == ((), (["r1"], ["i1"]))


def test_elsewhere_two_empty_keys_are_equal() -> None:
    found = match(
        side("report", ("r1", "5", {"sku_id": "a"})),
        side("invoice", ("i1", "5", {"sku_id": "a"})),
        passes=PASSES,
    )
    (one,) = found.records
    assert one.keys == (("sku_id", "a"), ("region_id", None))
    assert (one.earlier_units, one.later_units, one.difference_units) == (5 * 10**12,) * 2 + (0,)
    assert (one.decision, one.person, len(one.match_id)) == ("confirmed", None, 64)


def test_each_shape_has_its_own_pass_in_a_fixed_order() -> None:
    estimate = side(
        "estimate",
        ("a1", "1", {"sku_id": "a"}),
        ("b1", "1", {"sku_id": "b"}),
        ("b2", "2", {"sku_id": "b"}),
        ("c1", "9", {"sku_id": "c"}),
        ("d1", "3", {"sku_id": "d"}),
        ("d2", "4", {"sku_id": "d"}),
    )
    invoice = side(
        "invoice",
        ("w", "1", {"sku_id": "a"}),
        ("x", "3", {"sku_id": "b"}),
        ("y1", "4", {"sku_id": "c"}),
        ("y2", "5", {"sku_id": "c"}),
        ("z1", "6", {"sku_id": "d"}),
        ("z2", "1", {"sku_id": "d"}),
    )
    found = match(estimate, invoice, passes=PASSES)
    assert shown(found.records) == [
        ("sku 1:1", "a1", "w"),
        ("sku 1:n", "b1 b2", "x"),
        ("sku n:1", "c1", "y1 y2"),
        ("sku n:m", "d1 d2", "z1 z2"),
    ]


def test_rows_that_only_happen_to_add_up_are_not_matched() -> None:
    found = match(
        side("estimate", ("a", "1", {"sku_id": "a"}), ("b", "2", {"sku_id": "b"})),
        side("invoice", ("x", "3", {"sku_id": "c"})),
        passes=PASSES[:5],
    )
    assert (found.records, ids(found)) == ((), (["a", "b"], ["x"]))
    assert found.open_units == 0


def test_what_differs_in_detail_may_agree_in_the_coarser_group() -> None:
    found = match(
        side(
            "estimate",
            ("a", "1", {"sku_id": "a", "service_name": "s"}),
            ("b", "2", {"sku_id": "b", "service_name": "s"}),
        ),
        side("invoice", ("x", "3", {"sku_id": "c", "service_name": "s"})),
        passes=PASSES,
    )
    assert shown(found.records) == [("service 1:n", "a b", "x")]


@pytest.mark.parametrize(("printed", "agrees"), [("1.01", True), ("1.00", True), ("1.02", False)])
def test_a_printed_line_agrees_within_half_a_cent(printed: str, agrees: bool) -> None:
    found = match(
        side("report", ("r", "1.005", {"sku_id": "a"})),
        side("invoice", ("i", printed, {"sku_id": "a"}), step_units=CENT),
        passes=PASSES,
    )
    assert bool(found.records) is agrees


def test_an_exact_row_does_not_agree_with_a_trillionth_more() -> None:
    found = match(
        side("report", ("r", "1", {"sku_id": "a"})),
        side("final", ("f", "1.000000000001", {"sku_id": "a"})),
        passes=PASSES,
    )
    assert found.records == ()


def test_within_tolerance_is_only_suggested_and_stays_open() -> None:
    found = match(
        side("report", ("a", "100", {"sku_id": "a"}), ("b", "100", {"sku_id": "b"})),
        side("invoice", ("x", "100.50", {"sku_id": "a"}), ("y", "100.51", {"sku_id": "b"})),
        passes=PASSES,
        within=lambda difference, base: abs(difference) * 200 <= base,
    )
    assert shown(found.suggested) == [("sku 1:1", "a", "x")]
    assert found.suggested[0].difference_units == to_units("0.5")
    assert (found.standing, ids(found)) == ((), (["a", "b"], ["x", "y"]))
    assert found.open_units == to_units("1.01")


def test_a_row_is_suggested_once() -> None:
    found = match(
        side("report", ("a", "100", {"sku_id": "a", "service_name": "s"})),
        side("invoice", ("x", "101", {"sku_id": "a", "service_name": "s"})),
        passes=PASSES,
        within=lambda *_: True,
    )
    assert shown(found.suggested) == [("sku 1:1", "a", "x")]


def test_a_side_with_one_id_twice_is_refused() -> None:
    with pytest.raises(ConservationError, match="row of the report in one match or open"):
        match(
            side("report", ("a", "1", {}), ("a", "2", {})),
            side("invoice", ("x", "3", {})),
            passes=PASSES,
        )


def test_a_matching_that_loses_a_row_cannot_exist() -> None:
    with pytest.raises(ConservationError, match=r"invoice should add up to 1.00 and are 0.00"):
        Matching(
            earlier_name="report",
            later_name="invoice",
            records=(),
            open_earlier=(),
            open_later=(),
            earlier_units=0,
            later_units=10**12,
        )


def test_the_estimate_meets_the_report_by_meter_and_day() -> None:
    estimate = charges(
        tokens(1, "1"), tokens(1, "2"), tokens(2, "3"), tokens(3, "4"), pull="estimate"
    )
    report = charges(tokens(1, "3"), tokens(2, "3"), tokens(4, "4"))
    found = match(
        charges_side("estimate", estimate),
        charges_side("report", report),
        passes=ESTIMATE_TO_REPORT,
    )
    assert [one.pass_name for one in found.records] == [
        "meter and day 1:1",
        "meter and day 1:n",
        "meter and month 1:1",
    ]
    assert found.open_earlier == found.open_later == ()


def test_the_draft_meets_the_final_data_by_what_a_charge_is() -> None:
    draft = charges(charge(1, "1", sku_id="a"), charge(2, "2", sku_id="a"), pull="draft")
    final = charges(charge(1, "1", sku_id="a"), charge(2, "2.5", sku_id="a"))
    found = match(charges_side("draft", draft), charges_side("final", final), passes=DRAFT_TO_FINAL)
    assert [one.pass_name for one in found.records] == ["charge 1:1"]
    assert found.open_units == to_units("0.5")


def test_the_report_meets_printed_lines_credit_and_tax() -> None:
    report = charges(
        tokens(1, "10.004"),
        tokens(2, "20.004"),
        charge(3, "4", charge_description="seats"),
        charge(31, "-5", charge_category="Credit", charge_description="grant"),
    )
    invoice = document(
        [("gpt-6-sol, input (batch)", "30.01"), ("seats", "4")], credit="-5", tax="5.52"
    )
    found = match(
        charges_side("report", report),
        invoices_side("invoice", [invoice], report=report),
        passes=REPORT_TO_INVOICE,
    )
    assert [one.pass_name for one in found.records] == [
        "description 1:1",
        "description 1:n",
        "account total 1:1",
    ]
    assert ids(found) == ([], ["OpenAI/INV-1/tax"])
    assert found.later_units == invoice.total_units


def test_an_account_without_invoices_leaves_the_report_open() -> None:
    report = charges(tokens(1, "1"))
    found = match(
        charges_side("report", report),
        invoices_side("invoice", [], report=report),
        passes=REPORT_TO_INVOICE,
    )
    assert (found.records, len(found.open_earlier)) == ((), 1)


def test_units_are_read_from_the_column_whatever_their_size() -> None:
    amounts = ["-0.000000000001", "9223372.036854775807", "9223372.036854775808", "-99999999999"]
    column = pa.chunked_array([pa.array([Decimal(one) for one in amounts], MONEY)])
    assert units_of(column) == [to_units(one) for one in amounts]
    assert units_of(column[1:2]) == [to_units(amounts[1])]
    assert units_of(pa.chunked_array([], MONEY)) == []


_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "-1", "0.004"]),
        st.sampled_from(["a", "b", ""]),
        st.sampled_from(["eu", "us"]),
        st.sampled_from(["s", "t"]),
    ),
    max_size=7,
)


def drawn(name: str, rows: Sequence[tuple[str, str, str, str]], step_units: int = 1) -> Side:
    named: list[tuple[str, str, dict[str, Any]]] = [
        (f"{name}{at}", amount, {"sku_id": sku or None, "region_id": region, "service_name": what})
        for at, (amount, sku, region, what) in enumerate(rows)
    ]
    return side(name, *named, step_units=step_units)


def shuffled(one: Side, seed: int) -> Side:
    order = sorted(range(one.rows.num_rows), key=lambda at: (at * 7919 + seed) % 31)
    return Side(
        name=one.name, rows=one.rows.take(pa.array(order, pa.int64())), step_units=one.step_units
    )


@given(first=_ROWS, second=_ROWS, seed=st.integers(0, 30), step=st.sampled_from([1, CENT]))
def test_the_order_of_rows_changes_nothing_and_nothing_is_lost(
    first: list[tuple[str, str, str, str]],
    second: list[tuple[str, str, str, str]],
    seed: int,
    step: int,
) -> None:
    def near(difference: int, base: int) -> bool:
        return abs(difference) <= abs(base)

    left, right = drawn("e", first), drawn("l", second, step)
    found = match(left, right, passes=PASSES, within=near)
    again = match(shuffled(left, seed), shuffled(right, seed), passes=PASSES, within=near)
    assert found == again
    used = [member for one in found.standing for member in (*one.earlier, *one.later)]
    rows = [*used, *found.open_earlier, *found.open_later]
    assert sorted(one.member_id for one in rows) == sorted(
        [f"e{at}" for at in range(len(first))] + [f"l{at}" for at in range(len(second))]
    )
    bound = sum(CENT * len(one.later) for one in found.standing) // 2 if step == CENT else 0
    whole = found.later_units - found.earlier_units
    assert abs(whole - found.open_units) <= bound
    suggested = [member for one in found.suggested for member in (*one.earlier, *one.later)]
    assert len(set(suggested)) == len(suggested)
    assert set(suggested) <= {*found.open_earlier, *found.open_later}


@given(
    st.lists(st.text("0f", min_size=9, max_size=9), max_size=12, unique=True)
    | st.lists(st.text("0fé", max_size=9), max_size=12, unique=True)
)
def test_open_rows_come_in_the_order_of_their_ids_whatever_these_look_like(ids: list[str]) -> None:
    rows = side("report", *((one, str(n), {}) for n, one in enumerate(ids, start=1)))
    found = match(Side(name="report", rows=rows.rows.slice(1)), side("invoice"), passes=PASSES)
    left = {one: to_units(str(n)) for n, one in enumerate(ids, start=1) if n > 1}
    assert list(map(tuple, found.open_earlier)) == sorted(left.items())


def test_records_are_made_when_they_are_looked_at_and_equal_the_same_values() -> None:
    one, other = (
        match(
            side("report", ("a", "1", {"sku_id": "s"})),
            side("invoice", ("x", "1", {"sku_id": "s"})),
            passes=PASSES,
        )
        for _ in range(2)
    )
    assert one == other
    assert hash(one.records) == hash(other.records)
    assert one.records.__eq__(len(one.records)) is False
    assert (one.records[0], one.records[:1], len(one.records)) == (
        *other.records,
        tuple(other.records),
        1,
    )


def test_a_row_that_is_matched_and_open_is_refused() -> None:
    found = match(
        side("report", ("a", "1", {"sku_id": "s"}), ("b", "0", {})),
        side("invoice", ("x", "1", {"sku_id": "s"})),
        passes=PASSES,
    )
    with pytest.raises(ConservationError, match="found a twice"):
        replace(found, open_earlier=(Member("a", 0),))
    with pytest.raises(ConservationError, match="found a twice"):
        replace(found, records=(*found.records, *found.records))
    with pytest.raises(ConservationError, match="should add up"):
        replace(found, later_units=5)
