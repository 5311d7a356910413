"""A closed month under new rules, as the journal sees it."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import CHART, COST_OF_REVENUE, MONTH, OCTOBER, RESEARCH, ledger, line, paper

from tieout.core.errors import ConservationError
from tieout.ledger.entry import JournalEntry, reverse
from tieout.ledger.posting import accrual, drawdown, invoice
from tieout.ledger.reclass import reclass
from tieout.ledger.to_date import Bills

ON = date(2026, 11, 30)
SEVENTY, HUNDRED = Bills(known=(paper("70"),)), Bills(known=(paper("100"),))
INITIATIVES = ("search-ranking", "support-assistant", "internal-tools")


def closed(*rows: dict[str, Any], net: str) -> list[JournalEntry]:
    """October as it was closed: accrued, reversed, and booked with the invoice in November."""
    lines = ledger(*rows)
    accrued = accrual(lines, month=MONTH, chart=CHART).entry
    booked = invoice(lines, month=MONTH, chart=CHART, document=paper(net)).entry
    assert accrued
    assert booked
    return [accrued, reverse(accrued, on=OCTOBER.end_on), booked]


def by_target(entries: list[JournalEntry]) -> dict[tuple[str, str | None], int]:
    found: dict[tuple[str, str | None], int] = {}
    for entry in entries:
        for one in entry.lines:
            if "charge_category" in one.dimensions:
                key = (one.account, one.dimensions["initiative"])
                found[key] = found.get(key, 0) + one.amount_minor
    return {key: amount for key, amount in found.items() if amount}


def test_the_difference_is_one_entry_with_a_line_for_each_target() -> None:
    posted = closed(line("70"), line("30", pl_category=RESEARCH), net="100")
    after = ledger(line("60"), line("10", initiative="search-ranking"),
                   line("30", pl_category=RESEARCH))  # fmt: skip
    entry = reclass(posted, after, month=MONTH, chart=CHART, bills=HUNDRED, on=ON).entry
    assert entry is not None
    assert (entry.journal_type, entry.adjustment_kind) == ("reclass", "policy_change")
    assert (entry.posting_on, entry.service_period) == (ON, "2026-10")
    assert [(one.dimensions["initiative"], one.amount_minor) for one in entry.lines] == [
        ("search-ranking", 1000),
        ("support-assistant", -1000),
    ]


def test_a_second_run_posts_nothing() -> None:
    posted = closed(line("70"), net="70")
    after = ledger(line("70", initiative="search-ranking"))
    first = reclass(posted, after, month=MONTH, chart=CHART, bills=SEVENTY, on=ON).entry
    assert first is not None
    again = reclass([*posted, first], after, month=MONTH, chart=CHART, bills=SEVENTY, on=ON)
    assert again.entry is None


def test_a_change_of_own_dimensions_alone_posts_nothing() -> None:
    posted = closed(line("70"), net="70")
    after = ledger(
        line("69.999", ledger_line_id="x", own_dimensions='{"team":"search"}'),
        line("0.001", ledger_line_id="y", own_dimensions='{"team":"ranking"}'),
    )
    made = reclass(posted, after, month=MONTH, chart=CHART, bills=SEVENTY, on=ON)
    assert made.entry is None


def test_rules_that_come_back_take_the_difference_back() -> None:
    posted = closed(line("70"), net="70")
    over, back = ledger(line("70", pl_category=RESEARCH)), ledger(line("70"))
    first = reclass(posted, over, month=MONTH, chart=CHART, bills=SEVENTY, on=ON).entry
    assert first is not None
    second = reclass([*posted, first], back, month=MONTH, chart=CHART, bills=SEVENTY, on=ON).entry
    assert second is not None
    assert by_target([first, second]) == {}
    assert first.idempotency_key != second.idempotency_key


def test_prepaid_cost_is_reclassified_without_a_document() -> None:
    drawn = drawdown(ledger(line("30.004")), month=MONTH, chart=CHART).entry
    assert drawn is not None
    after = ledger(line("30.004", initiative="internal-tools"))
    entry = reclass([drawn], after, month=MONTH, chart=CHART, on=ON).entry
    assert entry is not None
    assert sorted(one.amount_minor for one in entry.lines) == [-3000, 3000]


def test_what_takes_a_fee_to_later_months_is_no_part_of_it() -> None:
    posted = closed(line("70"), net="70")
    fee = replace(posted[0], journal_type="amortisation", idempotency_key="fee")
    entries = [*posted, fee, reverse(fee, on=ON), replace(fee, idempotency_key="again")]
    after = ledger(line("70"))
    made = reclass(entries, after, month=MONTH, chart=CHART, bills=SEVENTY, on=ON)
    assert made.entry is None


def test_entries_of_another_account_or_month_are_left_alone() -> None:
    posted = closed(line("70"), net="70")
    september = [replace(entry, service_period="2026-09") for entry in posted]
    aws = [replace(entry, provider="aws") for entry in posted]
    found = reclass(
        [*posted, *september, *aws],
        ledger(line("70")),
        month=MONTH,
        chart=CHART,
        bills=SEVENTY,
        on=ON,
    )
    assert found.entry is None


def test_lines_of_another_total_are_refused() -> None:
    posted = closed(line("70"), net="70")
    with pytest.raises(ConservationError, match=r"are 1\.00 USD more than was posted: expected"):
        reclass(
            posted,
            ledger(line("71")),
            month=MONTH,
            chart=CHART,
            bills=Bills(known=(paper("71"),)),
            on=ON,
        )


units = st.integers(-(10**15), 10**15)
rows = st.lists(st.tuples(units, st.sampled_from(INITIATIVES), st.sampled_from(INITIATIVES)),
                min_size=1, max_size=8)  # fmt: skip


@given(rows, st.sampled_from([COST_OF_REVENUE, RESEARCH]))
def test_all_that_is_posted_for_a_target_is_its_restated_amount(
    found: list[tuple[int, str, str]], category: str
) -> None:
    before = ledger(*(line(cost, initiative=old) for cost, old, _ in found))
    after = ledger(*(line(cost, initiative=new, pl_category=category) for cost, _, new in found))
    drawn = drawdown(before, month=MONTH, chart=CHART).entry
    posted = [drawn] if drawn else []
    entry = reclass(posted, after, month=MONTH, chart=CHART, on=ON).entry
    wanted = drawdown(after, month=MONTH, chart=CHART).entry
    standing = [*posted, *([entry] if entry else [])]
    assert by_target(standing) == by_target([wanted] if wanted else [])
    assert reclass(standing, after, month=MONTH, chart=CHART, on=ON).entry is None
