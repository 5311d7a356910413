"""Closed months in later ones: the re-accrual trap, late invoices, credit notes."""

from dataclasses import replace
from datetime import date

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import CHART, COST_OF_REVENUE, OCTOBER, RESEARCH, ledger, line, paper

from tieout.core.period import Period
from tieout.focus.document import BillingDocument
from tieout.ledger.billing_accounts import Relief
from tieout.ledger.building import AccountMonth
from tieout.ledger.entry import JournalEntry, reverse
from tieout.ledger.late import ClosedMonth, entries_of, reversals
from tieout.ledger.posting import Posting, accrual, invoice
from tieout.ledger.reclass import reclass
from tieout.ledger.to_date import Bills
from tieout.ledger.trial_balance import account_balance

NOVEMBER, DECEMBER, JANUARY = Period(2026, 11), Period(2026, 12), Period(2027, 1)
LINES = ledger(line("10000.00"), line("2345.67", pl_category=RESEARCH))
ACCRUED, PAYABLE, TAX = "2100", "2000", "1400"


def of(service: Period, books: Period | None = None) -> AccountMonth:
    return AccountMonth(
        provider="openai", billing_account_id="org-1", period=service, booked_in=books
    )


def closed_without_invoice(
    service: Period = OCTOBER, lines: pa.Table = LINES
) -> list[JournalEntry]:
    """Accrued on the last day, reversed on the first of the next month."""
    made = accrual(lines, month=of(service), chart=CHART).entry
    assert made
    return [made, reverse(made, on=service.end_on)]


def seen(
    posted: list[JournalEntry],
    books: Period,
    *late: BillingDocument,
    known: tuple[BillingDocument, ...] = (),
    lines: pa.Table = LINES,
    present: pa.Table | None = None,
    relief: Relief = "auto_reverse",
) -> ClosedMonth:
    return ClosedMonth(
        month=of(OCTOBER, books),
        lines=lines,
        present=lines if present is None else present,
        posted=tuple(posted),
        bills=Bills(known=known, late=late, relief=relief),
    )


def settle(closed: ClosedMonth) -> tuple[list[JournalEntry], list[str]]:
    """What settling the open month posts for the closed one, and the kinds of its findings."""
    made = entries_of(closed, chart=CHART)
    every: list[Posting] = [*made, *reversals(closed, made)]
    entries = [one.entry for one in every if one.entry]
    return entries, [wrong.kind for one in every for wrong in one.findings]


def balance(entries: list[JournalEntry], account: str, through: Period) -> int:
    posted = [one for one in entries if one.posting_on <= through.last_on]
    return account_balance(posted, account=account)


def test_without_an_invoice_the_liability_stands_at_the_end_of_every_later_month() -> None:
    posted = closed_without_invoice()
    assert balance(posted, ACCRUED, OCTOBER) == -1_234_567
    assert balance(posted, ACCRUED, NOVEMBER) == 0  # the trap
    for books in (NOVEMBER, DECEMBER, JANUARY):
        made, found = settle(seen(posted, books))
        assert [(one.journal_type, one.posting_on) for one in made] == [
            ("accrual", books.last_on),
            ("reversal", books.end_on),
        ]
        assert {one.service_period for one in made} == {"2026-10"}
        assert found == []
        posted += made
        assert balance(posted, ACCRUED, books) == -1_234_567
        assert settle(seen(posted, books)) == ([], [])
    assert balance(posted, "5100", JANUARY) == 1_000_000


def test_a_bill_that_does_not_come_for_half_a_year_is_named() -> None:
    _, found = settle(seen(closed_without_invoice(), Period(2027, 5)))
    assert found == ["stale_accrual"]
    _, found = settle(seen(closed_without_invoice(), Period(2027, 4)))
    assert found == []


def test_the_invoice_that_comes_in_the_next_month_is_booked_on_its_day() -> None:
    posted = closed_without_invoice()
    bill = paper("12410.02", tax="2482.00", issued_on=date(2026, 11, 12))
    made, found = settle(seen(posted, NOVEMBER, bill))
    (booked,) = made
    assert (booked.journal_type, booked.posting_on) == ("invoice", date(2026, 11, 12))
    assert (booked.service_period, booked.adjustment_kind) == ("2026-10", "change_in_estimate")
    # 64.35 more than accrued: spread over both lines in proportion to 10,000.00 and 2,345.67
    assert [(one.account, one.amount_minor) for one in booked.lines] == [
        ("5100", 1_005_212),
        ("6100", 235_790),
        (TAX, 248_200),
        (PAYABLE, -1_489_202),
    ]
    assert found == ["late_document"]
    posted += made
    assert balance(posted, ACCRUED, NOVEMBER) == 0
    assert balance(posted, "5100", NOVEMBER) == 1_005_212
    assert settle(seen(posted, NOVEMBER, bill)) == ([], [])
    assert settle(seen(posted, DECEMBER, bill)) == ([], [])


def test_where_it_was_accrued_again_the_accrual_is_taken_to_the_invoice() -> None:
    posted = closed_without_invoice()
    posted += [one.entry for one in entries_of(seen(posted, NOVEMBER), chart=CHART) if one.entry]
    bill = paper("12410.02", issued_on=date(2026, 11, 28))
    made, _ = settle(seen(posted, NOVEMBER, bill))
    assert [(one.journal_type, one.posting_on.isoformat()) for one in made] == [
        ("true_up", "2026-11-30"),
        ("invoice", "2026-12-01"),
        ("reversal", "2026-12-01"),
        ("reversal", "2026-12-01"),
    ]
    posted += made
    assert balance(posted, ACCRUED, NOVEMBER) == -1_241_002
    assert balance(posted, ACCRUED, DECEMBER) == 0
    assert balance(posted, PAYABLE, DECEMBER) == -1_241_002
    assert settle(seen(posted, NOVEMBER, bill)) == ([], [])


def test_an_invoice_issued_after_the_month_leaves_its_end_accrued() -> None:
    bill = paper("12345.67", issued_on=date(2026, 12, 4))
    made, _ = settle(seen(closed_without_invoice(), NOVEMBER, bill))
    posted = [*closed_without_invoice(), *made]
    assert [(one.journal_type, one.posting_on.isoformat()) for one in made] == [
        ("accrual", "2026-11-30"),
        ("invoice", "2026-12-04"),
        ("reversal", "2026-12-01"),
    ]
    assert balance(posted, ACCRUED, NOVEMBER) == -1_234_567
    assert balance(posted, ACCRUED, DECEMBER) == 0


def booked_in_time() -> tuple[list[JournalEntry], BillingDocument]:
    bill = paper("12345.67")
    made = invoice(LINES, month=of(OCTOBER), chart=CHART, document=bill).entry
    assert made
    return [*closed_without_invoice(), made], bill


def test_a_credit_note_for_a_closed_month_is_borne_as_that_month_was() -> None:
    posted, bill = booked_in_time()
    note = paper(
        "-100.00", tax="-20.00", kind="credit_note", number="CN-1", issued_on=date(2026, 11, 20)
    )
    (entry,), found = settle(seen(posted, NOVEMBER, note, known=(bill,)))
    assert (entry.journal_type, entry.posting_on) == ("credit_note", date(2026, 11, 20))
    assert entry.service_period == "2026-10"
    assert [(one.account, one.amount_minor) for one in entry.lines] == [
        ("5100", -8100),
        ("6100", -1900),
        (TAX, -2000),
        (PAYABLE, 12000),
    ]
    assert found == ["late_document"]
    assert settle(seen([*posted, entry], DECEMBER, note, known=(bill,))) == ([], [])


def test_a_credit_note_from_before_the_open_month_is_booked_on_its_first_day() -> None:
    posted, bill = booked_in_time()
    note = paper("-1.00", kind="credit_note", number="CN-1", issued_on=date(2026, 11, 20))
    (entry,), _ = settle(seen(posted, JANUARY, note, known=(bill,)))
    assert (entry.posting_on, entry.document_on) == (date(2027, 1, 1), date(2026, 11, 20))


def test_a_credit_note_that_comes_before_the_invoice_leaves_the_accrual() -> None:
    note = paper("-10.00", kind="credit_note", number="CN-1", issued_on=date(2026, 11, 20))
    posted = closed_without_invoice()
    made, _ = settle(seen(posted, NOVEMBER, note))
    assert [one.journal_type for one in made] == ["accrual", "credit_note", "reversal"]
    posted += made
    assert balance(posted, ACCRUED, NOVEMBER) == -1_234_567
    made, _ = settle(seen(posted, DECEMBER, note))
    assert [one.journal_type for one in made] == ["accrual", "reversal"]


def test_an_invoice_issued_again_under_another_number_replaces_the_one_that_stands() -> None:
    posted, _ = booked_in_time()
    again = paper("12300.00", number="INV-1a", issued_on=date(2026, 12, 9))
    made, _ = settle(seen(posted, DECEMBER, again))
    assert [(one.journal_type, one.posting_on.isoformat()) for one in made] == [
        ("reversal", "2026-12-01"),
        ("invoice", "2026-12-09"),
    ]
    assert balance([*posted, *made], PAYABLE, DECEMBER) == -1_230_000


def test_a_document_that_comes_back_after_it_was_taken_back_is_a_new_entry() -> None:
    posted, bill = booked_in_time()
    again = paper("12300.00", number="INV-1a", issued_on=date(2026, 12, 9))
    posted += settle(seen(posted, DECEMBER, again))[0]
    made, _ = settle(seen(posted, DECEMBER, bill))
    assert [one.journal_type for one in made] == ["reversal", "invoice"]
    keys = [one.idempotency_key for one in (*posted, *made)]
    assert len(keys) == len(set(keys))
    assert balance([*posted, *made], PAYABLE, DECEMBER) == -1_234_567


def test_a_booked_document_that_is_gone_blocks_and_is_left_alone() -> None:
    posted, _ = booked_in_time()
    assert settle(seen(posted, DECEMBER)) == ([], ["booked_document_gone"])


def test_without_any_line_a_late_bill_stands_in_suspense() -> None:
    bill = paper("12.00", issued_on=date(2026, 12, 9))
    made, found = settle(seen([], DECEMBER, bill, lines=ledger()))
    assert [(one.account, one.amount_minor) for one in made[0].lines] == [
        ("6900", 1200),
        (PAYABLE, -1200),
    ]
    assert sorted(found) == ["late_document", "unexplained"]


def test_a_rule_over_a_month_that_waits_moves_what_was_accrued() -> None:
    after = ledger(
        line("10000.00", initiative="internal-tools"), line("2345.67", pl_category=RESEARCH)
    )
    posted = closed_without_invoice()
    posted += settle(seen(posted, NOVEMBER))[0]
    first = reclass(posted, after, month=of(OCTOBER), chart=CHART, on=DECEMBER.last_on).entry
    assert first
    assert sorted(one.amount_minor for one in first.lines) == [-1_000_000, 1_000_000]
    posted.append(first)
    assert not reclass(posted, after, month=of(OCTOBER), chart=CHART, on=DECEMBER.last_on).entry
    # with what the rule moved already, the invoice comes to what the rule says
    bill = paper("12345.67", issued_on=date(2026, 12, 9))
    posted += settle(seen(posted, DECEMBER, bill, present=after))[0]
    assert {one.dimensions["initiative"] for one in posted[-1].lines[:2]} == {"support-assistant"}
    late = Bills(late=(bill,))
    again = reclass(posted, after, month=of(OCTOBER), chart=CHART, bills=late, on=DECEMBER.last_on)
    assert again.entry is None


def test_a_rule_moves_a_late_credit_note_with_the_month() -> None:
    posted, bill = booked_in_time()
    note = paper("-100.00", kind="credit_note", number="CN-1", issued_on=date(2026, 11, 20))
    posted += settle(seen(posted, NOVEMBER, note, known=(bill,)))[0]
    bills = Bills(
        known=(bill,), late=(note, replace(note, number="CN-2"))
    )  # the second: not booked
    over = ledger(line("12345.67", pl_category=RESEARCH))
    made = reclass(posted, over, month=of(OCTOBER), chart=CHART, bills=bills, on=DECEMBER.last_on)
    assert made.entry
    assert [(one.account, one.amount_minor) for one in made.entry.lines] == [
        ("5100", -991_900),
        ("6100", 991_900),
    ]


def cleared(posted: list[JournalEntry], books: Period, *documents: BillingDocument) -> list[str]:
    """Settles under clear on match; adds to `posted` and gives what was posted, with its day."""
    made, _ = settle(seen(posted, books, *documents, relief="clear_on_match"))
    posted += made
    return [f"{one.journal_type} {one.posting_on}" for one in made]


def test_cleared_on_match_the_accrual_stands_until_the_invoice_clears_it() -> None:
    posted = closed_without_invoice()[:1]
    assert cleared(posted, NOVEMBER) == []
    bill = paper("12410.02", tax="2482.00", issued_on=date(2026, 12, 12))
    assert cleared(posted, DECEMBER, bill) == ["true_up 2026-12-31", "invoice 2026-12-12"]
    assert [(one.account, one.amount_minor) for one in posted[-1].lines] == [
        (ACCRUED, 1_241_002),
        (TAX, 248_200),
        (PAYABLE, -1_489_202),
    ]
    assert [(one.account, one.amount_minor) for one in posted[-2].lines] == [
        ("5100", 5212),
        ("6100", 1223),
        (ACCRUED, -6435),
    ]
    assert posted[-2].adjustment_kind == "change_in_estimate"
    assert balance(posted, ACCRUED, NOVEMBER) == -1_234_567
    assert balance(posted, ACCRUED, DECEMBER) == 0
    assert cleared(posted, DECEMBER, bill) == []
    note = paper("-10.00", kind="credit_note", number="CN-1", issued_on=date(2027, 1, 9))
    assert cleared(posted, JANUARY, bill, note) == ["credit_note 2027-01-09"]
    assert balance(posted, ACCRUED, JANUARY) == 0
    assert balance(posted, "5100", JANUARY) == 1_005_212 - 810


def test_cleared_on_match_a_credit_note_waits_for_its_invoice_and_old_accruals_are_named() -> None:
    posted = closed_without_invoice()[:1]
    note = paper("-10.00", kind="credit_note", number="CN-1", issued_on=date(2026, 11, 20))
    assert cleared(posted, NOVEMBER, note) == []
    waiting = seen(posted, Period(2027, 6), relief="clear_on_match")
    assert settle(waiting) == ([], ["stale_accrual"])


def test_a_rule_over_a_month_cleared_on_match_moves_its_accrual() -> None:
    posted = closed_without_invoice()[:1]
    bill = paper("12345.67", issued_on=date(2026, 11, 12))
    cleared(posted, NOVEMBER, bill)
    over = ledger(line("12345.67", pl_category=RESEARCH))
    bills = Bills(late=(bill,), relief="clear_on_match")
    entry = reclass(
        posted, over, month=of(OCTOBER), chart=CHART, bills=bills, on=DECEMBER.last_on
    ).entry
    assert entry
    assert [(one.account, one.amount_minor) for one in entry.lines] == [
        ("5100", -1_000_000),
        ("6100", 1_000_000),
    ]


def test_after_a_rule_a_late_credit_note_is_borne_as_restated() -> None:
    posted, bill = booked_in_time()
    over = ledger(line("12345.67", pl_category=RESEARCH))
    known = Bills(known=(bill,))
    moved = reclass(posted, over, month=of(OCTOBER), chart=CHART, bills=known, on=DECEMBER.last_on)
    assert moved.entry
    posted.append(moved.entry)
    note = paper("-100.00", kind="credit_note", number="CN-1", issued_on=date(2026, 12, 20))
    made, _ = settle(seen(posted, DECEMBER, note, known=(bill,), present=over))
    assert [(one.account, one.amount_minor) for one in made[0].lines] == [
        ("6100", -10_000),
        (PAYABLE, 10_000),
    ]
    posted += made
    every = Bills(known=(bill,), late=(note,))
    again = reclass(posted, over, month=of(OCTOBER), chart=CHART, bills=every, on=DECEMBER.last_on)
    assert again.entry is None


amounts = st.integers(-(10**17), 10**17)
months = st.lists(
    st.tuples(amounts, st.sampled_from([COST_OF_REVENUE, RESEARCH, None])), min_size=1, max_size=6
)


@given(months, st.integers(-(10**9), 10**9), st.integers(1, 40), st.integers(0, 5))
def test_whenever_the_bill_comes_the_books_end_with_the_bill_alone(
    rows: list[tuple[int, str | None]], net: int, issued: int, waited: int
) -> None:
    lines = ledger(*(line(units, pl_category=category) for units, category in rows))
    made = accrual(lines, month=of(OCTOBER), chart=CHART).entry
    posted = [made, reverse(made, on=OCTOBER.end_on)] if made else []
    books = NOVEMBER
    for _ in range(waited):
        posted += settle(seen(posted, books, lines=lines))[0]
        books = books.next()
    day = books.start_on.toordinal() - 1 + issued
    bill = paper(f"{net}e-2", issued_on=date.fromordinal(day))
    for _ in range(3):
        posted += settle(seen(posted, books, bill, lines=lines))[0]
        assert settle(seen(posted, books, bill, lines=lines))[0] == []
        books = books.next()
    assert account_balance(posted, account=ACCRUED) == 0
    assert account_balance(posted, account=PAYABLE) == -net
    cost = sum(account_balance(posted, account=code) for code in ("5100", "6100", "6900"))
    assert cost == net
