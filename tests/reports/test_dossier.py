"""The dossier: which figure leads to which, and the sentence that answers first."""

from dataclasses import replace

import pytest
from tests.publish.dossiers import bridge, dossier, statement

from tieout.core.money import to_units
from tieout.reports.dossier import Balance, first_units, headline, last_units

FAILED = {"blocking": True, "state": "failed", "check_id": "C10"}
NOT_BLOCKING = FAILED | {"blocking": False}


def test_a_month_that_ties_says_its_cost_and_that_nothing_is_unexplained() -> None:
    assert headline(dossier(checks=(NOT_BLOCKING,))) == (
        "2026-10 is closed with a cost of USD 10.00: every account ties to its provider and "
        "nothing is unexplained."
    )


@pytest.mark.parametrize(
    ("state", "rest", "checks", "end"),
    [
        ("open", "0.5", (), "is not closed with a cost of USD 10.00: 1 of 1 accounts keep an "),
        ("reopened", "0", (FAILED,), "was reopened with a cost of USD 10.00: 1 checks block"),
        ("soft_closed", "0.5", (FAILED,), "keep an unexplained rest and 1 checks block the close."),
    ],
)
def test_a_month_that_does_not_says_what_is_open(
    state: str, rest: str, checks: tuple[dict[str, object], ...], end: str
) -> None:
    row = replace(statement().rows[0], unexplained_units=to_units(rest))
    assert end in headline(dossier(statement=statement(rows=(row,), state=state), checks=checks))


def test_the_first_figure_is_the_estimate_and_the_last_the_bill_where_they_are_known() -> None:
    row = statement().rows[0]
    assert (first_units(row), last_units(row)) == (to_units(12), to_units(10))
    other = replace(row, estimated_units=to_units(11), billed_units=None)
    assert (first_units(other), last_units(other)) == (to_units(11), to_units(12))


def test_the_chain_of_an_account_is_its_own_bridges_in_the_order_of_the_figures() -> None:
    invoice, report = bridge(), replace(bridge(), section="estimate_to_report")
    others = (replace(invoice, billing_account_id="other"), replace(invoice, section="draft"))
    made = dossier(bridges=(invoice, *others, report))
    assert made.chain(statement().rows[0]) == [report, invoice]


def test_a_balance_closes_at_its_opening_and_what_moved() -> None:
    one = Balance(account="1", opening_minor=5, debit_minor=10, credit_minor=3)
    assert one.closing_minor == 12
    assert (dossier().digits, dossier().period) == (2, "2026-10")
