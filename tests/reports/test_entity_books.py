from typing import Any

import pytest
from tests.close.month import bridge
from tests.ledger.books import CHART, MONTH, OCTOBER, ledger, line, paper
from tests.ledger.group import ENGINEERING, GROUP_CHART, SALES, SUPPORT

from tieout.cli.entities import entities_view
from tieout.core.errors import NotReadyError, UnknownSubjectError
from tieout.focus.ledger_columns import total_units
from tieout.ledger.entry import JournalEntry
from tieout.ledger.posting import accrual, invoice
from tieout.reports.entity_books import entity_books, of_entity
from tieout.reports.tieout_statement import StatementInputs

LINES = ledger(
    line("60", cost_center=SUPPORT),
    line("30", cost_center=SALES),
    line("10", cost_center=ENGINEERING, initiative=None),
)


def posted() -> tuple[JournalEntry, ...]:
    accrued = accrual(LINES, month=MONTH, chart=GROUP_CHART).entry
    booked = invoice(LINES, month=MONTH, chart=GROUP_CHART, document=paper("100")).entry
    assert accrued
    assert booked
    return accrued, booked


def inputs(**fields: Any) -> StatementInputs:
    values: dict[str, Any] = {
        "period": OCTOBER,
        "currency": "USD",
        "state": "open",
        "chart": GROUP_CHART,
        "ledger": LINES,
        "unallocated_units": 10**13,
        "bridges": (),
        "entries": posted(),
    }
    return StatementInputs(**{**values, **fields})


def test_books_by_entity_end_with_the_period_and_eliminate() -> None:
    found = entity_books(posted(), chart=GROUP_CHART, period=OCTOBER)
    books = {
        one["entity"]: {row["account"]: row["balance"] for row in one["trial_balance"]}
        for one in found["entities"]
    }
    assert books == {
        "gmbh": {"1500": "30.00", "1510": "60.00", "2100": "-100.00", "5100": "10.00"},
        "inc": {"2500": "-60.00", "5100": "60.00"},
        "ltd": {"2500": "-30.00", "5100": "30.00"},
    }
    assert (found["eliminated"], found["left"]) == ("90.00", "0.00")
    assert found["pairs"][0] == {
        "first": "gmbh",
        "second": "inc",
        "first_is_owed": "60.00",
        "second_is_owed": "-60.00",
        "left": "0.00",
    }


def test_books_are_drawn_as_a_table_an_entity_and_one_of_pairs() -> None:
    found = entity_books(posted(), chart=GROUP_CHART, period=OCTOBER)
    assert len(list(entities_view(found))) == 4


def test_books_of_one_entity_are_refused() -> None:
    with pytest.raises(NotReadyError, match="books are those of one legal entity"):
        entity_books(posted(), chart=CHART, period=OCTOBER)


def test_what_an_entity_bears_adds_up_to_the_ledger() -> None:
    parts = [of_entity(inputs(), one) for one in ("gmbh", "inc", "ltd")]
    assert sum(total_units(one.ledger) for one in parts) == total_units(LINES)
    assert [one.unallocated_units for one in parts] == [10 * 10**12, 0, 0]
    assert [len(one.entries) for one in parts] == [2, 2, 2]


def test_bridges_go_to_the_entity_that_is_billed() -> None:
    one = bridge("draft_to_final", "1", "1", {}, billing_account_id="org-2")
    whole = inputs(bridges=(one,))
    assert len(of_entity(whole, "inc").bridges) == 1
    assert of_entity(whole, "gmbh").bridges == ()
    with pytest.raises(UnknownSubjectError):
        of_entity(whole, "sarl")
