"""The split-cost columns of FOCUS 1.3 and 1.4."""

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.allocation.certificate import PoolCertificate
from tieout.allocation.focus_split import SPLIT_COLUMNS, split_columns
from tieout.core.errors import ConservationError
from tieout.core.money import to_units
from tieout.rules.register import Initiative

REGISTER = {
    "search": Initiative(
        initiative_id="search",
        name="Search ranking",
        owner="tomasz",
        cost_center="CC-310",
        pl_category="Cost of revenue",
        product_line="Search",
    ),
    "tools": Initiative(
        initiative_id="tools",
        name="Tools",
        owner="aiko",
        cost_center="CC-210",
        pl_category="R&D",
    ),
}
PTU = PoolCertificate(
    pool_id="ptu",
    method="usage_split",
    driver="tokens",
    state="allocated",
    level=0,
    amount_in_units=to_units("10"),
    amount_out_units=to_units("10"),
    received_units=0,
    to_initiatives_units=to_units("10"),
    to_pools=(),
    held_units=0,
    lines_in=1,
    lines_out=3,
    charge_count=1,
    worst_distance=Fraction(0),
    weights=(("search", Fraction("2.5")), ("tools", Fraction(1, 3)), ("unused:tools", Fraction(1))),
    policies=(),
    decisions=(),
)
SHARES = {"search": to_units("6"), "tools": to_units("1"), "unused:tools": to_units("2")}


def test_each_share_says_method_ratio_and_resource() -> None:
    found = split_columns(SHARES, pool=PTU, initiatives=REGISTER)
    assert found["search"] == {
        "AllocatedMethodId": "tieout/usage_split",
        "AllocatedMethodDetails": '{"Elements": [{"AllocatedRatio": 0.666666666667, '
        '"UsageUnit": "tokens", "UsageQuantity": 2.5}], "x_PoolId": "ptu"}',
        "AllocatedResourceId": "search",
        "AllocatedResourceName": "Search ranking",
        "AllocatedTags": '{"tieout/cost_center": "CC-310", '
        '"tieout/pl_category": "Cost of revenue", "tieout/product_line": "Search"}',
    }
    assert tuple(found["search"]) == SPLIT_COLUMNS
    # a quantity without a last digit cannot be a JSON number: it is left out
    tools = json.loads(found["tools"]["AllocatedMethodDetails"] or "")
    assert tools["Elements"][0].keys() == {"AllocatedRatio"}
    assert json.loads(found["tools"]["AllocatedTags"] or "").keys() == {
        "tieout/cost_center",
        "tieout/pl_category",
    }


def test_unused_and_held_parts_are_the_unallocated_portion() -> None:
    shares = {"search": 5, "unused:tools": 3, "held:ptu": 2}
    found = split_columns(shares, pool=PTU, initiatives=REGISTER)
    for key in ("unused:tools", "held:ptu"):
        assert found[key]["AllocatedResourceId"] is None
        assert found[key]["AllocatedResourceName"] is None
        assert found[key]["AllocatedTags"] is None
        assert found[key]["AllocatedMethodId"] == "tieout/usage_split"
    details = json.loads(found["unused:tools"]["AllocatedMethodDetails"] or "")
    assert details["x_UnusedCapacityOwner"] == "tools"


@pytest.mark.parametrize("changes", [{"method": "tiered"}, {"to_pools": (("network", 1),)}])
def test_a_quantity_is_given_only_where_it_alone_made_the_ratio(changes: dict[str, object]) -> None:
    pool = replace(PTU, **changes)  # type: ignore[arg-type]  # fields of the example
    found = split_columns(SHARES, pool=pool, initiatives=REGISTER)
    details = json.loads(found["search"]["AllocatedMethodDetails"] or "")
    assert details["Elements"][0].keys() == {"AllocatedRatio"}


@given(st.dictionaries(st.sampled_from(["search", "tools", "held:ptu"]), st.integers(1, 10**20)))
def test_ratios_of_one_charge_add_up_to_exactly_one(shares: dict[str, int]) -> None:
    for sign in (1, -1):
        signed = {key: sign * units for key, units in shares.items()}
        found = split_columns(signed, pool=PTU, initiatives=REGISTER)
        ratios = [
            json.loads(columns["AllocatedMethodDetails"] or "", parse_float=Decimal)["Elements"][0]
            for columns in found.values()
        ]
        assert sum(one["AllocatedRatio"] for one in ratios) == (1 if shares else 0)


def test_shares_of_two_charges_are_refused() -> None:
    with pytest.raises(ConservationError, match="different signs"):
        split_columns({"search": 1, "tools": -1}, pool=PTU, initiatives=REGISTER)
