"""Upfront fees: the published schedule, the two entries, and a balance that ends at zero."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import CHART, COST_OF_REVENUE, MONTH, RESEARCH, ledger, line

from tieout.allocation.basis import Term
from tieout.core.errors import ConservationError, NotReadyError
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.core.shares import split
from tieout.ledger.amortisation import (
    Fee,
    deferral,
    of_fees,
    plan,
    prepaid_after,
    prepaid_balance,
    prepaid_minor,
    release,
    still_prepaid,
    without_fees,
)
from tieout.ledger.building import AccountMonth
from tieout.ledger.entry import JournalEntry, reverse
from tieout.ledger.posting import drawdown

MARCH = Period(2026, 3)
YEAR = Term(start_on=date(2026, 3, 15), end_on=date(2027, 3, 15))


def in_month(month: Period) -> AccountMonth:
    return AccountMonth(
        provider=MONTH.provider, billing_account_id=MONTH.billing_account_id, period=month
    )


def fee(cost: str, *, term: Term = YEAR, billed: Period = MARCH, tax: str | None = None) -> Fee:
    """A fee borne 3:1 by two initiatives, as the allocation of its month left it."""
    passed = term.elapsed(billed)
    weights = {"search": passed * 3, "tools": passed, "held": 4 - 4 * passed}
    parts = split(to_units(cost), weights)
    rows: list[dict[str, Any]] = [
        line(parts["search"], initiative="search", initiative_rule="pool:plan"),
        line(parts["tools"], initiative="tools", initiative_rule="pool:plan", pl_category=RESEARCH),
        line(parts["held"], initiative="pool:plan", initiative_rule="pool:plan/held"),
    ]
    own = [
        {**row, "pool_id": "plan", "charge_category": "Purchase"}
        for row in rows
        if row["billed_cost"]
    ]
    if tax is not None:
        own.append(
            {
                **line(tax),
                "pool_id": "plan",
                "initiative_rule": "pool:plan/held",
                "charge_category": "Tax",
            }
        )
    lines = ledger(*own, line("999"), line("5", pool_id="other"))
    return Fee(pool_id="plan", billed=billed, term=term, lines=lines)


def months_after(first: Period, count: int) -> list[Period]:
    found = [first]
    while len(found) <= count:
        found.append(found[-1].next())
    return found[1:]


def amounts(entry: JournalEntry | None) -> list[tuple[str, str, str | None]]:
    """Account, signed amount and initiative of each line."""
    assert entry is not None
    return [
        (one.account, f"{one.amount_minor / 100:.2f}", one.dimensions.get("initiative"))
        for one in entry.lines
    ]


def test_the_published_schedule_holds_to_the_cent() -> None:
    months = plan(120_000_00, YEAR)
    assert [one.amount_minor for one in months] == [
        5_589_04, 9_863_01, 10_191_79, 9_863_01, 10_191_78, 10_191_78, 9_863_01,
        10_191_79, 9_863_01, 10_191_78, 10_191_78, 9_205_48, 4_602_74,
    ]  # fmt: skip
    assert (months[0].month, months[-1].prepaid_minor) == (MARCH, 0)
    assert prepaid_after(120_000_00, YEAR, Period(2026, 2)) == 120_000_00
    assert prepaid_after(120_000_00, YEAR, MARCH) == 114_410_96
    assert prepaid_after(120_000_00, YEAR, Period(2028, 1)) == 0


def test_the_billing_month_defers_all_but_its_instalment() -> None:
    entry = deferral(fee("120000", tax="22800"), month=in_month(MARCH), chart=CHART)
    assert amounts(entry) == [
        ("5100", "-114410.96", "pool:plan"),
        ("1300", "114410.96", None),
    ]
    assert entry is not None
    assert (entry.journal_type, str(entry.posting_on)) == ("amortisation", "2026-03-31")
    assert entry.source_refs == ("pool:plan/2026-03",)


def test_each_later_month_bears_its_instalment_in_the_proportions_of_the_first() -> None:
    own = fee("120000")
    posted = [deferral(own, month=in_month(MARCH), chart=CHART)]
    kept = [one for one in posted if one is not None]
    entry = release(own, kept, month=in_month(Period(2026, 4)), chart=CHART)
    assert amounts(entry) == [
        ("5100", "7397.26", "search"),
        ("6100", "2465.75", "tools"),
        ("1300", "-9863.01", None),
    ]


def test_a_month_that_was_missed_is_caught_up_and_one_that_was_posted_asks_for_nothing() -> None:
    own = fee("120000")
    first = deferral(own, month=in_month(MARCH), chart=CHART)
    assert first is not None
    later = release(own, [first], month=in_month(Period(2026, 5)), chart=CHART)
    assert later is not None
    assert later.lines[-1].credit_minor == 9_863_01 + 10_191_79
    assert release(own, [first, later], month=in_month(Period(2026, 5)), chart=CHART) is None
    undone = [first, later, reverse(later, on=later.posting_on)]
    assert prepaid_minor(undone, own) == 114_410_96
    other = replace(own, pool_id="other")
    again = replace(own, billed=Period(2026, 4))
    assert [prepaid_minor(undone, one) for one in (other, again)] == [0, 0]


@given(
    units=st.integers(-(10**20), 10**20),
    days=st.integers(0, 500),
    late=st.integers(0, 3),
)
def test_whatever_the_fee_its_months_add_up_and_nothing_stays_prepaid(
    units: int, days: int, late: int
) -> None:
    term = Term(
        start_on=YEAR.start_on, end_on=date.fromordinal(YEAR.start_on.toordinal() + days + 1)
    )
    billed = [MARCH, *months_after(MARCH, 3)][late]
    parts = split(units, {"search": term.elapsed(billed), "held": 1 - term.elapsed(billed)})
    own = Fee(
        pool_id="plan",
        billed=billed,
        term=term,
        lines=ledger(
            line(parts["search"], initiative_rule="pool:plan", pool_id="plan"),
            line(parts["held"], initiative_rule="pool:plan/held", pool_id="plan"),
        ),
    )
    posted: list[JournalEntry] = []
    first = deferral(own, month=in_month(billed), chart=CHART)
    posted += [first] if first else []
    for month in months_after(billed, 19):
        made = release(own, posted, month=in_month(month), chart=CHART)
        posted += [made] if made else []
    assert prepaid_minor(posted, own) == 0
    cost = {one.account for entry in posted for one in entry.lines} - {"1300"}
    moved = sum(one.amount_minor for entry in posted for one in entry.lines if one.account in cost)
    assert moved == 0


def test_entries_of_fees_are_told_from_all_others_with_what_reverses_them() -> None:
    own = fee("120000")
    first = deferral(own, month=in_month(MARCH), chart=CHART)
    drawn = drawdown(ledger(line("12")), month=MONTH, chart=CHART).entry
    assert first is not None
    assert drawn is not None
    mirrors = [reverse(one, on=one.posting_on) for one in (first, drawn)]
    posted = [first, drawn, *mirrors]
    assert of_fees(posted) == [first, mirrors[0]]
    assert without_fees(posted) == [drawn, mirrors[1]]
    assert prepaid_balance([first, drawn]) == 114_410_96 - 12_00
    assert still_prepaid(own, MARCH, chart=CHART) == 114_410_96


def test_a_fee_that_is_billed_whole_in_its_month_needs_no_entry() -> None:
    short = Term(start_on=date(2026, 3, 1), end_on=date(2026, 4, 1))
    assert deferral(fee("120", term=short), month=in_month(MARCH), chart=CHART) is None


def test_a_term_that_begins_after_the_bill_has_nobody_to_bear_it_yet() -> None:
    late = Term(start_on=date(2026, 5, 1), end_on=date(2026, 7, 1), by="months")
    own = fee("120", term=late)
    first = deferral(own, month=in_month(MARCH), chart=CHART)
    assert first is not None
    assert release(own, [first], month=in_month(Period(2026, 4)), chart=CHART) is None
    with pytest.raises(NotReadyError, match=r"60\.00 USD are due in 2026-05, but nobody bears"):
        release(own, [first], month=in_month(Period(2026, 5)), chart=CHART)


def test_a_fee_and_a_credit_in_one_pool_are_not_mixed_up() -> None:
    rows = [
        line(cost, initiative_rule="pool:plan/held", pool_id="plan", charge_category=category)
        for cost, category in (("120", "Purchase"), ("-20", "Credit"))
    ]
    mixed = Fee(pool_id="plan", billed=MARCH, term=YEAR, lines=ledger(*rows))
    with pytest.raises(ConservationError, match="send credits and fees to pools of their own"):
        deferral(mixed, month=in_month(MARCH), chart=CHART)


def test_what_is_prepaid_is_the_exact_part_rounded_once() -> None:
    for minor in (1, 99, 100_01, 7):
        for one in plan(minor, YEAR):
            exact = minor * (1 - YEAR.elapsed(one.month))
            assert abs(one.prepaid_minor - exact) <= Fraction(1, 2)
    assert isinstance(fee("1").own, pa.Table)
    assert COST_OF_REVENUE in fee("1").own["pl_category"].to_pylist()
