"""Published examples with their answers, to the cent, through files as a finance person keeps them.

Sources: University of Regina, BUS 388 (open textbook), service departments; Accounting for
Management, algebraic method; Horngren, Cost Accounting, 14th edition.
"""

from decimal import Decimal
from fractions import Fraction

import pytest

from tieout.allocation.base import shares
from tieout.allocation.basis import Basis, Parameters
from tieout.allocation.chain import Node, share_out
from tieout.allocation.loops import gross_amounts
from tieout.allocation.parse import parse_pools
from tieout.allocation.resolve import World
from tieout.core.money import to_minor, to_units
from tieout.rules.register import Initiative


def _register(*names: str) -> dict[str, Initiative]:
    return {
        name: Initiative(
            initiative_id=name, name=name, owner="maria", cost_center="CC", pl_category="COGS"
        )
        for name in names
    }


REGINA = """
pools:
  - id: hr
    owner: maria
    METHOD
    percent: {pool:dp: 20, pool:rm: 10, machining: 40, assembly: 30}
  - id: dp
    owner: maria
    METHOD
    percent: {pool:hr: 8, pool:rm: 7, machining: 30, assembly: 55}
  - id: rm
    owner: maria
    METHOD
    percent: {machining: 50, assembly: 50}
"""
REGINA_COSTS = {"hr": "80000", "dp": "120000", "rm": "40000"}
HORNGREN = """
pools:
  - id: maintenance
    owner: maria
    METHOD
    percent: {pool:systems: 20, machining: 30, assembly: 50}
  - id: systems
    owner: maria
    METHOD
    percent: {pool:maintenance: 10, machining: 80, assembly: 10}
"""
HORNGREN_COSTS = {"maintenance": "6300000", "systems": "1452150"}


def _run(
    text: str, costs: dict[str, str], methods: list[str]
) -> tuple[dict[str, Node], dict[str, Decimal]]:
    """Pools by id and what each department receives, in cents of the currency."""
    for method in methods:
        text = text.replace("METHOD", method, 1)
    pools = parse_pools(text, name="pools.yaml")
    own = {pool: {at: to_units(cost)} for at, (pool, cost) in enumerate(costs.items())}
    world = World(drivers={}, initiatives=_register("machining", "assembly"))
    nodes, parts = share_out(own, pools=pools, world=world)
    received: dict[str, int] = {}
    for part in parts:
        received[part.key] = received.get(part.key, 0) + part.units
    assert sum(received.values()) == sum(to_units(cost) for cost in costs.values())
    cents = {key: Decimal(to_minor(units, 2)).scaleb(-2) for key, units in received.items()}
    return {node.pool.pool_id: node for node in nodes}, cents


def _cents(value: Fraction | None) -> Decimal:
    assert value is not None
    return Decimal(int(value * 100 / to_units("1") + Fraction(1, 2))).scaleb(-2)


def test_regina_reciprocal() -> None:
    nodes, cents = _run(REGINA, REGINA_COSTS, ["method: reciprocal"] * 3)
    # hr and dp serve each other; rm serves nobody but production, so it is one level further down
    assert _cents(nodes["hr"].gross_units) == Decimal("91056.91")
    assert _cents(nodes["dp"].gross_units) == Decimal("138211.38")
    rm = nodes["rm"]
    assert to_minor(rm.received_units + to_units("40000"), 2) == 5878049
    assert cents == {"machining": Decimal("107276.42"), "assembly": Decimal("132723.58")}


def test_regina_direct() -> None:
    _, cents = _run(REGINA, REGINA_COSTS, ["method: direct"] * 3)
    assert cents == {"machining": Decimal("108067.23"), "assembly": Decimal("131932.77")}


@pytest.mark.parametrize(
    ("orders", "machining", "assembly"),
    [
        ((1, 2, 3), "105521.74", "134478.26"),  # HR, DP, RM
        ((2, 1, 3), "110600.00", "129400.00"),  # DP, HR, RM
    ],
)
def test_regina_step_down(orders: tuple[int, ...], machining: str, assembly: str) -> None:
    methods = [f"method: step_down\n    order: {order}" for order in orders]
    nodes, cents = _run(REGINA, REGINA_COSTS, methods)
    assert cents == {"machining": Decimal(machining), "assembly": Decimal(assembly)}
    assert [nodes[pool].level for pool in ("hr", "dp", "rm")] == [order - 1 for order in orders]


def test_accounting_for_management_algebraic_method() -> None:
    """Y = 7,260 + 0.3 Z; Z = 4,000 + 0.2 Y."""
    rows = {
        "y": {"pool:z": Fraction(1, 5), "production": Fraction(4, 5)},
        "z": {"pool:y": Fraction(3, 10), "production": Fraction(7, 10)},
    }
    assert gross_amounts({"y": 7260, "z": 4000}, rows) == {"y": 9000, "z": 5800}


def test_horngren_reciprocal() -> None:
    nodes, cents = _run(HORNGREN, HORNGREN_COSTS, ["method: reciprocal"] * 2)
    assert nodes["maintenance"].gross_units == to_units("6576750")
    assert nodes["systems"].gross_units == to_units("2767500")
    assert cents == {"machining": Decimal(4187025), "assembly": Decimal(3565125)}


def test_horngren_direct() -> None:
    _, cents = _run(HORNGREN, HORNGREN_COSTS, ["method: direct"] * 2)
    assert cents == {"machining": Decimal(3653300), "assembly": Decimal(4098850)}


def test_horngren_step_down_maintenance_first() -> None:
    methods = ["method: step_down\n    order: 1", "method: step_down\n    order: 2"]
    _, cents = _run(HORNGREN, HORNGREN_COSTS, methods)
    assert cents == {"machining": Decimal(4300800), "assembly": Decimal(3451350)}


def test_horngren_dual_rate_at_practical_capacity() -> None:
    """Fixed 3,000,000 over 18,750 h is 160 an hour; variable 200 an hour for 12,000 h."""
    basis = Basis(
        budget={"microcomputer": Fraction(8000), "peripheral": Fraction(4000)},
        driver={"microcomputer": Fraction(9000), "peripheral": Fraction(3000)},
        total_units=to_units("5400000"),
        parameters=Parameters(
            fixed_units=to_units("3000000"), capacity=Fraction(18750), unused_owner="systems"
        ),
    )
    assert shares("dual_rate", to_units("5400000"), basis) == {
        "microcomputer": to_units("3080000"),  # 1,280,000 booked + 1,800,000 used
        "peripheral": to_units("1240000"),  # 640,000 booked + 600,000 used
        "unused:systems": to_units("1080000"),  # 6,750 h, shown and not charged to users
    }


@pytest.mark.parametrize(
    ("cents", "weights", "expected"),
    [
        ("100.00", {"A": 1, "B": 1, "C": 1}, ["33.34", "33.33", "33.33"]),
        ("-100.00", {"A": 1, "B": 1, "C": 1}, ["-33.34", "-33.33", "-33.33"]),
        ("1000.00", {"a": 7, "b": 3, "c": 3, "d": 1}, ["500.00", "214.29", "214.28", "71.43"]),
        ("333.33", {"x": 50, "y": 30, "z": 20}, ["166.66", "100.00", "66.67"]),
    ],
)
def test_rounding_examples_in_cents(
    cents: str, weights: dict[str, int], expected: list[str]
) -> None:
    basis = Basis(driver={key: Fraction(value) for key, value in weights.items()}, budget={})
    found = shares("proportional", int(Decimal(cents).scaleb(2)), basis)
    assert list(found.values()) == [int(Decimal(one).scaleb(2)) for one in expected]
