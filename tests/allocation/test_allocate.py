"""Pool lines become shares; examples that read like a ledger, then the laws."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.allocation.allocate import allocate
from tieout.allocation.basis import Parameters, Term
from tieout.allocation.certificate import Certificate
from tieout.allocation.parse import Pool
from tieout.core.errors import ConservationError, NotReadyError, RuleFileError
from tieout.core.money import to_decimal, to_units
from tieout.focus.ledger_columns import LEDGER_SCHEMA, ledger_line_ids
from tieout.rules.register import Initiative

PLATFORM = Pool(
    pool_id="platform",
    description="",
    owner="maria",
    method="proportional",
    driver="token_spend",
    targets=None,
    zero_driver="hold",
)
REGISTER = {
    name: Initiative(
        initiative_id=name,
        name=name,
        owner="maria",
        cost_center=f"CC-{name}",
        pl_category="Cost of revenue",
        product_line=None,
    )
    for name in ("search", "support", "tools")
}
Weights = dict[str, Fraction | int]


def _lines(*rows: dict[str, Any]) -> pa.Table:
    """Rows of initiative, cost and, when it matters, other columns."""
    full = [
        {
            "ledger_line_id": "",
            "period": "2026-10",
            "provider": "aws",
            "initiative_rule": "r1",
            "cost_center": "CC-it",
            "cost_center_rule": "r2",
            "environment": "prod",
            "environment_rule": "r3",
            "service_name": f"service-{number}",
            "charge_count": 3,
            **row,
            "billed_cost": to_decimal(to_units(row["billed_cost"])),
        }
        for number, row in enumerate(rows)
    ]
    table = pa.Table.from_pylist(full, schema=LEDGER_SCHEMA)
    return table.set_column(
        0, LEDGER_SCHEMA.field(0), pa.array(ledger_line_ids(table), pa.string())
    )


def _allocated(lines: pa.Table, weights: Weights, *pools: Pool) -> tuple[pa.Table, Certificate]:
    result, certificate = allocate(
        lines, pools=pools or (PLATFORM,), drivers={"token_spend": weights}, initiatives=REGISTER
    )
    certificate.check()
    return result, certificate


def _costs(table: pa.Table) -> dict[tuple[str, str], Decimal]:
    rows = table.select(["service_name", "initiative", "billed_cost"]).to_pylist()
    return {
        (row["service_name"], row["initiative"]): row["billed_cost"].normalize() for row in rows
    }


def test_a_pool_line_becomes_shares_and_direct_lines_stay_as_they_are() -> None:
    lines = _lines(
        {"initiative": "search", "billed_cost": "7"},
        {"initiative": "pool:platform", "billed_cost": "100"},
        {"initiative": None, "billed_cost": "1"},
    )
    result, certificate = _allocated(lines, {"search": 1, "support": 3, "tools": 0})
    assert result.schema.equals(LEDGER_SCHEMA)
    assert result.slice(0, 2).equals(lines.take([0, 2]))
    assert _costs(result.slice(2)) == {
        ("service-1", "search"): Decimal(25),
        ("service-1", "support"): Decimal(75),
    }
    (pool,) = certificate.pools
    assert (pool.state, pool.lines_in, pool.lines_out, pool.charge_count) == ("allocated", 1, 2, 3)
    assert pool.amount_in_units == pool.amount_out_units == to_units("100")
    assert certificate.ledger_out_units == to_units("108")
    assert pool.weights == (
        ("search", Fraction(1)),
        ("support", Fraction(3)),
        ("tools", Fraction(0)),
    )


def test_a_share_says_who_bears_it_and_where_it_came_from() -> None:
    lines = _lines({"initiative": "pool:platform", "billed_cost": "1", "invoice_id": "INV-1"})
    (pool_line,) = lines.to_pylist()
    result, _ = _allocated(lines, {"support": 1})
    (share,) = result.to_pylist()
    changed = {key: value for key, value in share.items() if value != pool_line[key]}
    (share_id,) = ledger_line_ids(result)
    assert changed == {
        "ledger_line_id": share_id,
        "initiative": "support",
        "cost_center": "CC-support",
        "pl_category": "Cost of revenue",
        "initiative_rule": "pool:platform",
        "cost_center_rule": "pool:platform",
        "pl_category_rule": "pool:platform",
        "product_line_rule": "pool:platform",
        "pool_id": "platform",
        "pool_line_id": pool_line["ledger_line_id"],
        "charge_count": 0,
    }


def test_a_credit_of_the_pool_is_shared_as_the_mirror_of_the_cost() -> None:
    weights: Weights = {"search": 1, "support": 1, "tools": 1}
    cost, _ = _allocated(_lines({"initiative": "pool:platform", "billed_cost": "1"}), weights)
    credit, certificate = _allocated(
        _lines({"initiative": "pool:platform", "billed_cost": "-1"}), weights
    )
    assert _costs(credit) == {key: -value for key, value in _costs(cost).items()}
    assert _costs(cost)["service-0", "search"] == Decimal("0.333333333334")
    assert certificate.pools[0].worst_distance == Fraction(2, 3)


def test_only_the_targets_of_the_pool_bear_it() -> None:
    pool = replace(PLATFORM, targets=("tools", "search"))
    lines = _lines({"initiative": "pool:platform", "billed_cost": "4"})
    result, _ = _allocated(lines, {"support": 100, "search": 1}, pool)
    assert _costs(result) == {("service-0", "search"): Decimal(4)}


def test_a_line_of_zero_gives_no_shares() -> None:
    lines = _lines({"initiative": "pool:platform", "billed_cost": "0"})
    result, certificate = _allocated(lines, {"support": 1})
    assert result.num_rows == 0
    assert (certificate.pools[0].lines_in, certificate.pools[0].charge_count) == (1, 3)


@pytest.mark.parametrize("weights", [{}, {"support": 0, "search": Fraction(0)}])
def test_a_pool_without_driver_is_held_and_the_certificate_says_so(weights: Weights) -> None:
    lines = _lines({"initiative": "pool:platform", "billed_cost": "5"})
    result, certificate = _allocated(lines, weights)
    (held,) = result.to_pylist()
    assert (held["initiative"], held["pool_id"], held["pool_line_id"]) == (
        "pool:platform",
        "platform",
        None,
    )
    assert held["charge_count"] == 3
    assert [held["ledger_line_id"]] == ledger_line_ids(result)
    assert certificate.pools[0].state == "held"


def test_a_pool_that_may_not_hold_stops_the_step_when_its_driver_is_zero() -> None:
    lines = _lines({"initiative": "pool:platform", "billed_cost": "5"})
    with pytest.raises(NotReadyError, match="driver token_spend is zero for all 1 targets"):
        _allocated(lines, {"support": 0}, replace(PLATFORM, zero_driver="fail"))


def test_a_ledger_without_pools_passes_through() -> None:
    lines = _lines({"initiative": "support", "billed_cost": "5"})
    result, certificate = _allocated(lines, {})
    assert result.equals(lines)
    assert certificate.pools == ()


def test_a_pool_that_no_file_has_is_named_with_the_rule_that_sent_charges_there() -> None:
    lines = _lines({"initiative": "pool:secret", "billed_cost": "5"})
    with pytest.raises(RuleFileError, match="Rule r1 sends charges to pool 'secret'"):
        _allocated(lines, {})


def test_an_unknown_driver_is_answered_with_the_known_ones() -> None:
    lines = _lines({"initiative": "pool:platform", "billed_cost": "5"})
    with pytest.raises(RuleFileError, match="no driver 'seats'; known: token_spend"):
        _allocated(lines, {}, replace(PLATFORM, driver="seats"))


@pytest.mark.parametrize("targets", [None, ("ghost",)])
def test_a_share_goes_to_registered_initiatives_only(targets: tuple[str, ...] | None) -> None:
    lines = _lines({"initiative": "pool:platform", "billed_cost": "5"})
    with pytest.raises(RuleFileError, match="ghost not in the initiative register"):
        _allocated(lines, {"ghost": 1}, replace(PLATFORM, targets=targets))


def test_a_negative_driver_is_refused() -> None:
    lines = _lines({"initiative": "pool:platform", "billed_cost": "5"})
    with pytest.raises(ConservationError, match=r"negative for support \(-1\)"):
        _allocated(lines, {"support": -1, "search": 4})


COSTS = st.integers(-(10**20), 10**20)
ROWS = st.lists(
    st.tuples(st.sampled_from(["pool:platform", "pool:other", "search", None]), COSTS), max_size=6
)
DRIVERS = st.fixed_dictionaries(
    dict.fromkeys(REGISTER, st.integers(0, 10**9) | st.fractions(min_value=0, max_value=10))
)


@given(ROWS, DRIVERS)
def test_allocation_conserves_every_unit_whatever_the_order_of_rows(
    rows: list[tuple[str | None, int]], drivers: Weights
) -> None:
    lines = _lines(
        *[{"initiative": name, "billed_cost": to_decimal(units)} for name, units in rows]
    )
    pools = (PLATFORM, replace(PLATFORM, pool_id="other", targets=("tools", "support")))
    result, certificate = _allocated(lines, drivers, *pools)
    assert sum(result.column("billed_cost").to_pylist()) == to_decimal(
        sum(units for _, units in rows)
    )
    assert len(set(result.column("ledger_line_id").to_pylist())) == result.num_rows
    counted = sum(result.column("charge_count").to_pylist())
    allocated = sum(p.charge_count for p in certificate.pools if p.state == "allocated")
    assert counted + allocated == 3 * len(rows)
    turned = lines.take(pa.array(range(len(rows))[::-1], pa.int64()))
    backwards, again = _allocated(turned, drivers, *pools)
    assert again == certificate
    assert backwards.sort_by("ledger_line_id").equals(result.sort_by("ledger_line_id"))


def test_an_upfront_fee_gives_its_month_and_the_rest_is_held_in_sight() -> None:
    fee = Pool(
        pool_id="plan",
        description="",
        owner="maria",
        method="amortise",
        parameters=Parameters(
            percent=(("pool:platform", Fraction(40)), ("tools", Fraction(60))),
            term=Term(start_on=date(2026, 10, 17), end_on=date(2026, 11, 16)),
        ),
    )
    lines = _lines({"initiative": "pool:plan", "billed_cost": "600"})
    result, certificate = _allocated(lines, {"search": 3, "support": 1}, fee, PLATFORM)
    found = {
        (row["initiative"], row["initiative_rule"]): row["billed_cost"].normalize()
        for row in result.to_pylist()
    }
    assert found == {  # 15 of 30 days have passed
        ("search", "pool:platform"): 90,
        ("support", "pool:platform"): 30,
        ("tools", "pool:plan"): 180,
        ("pool:plan", "pool:plan/held"): 300,
    }
    held = {pool.pool_id: pool.held_units for pool in certificate.pools}
    assert held == {"plan": to_units("300"), "platform": 0}
