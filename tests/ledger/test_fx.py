"""Exchange rates as data, exact translation, and the worked case of an invoice in euros."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.errors import NotReadyError, RuleFileError, UnbalancedEntryError
from tieout.ledger.fx import (
    OpenItem,
    remeasure,
    remeasurement_lines,
    settle,
    translate,
    translate_lines,
    translate_lines_to,
    translate_parts,
    true_up_of,
)
from tieout.ledger.fx_rates import Rate, RateType, parse_rates, rate_on

TABLE = """\
from,to,type,date,rate,source
EUR,USD,closing,2026-10-30,1.0850,ECB
EUR,USD,spot,2026-11-03,1.0910,ECB
EUR,USD,closing,2026-11-30,1.0740,ECB
EUR,USD,spot,2026-12-04,1.0799,ECB
EUR,USD,spot,2026-12-05,1.0800,bank
USD,EUR,spot,2026-11-03,0.9165,ECB
EUR,USD,average,2026-10-31,1.0877,ECB
"""
RATES = parse_rates(TABLE, name="rates.csv")
EURO = ("EUR", "USD")


def found(rate_type: RateType, on: str, *, within_days: int = 4) -> Rate:
    return rate_on(RATES, EURO, rate_type, date.fromisoformat(on), within_days=within_days)


def a_rate(rate: str, pair: tuple[str, str] = EURO) -> Rate:
    return Rate(
        from_currency=pair[0],
        to_currency=pair[1],
        rate_type="spot",
        on=date(2026, 11, 3),
        rate=Decimal(rate),
        source="test",
    )


def payable(**fields: Any) -> OpenItem:
    """The invoice of 3 November over 10,250.00 EUR, booked at 1.0910."""
    known: dict[str, Any] = {
        "key": "INV-1",
        "account": "2000",
        "currency": "EUR",
        "amount_minor": -1_025_000,
        "carried_minor": -1_118_275,
        "is_monetary": True,
    }
    return OpenItem(**known | fields)


def test_the_worked_case_closes_to_zero_from_accrual_to_payment() -> None:
    accrual, invoice = found("closing", "2026-10-31"), found("spot", "2026-11-03")
    assert translate(1_000_000, accrual) == 1_085_000
    assert translate(1_025_000, invoice) == 1_118_275
    (item,) = remeasure([payable()], {"EUR": found("closing", "2026-11-30")})
    assert (item.carried_minor, item.gain_minor) == (-1_100_850, 17_425)
    paid = settle(
        payable(carried_minor=item.carried_minor), -1_025_000, found("spot", "2026-12-05")
    )
    assert (paid.released_minor, paid.paid_minor) == (-1_100_850, -1_107_000)
    assert (paid.gain_minor, paid.rest) == (-6_150, None)
    assert item.gain_minor + paid.gain_minor == 1_118_275 - 1_107_000 == 11_275


def test_the_worked_true_up_is_operations_and_exchange() -> None:
    change = true_up_of(
        1_000_000,
        1_025_000,
        accrual_rate=found("closing", "2026-10-31"),
        invoice_rate=found("spot", "2026-11-03"),
    )
    assert (change.operational_minor, change.fx_minor) == (27_125, 6_150)
    assert change.total_minor == 33_275


def test_a_weekend_takes_the_last_published_rate_and_an_old_one_is_refused() -> None:
    assert found("closing", "2026-11-01").on == date(2026, 10, 30)
    assert found("spot", "2026-12-05").rate == Decimal("1.0800")
    sentence = (
        "No closing rate EUR to USD for 2026-11-04: expected one at most 4 days old, the last "
        "before is of 2026-10-30; add the published rate (an inverse is another rate)."
    )
    with pytest.raises(NotReadyError) as refusal:
        found("closing", "2026-11-04")
    assert str(refusal.value) == sentence


def test_no_rate_is_inverted_and_none_is_taken_from_the_future() -> None:
    with pytest.raises(NotReadyError, match=r"No closing rate USD to EUR .* there is none before"):
        rate_on(RATES, ("USD", "EUR"), "closing", date(2026, 10, 30), within_days=30)
    with pytest.raises(NotReadyError, match="there is none before"):
        found("spot", "2026-11-02", within_days=30)


def test_a_currency_is_worth_itself() -> None:
    same = rate_on((), ("USD", "USD"), "spot", date(2026, 11, 3), within_days=0)
    assert translate(-1234, same) == -1234


@pytest.mark.parametrize(
    ("amount", "rate", "pair", "expected"),
    [
        (1, "0.5", EURO, 1),  # half a cent: away from zero, as invoices do
        (-1, "0.5", EURO, -1),
        (1, "0.4999", EURO, 0),
        (100, "149.5", ("USD", "JPY"), 150),  # 1.00 USD in yen, which has no minor unit
        (150, "0.0067", ("JPY", "USD"), 101),  # 1.005 USD
        (100, "0.3075", ("USD", "KWD"), 308),  # 0.3075 KWD, which has three decimals
    ],
)
def test_an_amount_is_rounded_once_to_the_other_minor_unit(
    amount: int, rate: str, pair: tuple[str, str], expected: int
) -> None:
    assert translate(amount, a_rate(rate, pair)) == expected


amounts = st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=30)
rates = st.decimals("0.0001", "20000", places=6, allow_nan=False).map(str)
pairs = st.sampled_from([EURO, ("EUR", "JPY"), ("JPY", "KWD"), ("USD", "EUR")])


@given(amounts=amounts, rate=rates, pair=pairs)
def test_an_entry_stays_balanced_with_a_bounded_rounding_line(
    amounts: list[int], rate: str, pair: tuple[str, str]
) -> None:
    lines = [*amounts, -sum(amounts)]
    made = translate_lines(lines, a_rate(rate, pair))
    assert sum(made.amounts) + made.rounding_minor == 0
    assert 2 * abs(made.rounding_minor) <= len(lines)
    mirror = translate_lines([-one for one in lines], a_rate(rate, pair))
    assert mirror.amounts == tuple(-one for one in made.amounts)
    assert mirror.rounding_minor == -made.rounding_minor


@given(amounts=amounts, rate=rates, pair=pairs)
def test_parts_add_up_to_the_translated_whole(
    amounts: list[int], rate: str, pair: tuple[str, str]
) -> None:
    parts = {f"part-{at}": amount for at, amount in enumerate(amounts)}
    made = translate_parts(parts, a_rate(rate, pair))
    assert sum(made.values()) == translate(sum(amounts), a_rate(rate, pair))
    assert all(abs(made[key] - translate(parts[key], a_rate(rate, pair))) <= 1 for key in parts)


def test_no_parts_are_nothing() -> None:
    assert translate_parts({}, a_rate("1.1")) == {}


def test_an_entry_is_balanced_in_every_currency() -> None:
    made = translate_lines_to([333, 333, -666], [a_rate("1.1"), a_rate("165.5", ("EUR", "JPY"))])
    assert {currency: (one.amounts, one.rounding_minor) for currency, one in made.items()} == {
        "USD": ((366, 366, -733), 1),
        "JPY": ((551, 551, -1102), 0),
    }


def test_lines_that_do_not_balance_are_not_translated() -> None:
    with pytest.raises(UnbalancedEntryError, match="add up to 1 minor units of EUR"):
        translate_lines([2, -1], a_rate("1.1"))


def test_only_monetary_items_that_changed_are_remeasured() -> None:
    prepaid = payable(key="credits", account="1300", is_monetary=False, currency="GBP")
    same = payable(key="INV-2", carried_minor=-1_100_850)
    closing = {"EUR": found("closing", "2026-11-30")}
    assert [one.item.key for one in remeasure([prepaid, same, payable()], closing)] == ["INV-1"]


def test_the_remeasurement_balances_with_gains_and_losses_apart() -> None:
    refund = payable(key="REF-1", account="1500", amount_minor=10_000, carried_minor=10_910)
    found_items = remeasure([payable(), refund], {"EUR": found("closing", "2026-11-30")})
    lines = remeasurement_lines(found_items, gain_account="7100", loss_account="7200")
    assert [(line.line_no, line.account, line.amount_minor, line.memo) for line in lines] == [
        (1, "2000", 17_425, "INV-1: EUR at 1.0740, 2026-11-30"),
        (2, "1500", -170, "REF-1: EUR at 1.0740, 2026-11-30"),
        (3, "7100", -17_425, "Unrealised FX gain"),
        (4, "7200", 170, "Unrealised FX loss"),
    ]
    assert sum(line.amount_minor for line in lines) == 0
    assert remeasurement_lines((), gain_account="7100", loss_account="7200") == ()


def test_a_rate_of_another_currency_is_refused() -> None:
    with pytest.raises(NotReadyError, match="No closing rate for EUR, in which INV-1 is open"):
        remeasure([payable()], {})
    with pytest.raises(UnbalancedEntryError, match="INV-1 is open in EUR and the rate is from JPY"):
        remeasure([payable()], {"EUR": a_rate("0.0067", ("JPY", "USD"))})
    with pytest.raises(UnbalancedEntryError, match="the rate is from JPY"):
        settle(payable(), -1, a_rate("0.0067", ("JPY", "USD")))


@given(
    shares=st.lists(st.integers(1, 10**9), min_size=1, max_size=6),
    carried=st.integers(-(10**12), 10**12),
    sign=st.sampled_from([1, -1]),
    rate=rates,
)
def test_payments_in_parts_release_what_was_carried_exactly(
    shares: list[int], carried: int, sign: int, rate: str
) -> None:
    item: OpenItem | None = payable(amount_minor=sign * sum(shares), carried_minor=carried)
    released = 0
    for share in shares:
        assert item is not None
        paid = settle(item, sign * share, a_rate(rate))
        assert paid.released_minor + paid.gain_minor == paid.paid_minor
        released += paid.released_minor
        item = paid.rest
    assert (item, released) == (None, carried)


@pytest.mark.parametrize("amount", [0, 1, -1_025_001])
def test_no_more_is_settled_than_is_open(amount: int) -> None:
    with pytest.raises(UnbalancedEntryError, match=f"Cannot settle {amount} of INV-1: -1025000"):
        settle(payable(), amount, found("spot", "2026-12-05"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("EUR,USD,noon,2026-10-30,1.1,ECB", "type is 'noon'; expected one of spot, closing, aver"),
        ("EUR,USD,spot,30.10.2026,1.1,ECB", "date is '30.10.2026'; expected a day"),
        ("EUR,USD,spot,,1.1,", "date, source is empty"),
        ("eur,USD,spot,2026-10-30,1.1,ECB", "from is 'eur'; expected a currency such as EUR"),
        ("EUR,EURO,spot,2026-10-30,1.1,ECB", "to is 'EURO'; expected a currency"),
        ("EUR,ÜSD,spot,2026-10-30,1.1,ECB", "to is 'ÜSD'; expected a currency"),
        ('EUR,USD,spot,2026-10-30,"1,1",ECB', "rate: Expected a decimal number such as 12.5"),
        ("EUR,USD,spot,2026-10-30,0,ECB", "rate is 0; expected a number above zero"),
        ("EUR,USD,spot,2026-10-30,-1,ECB", "rate is -1; expected a number above zero"),
        ("EUR,USD,spot,2026-11-03,1.2,bank", "EUR to USD, spot, 2026-11-03 is there twice"),
    ],
)
def test_a_table_that_breaks_the_language_names_the_line(row: str, message: str) -> None:
    with pytest.raises(RuleFileError, match=f"rates.csv, line 9: {message}"):
        parse_rates(f"{TABLE}{row}\n", name="rates.csv")


def test_another_header_is_refused() -> None:
    with pytest.raises(RuleFileError, match="line 1: the header is 'date,rate'; expected from,to"):
        parse_rates("date,rate\n", name="rates.csv")
