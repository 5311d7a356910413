"""The edges of a pool: each policy decides what the file says, and the decision is kept."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from tieout.allocation.basis import Parameters, Term
from tieout.allocation.pool import (
    Credits,
    EndedTargets,
    NegativeDriver,
    Pool,
    Validity,
    ZeroDriver,
)
from tieout.allocation.resolve import Decision, Resolved, World, resolve
from tieout.core.errors import ConservationError, NotReadyError, RuleFileError
from tieout.rules.register import Initiative

REGISTER = {
    name: Initiative(
        initiative_id=name, name=name, owner="maria", cost_center="CC", pl_category="COGS"
    )
    for name in ("search", "support", "tools")
}
POOL = Pool(
    pool_id="gpu",
    description="",
    owner="maria",
    method="proportional",
    driver="hours",
    targets=("search", "support"),
)
FALLBACK = (("support", Fraction(1)), ("tools", Fraction(3)))
OCTOBER = date(2026, 10, 1)


def _resolve(pool: Pool, driver: dict[str, int], total: int = 100, **more: int) -> Resolved:
    drivers: dict[str, dict[str, Fraction | int]] = {"hours": {**driver}, "booked": {**more}}
    world = World(drivers=drivers, initiatives=REGISTER, on=OCTOBER)
    return resolve(pool, total, closed=frozenset(), world=world)


def _decided(resolved: Resolved) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.policy, one.outcome, one.targets) for one in resolved.decisions]


def test_nothing_is_decided_where_nothing_is_odd() -> None:
    assert _resolve(POOL, {"search": 1, "support": 2}) == Resolved(
        weights={"search": Fraction(1), "support": Fraction(2)}
    )


def test_a_target_without_a_driver_value_gets_nothing_and_is_noted() -> None:
    resolved = _resolve(POOL, {"search": 1})
    assert resolved.weights == {"search": 1, "support": 0}
    assert resolved.decisions == (
        Decision(policy="driver", outcome="zero", targets=("support",), reason="no value of hours"),
    )


@pytest.mark.parametrize(
    ("policy", "weights", "held"),
    [
        ("hold", {"search": 0, "support": 0}, True),
        ("even", {"search": 1, "support": 1}, False),
        ("fallback", {"support": 1, "tools": 3}, False),
    ],
)
def test_a_zero_driver_is_decided_by_the_file(
    policy: ZeroDriver, weights: dict[str, int], held: bool
) -> None:
    pool = replace(POOL, zero_driver=policy, fallback=FALLBACK)
    resolved = _resolve(pool, {"search": 0, "support": 0})
    assert resolved.weights == weights
    assert resolved.held == held
    assert _decided(resolved) == [("zero_driver", policy, tuple(weights))]


def test_a_zero_driver_stops_the_step_when_the_file_says_so() -> None:
    with pytest.raises(NotReadyError, match="driver hours is zero for all 2 targets"):
        _resolve(POOL, {"search": 0})


def test_even_leaves_out_unused_capacity_and_targets_that_are_gone() -> None:
    pool = replace(
        POOL,
        method="dual_rate",
        zero_driver="even",
        validity=(("support", Validity(valid_to=OCTOBER)),),
        parameters=Parameters(
            budget_driver="booked",
            fixed_percent=Fraction(0),
            capacity=Fraction(10),
            unused_owner="tools",
        ),
    )
    resolved = _resolve(pool, {"search": 0, "support": 0})
    assert resolved.weights == {"search": 1}
    assert [one.policy for one in resolved.decisions] == ["zero_driver", "ended_targets"]


def test_even_among_nobody_stops_the_step() -> None:
    pool = replace(
        POOL,
        method="even",
        driver=None,
        targets=("support",),
        zero_driver="even",
        validity=(("support", Validity(valid_from=date(2026, 11, 1))),),
    )
    with pytest.raises(NotReadyError, match="none of them takes part in the period"):
        _resolve(pool, {})


@pytest.mark.parametrize(
    ("policy", "weights", "held"),
    [
        ("treat_as_zero", {"search": 4, "support": 0}, False),
        ("hold", {"search": 4, "support": -1}, True),
    ],
)
def test_a_negative_driver_is_decided_by_the_file(
    policy: NegativeDriver, weights: dict[str, int], held: bool
) -> None:
    pool = replace(POOL, negative_driver=policy)
    resolved = _resolve(pool, {"search": 4, "support": -1})
    assert resolved.weights == weights
    assert resolved.held == held
    assert resolved.decisions[0] == Decision(
        policy="negative_driver", outcome=policy, targets=("support",), reason="support (-1)"
    )


def test_a_negative_driver_or_booking_is_refused_by_default() -> None:
    with pytest.raises(ConservationError, match=r"driver hours is negative for support \(-1\)"):
        _resolve(POOL, {"search": 4, "support": -1})
    parameters = Parameters(budget_driver="booked", fixed_percent=Fraction(50))
    pool = replace(POOL, method="dual_rate", parameters=parameters)
    with pytest.raises(ConservationError, match=r"negative for search \(-3\)"):
        _resolve(pool, {"search": 4, "support": 1}, search=-3, support=5)


@pytest.mark.parametrize(("policy", "held"), [("share", False), ("hold", True)])
def test_a_net_credit_is_decided_by_the_file(policy: Credits, held: bool) -> None:
    resolved = _resolve(replace(POOL, credits=policy), {"search": 1, "support": 1}, total=-7)
    assert resolved.held == held
    assert resolved.weights == {"search": 1, "support": 1}
    assert resolved.decisions == (
        Decision(
            policy="credits", outcome=policy, targets=(), reason="net credit of -0.000000000007"
        ),
    )


def test_a_pool_that_refuses_credits_stops_the_step() -> None:
    with pytest.raises(NotReadyError, match=r"net credit of .*, and the pool refuses credits"):
        _resolve(replace(POOL, credits="fail"), {"search": 1}, total=-7)


ENDED = replace(POOL, validity=(("support", Validity(valid_to=OCTOBER)),), fallback=FALLBACK[1:])
NEW = replace(POOL, validity=(("support", Validity(valid_from=date(2026, 11, 1))),))


@pytest.mark.parametrize(
    ("policy", "weights"),
    [("fallback", {"search": 1, "tools": 3}), ("hold", {"search": 1, "held:gpu": 3})],
)
def test_the_share_of_an_ended_target_goes_where_the_file_says(
    policy: EndedTargets, weights: dict[str, int]
) -> None:
    resolved = _resolve(replace(ENDED, ended_targets=policy), {"search": 1, "support": 3})
    assert resolved.weights == weights
    assert resolved.decisions == (
        Decision(
            policy="ended_targets",
            outcome=policy,
            targets=("support",),
            reason="support ended before 2026-10-01",
        ),
    )


def test_an_ended_target_with_a_share_stops_the_step_by_default() -> None:
    with pytest.raises(NotReadyError, match="support ended before 2026-10-01, but has a share"):
        _resolve(ENDED, {"search": 1, "support": 3})
    with pytest.raises(NotReadyError, match="support begins on 2026-11-01, but has a share"):
        _resolve(NEW, {"search": 1, "support": 3})


@pytest.mark.parametrize("pool", [ENDED, NEW])
def test_a_target_out_of_its_term_without_a_share_is_left_out(pool: Pool) -> None:
    resolved = _resolve(pool, {"search": 1, "support": 0})
    assert resolved.weights == {"search": 1}
    assert _decided(resolved) == [("ended_targets", "left out", ("support",))]


def test_a_target_within_its_term_takes_part() -> None:
    term = Validity(valid_from=date(2026, 1, 1), valid_to=date(2026, 11, 1))
    resolved = _resolve(replace(POOL, validity=(("support", term),)), {"search": 1, "support": 3})
    assert resolved == Resolved(weights={"search": Fraction(1), "support": Fraction(3)})


def test_a_target_that_left_the_register_is_ended_when_the_file_has_a_policy() -> None:
    pool = replace(POOL, targets=None, ended_targets="hold")
    resolved = _resolve(pool, {"search": 1, "ghost": 2, "pool:other": 9})
    assert resolved.weights == {"search": 1, "held:gpu": 2}
    with pytest.raises(RuleFileError, match="ghost not in the initiative register"):
        _resolve(replace(pool, ended_targets="fail"), {"search": 1, "ghost": 2})


def test_a_fallback_that_has_ended_itself_stops_the_step() -> None:
    pool = replace(
        POOL,
        zero_driver="fallback",
        fallback=(("support", Fraction(1)),),
        validity=(("support", Validity(valid_to=OCTOBER)),),
    )
    with pytest.raises(NotReadyError, match="its fallback names support, which takes no part"):
        _resolve(pool, {})


@pytest.mark.parametrize(
    "changes",
    [
        {"zero_driver": "fallback", "fallback": (("ghost", Fraction(1)),)},
        {"method": "usage_split", "parameters": Parameters(unused_owner="ghost")},
    ],
)
def test_whoever_bears_what_is_left_is_in_the_register(changes: dict[str, Any]) -> None:
    pool = replace(POOL, **changes)
    with pytest.raises(RuleFileError, match="ghost of fallback or unused_owner not in the"):
        _resolve(pool, {"search": 1})


FEE = replace(
    POOL,
    method="amortise",
    driver=None,
    targets=None,
    parameters=Parameters(
        percent=(("search", Fraction(25)), ("support", Fraction(75))),
        term=Term(start_on=date(2026, 10, 1), end_on=date(2027, 8, 1), by="months"),
    ),
)


@pytest.mark.parametrize("pool", [ENDED, FEE])
def test_dated_pools_need_one_period(pool: Pool) -> None:
    world = World(drivers={"hours": {"search": 1}}, initiatives=REGISTER)
    with pytest.raises(RuleFileError, match="the lines are not of one period"):
        resolve(pool, 1, closed=frozenset(), world=world)


def test_a_fee_gives_its_month_by_percent_and_keeps_the_rest() -> None:
    assert _resolve(FEE, {}).weights == {
        "search": Fraction(25, 1000),
        "support": Fraction(75, 1000),
        "held:gpu": Fraction(9, 10),
    }
    ended = replace(FEE, validity=(("support", Validity(valid_to=OCTOBER)),), ended_targets="hold")
    assert _resolve(ended, {}).weights == {
        "search": Fraction(25, 1000),
        "held:gpu": Fraction(9, 10) + Fraction(75, 1000),
    }


@pytest.mark.parametrize(("used", "decided"), [(12, [("capacity", "exceeded", ())]), (10, [])])
def test_use_beyond_the_capacity_is_noted(
    used: int, decided: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    parameters = Parameters(capacity=Fraction(10), unused_owner="tools")
    pool = replace(POOL, method="usage_split", targets=("search",), parameters=parameters)
    assert _decided(_resolve(pool, {"search": used})) == decided


def test_dual_rate_knows_targets_that_only_booked_or_only_used() -> None:
    parameters = Parameters(
        budget_driver="booked",
        fixed_percent=Fraction(50),
        capacity=Fraction(4),
        unused_owner="tools",
    )
    pool = replace(POOL, method="dual_rate", targets=None, parameters=parameters)
    resolved = _resolve(pool, {"search": 2}, support=5)
    half = Fraction(1, 2)
    assert resolved.weights == {"search": half, "support": half, "unused:tools": 0}
    assert _decided(resolved) == [("driver", "zero", ("support",)), ("capacity", "exceeded", ())]


def test_an_unknown_driver_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RuleFileError, match="no driver 'seats'; known: booked, hours"):
        _resolve(replace(POOL, driver="seats"), {})
