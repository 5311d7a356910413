"""Entries of a group: each entity balances by itself, and what two owe each other mirrors."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import CHART, MONTH, ledger, line, paper
from tests.ledger.group import ENGINEERING, GROUP, GROUP_CHART, ONE_CHART, SALES, SUPPORT

from tieout.core.errors import UnbalancedEntryError, UnknownSubjectError
from tieout.core.money import to_decimal
from tieout.ledger.entities import LEGAL_ENTITY
from tieout.ledger.entry import JournalEntry, JournalLine, entry_from_json, entry_json, reverse
from tieout.ledger.intercompany import (
    PAIR_KEY,
    PARTNER,
    books_of,
    by_entity,
    disagreements,
    pairs,
)
from tieout.ledger.posting import accrual, invoice, true_up
from tieout.ledger.reclass import reclass
from tieout.ledger.to_date import Bills
from tieout.ledger.trial_balance import trial_balance

LINES = ledger(
    line("60", cost_center=SUPPORT),
    line("30", cost_center=SALES),
    line("10", cost_center=ENGINEERING),
    line("5", charge_category="Tax"),
)
CENTERS = st.sampled_from([SUPPORT, SALES, ENGINEERING, None, "CC-999 Nowhere"])
COSTS = st.integers(-(10**15), 10**15)


def shown(one: JournalEntry) -> list[str]:
    """`entity account amount partner` of each line."""
    return [
        " ".join(
            (
                str(each.dimensions[LEGAL_ENTITY]),
                each.account,
                str(each.amount_minor),
                str(each.dimensions.get(PARTNER) or ""),
            )
        ).rstrip()
        for each in one.lines
    ]


def booked() -> JournalEntry:
    bill = paper("100", tax="5")
    made = invoice(LINES, month=MONTH, chart=GROUP_CHART, document=bill).entry
    assert made
    return made


def test_the_payer_keeps_payable_and_tax_and_the_bearers_keep_their_cost() -> None:
    assert shown(booked()) == [
        "gmbh 5100 1000",
        "inc 5100 6000",
        "ltd 5100 3000",
        "gmbh 1400 500",
        "gmbh 2000 -10500",
        "gmbh 1510 6000 inc",
        "inc 2500 -6000 gmbh",
        "gmbh 1500 3000 ltd",
        "ltd 2500 -3000 gmbh",
    ]


def test_the_two_legs_of_a_pair_have_one_key_and_other_pairs_another() -> None:
    keys = [one.dimensions.get(PAIR_KEY) for one in booked().lines if PARTNER in one.dimensions]
    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_an_entry_that_the_payer_bears_alone_has_no_legs() -> None:
    own = accrual(ledger(line("9")), month=MONTH, chart=GROUP_CHART).entry
    assert own
    assert shown(own) == ["gmbh 5100 900", "gmbh 2100 -900"]


def test_one_entity_leaves_every_entry_as_it_was() -> None:
    document = paper("100", tax="5")
    plain = invoice(LINES, month=MONTH, chart=CHART, document=document).entry
    assert plain == invoice(LINES, month=MONTH, chart=ONE_CHART, document=document).entry
    assert plain
    assert all(LEGAL_ENTITY not in one.dimensions for one in plain.lines)


def test_books_of_an_entity_are_its_own_lines_renumbered() -> None:
    (own,) = books_of([booked()], "inc", entities=GROUP)
    assert [(one.line_no, one.account, one.amount_minor) for one in own.lines] == [
        (1, "5100", 6000),
        (2, "2500", -6000),
    ]
    with pytest.raises(UnknownSubjectError):
        list(books_of([booked()], "sarl", entities=GROUP))


def test_entries_of_before_there_were_entities_are_the_payers() -> None:
    plain = invoice(LINES, month=MONTH, chart=CHART, document=paper("100", tax="5")).entry
    assert plain
    assert list(books_of([plain], "gmbh", entities=GROUP)) == [plain]
    assert list(books_of([plain], "inc", entities=GROUP)) == []


def test_an_entity_that_does_not_balance_is_refused() -> None:
    first, *rest = booked().lines
    foreign = replace(first, dimensions={**first.dimensions, LEGAL_ENTITY: "ltd"})
    with pytest.raises(UnbalancedEntryError, match="debits are"):
        list(books_of([replace(booked(), lines=(foreign, *rest))], "ltd", entities=GROUP))


def test_disagreements_name_entity_and_pair() -> None:
    entry = booked()
    assert disagreements(entry) == []
    changed = tuple(
        replace(one, debit_minor=one.debit_minor + 7) if one.account == "1510" else one
        for one in entry.lines
    )
    assert [text.partition(" ")[0] for text in disagreements(replace(entry, lines=changed))] == [
        "entity",
        "pair",
    ]


def test_a_true_up_after_the_entities_came_moves_the_cost_once() -> None:
    accrued = accrual(LINES, month=MONTH, chart=CHART).entry
    assert accrued
    first = true_up([accrued], LINES, month=MONTH, chart=GROUP_CHART, documents=()).entry
    assert first
    assert sorted(shown(first)) == [
        "gmbh 1500 3000 ltd",
        "gmbh 1510 6000 inc",
        "gmbh 5100 -3000",
        "gmbh 5100 -6000",
        "inc 2500 -6000 gmbh",
        "inc 5100 6000",
        "ltd 2500 -3000 gmbh",
        "ltd 5100 3000",
    ]
    again = true_up([accrued, first], LINES, month=MONTH, chart=GROUP_CHART, documents=())
    assert again.entry is None


def test_a_reclass_between_two_bearers_goes_through_the_payer() -> None:
    document = paper("100")
    before = ledger(line("60", cost_center=SUPPORT), line("40", cost_center=ENGINEERING))
    after = ledger(line("60", cost_center=SALES), line("40", cost_center=ENGINEERING))
    first = invoice(before, month=MONTH, chart=GROUP_CHART, document=document).entry
    assert first
    bills = Bills(known=(document,))
    day = MONTH.period.next().last_on
    made = reclass([first], after, month=MONTH, chart=GROUP_CHART, bills=bills, on=day).entry
    assert made
    assert sorted(shown(made)) == [
        "gmbh 1500 6000 ltd",
        "gmbh 1510 -6000 inc",
        "inc 2500 6000 gmbh",
        "inc 5100 -6000",
        "ltd 2500 -6000 gmbh",
        "ltd 5100 6000",
    ]


@given(
    shares=st.lists(st.tuples(COSTS, CENTERS), min_size=1, max_size=12),
    account=st.sampled_from(["org-1", "org-2"]),
)
def test_for_any_shares_each_entity_balances_and_the_pairs_mirror(
    shares: list[tuple[int, str | None]], account: str
) -> None:
    rows = [
        line(0, billed_cost=to_decimal(units), cost_center=center, billing_account_id=account)
        for units, center in shares
    ]
    month = replace(MONTH, billing_account_id=account)
    made = accrual(ledger(*rows), month=month, chart=GROUP_CHART).entry
    plain = accrual(ledger(*rows), month=month, chart=CHART).entry
    assert (made is None) == (plain is None)
    if made is None or plain is None:
        return
    both = (made, reverse(made, on=MONTH.period.end_on))
    assert [text for one in both for text in disagreements(one)] == []
    for entity in GROUP.ids:
        balance = trial_balance(books_of([made], entity, entities=GROUP))
        assert sum(balance["balance_minor"].to_pylist()) == 0
    assert all(one.left_minor == 0 for one in pairs([made]))
    assert all(one.first_minor == 0 for one in pairs(both))
    assert entry_from_json(entry_json(made)) == made
    cost = {one.account: one.debit_minor - one.credit_minor for one in plain.lines}
    group = {row["account"]: row["balance_minor"] for row in trial_balance([made]).to_pylist()}
    assert {code: group[code] for code in cost} == {
        row["account"]: row["balance_minor"] for row in trial_balance([plain]).to_pylist()
    }


@given(amounts=st.lists(st.tuples(st.integers(-999, 999), st.sampled_from(GROUP.ids)), max_size=9))
def test_any_balanced_lines_become_balanced_by_entity(amounts: list[tuple[int, str]]) -> None:
    def one(amount: int, entity: str) -> JournalLine:
        return JournalLine(
            line_no=1,
            account="5100",
            debit_minor=max(amount, 0),
            credit_minor=max(-amount, 0),
            memo="cost",
            dimensions={LEGAL_ENTITY: entity},
            source_line_ref=None,
        )

    rest = -sum(amount for amount, _ in amounts)
    lines = [*(one(*each) for each in amounts), replace(one(rest, "gmbh"), dimensions={})]
    made = by_entity(lines, payer="gmbh", provider="aws", source="s", entities=GROUP)
    sums = {
        entity: sum(each.amount_minor for each in made if each.dimensions[LEGAL_ENTITY] == entity)
        for entity in GROUP.ids
    }
    assert set(sums.values()) == {0}
