"""Memo and shortfall of a commitment, month by month."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import CHART, MONTH, ledger, line
from tests.ledger.promised import PROMISING, terms

from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.ledger.commitments import (
    MEMO_ROLES,
    SHORTFALL_ROLES,
    committed_ids,
    memo,
    memo_minor,
    of_commitments,
    shortfall,
    shortfall_minor,
    wanted_shortfall,
    without_commitments,
)
from tieout.ledger.entry import JournalEntry, reverse
from tieout.ledger.grouping import is_cost
from tieout.ledger.posting import accrual
from tieout.ledger.trial_balance import trial_balance

OCTOBER, NOVEMBER, DECEMBER = Period(2026, 10), Period(2026, 11), Period(2026, 12)
JANUARY = Period(2027, 1)
REF = "commitment:ea-7"


def amounts(entry: JournalEntry | None) -> dict[str, int]:
    return {one.account: one.amount_minor for one in entry.lines} if entry else {}


def test_the_memo_begins_with_the_promise_and_follows_what_is_left() -> None:
    first = memo(terms(), 65_000, [], period=OCTOBER, chart=PROMISING)
    assert first
    assert amounts(first) == {"1900": 65_000, "2900": -65_000}
    assert (first.journal_type, first.posting_on) == ("commitment", date(2026, 10, 31))
    assert first.source_refs == (REF, "Order form 7")
    assert first.description == "Memo of what is left of a commitment: openai org-1, 2026-10"
    second = memo(terms(), 40_000, [first], period=NOVEMBER, chart=PROMISING)
    assert second
    assert amounts(second) == {"1900": -25_000, "2900": 25_000}
    assert memo_minor([first, second], REF, chart=PROMISING) == 40_000
    assert memo(terms(), 40_000, [first, second], period=DECEMBER, chart=PROMISING) is None


def test_a_memo_is_neither_cost_nor_a_balance_of_the_statement() -> None:
    entry = memo(terms(), 65_000, [], period=OCTOBER, chart=PROMISING)
    assert entry
    assert not any(is_cost(one) for one in entry.lines)
    rows = trial_balance([entry]).to_pylist()
    assert sum(row["balance_minor"] for row in rows) == 0


def test_a_shortfall_is_expense_of_the_month_and_is_taken_back_when_it_is_billed() -> None:
    owed = shortfall(terms(), 3_000, [], period=DECEMBER, chart=PROMISING)
    assert owed
    assert amounts(owed) == {"6300": 3_000, "2150": -3_000}
    assert (owed.journal_type, owed.posting_on) == ("shortfall", date(2026, 12, 31))
    billed = terms(
        "    shortfall: {treatment: accrue, settled: {period: 2027-01, document: INV-9}}\n"
    )
    back = shortfall(billed, 0, [owed], period=JANUARY, chart=PROMISING)
    assert back
    assert amounts(back) == {"2150": 3_000, "6300": -3_000}
    assert back.source_refs == (REF, "INV-9")
    assert shortfall_minor([owed, back], REF, chart=PROMISING) == 0


def test_what_is_reversed_counts_as_undone() -> None:
    owed = shortfall(terms(), 3_000, [], period=DECEMBER, chart=PROMISING)
    assert owed
    gone = reverse(owed, on=date(2026, 12, 31))
    assert shortfall_minor([owed, gone], REF, chart=PROMISING) == 0
    assert shortfall_minor([owed], "commitment:other", chart=PROMISING) == 0


RECOGNISED = (
    "    shortfall:\n      treatment: accrue\n      recognised:\n"
    '        - {period: 2026-11, amount: "120", evidence: forecast}\n'
    '        - {period: 2026-12, amount: "150", evidence: forecast}\n'
)
SETTLED = RECOGNISED + "      settled: {period: 2027-02, document: INV-9}\n"
WAIVED = "    shortfall: {treatment: waived, evidence: letter}\n"


@pytest.mark.parametrize(
    ("more", "period", "lapsed", "expected"),
    [
        ("", OCTOBER, "0", 0),
        ("", DECEMBER, "30.005", 3_001),
        ("", JANUARY, "30", 3_000),
        (RECOGNISED, OCTOBER, "0", 0),
        (RECOGNISED, NOVEMBER, "0", 12_000),
        (RECOGNISED, DECEMBER, "30", 3_000),
        (SETTLED, JANUARY, "30", 3_000),
        (SETTLED, Period(2027, 2), "30", 0),
        (WAIVED, DECEMBER, "30", 0),
    ],
)
def test_what_is_owed_is_what_lapsed_or_before_it_what_people_hold_for_probable(
    more: str, period: Period, lapsed: str, expected: int
) -> None:
    assert wanted_shortfall(terms(more), period, lapsed_units=to_units(lapsed)) == expected


def test_entries_of_commitments_are_told_from_all_others() -> None:
    other = accrual(ledger(line("9")), month=MONTH, chart=PROMISING).entry
    kept = memo(terms(), 5, [], period=OCTOBER, chart=PROMISING)
    assert other
    assert kept
    assert of_commitments([other, kept]) == [kept]
    assert without_commitments([other, kept]) == [other]
    assert committed_ids([other, kept, kept]) == ["ea-7"]


def test_a_chart_says_whether_it_has_the_accounts_of_commitments() -> None:
    assert PROMISING.has(*MEMO_ROLES, *SHORTFALL_ROLES)
    assert not CHART.has(*MEMO_ROLES)


@given(left=st.lists(st.integers(0, 10**9), min_size=3, max_size=3))
def test_the_entries_always_come_to_what_is_left(left: list[int]) -> None:
    posted: list[JournalEntry] = []
    for period, minor in zip((OCTOBER, NOVEMBER, DECEMBER), left, strict=True):
        made = memo(terms(), minor, posted, period=period, chart=PROMISING)
        posted += [made] if made else []
        assert memo_minor(posted, REF, chart=PROMISING) == minor
