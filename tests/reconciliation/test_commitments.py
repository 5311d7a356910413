"""Commitments as a policy, and one month of one as a bridge."""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges

from tieout.core.errors import RuleFileError
from tieout.core.finding import Finding
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.reconciliation.bridge import Bridge, bridge_from_json, bridge_json
from tieout.reconciliation.commitments import (
    Terms,
    draw_of,
    forecast_shortfall_units,
    is_commitment,
    lapsed_units,
    left_units,
    parse_commitments,
    reconcile_commitment,
)
from tieout.reconciliation.drawdown import Draw

OCTOBER, NOVEMBER, DECEMBER = Period(2026, 10), Period(2026, 11), Period(2026, 12)
TEXT = """\
commitments:
  - id: ea-7
    provider: openai
    billing_account_id: org-1
    currency: USD
    start_on: 2026-10-01
    last_on: 2026-12-31
    committed: "1000"
    reference: Order form 7
"""


def terms(more: str = "", text: str = TEXT) -> Terms:
    (found,) = parse_commitments(text + more, name="commitments.yaml")
    return found


def month(
    one: Terms,
    *rows: tuple[int, str],
    draws: Sequence[Draw] = (),
    period: Period = OCTOBER,
) -> tuple[Bridge, list[Finding]]:
    made: pa.Table = charges(*(charge(day, cost) for day, cost in rows))
    bridge, found = reconcile_commitment(one, charges=made, draws=draws, period=period)
    return bridge, list(found)


def parts(bridge: Bridge) -> dict[str, int]:
    return {line.component: line.amount_units // 10**12 for line in bridge.lines}


def draw(period: Period, amount: str) -> Draw:
    return Draw(period=period, eligible_units=to_units(amount), evidence="")


def test_usage_of_the_account_draws_the_commitment_down() -> None:
    bridge, found = month(terms(), (1, "300"), (2, "50"))
    assert (bridge.start_units, bridge.end_units) == (to_units("1000"), to_units("650"))
    assert parts(bridge) == {"usage": -350}
    assert bridge.lines[0].evidence == ("0" * 64,)
    assert (bridge.section, is_commitment(bridge)) == ("commitment:ea-7", True)
    assert bridge_from_json(bridge_json(bridge)) == bridge
    assert [one.kind for one in found] == ["balance_not_stated"]
    assert "has 650.00 USD left as computed" in found[0].message


def test_what_counts_may_be_said_as_in_a_rule() -> None:
    one = terms("    counts: {column: service_name, equals: OpenAI API}\n")
    made = charges(
        charge(1, "300"),
        charge(1, "5", charge_category="Tax"),
        charge(1, "70", service_name="Marketplace"),
    )
    bridge, _ = reconcile_commitment(one, charges=made, draws=(), period=OCTOBER)
    assert parts(bridge) == {"usage": -305}


def test_a_statement_ties_or_blocks() -> None:
    said = '    balances: [{period: 2026-10, amount: "650.00", evidence: console}]\n'
    bridge, found = month(terms(said), (1, "350.004"))
    assert bridge.unexplained_units == 0
    assert found == []
    bridge, found = month(terms(said), (1, "340"))
    assert (bridge.end_units, left_units(bridge)) == (to_units("650"), to_units("660"))
    assert [(one.kind, one.severity) for one in found] == [("unexplained", "blocking")]
    assert found[0].amount_units == to_units("-10")


def test_what_the_provider_counted_beside_our_charges_is_a_line_with_its_evidence() -> None:
    one = terms(
        '    adjustments: [{period: 2026-10, amount: "10", evidence: mail of 4 November}]\n'
        '    balances: [{period: 2026-10, amount: "650", evidence: console}]\n'
    )
    bridge, found = month(one, (1, "340"))
    assert parts(bridge) == {"usage": -340, "adjustment": -10}
    assert bridge.lines[1].evidence == ("Order form 7",)
    assert found == []
    assert draw_of(bridge, OCTOBER).eligible_units == to_units("350")


def test_the_last_month_says_what_lapsed_and_spend_beyond_draws_nothing() -> None:
    before = [draw(OCTOBER, "900"), draw(NOVEMBER, "70")]
    bridge, found = month(terms(), draws=before, period=DECEMBER)
    assert parts(bridge) == {"lapsed": -30}
    assert (lapsed_units(bridge), left_units(bridge)) == (to_units("30"), 0)
    assert [one.kind for one in found] == ["balance_not_stated"]
    bridge, _ = month(terms(), (1, "150"), draws=[draw(Period(2026, 9), "1000")])
    assert parts(bridge) == {"usage": -150}
    short = terms(text=TEXT.replace('"1000"', '"100"'))
    bridge, _ = month(short, (1, "150"))
    assert parts(bridge) == {"usage": -150, "beyond": 50}
    assert draw_of(bridge, OCTOBER).eligible_units == to_units("150")


def test_a_forecast_that_does_not_reach_the_promise_is_a_warning_until_the_last_month() -> None:
    bridge, found = month(terms(), (1, "31"))  # one a day, 61 days to come
    assert [one.kind for one in found] == ["balance_not_stated", "commitment_shortfall"]
    assert found[1].amount_units == to_units("908")
    short = forecast_shortfall_units(terms(), bridge, eligible=to_units("31"), period=OCTOBER)
    assert short == to_units("908")
    last, _ = month(terms(), draws=[draw(OCTOBER, "31")], period=DECEMBER)
    short = forecast_shortfall_units(terms(), last, eligible=to_units("31"), period=DECEMBER)
    assert short == lapsed_units(last) == to_units("969")


def test_books_that_take_a_commitment_over_begin_with_what_was_left() -> None:
    one = terms('    opening: {period: 2026-11, amount: "400", evidence: console}\n')
    assert [one.runs_in(period) for period in (OCTOBER, NOVEMBER, DECEMBER, Period(2027, 1))] == [
        False,
        True,
        True,
        False,
    ]
    assert one.in_books.start_on == date(2026, 11, 1)
    bridge, _ = month(one, draws=[draw(OCTOBER, "600")], period=NOVEMBER)
    assert bridge.start_units == to_units("400")
    whole = terms()
    assert whole.in_books == whole.commitment


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("    counts: {column: billed_cost, gt: 1}\n", "'billed_cost' is not a column that rules"),
        (
            '    opening: {period: 2027-01, amount: "1", evidence: x}\n',
            "line 10: 2027-01 lies outside the term: expected a month from 2026-10 to 2026-12",
        ),
        ('    opening: {period: 2026-11, amount: "1001", evidence: x}\n', "found 1001.00"),
        ('    opening: {period: 2026-11, amount: "-1", evidence: x}\n', "from 0 to what was"),
        ('    balances: [{period: 2026-10, amount: "x", evidence: y}]\n', "found 'x'"),
        ('    balances: [{period: 2026-13, amount: "1", evidence: y}]\n', "found '2026-13'"),
        (
            (
                '    balances:\n      - {period: 2026-10, amount: "1", evidence: y}\n'
                '      - {period: 2026-10, amount: "2", evidence: y}\n'
            ),
            "month of balances '2026-10' is already in line 11",
        ),
        ("    shortfall: {treatment: forget}\n", "expected one of accrue, waived; found 'forget'"),
        ("    shortfall: {treatment: waived}\n", "a waived shortfall needs its evidence"),
        (
            (
                "    shortfall: {treatment: waived, evidence: x, settled: {period: 2027-01, "
                "document: y}}\n"
            ),
            "a waived shortfall needs its evidence and nothing else",
        ),
        ("    shortfall: {treatment: accrue, evidence: x}\n", "evidence proves a waiver"),
        ("    upfront_pool: a b\n", "'a b' is not an id"),
        ("    discount: 5\n", "unknown key 'discount'"),
        (TEXT.partition("\n")[2], "commitment 'ea-7' is already in line 2"),
    ],
)
def test_a_text_that_says_nothing_valid_is_refused_in_one_sentence(more: str, told: str) -> None:
    with pytest.raises(RuleFileError, match=told):
        parse_commitments(TEXT + more, name="c")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("last_on: 2026-12-31", "last_on: 2026-09-30", "last_on must not lie before start_on"),
        ('"1000"', '"0"', "expected an amount above zero"),
        ("    reference: Order form 7\n", "", "add reference"),
    ],
)
def test_a_promise_needs_a_term_an_amount_and_a_paper(old: str, new: str, told: str) -> None:
    with pytest.raises(RuleFileError, match=told):
        parse_commitments(TEXT.replace(old, new), name="c")


def test_what_is_known_of_a_shortfall_is_read() -> None:
    one = terms(
        "    shortfall:\n      treatment: accrue\n"
        '      recognised: [{period: 2026-11, amount: "120", evidence: forecast of finance}]\n'
        "      settled: {period: 2027-01, document: INV-9}\n    upfront_pool: plan\n"
    )
    assert one.recognised == ((NOVEMBER, to_units("120")),)
    assert one.settled == (Period(2027, 1), "INV-9")
    assert one.upfront_pool == "plan"
    assert terms("    shortfall: {treatment: waived, evidence: letter}\n").waived == "letter"
    assert one.account == "openai/org-1"


@given(amounts=st.lists(st.integers(-(10**13), 10**15), min_size=3, max_size=3))
def test_bridges_lead_from_the_promise_to_nothing_and_lose_no_spend(amounts: list[int]) -> None:
    one, draws, left = terms(), list[Draw](), to_units("1000")
    for period, units in zip((OCTOBER, NOVEMBER, DECEMBER), amounts, strict=True):
        starts = period.start_on
        rows = charges(
            {
                **charge(1, units),
                "charge_period_start": charge(1, units)["charge_period_start"].replace(
                    year=starts.year, month=starts.month
                ),
            }
        )
        bridge, _ = reconcile_commitment(one, charges=rows, draws=draws, period=period)
        assert bridge.start_units == left
        left = bridge.end_units
        draws.append(draw_of(bridge, period))
    assert left == 0
    assert [one.eligible_units for one in draws] == amounts
