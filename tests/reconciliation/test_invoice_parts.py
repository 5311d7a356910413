from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges, document

from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.arrears import reconcile_arrears
from tieout.reconciliation.invoice_charges import invoice_only_charges
from tieout.reconciliation.invoice_parts import by_invoice, distinct, missing_invoices, of_month

OCTOBER = Period(2026, 10)
UNDATED: dict[str, Any] = {"service_start": None, "service_end": None}


def paper(number: str, amount: str = "10", **fields: Any) -> BillingDocument:
    return document([("usage", amount)], number=number, **fields)


def numbers(*documents: BillingDocument) -> list[str]:
    return [each.number for each in of_month(documents, OCTOBER)]


def test_an_invoice_belongs_to_the_month_of_its_last_service_day() -> None:
    november = paper("N", service_start=date(2026, 10, 20), service_end=date(2026, 11, 19))
    only_start = paper("S", service_start=date(2026, 10, 20), service_end=None)
    assert numbers(paper("O"), november, only_start) == ["O", "S"]


@pytest.mark.parametrize(
    ("issued_on", "found"),
    [
        (date(2026, 11, 15), ["X"]),
        (date(2026, 11, 16), []),
        (date(2026, 10, 16), ["X"]),
        (date(2026, 10, 15), []),
    ],
)
def test_without_service_dates_the_first_half_of_a_month_bills_the_month_before(
    issued_on: date, found: list[str]
) -> None:
    assert numbers(paper("X", issued_on=issued_on, **UNDATED)) == found


def test_a_receipt_belongs_to_the_month_in_which_it_was_paid() -> None:
    paid = paper("R", kind="receipt", issued_on=date(2026, 10, 31), **UNDATED)
    later = paper("L", kind="receipt", issued_on=date(2026, 11, 1), **UNDATED)
    assert numbers(paid, later) == ["R"]


def test_an_undated_credit_note_follows_the_invoice_that_it_corrects() -> None:
    note = {"kind": "credit_note", "issued_on": date(2026, 12, 1), **UNDATED}
    own = paper("C-1", "-2", corrects="O", **note)
    other = paper("C-2", "-2", corrects="SEPT", **note)
    unnamed = paper("C-3", "-2", **note)
    assert numbers(paper("O"), own, other, unnamed) == ["O", "C-1"]


def test_a_document_counts_once_and_its_repetition_blocks() -> None:
    kept, found = distinct([paper("A"), paper("A", document="e" * 64), paper("B")])
    assert [each.number for each in kept] == ["A", "B"]
    assert [(each.kind, each.severity) for each in found] == [("duplicate_document", "blocking")]
    assert found[0].message.startswith("Expected invoice A of OpenAI once")


def test_rows_go_to_their_invoice_and_the_rest_to_the_largest() -> None:
    rows = charges(charge(1, "10", invoice_id="A"), charge(2, "3", invoice_id="B"), charge(3, "1"))
    parts = by_invoice(rows, [paper("A", "11"), paper("B", "3")])
    assert [(one.number, total_units(own)) for one, own in parts] == [
        ("A", to_units("11")),
        ("B", to_units("3")),
    ]


@given(
    ids=st.lists(st.sampled_from(["A", "B", "C", "Z", None]), max_size=12),
    bearers=st.lists(st.sampled_from(["A", "B", "C"]), min_size=1, unique=True),
)
def test_every_row_is_billed_exactly_once(ids: list[str | None], bearers: list[str]) -> None:
    rows = charges(*(charge(1, str(at + 1), invoice_id=one) for at, one in enumerate(ids)))
    parts = by_invoice(rows, [paper(one) for one in bearers])
    found = sorted(line for _, own in parts for line in own["line_id"].to_pylist())
    assert found == sorted(rows["line_id"].to_pylist())


def test_no_invoice_bills_nothing() -> None:
    assert by_invoice(charges(charge(1, "1")), []) == ()


def test_an_invoice_id_of_the_report_without_its_document_is_named() -> None:
    rows = charges(charge(1, "10", invoice_id="A"), charge(2, "3", invoice_id="B"), charge(3, "1"))
    found = missing_invoices(rows, [paper("A")])
    assert [(each.kind, each.severity, each.subject) for each in found] == [
        ("invoice_not_arrived", "blocking", "B")
    ]
    assert "beside A;" in found[0].message
    assert missing_invoices(rows.slice(2), []) == ()


def test_a_missing_invoice_of_a_cent_cannot_pass_for_rounding_of_the_one_that_arrived() -> None:
    final = charges(charge(1, "10", invoice_id="A"), charge(2, "0.01", invoice_id="B"))
    bridges, findings = reconcile_arrears(
        provider="aws", account="1", estimate=None, draft=final, final=final, invoices=[paper("A")]
    )
    assert bridges[-1].unexplained_units == 0  # a cent is within the bound of one printed line
    assert [(each.kind, each.severity) for each in findings] == [
        ("invoice_not_arrived", "blocking")
    ]


def test_two_invoices_and_a_credit_note_are_one_bridge_with_each_ones_causes() -> None:
    final = charges(
        charge(1, "100.004", invoice_id="A"),
        charge(2, "30", invoice_id="B"),
        charge(3, "-5", invoice_id="C", charge_category="Credit"),
    )
    invoices = [
        paper("A", "100", tax="20"),
        paper("B", "30"),
        paper("C", "-5", kind="credit_note", corrects="A"),
    ]
    bridges, findings = reconcile_arrears(
        provider="aws", account="1", estimate=None, draft=final, final=final, invoices=invoices
    )
    last = bridges[-1]
    assert last.end_label == "Invoice A, B, C"
    assert last.end_units == to_units("145")
    assert [(line.component, line.amount_units, line.evidence[0]) for line in last.lines] == [
        ("tax", to_units("20"), "A"),
        ("rounding", to_units("-0.004"), "A"),
    ]
    assert (last.unexplained_units, findings) == (0, ())
    more = [
        total_units(
            invoice_only_charges(
                provider="aws", account="1", period=OCTOBER, final=rows, invoice=invoice
            )
        )
        for invoice, rows in by_invoice(final, invoices)
    ]
    assert total_units(final) + sum(more) == last.end_units


def test_an_error_on_one_invoice_is_not_hidden_by_the_other() -> None:
    final = charges(charge(1, "100", invoice_id="A"), charge(2, "30", invoice_id="B"))
    bridges, findings = reconcile_arrears(
        provider="aws",
        account="1",
        estimate=None,
        draft=final,
        final=final,
        invoices=[paper("A", "90"), paper("B", "30")],
    )
    assert bridges[-1].unexplained_units == to_units("-10")
    assert "unexplained" in [each.kind for each in findings]
