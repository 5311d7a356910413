"""Entries in euros in books of dollars: the sheet's worked case, and laws for any amounts."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import CHART_TEXT, OCTOBER, RESEARCH, ledger, line, paper
from tests.ledger.group import GROUP_CHART

from tieout.core.errors import NotReadyError, StateError, UnbalancedEntryError
from tieout.core.period import Period
from tieout.focus.document import BillingDocument
from tieout.ledger.building import AccountMonth
from tieout.ledger.chart import Chart, parse_chart
from tieout.ledger.entry import JournalEntry, balanced, entry_from_json, entry_json, reverse
from tieout.ledger.exchange import AccountRates, ExchangeTerms, month_rate
from tieout.ledger.foreign import own_chart, own_view, valued
from tieout.ledger.fx import translate
from tieout.ledger.fx_rates import Rate, parse_rates
from tieout.ledger.late import ClosedMonth, entries_of, reversals
from tieout.ledger.posting import accrual, credit_purchase, invoice, true_up
from tieout.ledger.reclass import reclass
from tieout.ledger.remeasure import currencies, open_items, remeasurements
from tieout.ledger.to_date import Bills

TABLE = """\
from,to,type,date,rate,source
EUR,USD,closing,2026-10-30,1.0850,ECB
EUR,USD,average,2026-10-31,1.0800,ECB
EUR,USD,spot,2026-11-03,1.0910,ECB
EUR,USD,closing,2026-11-30,1.0740,ECB
"""
RATES = parse_rates(TABLE, name="rates.csv")
EURO = ("EUR", "USD")
NOVEMBER, DECEMBER = Period(2026, 11), Period(2026, 12)
EXCHANGE, PAYABLE, ACCRUED, TAX = "7800", "2000", "2100", "1400"
MONTH = AccountMonth(provider="openai", billing_account_id="org-1", period=OCTOBER)
DRAFT = ledger(line("6000.00"), line("4000.00", pl_category=RESEARCH))
FINAL = ledger(line("6250.00"), line("4000.00", pl_category=RESEARCH))


def chart() -> Chart:
    text = CHART_TEXT.replace(
        "control:\n", '  - {code: "7800", name: Exchange, type: income}\ncontrol:\n', 1
    ).replace('  suspense: "6900"\n', '  suspense: "6900"\n  exchange_difference: "7800"\n', 1)
    return parse_chart(text, name="chart.yaml")


BOOKS = chart()
EUROS = own_chart(BOOKS, "EUR")


def rates(cost: str = "1.0850", terms: ExchangeTerms | None = None) -> AccountRates:
    month = month_rate(RATES, EURO, OCTOBER, rate_type="closing", terms=ExchangeTerms())
    return AccountRates(
        cost=replace(month, rate=Decimal(cost)), published=RATES, terms=terms or ExchangeTerms()
    )


def at(*entries: JournalEntry | None, known: list[JournalEntry], cost: str = "1.0850") -> None:
    """Value the entries one after the other and add them to the known ones."""
    for entry in entries:
        assert entry is not None
        known.append(valued(entry, known=known, rates=rates(cost), chart=BOOKS))


def bill(net: str = "10250.00", **fields: Any) -> BillingDocument:
    return paper(net, currency="EUR", **fields)


def a_year(document: BillingDocument, *, draft: pa.Table = DRAFT, cost: str = "1.0850") -> Any:
    """October in euros: accrued, taken to the invoice, reversed, billed."""
    known: list[JournalEntry] = []
    at(accrual(draft, month=MONTH, chart=EUROS).entry, known=known, cost=cost)
    more = true_up(own_view(known), FINAL, month=MONTH, chart=EUROS, documents=(document,))
    if more.entry:
        at(more.entry, known=known, cost=cost)
    at(*(reverse(one, on=OCTOBER.end_on) for one in own_view(known)), known=known, cost=cost)
    at(invoice(FINAL, month=MONTH, chart=EUROS, document=document).entry, known=known, cost=cost)
    return known


def balance(entries: list[JournalEntry], account: str, through: date | None = None) -> int:
    return sum(
        one.amount_minor
        for entry in entries
        if through is None or entry.posting_on <= through
        for one in entry.lines
        if one.account == account
    )


def cost(entries: list[JournalEntry], through: date | None = None) -> int:
    return sum(balance(entries, code, through) for code in ("5100", "6100", "6900"))


def test_the_sheets_case_ends_in_a_payable_of_11_182_75_and_61_50_of_exchange() -> None:
    known = a_year(bill())
    assert cost(known, OCTOBER.last_on) == 1_112_125  # 10,250.00 at 1.0850
    assert cost(known) == 1_112_125  # the cost of the month never moves with a rate again
    assert balance(known, PAYABLE) == -1_118_275
    assert balance(known, EXCHANGE) == 6_150
    assert balance(known, ACCRUED) == 0


def test_remeasured_at_the_month_end_it_gains_174_25_and_goes_back_the_next_day() -> None:
    known = a_year(bill())
    closing = {"EUR": RATES[3]}
    assert currencies(known, chart=BOOKS, period=NOVEMBER) == {"EUR"}
    made = remeasurements(known, chart=BOOKS, period=NOVEMBER, rates=closing)
    assert [(one.journal_type, one.posting_on) for one in made] == [
        ("fx_reval", NOVEMBER.last_on),
        ("reversal", NOVEMBER.end_on),
    ]
    assert balance([*known, made[0]], PAYABLE) == -1_100_850
    assert balance([made[0]], EXCHANGE) == -17_425
    assert balance([*known, *made], PAYABLE) == -1_118_275
    assert made[0].exchange is not None
    assert made[0].exchange.rates == (RATES[3],)
    again = [*known, *made]
    assert remeasurements(again, chart=BOOKS, period=NOVEMBER, rates=closing) == []
    assert own_view(made) == []  # no paper says so


def test_a_later_paper_of_the_month_is_remeasured_as_the_difference_only() -> None:
    known = a_year(bill())
    closing = {"EUR": RATES[3]}
    known += remeasurements(known, chart=BOOKS, period=NOVEMBER, rates=closing)
    credit = bill("-1000.00", kind="credit_note", number="CN-1")
    at(invoice(ledger(), month=MONTH, chart=EUROS, document=credit).entry, known=known)
    made = remeasurements(known, chart=BOOKS, period=NOVEMBER, rates=closing)
    assert [one.journal_type for one in made] == ["fx_reval", "reversal"]
    assert balance([*known, *made], PAYABLE, NOVEMBER.last_on) == -translate(925_000, RATES[3])


def test_at_the_average_rate_the_accrual_is_remeasured_to_the_closing_rate() -> None:
    known: list[JournalEntry] = []
    at(accrual(DRAFT, month=MONTH, chart=EUROS).entry, known=known, cost="1.0800")
    made = remeasurements(known, chart=BOOKS, period=OCTOBER, rates={"EUR": RATES[0]})
    assert (cost(known), balance(known, ACCRUED)) == (1_080_000, -1_080_000)
    assert balance([*known, made[0]], ACCRUED) == -1_085_000
    assert balance([made[0]], EXCHANGE) == 5_000
    items = open_items([*known, made[0]], chart=BOOKS, period=OCTOBER)
    assert [(one.amount_minor, one.carried_minor) for one in items.values()] == [
        (-1_000_000, -1_085_000)
    ]


def test_nothing_foreign_has_nothing_to_remeasure() -> None:
    made = accrual(DRAFT, month=MONTH, chart=BOOKS).entry
    assert made
    assert own_chart(BOOKS, "USD") is BOOKS
    assert own_view([made]) == [made]
    assert open_items([made], chart=BOOKS, period=OCTOBER) == {}
    assert remeasurements([made], chart=BOOKS, period=OCTOBER, rates={}) == []


def test_a_foreign_account_in_the_books_of_several_entities_is_refused() -> None:
    with pytest.raises(NotReadyError, match="several legal entities"):
        own_chart(GROUP_CHART, "EUR")


def test_tax_is_valued_with_the_payable_so_that_exchange_is_on_the_amount_before_tax() -> None:
    known = a_year(bill("10250.00", tax="1947.53"))
    # 12,197.53 at 1.0910 are 13,307.51 (13,307.505...), of them 11,182.75 before tax
    assert balance(known, PAYABLE) == -1_330_751
    assert balance(known, TAX) == 1_330_751 - 1_118_275
    assert balance(known, EXCHANGE) == 6_150
    (booked,) = [one for one in known if one.journal_type == "invoice"]
    assert sum(one.transaction_minor or 0 for one in booked.lines) == 0


def test_a_tax_of_a_cent_keeps_a_cent_on_its_own_side() -> None:
    known = a_year(bill("10250.00", tax="0.01"))
    assert balance(known, TAX) == 1


def test_an_invoice_of_tax_alone_makes_no_difference_of_exchange() -> None:
    known: list[JournalEntry] = []
    document = bill("0.00", tax="5.00")
    at(invoice(ledger(), month=MONTH, chart=EUROS, document=document).entry, known=known)
    assert (balance(known, TAX), balance(known, PAYABLE)) == (546, -546)  # 5.455 at 1.0910
    assert balance(known, EXCHANGE) == 0


def test_without_a_rate_of_its_day_an_invoice_is_refused_in_one_sentence() -> None:
    late = bill(issued_on=date(2026, 11, 9))
    made = invoice(FINAL, month=MONTH, chart=EUROS, document=late).entry
    assert made
    with pytest.raises(NotReadyError, match="No spot rate EUR to USD for 2026-11-09"):
        valued(made, known=[], rates=rates(), chart=BOOKS)
    older = rates(terms=ExchangeTerms(most_days=6))
    assert valued(made, known=[], rates=older, chart=BOOKS).exchange is not None


def test_a_late_invoice_takes_the_estimates_difference_at_the_months_rate() -> None:
    known: list[JournalEntry] = []
    at(accrual(DRAFT, month=MONTH, chart=EUROS).entry, known=known)
    at(reverse(own_view(known)[0], on=OCTOBER.end_on), known=known)
    closed = ClosedMonth(
        month=replace(MONTH, booked_in=NOVEMBER),
        lines=DRAFT,
        present=DRAFT,
        posted=tuple(own_view(known)),
        bills=Bills(late=(bill(),)),
    )
    at(*(one.entry for one in entries_of(closed, chart=EUROS) if one.entry), known=known)
    assert cost(known) == 1_112_125  # 250.00 more at 1.0850
    assert balance(known, EXCHANGE) == 6_150
    assert known[-1].adjustment_kind == "change_in_estimate"


def test_a_month_without_invoice_is_accrued_again_and_its_rate_is_not_its_cost() -> None:
    known: list[JournalEntry] = []
    at(accrual(DRAFT, month=MONTH, chart=EUROS).entry, known=known)
    at(reverse(own_view(known)[0], on=OCTOBER.end_on), known=known)
    closed = ClosedMonth(
        month=replace(MONTH, booked_in=NOVEMBER),
        lines=DRAFT,
        present=DRAFT,
        posted=tuple(own_view(known)),
        bills=Bills(),
    )
    made = entries_of(closed, chart=EUROS)
    at(*(one.entry for one in [*made, *reversals(closed, made)] if one.entry), known=known)
    known += remeasurements(known, chart=BOOKS, period=NOVEMBER, rates={"EUR": RATES[3]})
    assert cost(known, NOVEMBER.last_on) == 1_085_000
    assert balance(known, ACCRUED, NOVEMBER.last_on) == -1_074_000
    assert balance(known, EXCHANGE, NOVEMBER.last_on) == -11_000
    assert balance(known, ACCRUED) == balance(known, EXCHANGE) == 0


def test_a_reclassification_moves_cost_at_the_months_rate_and_makes_none() -> None:
    known = a_year(bill())
    moved = ledger(line("5000.01"), line("5249.99", pl_category=RESEARCH))
    made = reclass(
        own_view(known), moved, month=MONTH, chart=EUROS, bills=Bills(known=(bill(),)),
        on=NOVEMBER.last_on,
    )  # fmt: skip
    at(made.entry, known=known)
    assert balance([known[-1]], "5100") == -translate(124_999, rates().cost)
    assert cost([known[-1]]) == 0


def test_a_reversal_mirrors_the_books_and_the_paper_and_is_read_back() -> None:
    known = a_year(bill())
    first = known[0]
    mirror = reverse(first, on=NOVEMBER.start_on)
    assert [one.transaction_minor for one in mirror.lines] == [
        -(one.transaction_minor or 0) for one in first.lines
    ]
    for one in (*known, mirror):
        assert entry_from_json(entry_json(one)) == one


def test_what_is_not_in_the_books_cannot_be_reversed_and_credit_is_not_translated() -> None:
    (first,) = own_view(a_year(bill())[:1])
    with pytest.raises(StateError, match="is not in the books"):
        valued(reverse(first, on=NOVEMBER.start_on), known=[], rates=rates(), chart=BOOKS)
    bought = credit_purchase(bill(kind="receipt"), month=MONTH, chart=EUROS)
    with pytest.raises(StateError, match="credit_purchase in EUR is not translated"):
        valued(bought, known=[], rates=rates(), chart=BOOKS)


def test_amounts_of_a_paper_must_balance_and_need_a_rate() -> None:
    first = a_year(bill())[0]
    lines = (replace(first.lines[0], transaction_minor=1), *first.lines[1:])
    with pytest.raises(UnbalancedEntryError, match="transaction amounts are off by"):
        balanced(replace(first, lines=lines))
    with pytest.raises(UnbalancedEntryError, match="transaction amounts and no rate"):
        balanced(replace(first, exchange=None))


def test_a_month_has_a_closing_and_an_average_rate() -> None:
    terms = ExchangeTerms(cost_rate="average", most_days=1)
    found = month_rate(RATES, EURO, OCTOBER, rate_type=terms.cost_rate, terms=terms)
    assert found.rate == Decimal("1.0800")
    assert rates().currency == "EUR"
    with pytest.raises(NotReadyError, match="at most 1 days old"):
        month_rate(RATES, EURO, DECEMBER, rate_type="closing", terms=terms)


_CENTS = st.integers(min_value=1, max_value=10_000_000)
_RATE = st.decimals(min_value="0.0001", max_value="200", places=4)


@given(drafts=st.lists(_CENTS, min_size=1, max_size=6), more=st.lists(_CENTS, max_size=3),
       rate=_RATE)  # fmt: skip
def test_whatever_the_rate_the_books_balance_and_the_paper_is_kept(
    drafts: list[int], more: list[int], rate: Decimal
) -> None:
    """Accrual and true-up are the translated total, but for the cents that small lines keep."""
    first = ledger(*(_a_line(minor, at) for at, minor in enumerate(drafts)))
    last = ledger(*(_a_line(minor, at) for at, minor in enumerate([*drafts, *more])))
    total = sum(drafts) + sum(more)
    document = bill(f"{Decimal(total) / 100:.2f}")
    own: Rate = replace(rates().cost, rate=rate)
    given_rates = AccountRates(cost=own, published=RATES)
    known: list[JournalEntry] = []
    accrued_first = accrual(first, month=MONTH, chart=EUROS).entry
    assert accrued_first
    for made in (
        accrued_first,
        true_up([accrued_first], last, month=MONTH, chart=EUROS, documents=(document,)).entry,
        invoice(last, month=MONTH, chart=EUROS, document=document).entry,
    ):
        if made:
            known.append(valued(made, known=known, rates=given_rates, chart=BOOKS))
    for one in known:
        assert sum(each.amount_minor for each in one.lines) == 0
        assert sum(each.transaction_minor or 0 for each in one.lines) == 0
    accrued = [one for one in known if one.journal_type != "invoice"]
    assert abs(cost(accrued) - translate(total, own)) <= 2 * (len(drafts) + len(more))
    if translate(min([*drafts, *more, total]), own) > len(drafts) + len(more):
        assert abs(cost(accrued) - translate(total, own)) < len(accrued)
    assert sum(each.lines[-1].amount_minor for each in own_view(accrued)) == -total


def _a_line(minor: int, at: int) -> dict[str, Any]:
    return line(minor * 10**10, initiative=f"i{at}")
