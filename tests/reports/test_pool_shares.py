"""Shares of pools: quantity times rate is the amount, but for what rounding did."""

from dataclasses import replace
from fractions import Fraction

from tests.allocation.test_certificate import NETWORK, POOL
from tests.ledger.books import ledger, line

from tieout.core.money import UNITS_PER_ONE, to_units
from tieout.reports import line_tables, pool_shares

PLAIN = replace(
    POOL,
    to_pools=(),
    to_initiatives_units=to_units("10"),
    weights=(("search", Fraction(1)), ("support", Fraction(2))),
)
THIRD = 3_333_333_333_333
AMOUNTS = {"search": THIRD, "support": 2 * THIRD + 1}


def test_flows_add_up_the_shares_of_each_initiative() -> None:
    lines = ledger(
        line("1", pool_id="platform", initiative="search"),
        line("2", pool_id="platform", initiative="search", charge_category="Tax"),
        line("5", pool_id="network", initiative="search"),
        line("9", initiative="search"),
    )
    assert pool_shares.flows(line_tables.sums(lines, pool_shares.FLOWS_BY)) == {
        ("platform", "search"): to_units("3"),
        ("network", "search"): to_units("5"),
    }


def test_quantity_times_rate_is_the_amount_and_the_rest_is_named() -> None:
    assert pool_shares.rate(PLAIN) == Fraction(10 * UNITS_PER_ONE, 3)
    support, search = pool_shares.shares(PLAIN, AMOUNTS)
    assert (support.target, support.share, support.quantity) == (
        "support",
        Fraction(2, 3),
        Fraction(2),
    )
    assert (search.exact, search.rounding) == (Fraction(10 * UNITS_PER_ONE, 3), Fraction(-1, 3))
    assert support.rounding == Fraction(1, 3)


def test_where_other_pools_stand_between_no_rate_is_told() -> None:
    for pool in (POOL, NETWORK):
        assert pool_shares.rate(pool) is None
        assert {one.exact for one in pool_shares.shares(pool, {"tools": 5})} == {None}
    first = pool_shares.shares(POOL, {"tools": 5})[0]
    assert (first.target, first.quantity, first.amount_units) == ("tools", Fraction(0), 5)


def test_a_pool_without_quantities_has_no_rate_and_no_share() -> None:
    empty = replace(PLAIN, weights=())
    assert pool_shares.rate(empty) is None
    (one,) = pool_shares.shares(empty, {"search": 5})
    assert (one.share, one.exact) == (Fraction(0), None)
