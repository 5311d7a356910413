from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.books import (
    CHART,
    COST_OF_REVENUE,
    MONTH,
    OCTOBER,
    RESEARCH,
    ledger,
    line,
    paper,
)

from tieout.core.errors import ConservationError, MoneyFormatError, UnbalancedEntryError
from tieout.core.money import from_minor, to_minor, to_units
from tieout.ledger.building import AccountMonth
from tieout.ledger.entry import JournalEntry, balanced, reverse
from tieout.ledger.grouping import net_units
from tieout.ledger.posting import (
    Posting,
    accrual,
    clearing,
    credit_event,
    credit_purchase,
    drawdown,
    invoice,
    opening_balance,
    true_up,
)
from tieout.ledger.trial_balance import account_balance, trial_balance
from tieout.reconciliation.invoice_parts import by_invoice
from tieout.reconciliation.prepaid import CreditEvent

PREPAID = AccountMonth(provider="anthropic", billing_account_id="org-2", period=OCTOBER)
DRAFT = ledger(line("10000.00"), line("2345.67", pl_category=RESEARCH))
FINAL = ledger(line("10052.12"), line("2357.90", pl_category=RESEARCH))


def entry(posting: Posting) -> JournalEntry:
    assert posting.entry
    return balanced(posting.entry)


def sides(found: JournalEntry) -> list[tuple[str, int]]:
    return [(each.account, each.amount_minor) for each in found.lines]


def test_an_accrual_is_expense_against_accrued_on_the_last_day() -> None:
    found = entry(accrual(DRAFT, month=MONTH, chart=CHART, source_refs=("lake:1",)))
    assert sides(found) == [("5100", 1_000_000), ("6100", 234_567), ("2100", -1_234_567)]
    assert found.posting_on == date(2026, 10, 31)
    assert found.source_refs == ("lake:1",)
    assert found.description == (
        "Accrual of usage received and not invoiced: openai org-1, 2026-10"
    )


def test_nothing_is_accrued_for_nothing() -> None:
    assert accrual(ledger(), month=MONTH, chart=CHART).entry is None


def test_the_worked_month_accrues_trues_up_reverses_and_books_the_invoice() -> None:
    document = paper("12410.02", tax="2482.00")
    accrued = entry(accrual(DRAFT, month=MONTH, chart=CHART))
    top_up = entry(true_up([accrued], FINAL, month=MONTH, chart=CHART, documents=[document]))
    assert sides(top_up) == [("5100", 5212), ("6100", 1223), ("2100", -6435)]
    booked = entry(invoice(FINAL, month=MONTH, chart=CHART, document=document))
    assert sides(booked)[2:] == [("1400", 248_200), ("2000", -1_489_202)]
    assert (booked.posting_on, booked.document_on) == (date(2026, 11, 3), date(2026, 11, 3))
    november = [reverse(each, on=OCTOBER.end_on) for each in (accrued, top_up)]
    books = [accrued, top_up, *november, booked]
    assert account_balance(books, account="2100") == 0
    assert account_balance(books, account="2000") == -1_489_202
    october = {
        row["account"]: row["balance_minor"]
        for row in trial_balance(books, through=OCTOBER.last_on).to_pylist()
    }
    assert october == {"5100": 1_005_212, "6100": 235_790, "2100": -1_241_002}
    for account in ("5100", "6100"):
        through_october = october[account]
        assert account_balance(books, account=account) == through_october


def test_an_invoice_of_the_last_days_is_posted_when_the_accrual_has_been_reversed() -> None:
    document = paper("12410.02", issued_on=date(2026, 10, 30))
    booked = entry(invoice(FINAL, month=MONTH, chart=CHART, document=document))
    assert (booked.posting_on, booked.document_on) == (date(2026, 11, 1), date(2026, 10, 30))


def test_a_true_up_with_no_difference_is_no_entry() -> None:
    accrued = entry(accrual(DRAFT, month=MONTH, chart=CHART))
    found = true_up([accrued], DRAFT, month=MONTH, chart=CHART, documents=[paper("12345.67")])
    assert found.entry is None


def test_a_true_up_without_invoice_goes_to_the_lines_own_total() -> None:
    accrued = entry(accrual(DRAFT, month=MONTH, chart=CHART))
    found = entry(true_up([accrued], FINAL, month=MONTH, chart=CHART, documents=[]))
    assert found.lines[-1].amount_minor == -6435


def test_a_true_up_takes_back_what_only_the_draft_had() -> None:
    draft = ledger(line("10"), line("3", initiative="gone"))
    accrued = entry(accrual(draft, month=MONTH, chart=CHART))
    found = entry(true_up([accrued], ledger(line("10")), month=MONTH, chart=CHART, documents=[]))
    assert sides(found) == [("5100", -300), ("2100", 300)]


def test_a_true_up_that_only_moves_cost_leaves_the_liability_alone() -> None:
    accrued = entry(accrual(ledger(line("10")), month=MONTH, chart=CHART))
    moved = ledger(line("10", initiative="other"))
    found = entry(true_up([accrued], moved, month=MONTH, chart=CHART, documents=[]))
    assert sorted(sides(found)) == [("5100", -1000), ("5100", 1000)]


def test_entries_of_other_accounts_and_reversals_do_not_count_as_accrued() -> None:
    accrued = entry(accrual(DRAFT, month=MONTH, chart=CHART))
    other = entry(accrual(DRAFT, month=PREPAID, chart=CHART))
    undone = reverse(accrued, on=OCTOBER.end_on)
    found = true_up([accrued, other, undone], DRAFT, month=MONTH, chart=CHART, documents=[])
    assert found.entry is None


def test_the_same_source_makes_the_same_key_and_other_content_another() -> None:
    keys = [
        entry(accrual(each, month=MONTH, chart=CHART)).idempotency_key
        for each in (DRAFT, DRAFT.take([1, 0]), FINAL)
    ]
    assert keys[0] == keys[1] != keys[2]


def test_an_invoice_scanned_again_keeps_its_key() -> None:
    keys = {
        entry(
            invoice(FINAL, month=MONTH, chart=CHART, document=paper("12410.02", document=scan))
        ).idempotency_key
        for scan in ("d" * 64, "e" * 64)
    }
    assert len(keys) == 1


def test_an_unexplained_part_of_the_invoice_is_posted_to_suspense_and_found() -> None:
    found = invoice(FINAL, month=MONTH, chart=CHART, document=paper("12410.05"))
    assert ("6900", 3) in sides(entry(found))
    assert [each.kind for each in found.findings] == ["unexplained"]


def test_prepaid_credit_is_bought_and_drawn_down() -> None:
    receipt = paper("1631", tax="10", kind="receipt", issued_on=date(2026, 10, 3))
    opening = opening_balance(123_456, month=PREPAID, chart=CHART, source="console, 1 October")
    bought = credit_purchase(receipt, month=PREPAID, chart=CHART)
    drawn = entry(drawdown(ledger(line("1000.005")), month=PREPAID, chart=CHART))
    assert sides(opening) == [("1300", 123_456), ("3900", -123_456)]
    assert opening.posting_on == date(2026, 10, 1)
    assert sides(bought) == [("1300", 163_100), ("1400", 1000), ("1000", -164_100)]
    assert bought.posting_on == date(2026, 10, 3)
    assert sides(drawn) == [("5100", 100_001), ("1300", -100_001)]
    assert account_balance([opening, bought, drawn], account="1300") == 186_555


def test_an_opening_balance_of_zero_is_left_out_by_the_caller() -> None:
    with pytest.raises(UnbalancedEntryError, match="found zero: leave it out"):
        opening_balance(0, month=PREPAID, chart=CHART, source="console")


def test_a_document_in_another_currency_is_never_converted() -> None:
    with pytest.raises(MoneyFormatError, match="INV-1 is in EUR"):
        credit_purchase(paper("10", currency="EUR"), month=PREPAID, chart=CHART)


def test_a_document_finer_than_a_cent_was_not_read_from_paper() -> None:
    with pytest.raises(ConservationError, match=r"found 10\.001 USD"):
        credit_purchase(paper("10.001"), month=PREPAID, chart=CHART)


_LINE = st.tuples(
    st.integers(min_value=-(10**13), max_value=10**15),
    st.sampled_from([COST_OF_REVENUE, RESEARCH, None]),
    st.sampled_from(["a", "b", None]),
)


def _table(rows: list[tuple[int, str | None, str | None]]) -> pa.Table:
    return ledger(*(line(units, pl_category=pl, initiative=name) for units, pl, name in rows))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(_LINE, max_size=6), st.lists(_LINE, max_size=6), st.integers(min_value=-3, max_value=3)
)
def test_accrual_and_true_up_are_the_invoice_and_the_next_month_nets_to_zero(
    draft: list[tuple[int, str | None, str | None]],
    final: list[tuple[int, str | None, str | None]],
    off: int,
) -> None:
    before, after = _table(draft), _table(final)
    net = to_minor(net_units(after), 2) + off
    document = paper("0", total_units=from_minor(net, 2), subtotal_units=from_minor(net, 2))
    posted = [each.entry for each in (accrual(before, month=MONTH, chart=CHART),) if each.entry]
    top_up = true_up(posted, after, month=MONTH, chart=CHART, documents=[document]).entry
    posted += [top_up] if top_up else []
    assert true_up(posted, after, month=MONTH, chart=CHART, documents=[document]).entry is None
    assert -account_balance(posted, account="2100") == net
    trial_balance(posted)
    booked = invoice(after, month=MONTH, chart=CHART, document=document).entry
    november = [reverse(each, on=OCTOBER.end_on) for each in posted]
    november += [booked] if booked else []
    for account in ("5100", "6100", "6900", "2100"):
        change = account_balance(november, account=account)
        assert change == (net if account == "2100" else 0)


def test_units_of_the_sample_month_become_cents() -> None:
    final = ledger(
        line("1839.630538814172"),
        line("-150", charge_category="Credit"),
        line("-0.000538814172", charge_category="Adjustment"),
    )
    booked = entry(invoice(final, month=MONTH, chart=CHART, document=paper("1689.63")))
    assert sides(booked) == [("5100", -15_000), ("5100", 183_963), ("2000", -168_963)]
    assert net_units(final) == to_units("1689.63")


def test_two_invoices_of_a_month_are_two_entries_that_meet_the_accrual() -> None:
    rows = ledger(
        line("100.004", invoice_id="A"),
        line("30.003", invoice_id="B", pl_category=RESEARCH),
        line("-0.007", invoice_id="A"),
    )
    papers = [paper("100.00", number="A"), paper("30.00", number="B")]
    accrued = entry(accrual(rows, month=MONTH, chart=CHART))
    top_up = true_up([accrued], rows, month=MONTH, chart=CHART, documents=papers)
    booked = [
        entry(invoice(own, month=MONTH, chart=CHART, document=document))
        for document, own in by_invoice(rows, papers)
    ]
    assert [sides(each) for each in booked] == [
        [("5100", 10_000), ("2000", -10_000)],
        [("6100", 3_000), ("2000", -3_000)],
    ]
    standing = [accrued, *([top_up.entry] if top_up.entry else [])]
    november = [reverse(each, on=OCTOBER.end_on) for each in standing]
    assert account_balance([*standing, *november], account="2100") == 0
    for account in ("5100", "6100"):
        assert account_balance(standing, account=account) == account_balance(
            booked, account=account
        )


def test_a_credit_note_is_booked_the_other_way() -> None:
    note = paper("-5.00", number="C-1", kind="credit_note", corrects="A")
    found = entry(invoice(ledger(line("-5")), month=MONTH, chart=CHART, document=note))
    assert found.journal_type == "credit_note"
    assert sides(found) == [("5100", -500), ("2000", 500)]


def test_a_commitment_is_bought_on_account() -> None:
    found = credit_purchase(paper("1000.00"), month=PREPAID, chart=CHART)
    assert sides(found) == [("1300", 100_000), ("2000", -100_000)]


def test_granted_credit_raises_the_asset_and_expired_credit_lowers_it() -> None:
    granted, expired = (
        credit_event(
            CreditEvent(kind=kind, amount_units=to_units("12.50"), evidence="console"),
            month=PREPAID,
            chart=CHART,
        )
        for kind in ("granted", "expired")
    )
    assert sides(granted) == [("1300", 1250), ("6900", -1250)]
    assert sides(expired) == [("1300", -1250), ("6900", 1250)]
    assert (granted.journal_type, expired.journal_type) == ("manual", "breakage")
    assert expired.posting_on == date(2026, 10, 31)


def test_an_invoice_that_is_matched_clears_its_accrual_and_nothing_is_reversed() -> None:
    document = paper("12410.02", tax="2482.00", issued_on=date(2026, 10, 31))
    first = entry(accrual(DRAFT, month=MONTH, chart=CHART))
    more = entry(true_up([first], FINAL, month=MONTH, chart=CHART, documents=[document]))
    found = clearing(document, month=MONTH, chart=CHART)
    assert found
    assert sides(found) == [("2100", 1_241_002), ("1400", 248_200), ("2000", -1_489_202)]
    assert found.posting_on == date(2026, 11, 1)
    assert account_balance([first, more, found], account="2100") == 0
    assert account_balance([first, more, found], account="5100") == 1_005_212
    assert clearing(paper("0"), month=MONTH, chart=CHART) is None
