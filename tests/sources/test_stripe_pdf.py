"""Documents in Stripe's layout: number formats, currencies, tax columns, credit notes, stamps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.sources.pdf_maker import Paper, Row, Text, paper_pdf

from tieout.core.errors import DocumentUnreadableError
from tieout.core.money import format_units, to_units
from tieout.focus.document import BillingDocument
from tieout.sources.invoices.stripe_pdf import read

SHA = "cd" * 32
OCTOBER = "Oct 1 \u2013 Oct 31, 2026"
PLAIN = Paper(
    rows=[
        Row(
            description=["gpt-6-sol, input"],
            cells={"Qty": "1,000", "Unit price": "$0.50", "Amount": "$500.00"},
            period=OCTOBER,
        )
    ],
    totals=[("Subtotal", "$500.00"), ("Total", "$500.00"), ("Amount due", "$500.00 USD")],
)


def read_paper(paper: Paper) -> BillingDocument:
    (document,) = read(paper_pdf(paper), document_sha256=SHA)
    return document


def refusal(paper: Paper) -> str:
    with pytest.raises(DocumentUnreadableError) as caught:
        read_paper(paper)
    return str(caught.value)


def one_row(amount: str, *totals: tuple[str, str], quantity: str = "1") -> Paper:
    row = Row(description=["API usage"], cells={"Qty": quantity, "Amount": amount})
    return replace(PLAIN, rows=[row], totals=totals)


def due(amount: str) -> Sequence[tuple[str, str]]:
    return [("Subtotal", amount), ("Total", amount), ("Amount due", amount)]


EURO = replace(
    PLAIN,
    columns=("Qty", "Unit price", "Tax", "Amount"),
    rows=[
        Row(
            description=["gpt-6-sol, input (a name so long that it", "wraps onto a second line)"],
            cells={
                "Qty": "1.681",
                "Unit price": "0,734420 €",
                "Tax": "19 %",
                "Amount": "1.234,56 €",
            },
            period=OCTOBER,
        ),
        Row(description=["Web search"], cells={"Qty": "2", "Tax": "0%", "Amount": "7,00 €"}),
    ],
    totals=[
        ("Subtotal", "1.241,56 €"),
        ("Startup discount (10% off)", "-124,16 €"),
        ("Total excluding tax", "1.117,40 €"),
        ("VAT - Germany (19% on 1.111,10 €)", "211,11 €"),
        ("Total", "1.328,51 €"),
        ("Applied balance", "-328,51 €"),
        ("Amount due", "1.000,00 €"),
    ],
)


def test_euros_with_decimal_comma_tax_column_discount_and_balance_are_read_exactly() -> None:
    found = read_paper(EURO)
    assert found.currency == "EUR"
    assert [(line.description, line.quantity, line.unit_price) for line in found.lines] == [
        ("gpt-6-sol, input (a name so long that it wraps onto a second line)", "1681", "0.734420"),
        ("Web search", "2", None),
    ]
    assert [format_units(line.amount_units) for line in found.lines] == ["1234.56", "7.00"]
    assert found.subtotal_units == to_units("1241.56")
    assert found.credit_units == to_units("-124.16")
    assert found.tax_units == to_units("211.11")
    assert found.total_units == to_units("1328.51")
    assert found.amount_due_units == to_units("1000.00")
    assert (str(found.service_start), str(found.service_end)) == ("2026-10-01", "2026-10-31")


@pytest.mark.parametrize(
    ("printed", "amount", "currency"),
    [
        ("¥1,234 JPY", "1234", "JPY"),
        ("JPY 1.234", "1234", "JPY"),
        ("£1,234.50", "1234.50", "GBP"),
        ("CHF 1'234.50", "1234.50", "CHF"),
        ("CHF 1\u2019234.50", "1234.50", "CHF"),  # as the Swiss print it
        ("1 234,50 €", "1234.50", "EUR"),
        ("1\xa0234,50\xa0€", "1234.50", "EUR"),
        ("1\u202f234,50\u202f€", "1234.50", "EUR"),
        ("1\u2009234,50 EUR", "1234.50", "EUR"),
        ("US$1,234.50", "1234.50", "USD"),
        ("€1,234", "1234", "EUR"),
        ("12 345 678,90 SEK", "12345678.90", "SEK"),
    ],
)
def test_each_way_to_print_an_amount_is_read(printed: str, amount: str, currency: str) -> None:
    found = read_paper(one_row(printed, *due(printed)))
    assert found.currency == currency
    assert found.total_units == found.lines[0].amount_units == to_units(amount)


def test_a_document_whose_figures_fit_two_formats_is_refused() -> None:
    # KWD has three decimals: 1,234 may be twelve hundred or one and a quarter
    paper = one_row("KWD 1,234", *due("KWD 1,234"))
    assert "point and comma may each be the decimal mark" in refusal(paper)


def test_quantities_alone_never_decide_between_two_formats() -> None:
    paper = one_row("€5", *due("€5"), quantity="1,234")
    assert "point and comma may each be the decimal mark" in refusal(paper)


@pytest.mark.parametrize(
    ("totals", "words"),
    [
        (due("$5.00"), r"no currency or only \$"),
        (due("5.00"), "no currency or only bare digits"),
        ([*due("$5.00")[:2], ("Amount due", "€5.00")], "figures in one currency"),
        ([*due("€5.00")[:2], ("Amount due", "€5,00")], "in one number format"),
        ([*due("€5.00")[:2], ("Amount due", "-€-5.00")], "no Amount due or paid"),
        ([*due("€5.00")[:2], ("Amount due", "€5.00)")], "no Amount due or paid"),
        ([*due("€5.00")[:2], ("Amount due", "€4.00")], "applied balance do not add up"),
        (
            [("Subtotal", "€5.00"), ("Total excluding tax", "€4.00"), *due("€5.00")[1:]],
            "total excluding tax",
        ),
        (
            [("Subtotal", "€5.00"), ("VAT (25% inclusive)", "€1.00"), *due("€5.00")[1:]],
            "its prices include the tax",
        ),
        ([("Subtotal", "€5.00"), ("Amount due", "€5.00")], "no Total below"),
    ],
)
def test_totals_that_are_not_certain_are_refused(
    totals: Sequence[tuple[str, str]], words: str
) -> None:
    amount = "$5.00" if "$" in totals[0][1] else totals[0][1]
    with pytest.raises(DocumentUnreadableError, match=words):
        read_paper(one_row(amount, *totals))


CREDIT_NOTE = replace(
    PLAIN,
    title="Credit note",
    facts=[
        ("Invoice number", "TEST-0001"),
        ("Credit note number", "TEST-0001-CN-01"),
        ("Date of issue", "November 5, 2026"),
    ],
)


@pytest.mark.parametrize("amount", ["$50.00", "-$50.00", "($50.00)", "\u2212$50.00", "$-50.00"])
def test_a_credit_note_is_negative_however_it_is_printed(amount: str) -> None:
    row = Row(description=["gpt-6-sol, input"], cells={"Qty": "1", "Amount": amount})
    totals = [
        ("Subtotal", amount),
        ("Sales tax (0%)", "$0.00"),
        ("Total", f"{amount} USD"),
        ("Refunded to card", "$50.00"),
    ]
    found = read_paper(replace(CREDIT_NOTE, rows=[row], totals=totals))
    assert (found.kind, found.number, found.corrects) == (
        "credit_note",
        "TEST-0001-CN-01",
        "TEST-0001",
    )
    assert found.total_units == found.amount_due_units == to_units("-50.00")
    assert found.lines[0].amount_units == to_units("-50.00")


def test_a_credit_note_may_name_the_original_invoice() -> None:
    facts = [
        ("Credit note number", "CN-7"),
        ("Original invoice", "TEST-0009"),
        ("Date of issue", "5 November 2026"),
    ]
    found = read_paper(replace(CREDIT_NOTE, facts=facts))
    assert (found.number, found.corrects, str(found.issued_on)) == (
        "CN-7",
        "TEST-0009",
        "2026-11-05",
    )


def test_a_credit_note_that_refunds_another_sum_is_refused() -> None:
    totals = [("Subtotal", "$500.00"), ("Total", "$500.00 USD"), ("Refunded", "$400.00")]
    assert "is not the total" in refusal(replace(CREDIT_NOTE, totals=totals))


def test_a_paid_invoice_shows_what_was_paid_and_that_nothing_is_due() -> None:
    totals = [*PLAIN.totals[:2], ("Amount paid", "-$500.00"), ("Amount due", "$0.00 USD")]
    found = read_paper(replace(PLAIN, totals=totals))
    assert (found.total_units, found.amount_due_units) == (to_units("500"), 0)


def test_rows_over_three_pages_are_all_read() -> None:
    row = PLAIN.rows[0]
    paper = replace(
        PLAIN,
        rows=[replace(row, description=[f"line {number}", "wrapped"]) for number in range(1, 46)],
        rows_a_page=15,
        totals=[("Subtotal", "$22,500.00"), ("Total", "$22,500.00"),
                ("Amount due", "$22,500.00 USD")],
    )  # fmt: skip
    found = read_paper(paper)
    assert [line.description for line in found.lines] == [
        f"line {number} wrapped" for number in range(1, 46)
    ]
    assert found.total_units == to_units("22500")


@pytest.mark.parametrize(
    "turn", ["0 1 -1 0", "0 -1 1 0", "0.7 0.7 -0.7 0.7", "0.9 0.2 -0.2 0.9", "-1 0 0 -1"]
)
def test_a_rotated_stamp_is_not_read(turn: str) -> None:
    stamp = Text(x=300, y=520, text="PAID 12 99", size=40, turn=turn)
    assert read_paper(replace(PLAIN, extra=[stamp])) == read_paper(PLAIN)


def test_notes_beside_and_below_the_totals_are_not_read_as_totals() -> None:
    note = Text(x=40, y=478, text="Reverse charge 7.00", size=7)
    paper = replace(PLAIN, extra=[note], notes=["Pay $1.00 online"])
    assert read_paper(paper) == read_paper(PLAIN)


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("Oct 1 \u2013 Oct 31, 2026", ("2026-10-01", "2026-10-31")),
        ("Dec 15, 2025 \u2013 Jan 14, 2026", ("2025-12-15", "2026-01-14")),
        ("1 Oct \u2013 31 Oct 2026", ("2026-10-01", "2026-10-31")),
        ("15 Dec 2025 - 14 Jan 2026", ("2025-12-15", "2026-01-14")),
    ],
)
def test_service_periods_are_read_in_both_orders_of_day_and_month(
    period: str, days: tuple[str, str]
) -> None:
    found = read_paper(replace(PLAIN, rows=[replace(PLAIN.rows[0], period=period)]))
    assert (str(found.service_start), str(found.service_end)) == days


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": "Rechnung"}, "headline is 'Rechnung', only documents in English"),
        ({"title": "FACTURE"}, "only documents in English"),
        ({"title": "Lieferschein"}, "no headline"),
        (
            {"facts": [("Invoice number", "X-1"), ("Date of issue", "1. Oktober 2026")]},
            "'1. Oktober 2026' is not a date in English",
        ),
        ({"facts": [("Invoice number", "X-1")]}, "no Date of issue"),
        ({"facts": [("Date of issue", "October 1, 2026")]}, "no Invoice number"),
        ({"columns": ("Qty", "Amount")}, "no table with"),
        ({"seller": ""}, "no name beside"),
        (
            {"rows": [replace(PLAIN.rows[0], period="Oct 31 \u2013 Oct 1, 2026")]},
            "ends before it begins",
        ),
        ({"totals": PLAIN.totals[:2]}, "no Amount due or paid"),
        ({"totals": ()}, "no Subtotal"),
    ],
)
def test_another_language_or_layout_is_refused_with_the_reason(
    changes: dict[str, Any], words: str
) -> None:
    assert words in refusal(replace(PLAIN, **changes))
