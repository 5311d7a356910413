"""Ledger lines in two currencies: translated before pools are shared, both amounts kept whole."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import ledger, line

from tieout.core.errors import ConservationError
from tieout.core.money import from_decimal, round_half_even, to_decimal
from tieout.focus.ledger_columns import LEDGER_SCHEMA, ledger_line_ids
from tieout.ledger.foreign_lines import (
    COST,
    CURRENCY,
    TRANSACTION_COLUMNS,
    in_books,
    own_lines,
    with_own_amounts,
)
from tieout.ledger.fx_rates import Rate

EURO = Rate(
    from_currency="EUR",
    to_currency="USD",
    rate_type="closing",
    on=date(2026, 10, 30),
    rate=Decimal("1.0850"),
    source="ECB",
)
KEY = ("openai", "org-1")
DIRECT = ledger(
    line("6000.00"),
    line("4000.00", initiative="pool:platform", service_name="Platform"),
    line("100.00", provider="aws", billing_account_id="417"),
)


def amounts(table: pa.Table, column: str) -> list[str | None]:
    return [None if one is None else f"{one:.2f}" for one in table[column].to_pylist()]


def shares(direct: pa.Table, *parts: str) -> pa.Table:
    """The direct lines with the pool's line in these parts."""
    rows = direct.select(LEDGER_SCHEMA.names).to_pylist()
    kept = [row for row in rows if not row["initiative"].startswith("pool:")]
    (pooled,) = (row for row in rows if row["initiative"].startswith("pool:"))
    shared = [
        {
            **pooled,
            "ledger_line_id": f"{at:064d}",
            "pool_id": "platform",
            "pool_line_id": pooled["ledger_line_id"],
            "initiative": f"i{at}",
            "billed_cost": Decimal(part),
        }
        for at, part in enumerate(parts)
    ]
    return pa.Table.from_pylist([*kept, *shared], LEDGER_SCHEMA)


def test_foreign_lines_have_the_books_amount_and_keep_their_own() -> None:
    found = in_books(DIRECT, {KEY: EURO})
    assert amounts(found, "billed_cost") == ["6510.00", "4340.00", "100.00"]
    assert amounts(found, COST) == ["6000.00", "4000.00", None]
    assert found[CURRENCY].to_pylist() == ["EUR", "EUR", None]


def test_without_a_foreign_account_lines_stay_as_they_are() -> None:
    assert in_books(DIRECT, {}) is DIRECT
    assert own_lines(DIRECT) is DIRECT
    assert with_own_amounts(DIRECT, DIRECT) is DIRECT


def test_an_accounts_own_lines_are_what_its_papers_say() -> None:
    found = own_lines(in_books(DIRECT, {KEY: EURO}))
    assert found.schema.names == LEDGER_SCHEMA.names
    assert amounts(found, "billed_cost") == ["6000.00", "4000.00", "100.00"]


def test_shares_have_their_part_of_both_amounts() -> None:
    direct = in_books(DIRECT, {KEY: EURO})
    found = with_own_amounts(shares(direct, "1085.00", "3255.00"), direct)
    assert amounts(found, COST) == ["6000.00", None, "1000.00", "3000.00"]
    assert found[CURRENCY].to_pylist() == ["EUR", None, "EUR", "EUR"]
    assert found.schema.names == [*LEDGER_SCHEMA.names, *TRANSACTION_COLUMNS]


def test_a_line_that_its_pool_keeps_is_found_again_under_its_new_id() -> None:
    direct = in_books(DIRECT, {KEY: EURO})
    rows = direct.select(LEDGER_SCHEMA.names).to_pylist()
    held = [{**row, "pool_id": "platform"} if row["service_name"] == "Platform" else row
            for row in rows]  # fmt: skip
    made = pa.Table.from_pylist(held, LEDGER_SCHEMA)
    ids = ledger_line_ids(made)
    (place,) = (at for at, row in enumerate(rows) if row["service_name"] == "Platform")
    held[place]["ledger_line_id"] = ids[place]
    found = with_own_amounts(pa.Table.from_pylist(held, LEDGER_SCHEMA), direct)
    assert amounts(found, COST) == ["6000.00", "4000.00", None]


def test_a_credit_shares_its_own_amount_as_well() -> None:
    direct = in_books(
        ledger(line("-40.00", initiative="pool:platform"), line("0", service_name="Free")),
        {KEY: EURO},
    )
    found = with_own_amounts(shares(direct, "-10.85", "-32.55"), direct)
    assert amounts(found, COST) == ["0.00", "-10.00", "-30.00"]


def test_what_was_too_small_for_a_share_stays_with_the_largest_line() -> None:
    small = replace(EURO, rate=Decimal("0.1"))
    direct = in_books(
        ledger(line("10.00"), line(4, initiative="pool:platform"), line("20.00", product_line="b")),
        {KEY: small},
    )
    found = with_own_amounts(shares(direct), direct)  # its amount in the books is 0: no share
    assert [from_decimal(one) for one in found[COST].to_pylist()] == [
        10 * 10**12, 20 * 10**12 + 4,
    ]  # fmt: skip


def test_an_account_whose_amounts_have_no_line_left_is_refused() -> None:
    direct = in_books(DIRECT, {KEY: EURO})
    others = direct.select(LEDGER_SCHEMA.names).slice(2, 1)
    with pytest.raises(ConservationError, match="have no ledger line after the allocation"):
        with_own_amounts(others, direct)


@given(
    units=st.lists(st.integers(min_value=-(10**15), max_value=10**15), min_size=1, max_size=8),
    rate=st.decimals(min_value="0.0001", max_value="500", places=4),
    cut=st.integers(min_value=0, max_value=10**6),
)
def test_both_amounts_are_kept_to_the_last_unit(units: list[int], rate: Decimal, cut: int) -> None:
    own = replace(EURO, rate=rate)
    rows = [line(one, initiative=f"i{at}") for at, one in enumerate(units)]
    pooled = line(sum(units), initiative="pool:platform")
    direct = in_books(ledger(*rows, pooled), {KEY: own})
    booked = [from_decimal(one) for one in direct["billed_cost"].to_pylist()]
    whole = 2 * sum(units)
    assert sum(booked) == round_half_even(whole * Fraction(rate))
    parts = [booked[-1] * cut // 10**6, booked[-1] - booked[-1] * cut // 10**6]
    made = shares(direct, *(str(to_decimal(one)) for one in parts if one))
    found = with_own_amounts(made, direct)
    assert sum(from_decimal(one) for one in found[COST].to_pylist()) == whole
