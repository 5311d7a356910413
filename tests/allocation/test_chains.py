"""Pools that give to pools: ledgers of a chain, circles, and the laws over random chains."""

from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.allocation.allocate import allocate
from tieout.allocation.certificate import Certificate
from tieout.allocation.parse import Pool, parse_pools
from tieout.allocation.plan import Group, plan
from tieout.core.errors import ConservationError, RuleFileError
from tieout.core.money import format_units, from_decimal, to_decimal, to_units
from tieout.focus.ledger_columns import LEDGER_SCHEMA, ledger_line_ids
from tieout.rules.register import Initiative

REGISTER = {
    name: Initiative(
        initiative_id=name, name=name, owner="maria", cost_center=f"CC-{name}", pl_category="COGS"
    )
    for name in ("search", "support", "tools")
}


def _lines(*rows: tuple[str, str]) -> pa.Table:
    """Pool or initiative, and cost."""
    full: list[dict[str, Any]] = [
        {
            "ledger_line_id": "",
            "period": "2026-10",
            "initiative": name,
            "initiative_rule": "r1",
            "cost_center": "CC-it",
            "cost_center_rule": "r2",
            "service_name": f"line-{number}",
            "charge_count": 2,
            "billed_cost": to_decimal(to_units(cost)),
        }
        for number, (name, cost) in enumerate(rows)
    ]
    table = pa.Table.from_pylist(full, schema=LEDGER_SCHEMA)
    ids = pa.array(ledger_line_ids(table), pa.string())
    return table.set_column(0, LEDGER_SCHEMA.field(0), ids)


def _run(
    text: str, lines: pa.Table, **drivers: dict[str, Fraction | int]
) -> tuple[pa.Table, Certificate]:
    pools = parse_pools(text, name="pools.yaml")
    result, certificate = allocate(lines, pools=pools, drivers=drivers, initiatives=REGISTER)
    certificate.check()
    return result, certificate


def _ledger(table: pa.Table) -> list[str]:
    """Service, who bears it, by which rule, out of which pool, amount."""
    names = ["service_name", "initiative", "initiative_rule", "pool_id", "billed_cost"]
    rows = [
        f"{row['service_name']} {row['initiative']} {row['initiative_rule']} {row['pool_id']} "
        f"{format_units(from_decimal(row['billed_cost']))}"
        for row in table.select(names).to_pylist()
    ]
    return sorted(rows)


CHAIN = """
pools:
  - {id: cluster, owner: o, method: fixed_percent, percent: {search: 50, support: 50}}
  - {id: network, owner: o, method: fixed_percent, percent: {"pool:cluster": 40, tools: 60}}
  - {id: idle, owner: o, method: even, targets: [tools]}
"""


def test_a_chain_passes_cost_on_line_by_line() -> None:
    lines = _lines(("pool:network", "10"), ("pool:cluster", "100"), ("search", "1"))
    result, certificate = _run(CHAIN, lines)
    assert _ledger(result) == [
        "line-0 search pool:cluster network 2.00",
        "line-0 support pool:cluster network 2.00",
        "line-0 tools pool:network network 6.00",
        "line-1 search pool:cluster cluster 50.00",
        "line-1 support pool:cluster cluster 50.00",
        "line-2 search r1 None 1.00",
    ]
    by_id = dict(zip(lines.column(0).to_pylist(), ("network", "cluster", ""), strict=True))
    shares = result.filter(result.column("pool_line_id").is_valid())
    for row in shares.to_pylist():
        assert by_id[row["pool_line_id"]] == row["pool_id"]
        assert row["cost_center"] == f"CC-{row['initiative']}"
    cluster, network = certificate.pools
    assert (cluster.level, network.level) == (1, 0)
    assert (cluster.amount_in_units, cluster.received_units) == (to_units("100"), to_units("4"))
    assert network.to_pools == (("cluster", to_units("4")),)
    assert network.lines_out == 3
    first, second = certificate.levels()
    assert (first.own_units, first.to_pools_units) == (to_units("10"), to_units("4"))
    assert (second.received_units, second.to_initiatives_units) == (
        to_units("4"),
        to_units("104"),
    )


def test_a_pool_without_own_lines_passes_on_what_it_receives() -> None:
    result, certificate = _run(CHAIN, _lines(("pool:network", "0.000000000001")))
    # 40 % of one unit is nothing: the unit goes to the larger part, and the cluster stays idle
    assert _ledger(result) == ["line-0 tools pool:network network 0.000000000001"]
    assert [pool.pool_id for pool in certificate.pools] == ["network"]
    assert certificate.pools[0].worst_distance == Fraction(2, 5)
    _, certificate = _run(CHAIN, _lines(("pool:network", "1")))
    cluster, _ = certificate.pools
    assert (cluster.amount_in_units, cluster.lines_in, cluster.charge_count) == (0, 0, 0)
    assert (cluster.received_units, cluster.state) == (to_units("0.4"), "allocated")


HELD = """
pools:
  - {id: network, owner: o, method: fixed_percent, percent: {"pool:cluster": 40, tools: 60}}
  - {id: cluster, owner: o, method: proportional, driver: hours, zero_driver: hold}
"""


def test_a_pool_at_the_end_holds_its_own_lines_and_what_it_received() -> None:
    lines = _lines(("pool:network", "10"), ("pool:cluster", "100"))
    result, certificate = _run(HELD, lines, hours={})
    assert _ledger(result) == [
        "line-0 pool:cluster pool:cluster/held network 4.00",
        "line-0 tools pool:network network 6.00",
        "line-1 pool:cluster r1 cluster 100.00",
    ]
    cluster, network = certificate.pools
    assert (cluster.state, cluster.held_units) == ("held", to_units("104"))
    assert (network.state, network.amount_out_units) == ("allocated", to_units("10"))
    own = result.filter(result.column("pool_line_id").is_null()).to_pylist()
    assert [(row["pool_id"], row["charge_count"]) for row in own] == [("cluster", 2)]


def test_a_held_part_of_a_line_keeps_its_classes_and_stays_in_the_pool() -> None:
    text = """
pools:
  - id: gpu
    owner: o
    method: proportional
    driver: hours
    zero_driver: fail
    targets: [search, {id: support, valid_to: 2026-10-01}]
    ended_targets: hold
"""
    result, certificate = _run(text, _lines(("pool:gpu", "4")), hours={"search": 1, "support": 3})
    assert _ledger(result) == [
        "line-0 pool:gpu pool:gpu/held gpu 3.00",
        "line-0 search pool:gpu gpu 1.00",
    ]
    (held,) = [row for row in result.to_pylist() if row["initiative"] == "pool:gpu"]
    assert (held["cost_center"], held["cost_center_rule"], held["charge_count"]) == (
        "CC-it",
        "r2",
        0,
    )
    assert held["pool_line_id"] is not None
    (pool,) = certificate.pools
    assert (pool.state, pool.held_units) == ("allocated", to_units("3"))
    assert [decision.outcome for decision in pool.decisions] == ["hold"]


def test_unused_capacity_is_a_line_of_its_owner() -> None:
    text = """
pools:
  - id: ptu
    owner: o
    method: usage_split
    driver: tokens
    capacity: 1000
    unused_owner: tools
    zero_driver: fail
"""
    lines = _lines(("pool:ptu", "10"))
    result, _ = _run(text, lines, tokens={"search": 500, "tools": 200})
    assert _ledger(result) == [
        "line-0 search pool:ptu ptu 5.00",
        "line-0 tools pool:ptu ptu 2.00",
        "line-0 tools pool:ptu/unused ptu 3.00",
    ]
    unused = [row for row in result.to_pylist() if row["initiative_rule"] == "pool:ptu/unused"]
    assert [row["cost_center"] for row in unused] == ["CC-tools"]


CIRCLE = """
pools:
  - {id: a, owner: o, method: reciprocal, percent: {"pool:a": 20, "pool:b": 20, search: 60}}
  - id: b
    owner: o
    method: reciprocal
    driver: hours
    zero_driver: hold
    targets: ["pool:a", "pool:c", support]
  - {id: c, owner: o, method: even, targets: [tools]}
"""


def test_a_circle_gives_its_net_cost_to_targets_outside() -> None:
    lines = _lines(("pool:a", "80"), ("pool:b", "10"))
    result, certificate = _run(CIRCLE, lines, hours={"pool:a": 1, "pool:c": 1, "support": 2})
    # a gives b 1/4, b gives a 1/4: a reaches search 4/5 and b's targets 1/15 and 2/15
    assert _ledger(result) == [
        "line-0 search pool:a a 64.00",
        "line-0 support pool:a a 10.666666666667",
        "line-0 tools pool:c a 5.333333333333",
        "line-1 search pool:b b 2.00",
        "line-1 support pool:b b 5.333333333333",
        "line-1 tools pool:c b 2.666666666667",
    ]
    a, b, c = certificate.pools
    assert dict(a.weights) == {
        "search": Fraction(4, 5),
        "pool:c": Fraction(1, 15),
        "support": Fraction(2, 15),
    }
    assert (a.level, b.level, c.level) == (0, 0, 1)
    assert a.gross_units == to_units("88")
    assert b.gross_units == to_units("32")
    assert c.gross_units is None


def test_a_circle_holds_what_reaches_a_held_pool() -> None:
    lines = _lines(("pool:a", "80"), ("pool:b", "10"))
    result, certificate = _run(CIRCLE, lines, hours={})
    assert _ledger(result) == [
        "line-0 pool:b pool:a/held a 20.00",
        "line-0 search pool:a a 60.00",
        "line-1 pool:b r1 b 10.00",
    ]
    assert [pool.state for pool in certificate.pools] == ["allocated", "held"]
    assert [pool.held_units for pool in certificate.pools] == [to_units("20"), to_units("10")]


TRAP = """
pools:
  - {id: a, owner: o, method: reciprocal, percent: {"pool:b": 100}}
  - id: b
    owner: o
    method: reciprocal
    driver: hours
    zero_driver: hold
    targets: ["pool:a", search]
"""


def test_a_circle_without_a_way_out_is_named() -> None:
    with pytest.raises(ConservationError, match="Pools a > b > a give to each other only"):
        _run(TRAP, _lines(("pool:a", "1")), hours={"pool:a": 1})


def test_a_pool_that_gives_only_to_a_pool_with_a_way_out_is_no_trap() -> None:
    result, _ = _run(TRAP, _lines(("pool:a", "1")), hours={"pool:a": 9, "search": 1})
    assert _ledger(result) == ["line-0 search pool:a a 1.00"]


def test_a_circle_that_its_methods_cannot_solve_is_refused_before_anything_is_computed() -> None:
    pools = [
        Pool(pool_id=one, description="", owner="o", method="even", targets=(f"pool:{other}",))
        for one, other in (("a", "b"), ("b", "a"))
    ]
    with pytest.raises(RuleFileError, match="pools a > b > a give to each other"):
        allocate(_lines(("search", "1")), pools=pools, drivers={}, initiatives=REGISTER)


@pytest.mark.parametrize("periods", [("2026-10", "2026-11"), ("October",), (None,)])
def test_dated_targets_are_refused_when_the_lines_are_not_of_one_month(
    periods: tuple[str | None, ...],
) -> None:
    lines = _lines(*[("pool:a", "1")] * len(periods))
    at = LEDGER_SCHEMA.get_field_index("period")
    lines = lines.set_column(at, LEDGER_SCHEMA.field(at), pa.array(periods, pa.string()))
    pool = "{id: a, owner: o, method: even, targets: [{id: search, valid_from: 2026-01-01}]}"
    with pytest.raises(RuleFileError, match="allocate one period at a time"):
        _run(f"pools: [{pool}]", lines)


def test_levels_follow_the_longest_way_and_circles_stand_together() -> None:
    pools = parse_pools(CIRCLE, name="pools.yaml")
    assert plan(pools) == plan(pools[::-1])
    assert plan(pools) == (Group(level=0, pools=("a", "b")), Group(level=1, pools=("c",)))


INITIATIVES = tuple(REGISTER)
PERCENT = st.integers(0, 5)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Pool], dict[str, dict[str, Fraction | int]]]:
    """Pools that give to any reciprocal pool, or else to pools after them, and their driver."""
    size = draw(st.integers(1, 5))
    pools: list[Pool] = []
    drivers: dict[str, dict[str, Fraction | int]] = {}
    circular = draw(st.booleans())
    for at in range(size):
        others = range(size) if circular else range(at + 1, size)
        targets = (*INITIATIVES, *(f"pool:p{other}" for other in others))
        driver: dict[str, Fraction | int] = {target: draw(PERCENT) for target in targets}
        driver["search"] += circular  # a way out
        drivers[f"d{at}"] = driver
        methods = ["reciprocal"] if circular else ["proportional", "direct", "step_down"]
        pools.append(
            Pool(
                pool_id=f"p{at}",
                description="",
                owner="o",
                method=draw(st.sampled_from(methods)),
                driver=f"d{at}",
                targets=targets,
                zero_driver=draw(st.sampled_from(["hold", "even"])),
            )
        )
    return pools, drivers


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["pool:p0", "pool:p1", "pool:p4", "search"]),
        st.integers(-(10**20), 10**20),
    ),
    max_size=6,
)


@given(worlds(), ROWS)
def test_a_chain_conserves_mirrors_and_knows_no_order(
    world: tuple[list[Pool], dict[str, dict[str, Fraction | int]]], rows: list[tuple[str, int]]
) -> None:
    pools, drivers = world
    ids = {f"pool:{pool.pool_id}" for pool in pools} | {"search"}
    kept = [(name if name in ids else "pool:p0", units) for name, units in rows]

    def run(sign: int) -> tuple[pa.Table, Certificate]:
        lines = _lines(*[(name, str(to_decimal(sign * units))) for name, units in kept])
        result, certificate = allocate(
            lines[::sign], pools=pools[::sign], drivers=drivers, initiatives=REGISTER
        )
        certificate.check()
        return result.sort_by("ledger_line_id"), certificate

    result, certificate = run(1)
    assert certificate.ledger_in_units == sum(units for _, units in kept)
    mirrored, other = run(-1)
    assert mirrored.drop_columns(["billed_cost"]).equals(result.drop_columns(["billed_cost"]))
    costs = [from_decimal(cost) for cost in result.column("billed_cost").to_pylist()]
    assert [-from_decimal(cost) for cost in mirrored.column("billed_cost").to_pylist()] == costs
    assert [pool.worst_distance for pool in other.pools] == [
        pool.worst_distance for pool in certificate.pools
    ]
    assert certificate.worst_distance() < 1
