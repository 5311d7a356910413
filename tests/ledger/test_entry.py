import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import CHART, MONTH, ledger, line

from tieout.core.errors import StateError, UnbalancedEntryError
from tieout.ledger.entry import (
    JournalEntry,
    balanced,
    entry_from_json,
    entry_json,
    numbered,
    reverse,
    signed_line,
)
from tieout.ledger.posting import accrual

NOVEMBER = date(2026, 11, 1)


def entry(*amounts: int) -> JournalEntry:
    made = accrual(ledger(line("12.34")), month=MONTH, chart=CHART).entry
    assert made
    lines = [signed_line("5100", amount, memo="cost", dimensions={}) for amount in amounts]
    return replace(made, lines=numbered(lines)) if amounts else made


def test_a_negative_amount_is_a_credit_and_never_a_negative_debit() -> None:
    credit = signed_line("5100", -150, memo="credit", dimensions={})
    assert (credit.debit_minor, credit.credit_minor, credit.amount_minor) == (0, 150, -150)


def test_zero_lines_are_dropped_and_numbers_have_no_gaps() -> None:
    assert [each.line_no for each in entry(5, 0, -5).lines] == [1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lines": entry(5, -4).lines}, "debits are 5 and credits 4 minor units of USD"),
        ({"lines": ()}, "it has 0 lines and needs two"),
        ({"lines": tuple(replace(each, line_no=9) for each in entry(5, -5).lines)}, "without gaps"),
        ({"description": ""}, "no description"),
        (
            {
                "lines": tuple(
                    replace(each, debit_minor=7, credit_minor=7) for each in entry().lines
                )
            },
            "exactly one of debit and credit",
        ),
    ],
)
def test_an_improper_entry_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UnbalancedEntryError, match=message):
        balanced(replace(entry(), **change))


def test_a_reversal_is_the_exact_mirror_and_names_what_it_mirrors() -> None:
    original = entry()
    mirror = reverse(original, on=NOVEMBER)
    assert (mirror.journal_type, mirror.posting_on) == ("reversal", NOVEMBER)
    assert mirror.reverses == original.idempotency_key != mirror.idempotency_key
    assert mirror.service_period == original.service_period
    pairs = zip(original.lines, mirror.lines, strict=True)
    assert all(
        (one.account, one.debit_minor, one.credit_minor, one.dimensions)
        == (other.account, other.credit_minor, other.debit_minor, other.dimensions)
        for one, other in pairs
    )


def test_a_reversal_cannot_be_reversed() -> None:
    with pytest.raises(StateError, match="post a new entry"):
        reverse(reverse(entry(), on=NOVEMBER), on=NOVEMBER)


def test_an_entry_comes_back_from_json_beside_its_document_number() -> None:
    value = json.loads(json.dumps(entry_json(entry())))
    assert entry_from_json({**value, "document_no": "JE-1"}) == entry()


def test_a_stored_entry_that_was_changed_is_refused() -> None:
    value = entry_json(entry())
    value["lines"][0]["debit_minor"] += 1
    with pytest.raises(UnbalancedEntryError):
        entry_from_json(value)


@given(st.lists(st.integers(min_value=-(10**12), max_value=10**12), min_size=2, max_size=8))
def test_entry_and_reversal_cancel_on_every_account(amounts: list[int]) -> None:
    lines = [
        signed_line(f"a{number}", amount, memo="cost", dimensions={})
        for number, amount in enumerate([*amounts, -sum(amounts)])
    ]
    original = replace(entry(), lines=numbered(lines))
    both = [*original.lines, *reverse(original, on=NOVEMBER).lines]
    for account in {each.account for each in both}:
        assert sum(each.amount_minor for each in both if each.account == account) == 0


def test_a_fiscal_period_is_kept_where_there_is_one_and_is_not_the_reversals() -> None:
    plain = entry()
    assert "fiscal_period" not in entry_json(plain)
    named = replace(plain, fiscal_period="2027-04")
    assert entry_json(named)["fiscal_period"] == "2027-04"
    assert entry_from_json(entry_json(named)) == named
    assert reverse(named, on=NOVEMBER).fiscal_period is None
