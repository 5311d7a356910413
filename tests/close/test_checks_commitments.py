"""C08 of commitments: three figures of what is left, and a shortfall that must be in the books."""

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from tests.close.month import entries, ready
from tests.ledger.books import CHART
from tests.ledger.promised import PROMISING, terms
from tests.reports.test_rollforward import report, ties

from tieout.cli.reports import rollforward_view
from tieout.close.checklist import checks
from tieout.close.checks_commitments import commitment_ties
from tieout.close.checks_ledger import expense_ties
from tieout.close.checks_match import prepaid_ties
from tieout.close.evidence import CloseInputs, CommitmentBalance
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.ledger.chart import Chart
from tieout.ledger.commitments import memo, shortfall
from tieout.ledger.entry import JournalEntry
from tieout.reconciliation.bridge import Bridge, BridgeLine

OCTOBER, DECEMBER, JANUARY = Period(2026, 10), Period(2026, 12), Period(2027, 1)
SUBJECT = "openai/org-1: ea-7"


def rolled(start: str, end: str, unexplained: str = "0", **parts: str) -> Bridge:
    one = terms()
    return Bridge(
        provider="openai",
        billing_account_id="org-1",
        section=one.section,
        currency="USD",
        start_label="before",
        start_units=to_units(start),
        end_label="after",
        end_units=to_units(end),
        lines=tuple(
            BridgeLine(
                section=one.section,
                component=component,
                cause="why",
                amount_units=to_units(amount),
                evidence=(),
            )
            for component, amount in parts.items()
        ),
        unexplained_units=to_units(unexplained),
    )


def balance(bridge: Bridge | None, more: str = "", **fields: Any) -> CommitmentBalance:
    values: dict[str, Any] = {
        "terms": terms(more),
        "bridge": bridge,
        "left_units": bridge.end_units - bridge.unexplained_units if bridge else 0,
        "lapsed_units": 0,
        "eligible_units": to_units("350"),
    }
    return CommitmentBalance(**{**values, **fields})


IN_OCTOBER = balance(rolled("1000", "650", usage="-350"))
AT_THE_END = balance(rolled("30", "0", lapsed="-30"), lapsed_units=to_units("30"))


def noted(minor: int, period: Period = OCTOBER) -> tuple[JournalEntry, ...]:
    made = memo(terms(), minor, [], period=period, chart=PROMISING)
    return (*entries(), *([made] if made else []))


def owed(minor: int, period: Period = DECEMBER) -> tuple[JournalEntry, ...]:
    made = shortfall(terms(), minor, [], period=period, chart=PROMISING)
    return (*entries(), *([made] if made else []))


def month(
    *promised: CommitmentBalance,
    posted: tuple[JournalEntry, ...],
    period: Period = OCTOBER,
    chart: Chart = PROMISING,
) -> CloseInputs:
    return ready(period=period, commitments=promised, entries=posted, chart=chart)


def test_three_figures_that_agree_are_said_to_tie() -> None:
    inputs = month(IN_OCTOBER, posted=noted(65_000))
    assert commitment_ties(inputs) == ([], "1 commitments")
    assert prepaid_ties(inputs) == ([], "1 prepaid or commitment accounts, 1 commitments")
    (check,) = [one for one in checks(inputs) if one.check_id == "C08"]
    assert check.passed
    assert any(inputs.entries[-1].idempotency_key in one for one in check.evidence)


def test_a_month_without_commitments_says_nothing_of_them() -> None:
    assert commitment_ties(ready()) == ([], "")


@pytest.mark.parametrize(
    ("one", "posted", "told"),
    [
        (IN_OCTOBER, noted(64_999), "650.00 USD rolled forward, 649.99 USD in the ledger"),
        (
            balance(rolled("1000", "640", "-10", usage="-350")),
            noted(65_000),
            "650.00 USD in the ledger and 640.00 USD open",
        ),
        (balance(None), noted(65_000), f"{SUBJECT}: it has not been reconciled"),
    ],
)
def test_a_cent_between_charges_memo_and_statement_blocks(
    one: CommitmentBalance, posted: tuple[JournalEntry, ...], told: str
) -> None:
    (problem,) = commitment_ties(month(one, posted=posted))[0]
    assert told in problem


def test_a_chart_without_the_accounts_is_named() -> None:
    problems, _ = commitment_ties(month(IN_OCTOBER, posted=entries(), chart=CHART))
    assert problems == [
        f"{SUBJECT}: the chart has no control accounts commitment and commitment_contra for it"
    ]


def test_a_shortfall_at_the_end_of_the_term_blocks_with_its_amount_until_it_is_accrued() -> None:
    lacking = month(AT_THE_END, posted=entries(), period=DECEMBER)
    assert commitment_ties(lacking)[0] == [
        f"{SUBJECT}: a shortfall of 30.00 USD is to be accrued, 0.00 USD is; settle the month again"
    ]
    without = commitment_ties(replace(lacking, chart=CHART))[0]
    assert without == [
        (
            f"{SUBJECT}: a shortfall of 30.00 USD is to be accrued, 0.00 USD is; name the control "
            "accounts shortfall and accrued_shortfall in the chart"
        )
    ]
    assert commitment_ties(month(AT_THE_END, posted=owed(3_000), period=DECEMBER))[0] == []
    after = balance(None, lapsed_units=to_units("30"))
    assert commitment_ties(month(after, posted=owed(3_000), period=JANUARY))[0] == []


def test_a_waived_shortfall_is_not_owed() -> None:
    waived = balance(
        AT_THE_END.bridge,
        "    shortfall: {treatment: waived, evidence: letter}\n",
        lapsed_units=to_units("30"),
    )
    assert commitment_ties(month(waived, posted=entries(), period=DECEMBER))[0] == []


def test_a_balance_whose_commitment_left_the_policy_is_named() -> None:
    (problem,) = commitment_ties(month(posted=noted(65_000)))[0]
    assert problem == "ea-7: a balance is in the books, but no commitment of that id is approved"
    (problem,) = commitment_ties(month(posted=owed(5), period=DECEMBER))[0]
    assert problem.startswith("ea-7: a balance")
    back = memo(terms(), 0, noted(65_000)[-1:], period=OCTOBER, chart=PROMISING)
    assert back
    assert commitment_ties(month(posted=(*noted(65_000), back)))[0] == []


def test_a_shortfall_is_no_part_of_the_expense_that_ledger_lines_carry() -> None:
    before = expense_ties(ready())
    assert expense_ties(month(posted=owed(3_000, OCTOBER))) == before


def test_the_page_shows_the_roll_the_forecast_and_the_ties() -> None:
    found = report(commitments=(IN_OCTOBER,), entries=noted(65_000), chart=PROMISING)
    (row,) = found["commitments"]
    assert row == {
        "commitment": "ea-7",
        "provider": "openai",
        "billing_account_id": "org-1",
        "currency": "USD",
        "start_on": "2026-10-01",
        "end_on": "2027-01-01",
        "committed": "1000.00",
        "opening": "1000.00",
        "usage": "-350.00",
        "adjustment": "0.00",
        "beyond": "0.00",
        "lapsed": "0.00",
        "closing": "650.00",
        "forecast_shortfall": "0.00",
        "shortfall_accrued": "0.00",
    }
    assert ties(found)[f"commitment: {SUBJECT}"] == ("650.00", "650.00", "650.00", True)
    assert f"commitment shortfall: {SUBJECT}" not in ties(found)
    console = Console(width=220, record=True, highlight=False)
    for part in rollforward_view(found):
        console.print(part, markup=False)
    assert "Commitments 2026-10, USD" in console.export_text()


def test_the_page_shows_what_is_owed_after_the_term() -> None:
    after = balance(None, lapsed_units=to_units("30"))
    found = report(
        period=JANUARY, commitments=(after,), entries=owed(2_999), chart=PROMISING, accounts=()
    )
    (row,) = found["commitments"]
    assert (row["opening"], row["closing"], row["forecast_shortfall"]) == ("0.00", "0.00", "30.00")
    assert row["shortfall_accrued"] == "29.99"
    tie = ties(found)[f"commitment shortfall: {SUBJECT}"]
    assert tie == ("30.00", "29.99", "30.00", False)
