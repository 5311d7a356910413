from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reconciliation.charge_rows import charge, charges, document, tokens

from tieout.core.errors import ConservationError
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.reconciliation.bridge import Bridge
from tieout.reconciliation.findings import unexplained
from tieout.reconciliation.variance import (
    Amount,
    Exchange,
    Figures,
    Metered,
    Pair,
    Variance,
    VarianceLine,
    group_effects,
    variance,
    variance_bridge,
)
from tieout.reconciliation.variance_figures import variance_figures

EUR_IN_USD = Exchange(
    transaction_currency="EUR",
    functional_currency="USD",
    accrual_rate=Fraction("1.0850"),
    invoice_rate=Fraction("1.0910"),
)
DOLLARS = Exchange(transaction_currency="USD", functional_currency="USD")


def amount(quantity: str, price: str) -> Amount:
    exact = Fraction(quantity) * Fraction(price) * 10**12
    assert exact.denominator == 1
    return Amount(quantity=Fraction(quantity), units=exact.numerator)


def metered(
    key: str, group: str, before: tuple[str, str] | None, after: tuple[str, str] | None
) -> Metered:
    return Metered(
        key=key,
        group=group,
        estimated=amount(*before) if before else None,
        invoiced=amount(*after) if after else None,
    )


def as_bridge(found: Variance) -> Bridge:
    return variance_bridge(
        found,
        provider="openai",
        account="org-1",
        labels=("Own estimate", "Invoice INV-1"),
        documents=["INV-1"],
    )


OCTOBER = Figures(
    metered=(
        metered("in-tok", "Mtok", ("1200", "2.50"), ("1350", "2.50")),
        metered("out-tok", "Mtok", ("300", "10.00"), ("280", "9.60")),
        metered("gpu-h", "h", ("400", "4.10"), ("412.5", "4.10")),
        metered("old", "", ("50", "1.20"), None),
        metered("new", "", None, ("20", "3.75")),
    ),
    credits=Pair(invoiced_units=to_units("-150")),
    fees=Pair(invoiced_units=to_units("25")),
    timing_in_units=to_units("64.20"),
    timing_out_units=to_units("120"),
    invoice_total_units=to_units("7768.44"),
    printed_lines=7,
)


def test_the_worked_bridge_of_a_month_in_another_currency_to_the_cent() -> None:
    """The sheet's October.

    component   | EUR      | USD posted
    price       | -112.00  | -121.52
    volume      | +571.25  | +619.81
    mix         | -345.00  | -374.33
    uncounted   | 0        | 0.00
    new         | +75.00   | +81.37
    dropped     | -60.00   | -65.10
    timing in   | +64.20   | +69.66
    timing out  | -120.00  | -130.20
    credits     | -150.00  | -162.75
    fees        | +25.00   | +27.13
    tax         | 0        | 0.00
    rounding    | -0.01    | -0.01
    fx          |          | +46.61
    unexplained | 0        | 0.00
    total       |          | -9.33
    """
    found = variance(OCTOBER, EUR_IN_USD)
    table = test_the_worked_bridge_of_a_month_in_another_currency_to_the_cent.__doc__ or ""
    cells = [
        [cell.strip() for cell in line.split("|")] for line in table.splitlines() if "|" in line
    ]
    total = cells.pop()
    assert len(cells[1:]) == len(found.lines)
    for line, (name, exact, posted) in zip(found.lines, cells[1:], strict=True):
        assert line.component == name.replace(" ", "_")
        assert line.posted_minor == int(Fraction(posted) * 100)
        if exact:
            assert line.exact_units == Fraction(exact) * EUR_IN_USD.accrual_rate * 10**12
    assert found.total_minor == int(Fraction(total[2]) * 100)
    assert OCTOBER.estimate_units == to_units("7820.00")
    assert (found.estimate_minor, found.invoice_minor) == (848_470, 847_537)


def test_volume_is_per_kind_of_thing_that_can_be_counted_together() -> None:
    effects = {
        group: group_effects(one for one in OCTOBER.metered if one.group == group)
        for group in ("Mtok", "h")
    }
    assert effects["Mtok"]["volume"] == to_units("520.00")
    assert effects["h"]["volume"] == to_units("51.25")
    assert [effects["Mtok"]["mix"], effects["h"]["mix"]] == [to_units("-345"), 0]


def test_quantity_and_mix_as_the_textbook_counts_them() -> None:
    """Budget 7,000 X at 9 and 3,000 Y at 12; actual 8,000 and 7,000."""
    effects = group_effects(
        [
            metered("x", "units", ("7000", "9"), ("8000", "9")),
            metered("y", "units", ("3000", "12"), ("7000", "12")),
        ]
    )
    assert effects["mix"] == to_units("7500")
    assert effects["volume"] == to_units("49500")
    assert sum(effects.values()) == to_units("57000")


def test_price_and_quantity_as_the_textbook_counts_them() -> None:
    """Standard 8 diodes at 0.30 for 5,000 puzzles; 50,000 used at 0.28."""
    effects = group_effects([metered("diode", "pieces", ("40000", "0.30"), ("50000", "0.28"))])
    assert effects["price"] == to_units("-1000")
    assert effects["volume"] == to_units("3000")
    assert sum(effects.values()) == to_units("2000")


def test_a_true_up_in_another_currency_splits_into_operation_and_rate() -> None:
    """Accrued 10,000 EUR at 1.0850, invoiced 10,250 EUR at 1.0910: 271.25 + 61.50 = 332.75."""
    figures = Figures(
        metered=(metered("usage", "h", ("10000", "1"), ("10250", "1")),),
        invoice_total_units=to_units("10250"),
        printed_lines=1,
    )
    found = variance(figures, EUR_IN_USD)
    assert (found.posted("volume"), found.posted("fx")) == (27_125, 6_150)
    assert (found.estimate_minor, found.invoice_minor) == (1_085_000, 1_118_275)
    assert found.total_minor == 33_275


@pytest.mark.parametrize(
    ("total", "rounding", "open_minor"),
    [("100.02", 2, 0), ("100.03", 0, 3), ("99.98", -2, 0), ("99.97", 0, -3)],
)
def test_rounding_is_half_a_cent_a_line_and_what_is_beyond_stays_open(
    total: str, rounding: int, open_minor: int
) -> None:
    same = metered("a", "h", ("100", "1"), ("100", "1"))
    figures = Figures(metered=(same,), invoice_total_units=to_units(total), printed_lines=3)
    found = variance(figures, DOLLARS)
    assert (found.posted("rounding"), found.posted("unexplained")) == (rounding, open_minor)


def test_what_has_no_cause_is_a_line_of_its_own_and_blocks() -> None:
    figures = Figures(
        metered=(metered("a", "h", ("1", "3"), ("1", "3")),),
        unmatched=Pair(estimated_units=to_units("0.01"), invoiced_units=to_units("0.02")),
        invoice_total_units=to_units("3.02"),
        printed_lines=9,
    )
    found = variance(figures, DOLLARS)
    assert (found.posted("rounding"), found.posted("unexplained")) == (0, 1)
    bridge = as_bridge(found)
    assert (bridge.lines, bridge.unexplained_units) == ((), to_units("0.01"))
    assert [one.severity for one in unexplained(bridge)] == ["blocking"]


def test_the_bridge_names_the_keys_behind_a_component() -> None:
    bridge = as_bridge(variance(OCTOBER, EUR_IN_USD))
    lines = {line.component: line for line in bridge.lines}
    assert lines["mix"].evidence == ("in-tok", "out-tok", "gpu-h")
    assert (lines["new"].evidence, lines["dropped"].evidence) == (("new",), ("old",))
    assert lines["fees"].evidence == ("INV-1",)
    assert "tax" not in lines
    assert (bridge.section, bridge.currency) == ("estimate_to_invoice", "USD")
    assert bridge.end_units - bridge.start_units == to_units("-9.33")


def test_a_variance_that_does_not_add_up_cannot_exist() -> None:
    found = variance(OCTOBER, EUR_IN_USD)
    with pytest.raises(ConservationError, match="should be -933 minor units of USD"):
        replace(
            found,
            lines=(
                *found.lines,
                VarianceLine(component="x", exact_units=Fraction(0), posted_minor=1),
            ),
        )


def test_a_key_without_an_estimated_quantity_takes_its_price_from_the_book_or_is_new() -> None:
    known = metered("a", "tok", ("10", "2"), ("10", "2"))
    unpriced = Metered(
        key="b",
        group="tok",
        estimated=Amount(quantity=Fraction(0), units=to_units("1")),
        invoiced=amount("5", "3"),
    )
    as_new = group_effects([known, unpriced])
    assert [as_new["new"], as_new["dropped"]] == [to_units("15"), to_units("-1")]
    priced = group_effects([known, replace(unpriced, book_price=Fraction(to_units("4")))])
    assert [priced["price"], priced["dropped"]] == [to_units("-5"), to_units("-1")]
    assert priced["volume"] + priced["mix"] == to_units("20")
    assert sum(priced.values()) == sum(as_new.values())


def test_a_group_without_an_estimated_quantity_is_new_and_dropped() -> None:
    effects = group_effects(
        [
            metered("a", "tok", ("5", "1"), ("6", "1")),
            metered("b", "tok", ("-5", "2"), ("1", "2")),
        ]
    )
    assert [effects["new"], effects["dropped"]] == [to_units("8"), to_units("5")]
    assert [effects[name] for name in ("price", "volume", "mix")] == [0, 0, 0]


_SIDES = st.none() | st.builds(
    Amount,
    quantity=st.fractions(-50, 50, max_denominator=7),
    units=st.integers(-(10**15), 10**15),
)
_KEYS = st.lists(
    st.builds(
        Metered,
        key=st.sampled_from("abcdef"),
        group=st.sampled_from(["tok", "h"]),
        estimated=_SIDES,
        invoiced=_SIDES,
        book_price=st.none() | st.fractions(0, 10**9, max_denominator=3),
    ),
    max_size=6,
)
_UNITS = st.integers(-(10**15), 10**15)
_PAIRS = st.builds(Pair, estimated_units=_UNITS, invoiced_units=_UNITS)
_RATES = st.fractions(Fraction(1, 200), 200, max_denominator=10_000)


@given(
    figures=st.builds(
        Figures,
        metered=_KEYS.map(tuple),
        credits=_PAIRS,
        fees=_PAIRS,
        tax=_PAIRS,
        uncounted=_PAIRS,
        unmatched=_PAIRS,
        timing_in_units=_UNITS,
        timing_out_units=_UNITS,
        invoice_total_units=_UNITS,
        printed_lines=st.integers(0, 9),
    ),
    rates=st.tuples(_RATES, _RATES),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_components_add_up_exactly_and_to_the_cent_whatever_the_figures(
    figures: Figures, rates: tuple[Fraction, Fraction], currency: str
) -> None:
    exchange = Exchange(
        transaction_currency="EUR",
        functional_currency=currency,
        accrual_rate=rates[0],
        invoice_rate=rates[1],
    )
    found = variance(figures, exchange)  # it cannot exist unless the posted lines add up
    exact = sum((line.exact_units for line in found.lines), Fraction(0))
    assert exact == figures.invoice_total_units * rates[1] - figures.estimate_units * rates[0]
    step = {"USD": 10**10, "JPY": 10**12, "KWD": 10**9}[currency]
    assert all(abs(line.posted_minor * step - line.exact_units) < step for line in found.lines)
    rounding = next(line for line in found.lines if line.component == "rounding")
    assert 2 * abs(rounding.exact_units) <= rates[0] * 10**10 * (figures.printed_lines + 1)


def test_charges_go_to_one_place_each() -> None:
    estimate = charges(
        tokens(1, "10", quantity="100", consumed_unit="Tokens"),
        tokens(2, "4", quantity="40", consumed_unit="Tokens"),
        tokens(31, "7", quantity="70", consumed_unit="Tokens"),
        charge(1, "3", charge_description="seats"),
        pull="estimate",
    )
    late = estimate["line_id"][2].as_py()
    september = charge(1, "6.5", quantity="65")["charge_period_start"].replace(month=9)
    final = charges(
        tokens(1, "24", quantity="120", consumed_unit="Tokens"),
        {**tokens(2, "6.5", quantity="65"), "charge_period_start": september},
        charge(2, "5", charge_category="Purchase"),
        charge(3, "-2", charge_category="Credit"),
        charge(3, "1.9", charge_category="Tax"),
    )
    invoice = document([("usage", "35.5")], credit="-2", tax="1.91")
    figures = variance_figures(
        estimate, final, period=Period(2026, 10), invoices=[invoice], billed_elsewhere=[late]
    )
    seats, key = figures.metered
    assert (seats.key, seats.invoiced) == ("OpenAI API / - / - / - / - / - / -", None)
    assert key.key == "OpenAI API / - / - / - / gpt-6-sol / standard / input"
    assert key.group == "OpenAI API / - / tokens / -"
    assert key.estimated == Amount(quantity=Fraction(140), units=to_units("14"))
    assert key.invoiced == Amount(quantity=Fraction(120), units=to_units("24"))
    assert figures.fees == Pair(invoiced_units=to_units("5"))
    assert figures.credits == Pair(invoiced_units=to_units("-2"))
    assert figures.tax == Pair(invoiced_units=to_units("1.9"))
    assert figures.timing_in_units == to_units("6.5")
    assert figures.timing_out_units == to_units("7")
    found = variance(figures, DOLLARS)
    posted = {line.component: line.posted_minor for line in found.lines if line.posted_minor}
    assert posted == {
        "price": 1200, "volume": -200, "dropped": -300, "timing_in": 650, "timing_out": -700,
        "credits": -200, "fees": 500, "tax": 190, "rounding": 1,
    }  # fmt: skip
