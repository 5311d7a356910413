"""The allocation file: what is read, and what is refused before anything is computed."""

from datetime import date
from fractions import Fraction

import pytest

from tieout.allocation.basis import Parameters, Term, Tier
from tieout.allocation.misfits import misfits
from tieout.allocation.parse import parse_pools
from tieout.allocation.pool import Pool, Validity
from tieout.core.errors import RuleFileError

POOLS = """
pools:
  - id: shared-platform
    description: Gateway and vector store
    owner: maria
    method: proportional
    driver: token_spend
    targets: [support, search]
    zero_driver: hold
  - {id: sandbox, owner: li, method: proportional, driver: token_spend, zero_driver: fail}
"""


def test_pools_are_read_in_file_order() -> None:
    shared, sandbox = parse_pools(POOLS, name="pools.yaml")
    assert shared == Pool(
        pool_id="shared-platform",
        description="Gateway and vector store",
        owner="maria",
        method="proportional",
        driver="token_spend",
        targets=("support", "search"),
        zero_driver="hold",
    )
    assert (sandbox.targets, sandbox.zero_driver, sandbox.description) == (None, "fail", "")
    assert sandbox.policies() == {
        "zero_driver": "fail",
        "negative_driver": "fail",
        "credits": "share",
        "ended_targets": "fail",
    }


EVERYTHING = """
pools:
  - id: gpu
    owner: maria
    method: dual_rate
    driver: gpu_hours
    budget_driver: booked_hours
    fixed_amount: "3000000.50"
    capacity: 18750
    unused_owner: platform
    targets:
      - search
      - {id: support, valid_from: 2026-01-01, valid_to: 2026-07-01}
      - {id: "pool:desk"}
    zero_driver: fallback
    negative_driver: treat_as_zero
    credits: hold
    ended_targets: fallback
    fallback: {search: 3, platform: 1}
  - id: desk
    owner: li
    method: fixed_percent
    percent: {search: "33.3", support: 0}
    residual: platform
  - id: calls
    owner: li
    method: tiered
    driver: calls
    zero_driver: even
    tiers: [{up_to: 1000, rate: 3}, {up_to: 5000, rate: "0.5"}, {rate: 1}]
  - {id: first, owner: li, method: step_down, order: 1, percent: {search: 100}}
"""


def test_every_key_is_read_exactly() -> None:
    gpu, desk, calls, first = parse_pools(EVERYTHING, name="pools.yaml")
    assert gpu.parameters == Parameters(
        budget_driver="booked_hours",
        fixed_units=3_000_000_500_000_000_000,
        capacity=Fraction(18750),
        unused_owner="platform",
    )
    assert gpu.targets == ("search", "support", "pool:desk")
    assert gpu.validity == (
        ("support", Validity(valid_from=date(2026, 1, 1), valid_to=date(2026, 7, 1))),
    )
    assert gpu.fallback == (("platform", Fraction(1)), ("search", Fraction(3)))
    assert tuple(gpu.policies().values()) == ("fallback", "treat_as_zero", "hold", "fallback")
    assert desk.parameters.percent == (
        ("platform", Fraction("66.7")),
        ("search", Fraction("33.3")),
        ("support", Fraction(0)),
    )
    assert calls.parameters.tiers == (
        Tier(up_to=Fraction(1000), rate=Fraction(3)),
        Tier(up_to=Fraction(5000), rate=Fraction(1, 2)),
        Tier(up_to=None, rate=Fraction(1)),
    )
    assert first.parameters.order == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("method: proportional\n", "method: odd\n"), "line 6: expected one of amortise, direct"),
        (("method: proportional\n", "method: amortise\n"), "line 7: unknown key 'driver'"),
        (("    method: proportional\n", ""), "line 3: a pool needs a method"),
        (("zero_driver: hold\n", "zero_driver: guess\n"), "line 9: expected one of hold, fail"),
        (("    zero_driver: hold\n", ""), "line 3: a pool with a driver .* add zero_driver"),
        (
            ("    driver: token_spend\n", ""),
            "line 3: expected id, owner, method, driver, .*; add driver",
        ),
        (("id: sandbox", "id: shared-platform"), "line 10: pool 'shared-platform' is already in"),
        (("[support, search]", "[support, support]"), "target 'support' is already in line 8"),
        (("[support, search]", "[]"), "the list is empty"),
        (("[support, search]", "['a b']"), "'a b' is not an id"),
        (("[support, search]", "['pool:']"), "line 8: the text is empty"),
        (("owner: maria", "rounding: up"), "unknown key 'rounding'"),
        (("owner: maria", "owner: maria\n    order: 1"), "line 6: unknown key 'order'"),
        (("[support, search]", "['pool:ghost']"), "line 3: .* pool 'ghost', which the file does"),
        (("[support, search]", "['pool:shared-platform']"), "line 3: pools shared-platform > sh"),
        (("zero_driver: hold", "zero_driver: fallback"), "line 3: zero_driver is fallback, but"),
        (("zero_driver: hold", "zero_driver: hold\n    fallback: {a: 1}"), "no policy falls back"),
        (
            ("zero_driver: hold", "zero_driver: fallback\n    fallback: {a: 0}"),
            "line 10: all weights are zero",
        ),
        (
            ("zero_driver: hold", "zero_driver: fallback\n    fallback: {a: -1}"),
            "line 10: expected zero or more, found -1",
        ),
        (
            ("[support, search]", "[{id: a, valid_from: 2026-02-01, valid_to: 2026-02-01}]"),
            "line 8: valid_to is the first day after",
        ),
        (
            ("[support, search]", "[{id: a, valid_from: 2026-02-02}]"),
            "line 8: 2026-02-02 lies inside a month, and a target takes part in whole months",
        ),
        (
            ("[support, search]", "[{id: a, valid_to: 2026-02-28}]"),
            "line 8: 2026-02-28 lies inside a month",
        ),
    ],
)
def test_a_broken_pool_is_refused(change: tuple[str, str], sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        parse_pools(POOLS.replace(*change, 1), name="pools.yaml")


FEE = """
pools:
  - id: savings-plan
    owner: maria
    method: amortise
    start_on: 2026-03-15
    last_on: 2027-03-14
    percent: {search: 100}
"""


@pytest.mark.parametrize(
    ("change", "term"),
    [
        (("", ""), Term(start_on=date(2026, 3, 15), end_on=date(2027, 3, 15))),
        (
            ("last_on: 2027-03-14", "months: 12"),
            Term(start_on=date(2026, 3, 15), end_on=date(2027, 3, 15)),
        ),
        (
            (
                "start_on: 2026-03-15\n    last_on: 2027-03-14",
                "start_on: 2026-08-31\n    months: 6",
            ),
            Term(start_on=date(2026, 8, 31), end_on=date(2027, 2, 28)),
        ),
        (
            ("-15\n    last_on: 2027-03-14", "-01\n    by: months\n    months: 10"),
            Term(start_on=date(2026, 3, 1), end_on=date(2027, 1, 1), by="months"),
        ),
        (("2027-03-14", "2026-03-15"), Term(start_on=date(2026, 3, 15), end_on=date(2026, 3, 16))),
    ],
)
def test_the_term_of_a_fee_has_its_last_day_or_its_months(
    change: tuple[str, str], term: Term
) -> None:
    (pool,) = parse_pools(FEE.replace(*change, 1), name="pools.yaml")
    assert pool.parameters.term == term
    assert pool.parameters.percent == (("search", Fraction(100)),)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("last_on: 2027", "last_on: 2025"), "line 7: last_on must not lie before start_on"),
        (("last_on: 2027-03-14", "by: days"), "exactly one of last_on, months; found none"),
        (
            ("last_on:", "months: 1\n    last_on:"),
            "exactly one of last_on, months; found last_on, m",
        ),
        (
            ("last_on: 2027-03-14", "months: 1.5"),
            "line 7: expected a whole number of months from 1",
        ),
        (("last_on: 2027-03-14", "months: 0"), "line 7: expected a whole number of months from 1"),
        (("last_on: 2027-03-14", "months: 241"), "whole number of months from 1 to 240"),
        (("    percent", "    by: months\n    percent"), "line 6: 2026-03-15 lies inside a month"),
        (("    percent", "    by: hours\n    percent"), "line 8: expected one of days, months"),
        (("    percent", "    driver: d\n    percent"), "unknown key 'driver'"),
    ],
)
def test_a_broken_term_is_refused(change: tuple[str, str], sentence: str) -> None:
    with pytest.raises(RuleFileError, match=sentence):
        parse_pools(FEE.replace(*change, 1), name="pools.yaml")


FALLBACK = 'zero_driver: fallback, fallback: {"pool:savings-plan": 1}'
METHOD = ("method: fixed_percent", "method: direct, driver: heads")


@pytest.mark.parametrize("gives", ['percent: {"pool:savings-plan": 100}', FALLBACK])
def test_a_pool_does_not_give_to_one_that_spreads_fees(gives: str) -> None:
    text = f"{FEE}  - {{id: desk, owner: li, {METHOD[gives == FALLBACK]}, {gives}}}\n"
    with pytest.raises(RuleFileError, match="pool 'desk' gives to 'pool:savings-plan', which spre"):
        parse_pools(text, name="pools.yaml")


EQUAL_ORDER = "  - {id: x, owner: o, method: step_down, order: 1, driver: d, zero_driver: hold}\n"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('"33.3", support: 0}\n    residual: platform', "99.99}"), "add up to 99.99; expected"),
        (("support: 0}", "support: 66.7}"), "percent has 100 and search, support; leave room"),
        (("residual: platform", "residual: search"), "line 24: residual takes what is left"),
        (('percent: {search: "33.3", support: 0}', "percent: [1]"), "expected keys and values"),
        (("support: 0}", "search: 0}"), "key 'search' is already there"),
        (("support: 0}", "support: -0.1}"), "line 23: expected zero or more, found -0.1"),
        (("support: 0}", "support: many}"), "line 23: expected a decimal number such as 12.5"),
        (
            ("residual: platform", "residual: platform\n    targets: [search]"),
            r"line 25: targets differ from those of percent \(platform, search, support\)",
        ),
        (("    capacity: 18750\n", ""), "line 9: unused_owner needs capacity beside it"),
        (("    unused_owner: platform\n", ""), "line 9: capacity needs unused_owner beside it"),
        (('fixed_amount: "3000000.50"', "fixed_amount: 1e-13"), "at most 12 decimals"),
        (('fixed_amount: "3000000.50"', "fixed_percent: 100.5"), "expected 0 to 100, found 100.5"),
        (('    fixed_amount: "3000000.50"\n', ""), "exactly one of fixed_percent, fixed_amount; f"),
        (("order: 1", "order: 1.5"), "expected a whole number from 1"),
        (("order: 1", "order: 0"), "expected a whole number from 1"),
        (("order: 1, percent: {search: 100}", "order: 1, residual: a"), "exactly one of driver, p"),
        (
            ("percent: {search: 100}", "driver: d, zero_driver: hold, residual: a"),
            "residual stands beside percent",
        ),
        (("{up_to: 5000,", "{up_to: 1000,"), "up_to 1000 does not go beyond 1000"),
        (("{up_to: 5000, rate", "{rate"), "every tier but the last says up_to"),
        (("{rate: 1}", "{up_to: 9000, rate: 1}"), "every tier but the last says up_to"),
        (
            ("  - {id: first,", f"{EQUAL_ORDER}  - {{id: first,"),
            "order '1' is already in line 31",
        ),
    ],
)
def test_a_broken_parameter_is_refused(change: tuple[str, str], sentence: str) -> None:
    assert change[0] in EVERYTHING
    with pytest.raises(RuleFileError, match=sentence):
        parse_pools(EVERYTHING.replace(*change, 1), name="pools.yaml")


LOOP = """
pools:
  - {id: a, owner: o, method: METHOD, percent: {"pool:b": 50, x: 50}}
  - {id: b, owner: o, method: METHOD, percent: {"pool:c": 50, x: 50}}
  - {id: c, owner: o, method: METHOD, percent: {"pool:b": 50, x: 50}}
"""


def test_a_circle_is_refused_with_its_name_unless_the_method_solves_it() -> None:
    with pytest.raises(RuleFileError, match="line 4: pools b > c > b give to each other"):
        parse_pools(LOOP.replace("METHOD", "fixed_percent"), name="pools.yaml")
    mixed = LOOP.replace("METHOD", "reciprocal", 2).replace("METHOD", "fixed_percent")
    with pytest.raises(RuleFileError, match="pools b > c > b give to each other"):
        parse_pools(mixed, name="pools.yaml")
    assert len(parse_pools(LOOP.replace("METHOD", "reciprocal"), name="pools.yaml")) == 3
    assert len(parse_pools(LOOP.replace("METHOD", "direct"), name="pools.yaml")) == 3


def test_a_fallback_can_close_a_circle_too() -> None:
    text = LOOP.replace("METHOD", "direct").replace(
        'percent: {"pool:b": 50, x: 50}}\n  - {id: b',
        'driver: d, zero_driver: fallback, fallback: {"pool:a": 1}}\n  - {id: b',
        1,
    )
    with pytest.raises(RuleFileError, match="pools a > a give to each other"):
        parse_pools(text, name="pools.yaml")


def test_misfits_name_every_unknown_driver_and_target() -> None:
    pools = parse_pools(EVERYTHING, name="pools.yaml")
    found = misfits(pools, initiatives=["search", "support"], drivers=["gpu_hours", "calls"])
    assert found == [
        "Pool gpu: no driver 'booked_hours'; known: calls, gpu_hours.",
        "Pool gpu: 'platform' is not in the initiative register; register it or name another.",
        "Pool desk: 'platform' is not in the initiative register; register it or name another.",
    ]
    known = {"search", "support", "platform"}
    drivers = {"gpu_hours", "calls", "booked_hours"}
    assert misfits(pools, initiatives=known, drivers=drivers) == []


def test_a_pool_with_a_policy_for_ended_targets_may_name_some_that_left() -> None:
    pool = "{id: p, owner: o, method: even, targets: [a], ended_targets: hold}"
    pools = parse_pools(f"pools: [{pool}]", name="pools.yaml")
    assert misfits(pools, initiatives=[], drivers=[]) == []
