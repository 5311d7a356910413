from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges

from tieout.core.errors import ConservationError
from tieout.core.money import to_units
from tieout.core.period import Period, parse_period
from tieout.reconciliation.drawdown import (
    USAGE,
    Commitment,
    Draw,
    drawdown,
    eligible_units,
    forecast_units,
    shortfall,
    shortfall_units,
    tie_of_drawdown,
)
from tieout.reconciliation.rollforward import (
    KINDS,
    Liability,
    Movement,
    MovementKind,
    Roll,
    Tie,
    rollforward,
    stale,
    ties_of,
    unaccrued,
    untied,
)
from tieout.rules.predicate import AllOf, Condition, Predicate

OCTOBER, NOVEMBER, DECEMBER = Period(2026, 10), Period(2026, 11), Period(2026, 12)


def of(service_period: Period, provider: str = "aws", currency: str = "USD") -> Liability:
    return Liability(
        provider=provider,
        billing_account_id="1",
        currency=currency,
        service_period=service_period,
    )


def move(service: Period, kind: MovementKind, posted_in: Period, amount_minor: int) -> Movement:
    return Movement(
        liability=of(service),
        kind=kind,
        posted_in=posted_in,
        amount_minor=amount_minor,
        evidence=f"{kind} {service} {posted_in}",
    )


# The sheet's three months: October's bill comes in November, November's is late.
MONTHS = [
    move(OCTOBER, "accrual", OCTOBER, 1_234_567),
    move(OCTOBER, "reversal", NOVEMBER, -1_234_567),
    move(NOVEMBER, "accrual", NOVEMBER, 1_300_000),
    move(NOVEMBER, "reversal", DECEMBER, -1_300_000),
    move(DECEMBER, "accrual", DECEMBER, 1_410_000),
    move(NOVEMBER, "accrual", DECEMBER, 1_300_000),
]
REACCRUAL = MONTHS[-1]
EXPECTED = {of(NOVEMBER): 1_300_000, of(DECEMBER): 1_410_000}


def table(rolls: Sequence[Roll]) -> dict[str, int]:
    """All service months of a period as one column of the sheet."""
    columns = {kind: sum(roll.movements[kind] for roll in rolls) for kind in KINDS}
    return {
        "opening": sum(roll.opening_minor for roll in rolls),
        **{kind: units for kind, units in columns.items() if units},
        "closing": sum(roll.closing_minor for roll in rolls),
    }


def test_three_months_of_automatic_reversal_to_the_cent() -> None:
    assert table(rollforward(MONTHS, period=OCTOBER)) == {
        "opening": 0,
        "accrual": 1_234_567,
        "closing": 1_234_567,
    }
    assert table(rollforward(MONTHS, period=NOVEMBER)) == {
        "opening": 1_234_567,
        "accrual": 1_300_000,
        "reversal": -1_234_567,
        "closing": 1_300_000,
    }
    assert table(rollforward(MONTHS, period=DECEMBER)) == {
        "opening": 1_300_000,
        "accrual": 1_410_000,
        "re_accrual": 1_300_000,
        "reversal": -1_300_000,
        "closing": 2_710_000,
    }


def test_a_month_that_nobody_accrued_again_is_found() -> None:
    forgotten = [movement for movement in MONTHS if movement is not REACCRUAL]
    rolls = rollforward(forgotten, period=DECEMBER)
    assert table(rolls)["closing"] == 1_410_000
    (finding,) = unaccrued(rolls, EXPECTED)
    assert (finding.kind, finding.severity) == ("accrual_missing", "blocking")
    assert finding.amount_units == to_units("13000.00")
    assert finding.message == (
        "Expected 13000.00 USD accrued for 2026-11, whose invoice has not come, found 0.00 USD: "
        "accrue the difference."
    )
    assert unaccrued(rollforward(MONTHS, period=DECEMBER), EXPECTED) == ()


def test_a_month_without_any_posting_is_found_too() -> None:
    assert [one.subject for one in unaccrued((), {of(OCTOBER): 1})] == ["aws/1 2026-10"]


@pytest.mark.parametrize(("posted_in", "age"), [(OCTOBER, 0), (DECEMBER, 2), (Period(2028, 1), 15)])
def test_an_accrual_has_an_age_and_is_stale_from_so_many_months_on(
    posted_in: Period, age: int
) -> None:
    rolls = rollforward([move(OCTOBER, "accrual", posted_in, 1_234_567)], period=posted_in)
    assert [one.age_months for one in rolls] == [age]
    assert stale(rolls, months=age + 1) == ()
    (finding,) = stale(rolls, months=age)
    assert (finding.kind, finding.severity) == ("accrual_stale", "blocking")
    assert (finding.subject, finding.amount_units) == ("aws/1 2026-10", to_units("12345.67"))
    assert f"found 12345.67 USD still accrued {age} months later" in finding.message


def test_an_accrual_that_was_cleared_is_never_stale() -> None:
    months = [
        move(OCTOBER, "accrual", OCTOBER, 5),
        move(OCTOBER, "cleared", DECEMBER, -5),
    ]
    assert stale(rollforward(months, period=DECEMBER), months=1) == ()


def test_an_accrual_cleared_by_its_invoice_ends_at_nothing() -> None:
    months = [
        move(OCTOBER, "accrual", OCTOBER, 1_234_567),
        move(OCTOBER, "cleared", NOVEMBER, -1_234_567),
    ]
    (roll,) = rollforward(months, period=NOVEMBER)
    assert (roll.opening_minor, roll.closing_minor) == (1_234_567, 0)
    assert roll.evidence == ("cleared 2026-10 2026-11",)
    assert rollforward(months, period=DECEMBER) == ()


def test_each_currency_and_account_rolls_by_itself() -> None:
    euro = replace(MONTHS[0], liability=of(OCTOBER, currency="EUR"))
    other = replace(MONTHS[0], liability=of(OCTOBER, provider="openai"))
    rolls = rollforward([other, euro, MONTHS[0]], period=OCTOBER)
    assert [(roll.liability.provider, roll.liability.currency) for roll in rolls] == [
        ("aws", "EUR"),
        ("aws", "USD"),
        ("openai", "USD"),
    ]


def test_the_rollforward_ties_to_the_ledger_and_to_the_open_accruals() -> None:
    ties = ties_of(
        rollforward(MONTHS, period=DECEMBER),
        ledger={("aws", "1", "USD"): 2_710_000},
        open_amounts=EXPECTED,
    )
    assert ties == (
        Tie(
            subject="aws/1",
            currency="USD",
            rolled_minor=2_710_000,
            ledger_minor=2_710_000,
            open_minor=2_710_000,
        ),
    )
    assert untied(ties, what="accrued liability") == ()


@pytest.mark.parametrize(
    ("ledger", "open_minor", "shown"),
    [(2_709_999, 2_710_000, "27099.99 USD in the ledger"), (2_710_000, 0, "0.00 USD open")],
)
def test_a_cent_between_the_three_blocks(ledger: int, open_minor: int, shown: str) -> None:
    ties = ties_of(
        rollforward(MONTHS, period=DECEMBER),
        ledger={("aws", "1", "USD"): ledger},
        open_amounts={of(DECEMBER): open_minor} if open_minor else {},
    )
    (finding,) = untied(ties, what="accrued liability")
    assert (finding.kind, finding.severity) == ("rollforward_untied", "blocking")
    assert shown in finding.message
    assert finding.amount_units == (2_710_000 - min(ledger, open_minor)) * 10**10


def test_what_only_the_ledger_or_only_an_open_item_knows_is_untied() -> None:
    ties = ties_of((), ledger={("aws", "1", "USD"): 5}, open_amounts={of(OCTOBER, "gcp"): 7})
    assert [(tie.subject, tie.rolled_minor) for tie in ties] == [("aws/1", 0), ("gcp/1", 0)]
    assert len(untied(ties, what="accrued liability")) == 2


_MONTHS = st.sampled_from([parse_period(f"2026-{month:02d}") for month in range(1, 7)])
_MOVEMENTS = st.lists(
    st.builds(
        move,
        service=_MONTHS,
        kind=st.sampled_from(KINDS),
        posted_in=_MONTHS,
        amount_minor=st.integers(-(10**9), 10**9),
    ),
    max_size=12,
)


@given(movements=_MOVEMENTS, seed=st.integers(0, 11))
def test_one_closing_is_the_next_opening_and_no_movement_is_lost(
    movements: list[Movement], seed: int
) -> None:
    turned = movements[seed:] + movements[:seed]
    closing: dict[Liability, int] = {}
    for month in range(1, 7):
        period = Period(2026, month)
        rolls = rollforward(movements, period=period)
        assert rollforward(turned, period=period) == rolls
        assert {roll.liability: roll.opening_minor for roll in rolls if roll.opening_minor} == {
            liability: units for liability, units in closing.items() if units
        }
        closing = {roll.liability: roll.closing_minor for roll in rolls}
    assert sum(closing.values()) == sum(movement.amount_minor for movement in movements)


COMMITMENT = Commitment(
    commitment_id="EA-7",
    provider="azure",
    billing_account_id="1",
    currency="USD",
    start_on=date(2026, 10, 1),
    end_on=date(2027, 1, 1),
    committed_units=to_units("1000"),
)


def draw(period: Period, amount: str) -> Draw:
    return Draw(period=period, eligible_units=to_units(amount), evidence=f"statement {period}")


DRAWS = [draw(OCTOBER, "300"), draw(NOVEMBER, "250"), draw(DECEMBER, "200")]


def test_a_commitment_is_drawn_down_and_what_is_left_lapses_in_its_last_month() -> None:
    october, november, december = (
        drawdown(COMMITMENT, DRAWS, period=period) for period in (OCTOBER, NOVEMBER, DECEMBER)
    )
    assert (october.opening_units, october.closing_units) == (to_units("1000"), to_units("700"))
    assert (november.opening_units, november.closing_units) == (to_units("700"), to_units("450"))
    assert november.evidence == ("statement 2026-11",)
    assert (december.drawn_units, december.lapsed_units) == (to_units("200"), to_units("250"))
    assert (november.lapsed_units, december.closing_units) == (0, 0)
    after = drawdown(COMMITMENT, DRAWS, period=Period(2027, 1))
    assert (after.opening_units, after.closing_units) == (0, 0)


def test_spend_beyond_the_commitment_draws_nothing_and_a_credit_note_gives_back() -> None:
    draws = [draw(OCTOBER, "900"), draw(NOVEMBER, "300"), draw(DECEMBER, "-250")]
    november = drawdown(COMMITMENT, draws, period=NOVEMBER)
    assert (november.drawn_units, november.beyond_units) == (to_units("100"), to_units("200"))
    december = drawdown(COMMITMENT, draws, period=DECEMBER)
    assert (december.drawn_units, december.beyond_units) == (to_units("-50"), to_units("-200"))
    assert december.lapsed_units == to_units("50")


def test_months_outside_the_term_do_not_count() -> None:
    late = [*DRAWS, draw(Period(2026, 9), "70"), draw(Period(2027, 1), "80")]
    assert drawdown(COMMITMENT, late, period=DECEMBER) == drawdown(
        COMMITMENT, DRAWS, period=DECEMBER
    )
    in_january = replace(COMMITMENT, end_on=date(2027, 1, 15))
    assert drawdown(in_january, late, period=Period(2027, 1)).lapsed_units == to_units("170")


def test_a_forecast_below_the_commitment_is_a_shortfall() -> None:
    november = drawdown(COMMITMENT, DRAWS, period=NOVEMBER)
    assert shortfall_units(november, forecast_units=to_units("450")) == 0
    assert shortfall(november, forecast_units=to_units("450")) == ()
    (finding,) = shortfall(november, forecast_units=to_units("200"))
    assert (finding.kind, finding.severity) == ("commitment_shortfall", "warning")
    assert finding.amount_units == to_units("250")
    assert "Expected 450.00 USD more of eligible spend until 2027-01-01" in finding.message


def test_only_usage_of_services_in_the_contract_is_eligible() -> None:
    found = charges(
        charge(1, "10"),
        charge(1, "5", service_name="Marketplace"),
        charge(1, "3", charge_category="Purchase"),
        charge(1, "2", charge_category="Tax"),
    )
    assert eligible_units(found, COMMITMENT) == to_units("15")
    own: Predicate = Condition(
        source="column", name="service_name", operator="in", values=("OpenAI API",)
    )
    assert eligible_units(found, COMMITMENT, counts=AllOf((USAGE, own))) == to_units("10")
    assert eligible_units(found, COMMITMENT, counts=own) == to_units("15")
    assert eligible_units(found.slice(0, 0), COMMITMENT) == 0


def test_a_charge_counts_when_it_starts_on_a_day_of_the_term() -> None:
    found = charges(charge(1, "1"), charge(14, "2"), charge(15, "4"), charge(31, "8"))
    half = replace(COMMITMENT, start_on=date(2026, 10, 14), end_on=date(2026, 10, 31))
    assert eligible_units(found, half) == to_units("6")


def test_the_forecast_goes_on_at_the_daily_rate_of_the_term_so_far() -> None:
    a_third = to_units("310")  # in 31 of 92 days
    assert forecast_units(COMMITMENT, eligible=a_third, through=OCTOBER) == to_units("610")
    assert forecast_units(COMMITMENT, eligible=to_units("-1"), through=OCTOBER) == 0
    assert forecast_units(COMMITMENT, eligible=to_units("9"), through=DECEMBER) == 0


def test_the_remaining_commitment_ties_three_ways() -> None:
    november = drawdown(COMMITMENT, DRAWS, period=NOVEMBER)
    tie = tie_of_drawdown(november, ledger_minor=45_000, stated_minor=45_000)
    assert untied([tie], what="commitment") == ()
    (finding,) = untied([replace(tie, open_minor=44_999)], what="commitment")
    assert finding.subject == "azure/1: EA-7: commitment"


def test_a_drawdown_that_does_not_add_up_cannot_exist() -> None:
    with pytest.raises(ConservationError, match=r"EA-7 should close at 450\.00 USD"):
        replace(drawdown(COMMITMENT, DRAWS, period=NOVEMBER), closing_units=0)


@given(amounts=st.lists(st.integers(-(10**12), 10**13), min_size=3, max_size=3))
def test_everything_that_was_promised_is_drawn_or_lapses(amounts: list[int]) -> None:
    draws = [
        Draw(period=period, eligible_units=units, evidence="")
        for period, units in zip((OCTOBER, NOVEMBER, DECEMBER), amounts, strict=True)
    ]
    months = [
        drawdown(COMMITMENT, draws, period=period) for period in (OCTOBER, NOVEMBER, DECEMBER)
    ]
    drawn = sum(month.drawn_units for month in months)
    assert drawn + months[-1].lapsed_units == COMMITMENT.committed_units
    assert drawn + sum(month.beyond_units for month in months) == sum(amounts)
    assert [month.opening_units for month in months[1:]] == [
        month.closing_units for month in months[:-1]
    ]
