"""Google's cost table: what is read, and everything that must be refused."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import DocumentUnreadableError
from tieout.core.money import to_units
from tieout.focus.document import BillingDocument
from tieout.sources.invoices.gcp_cost_table import read

HEADER = (
    "Billing account name,Billing account ID,Project name,Project ID,Project hierarchy,"
    "Service description,Service ID,SKU description,SKU ID,Consumption model description,"
    "Credit type,Cost type,Usage start date,Usage end date,Usage amount,Usage unit,"
    "Unrounded Cost ($),Cost ($)"
)
FACTS = """Invoice number,5487201936,
Invoice date,2026-10-31,
Due date,2026-11-30,
Billing ID,4120-7718-2096,
Billing account ID,010101-F0FFF0-61C528,
Currency,USD,
Currency exchange rate,1,
Total amount due,"{total}",
"""


def line(sku: str, cost: str, *, kind: str = "Usage", credit: str = "", rounded: str = "") -> str:
    shown = rounded or f"{to_units(cost.replace(',', '')) / 10**12:.2f}"
    return (
        f"Nordlicht,010101-F0FFF0-61C528,web,web-1,example.com,Compute Engine,6F81,"
        f'{sku},A1,Default,{credit},{kind},2026-10-01,2026-10-31,"1,024.5",hour,"{cost}","{shown}"'
    )


def last(kind: str, unrounded: str, rounded: str) -> str:
    return f',,,,,,,,,,,{kind},,,,,"{unrounded}","{rounded}"'


def table(*rows: str, total: str = "$1,234.50", header: str = HEADER, facts: str = FACTS) -> bytes:
    return "\n".join([facts.format(total=total).rstrip("\n"), header, *rows, ""]).encode()


def one(content: bytes) -> BillingDocument:
    (document,) = read(content, document_sha256="ab" * 32)
    return document


WHOLE = (
    line("Core", "1,250.003441"),
    line("Core", "-16.00", credit="SPENDING_BASED_DISCOUNT"),
    line("Core", "-10.00", credit="PROMOTION"),
    line("VAT", "10.50", kind="Tax"),
    last("Rounding error", "-0.003441", "-0.00"),
    last("Total", "1,234.500000", "1,234.50"),
)


def test_a_whole_table_is_one_invoice_that_ties_out() -> None:
    invoice = one(table(*WHOLE))
    assert (invoice.number, invoice.bill_to) == ("5487201936", "010101-F0FFF0-61C528")
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 10, 31), date(2026, 11, 30))
    assert (invoice.service_start, invoice.service_end) == (date(2026, 10, 1), date(2026, 10, 31))
    assert [(entry.description, entry.amount_units) for entry in invoice.lines] == [
        ("Core", to_units("1250.003441")),
        ("Core", to_units("-16")),
        ("Core (PROMOTION)", to_units("-10")),
        ("Rounding error", to_units("-0.003441")),
    ]
    assert invoice.lines[0].quantity == "1024.5 hour"
    assert (invoice.tax_units, invoice.total_units) == (to_units("10.50"), to_units("1234.50"))
    assert invoice.tie_out_gaps() == []


def test_an_invoice_dated_in_the_next_month_is_of_the_month_before() -> None:
    facts = FACTS.replace("2026-10-31", "2026-11-03")
    assert one(table(*WHOLE, facts=facts)).service_end == date(2026, 10, 31)


def test_less_than_half_a_cent_is_rounding_even_without_its_own_row() -> None:
    invoice = one(table(line("Core", "0.104999"), total="$0.10"))
    assert [entry.amount_units for entry in invoice.lines] == [
        to_units("0.104999"),
        to_units("-0.004999"),
    ]


def test_a_negative_total_is_a_credit_note() -> None:
    invoice = one(table(line("Core", "-5.00"), total="-$5.00"))
    assert (invoice.kind, invoice.total_units) == ("credit_note", to_units("-5"))


def test_other_currencies_and_older_spellings_are_read() -> None:
    header = HEADER.replace("Unrounded Cost ($)", "Unrounded cost (€)").replace(
        "Cost ($)", "Cost (€)"
    )
    facts = FACTS.replace("Currency,USD", "Currency,EUR")
    invoice = one(table(line("Core", "5.00"), total="€5.00", header=header, facts=facts))
    assert (invoice.currency, invoice.total_units) == ("EUR", to_units("5"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no table with the column Cost type"),
        (b"a,b\n1,2\n", "no table"),
        (b"\xff\xfe", "not UTF-8"),
        (table(*WHOLE, header=HEADER.replace("SKU ID,", "")), "no column sku id"),
        (table(*WHOLE, header=HEADER.replace("Unrounded Cost", "Subtotal")), "one column of the"),
        (table(WHOLE[0]), "filtered out"),
        (table(*WHOLE[1:]), "filtered out"),
        (table(*WHOLE, total="$1,234.51"), "filtered out"),
        (table(*WHOLE[:-1], last("Total", "1,234.50", "1,234.49")), "1234.49"),
        (table(*WHOLE[:-1], last("Filtered total", "1.00", "1.00")), "cost type 'Filtered total'"),
        (table(line("Core", "5.00", rounded="6.00"), total="$5.00"), "and the cost 6.00"),
        (table(line("Core", "5,0.00"), total="$5.00"), "not an amount"),
        (table(line("Core", "5.00"), total="5.00 $"), "not an amount"),
        (table(line("Core", "5.00"), total="--5.00"), "not an amount"),
        (table(line("Core", "5.00").rsplit(",", 1)[0], total="$5.00"), "has 17 cells, not 18"),
        (table(last("Total", "5.00", "5.00"), total="$5.00"), "no charges"),
        (
            table(*WHOLE, facts=FACTS.replace("Invoice number,5487201936", "A,B")),
            "'invoice number'",
        ),
        (table(*WHOLE, facts=FACTS.replace("2026-10-31", "31/10/2026")), "not a day"),
        (table(*WHOLE, facts=FACTS.replace("2026-10-31", "2026-10-32")), "not a day"),
        (table(*WHOLE, facts=FACTS.replace("Currency,USD", "Currency,Dollar")), "currency code"),
        (table(*WHOLE, facts=FACTS + "Currency,EUR,\n"), "stated twice"),
        (table(*WHOLE, facts=FACTS.replace("5487201936", "5487\u202e1936")), "hidden character"),
    ],
)
def test_anything_else_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(DocumentUnreadableError, match=reason) as raised:
        read(content, document_sha256="ab" * 32)
    assert str(raised.value).startswith("Document abababababab is not a whole cost table")


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8), st.integers(0, 9))
def test_what_is_read_always_ties_out_to_the_total(millionths: list[int], cut: int) -> None:
    """Rows with six decimals, their rounding, and cents as total; a lost row is noticed."""
    rows = [
        line("Core", f"{each / 10**6:.6f}", rounded=f"{each / 10**6:.6f}") for each in millionths
    ]
    cents = round(sum(millionths) / 10**4)
    rest = cents * 10**4 - sum(millionths)
    whole = [*rows, last("Rounding error", f"{rest / 10**6:.6f}", "0.00")]
    total = f"{cents / 100:.2f}"
    assert one(table(*whole, total=total)).tie_out_gaps() == []
    lost = millionths[cut % len(millionths)]
    if abs(lost) > 1:
        del whole[cut % len(millionths)]
        with pytest.raises(DocumentUnreadableError):
            read(table(*whole, total=total), document_sha256="ab" * 32)
