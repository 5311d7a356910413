"""The split-cost columns of FOCUS 1.3 and 1.4."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.allocation.certificate import PoolCertificate
from tieout.allocation.focus_split import (
    SPLIT_COLUMNS,
    final_weights,
    split_charges,
    split_columns,
)
from tieout.core.errors import ConservationError
from tieout.core.money import to_units
from tieout.core.shares import split
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


def _columns(
    shares: Mapping[str, int], pool: PoolCertificate = PTU
) -> dict[str, dict[str, str | None]]:
    """The columns by key, of shares whose keys differ."""
    made = split_columns(list(shares.items()), pool=pool, initiatives=REGISTER)
    return dict(zip(shares, made, strict=True))


def test_each_share_says_method_ratio_and_resource() -> None:
    found = _columns(SHARES)
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
    found = _columns(shares)
    for key in ("unused:tools", "held:ptu"):
        assert found[key]["AllocatedResourceId"] is None
        assert found[key]["AllocatedResourceName"] is None
        assert found[key]["AllocatedTags"] is None
        assert found[key]["AllocatedMethodId"] == "tieout/usage_split"
    details = json.loads(found["unused:tools"]["AllocatedMethodDetails"] or "")
    assert details["x_UnusedCapacityOwner"] == "tools"


@pytest.mark.parametrize("changes", [{"method": "tiered"}, {"to_pools": (("network", 1),)}])
def test_a_quantity_is_given_only_where_it_alone_made_the_ratio(changes: dict[str, Any]) -> None:
    pool = replace(PTU, **changes)
    found = _columns(SHARES, pool)
    details = json.loads(found["search"]["AllocatedMethodDetails"] or "")
    assert details["Elements"][0].keys() == {"AllocatedRatio"}


@given(st.dictionaries(st.sampled_from(["search", "tools", "held:ptu"]), st.integers(1, 10**20)))
def test_ratios_of_one_charge_add_up_to_exactly_one(shares: dict[str, int]) -> None:
    for sign in (1, -1):
        signed = {key: sign * units for key, units in shares.items()}
        found = _columns(signed)
        ratios = [
            json.loads(columns["AllocatedMethodDetails"] or "", parse_float=Decimal)["Elements"][0]
            for columns in found.values()
        ]
        assert sum(one["AllocatedRatio"] for one in ratios) == (1 if shares else 0)


def test_shares_of_two_charges_are_refused() -> None:
    with pytest.raises(ConservationError, match="different signs"):
        _columns({"search": 1, "tools": -1})


def test_a_bearer_on_two_ways_has_two_rows() -> None:
    found = split_columns([("search", 1), ("search", 3)], pool=PTU, initiatives=REGISTER)
    ratios = [
        json.loads(one["AllocatedMethodDetails"] or "", parse_float=Decimal)["Elements"][0]
        for one in found
    ]
    assert [one["AllocatedRatio"] for one in ratios] == [Decimal("0.25"), Decimal("0.75")]


@given(
    amounts=st.lists(st.integers(-(10**18), 10**18), max_size=8),
    weights=st.lists(st.integers(0, 50), min_size=1, max_size=5).filter(any),
)
def test_parts_of_charges_add_up_to_the_charge_and_to_the_share(
    amounts: list[int], weights: list[int]
) -> None:
    keyed = {f"{place}": weight for place, weight in enumerate(weights)}
    line = list(split(sum(amounts), keyed).values())
    shares = line if any(line) else weights
    parts = split_charges(amounts, shares)
    assert [sum(own) for own in zip(*parts, strict=True)] == amounts
    if any(line):
        assert [sum(own) for own in parts] == line
    whole = sum(abs(share) for share in shares)
    for share, own in zip(shares, parts, strict=True):
        for amount, part in zip(amounts, own, strict=True):
            assert abs(part - Fraction(amount * abs(share), whole)) < 2


def test_charges_cannot_be_split_by_nothing() -> None:
    assert split_charges([0, 0], [0]) == [[0, 0]]
    with pytest.raises(ConservationError, match="all 1 weights are zero"):
        split_charges([1], [0])


def test_a_unit_of_a_pool_is_followed_to_where_it_ends_up() -> None:
    network = replace(
        PTU,
        pool_id="network",
        weights=(("pool:ptu", Fraction(3)), ("search", Fraction(1)), ("pool:desk", Fraction(4))),
    )
    held = replace(PTU, pool_id="desk", state="held")
    ptu = replace(PTU, weights=(("tools", Fraction(1)), ("search", Fraction(1))))
    pools = {one.pool_id: one for one in (network, held, ptu)}
    assert final_weights(pools, "network") == {
        "tools": Fraction(3, 16),
        "search": Fraction(5, 16),
        "held:desk": Fraction(1, 2),
    }
    assert final_weights({}, "network") == {"held:network": 1}
    # a target without weight takes no part
    assert "tools" not in final_weights({"ptu": replace(ptu, weights=ptu.weights[1:])}, "ptu")
