"""Exact translation between currencies, and what a change of rate does to open items.

Owns the arithmetic; which items are open, and the posting of what comes out, is not decided here.
Amounts are minor units of their own currency, debit positive, credit negative. Source of the
treatment: ASC 830, IAS 21.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from tieout.core.errors import NotReadyError, UnbalancedEntryError
from tieout.core.money import minor_digits
from tieout.core.shares import round_parts
from tieout.ledger.entry import JournalLine, numbered, signed_line
from tieout.ledger.fx_rates import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """Amounts in another currency, in the order given; `rounding_minor` is the line to add.

    `sum(amounts) + rounding_minor == 0`, and the rounding is at most half a minor unit a line.
    """

    amounts: tuple[int, ...]
    rounding_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """A balance in a foreign currency and what the books carry it at.

    `is_monetary` says that it will be settled in money (payable, accrual, receivable). What was
    paid in advance (credits, reservations) is not: it stays at the rate of its payment.
    """

    key: str
    account: str
    currency: str
    amount_minor: int
    carried_minor: int
    is_monetary: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Remeasured:
    """An open item at another rate: `gain_minor` is a gain when positive, a loss when negative."""

    item: OpenItem
    rate: Rate
    carried_minor: int
    gain_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a payment does: carried amount released, money that moved, realised gain, what stays.

    `released_minor + gain_minor == paid_minor`; `rest` is None once nothing is open.
    """

    released_minor: int
    paid_minor: int
    gain_minor: int
    rest: OpenItem | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueUp:
    """The change from accrual to invoice: at the accrual's rate, and by the change of the rate."""

    operational_minor: int
    fx_minor: int

    @property
    def total_minor(self) -> int:
        """What the expense changes by."""
        return self.operational_minor + self.fx_minor


def translate(amount_minor: int, rate: Rate) -> int:
    """An amount in the other currency's minor units, rounded once, half away from zero."""
    exact = amount_minor * minor_rate(rate)
    twice = 2 * abs(exact.numerator) + exact.denominator
    rounded = twice // (2 * exact.denominator)
    return -rounded if exact < 0 else rounded


def translate_lines(amounts_minor: Sequence[int], rate: Rate) -> Translated:
    """The lines of a balanced entry, each rounded for itself; what is left over is a line to add.

    Raises:
        UnbalancedEntryError: the lines do not add up to zero.
    """
    total = sum(amounts_minor)
    if total:
        raise UnbalancedEntryError(
            f"Cannot translate lines that add up to {total} minor units of {rate.from_currency}: "
            "expected a balanced entry; build it again from its lines."
        )
    amounts = tuple(translate(amount, rate) for amount in amounts_minor)
    return Translated(amounts=amounts, rounding_minor=-sum(amounts))


def translate_lines_to(
    amounts_minor: Sequence[int], rates: Iterable[Rate]
) -> dict[str, Translated]:
    """The lines in each currency that a rate leads to (functional, reporting): each balanced.

    Raises:
        UnbalancedEntryError: the lines do not add up to zero.
    """
    return {rate.to_currency: translate_lines(amounts_minor, rate) for rate in rates}


def translate_parts(parts_minor: Mapping[str, int], rate: Rate) -> dict[str, int]:
    """Parts of one amount in the other currency, by largest remainder, ties by key.

    `sum(result.values()) == translate(sum(parts_minor.values()), rate)`: for shares of a pool or
    expense lines of one invoice, whose total is fixed and which need no rounding line.
    """
    factor = minor_rate(rate)
    exact = {key: minor * factor.numerator for key, minor in parts_minor.items()}
    total = translate(sum(parts_minor.values()), rate)
    return round_parts(exact, step=factor.denominator, total=total) if parts_minor else {}


def remeasure(items: Iterable[OpenItem], rates: Mapping[str, Rate]) -> tuple[Remeasured, ...]:
    """Open items at the closing rates (by their currency); the difference goes to profit or loss.

    What is not monetary keeps its amount and is left out; so is what did not change.

    Raises:
        NotReadyError: an item's currency has no rate.
    """
    return tuple(
        one
        for item in items
        if item.is_monetary and (one := _remeasured(item, _rate_of(item, rates))).gain_minor
    )


def remeasurement_lines(
    found: Sequence[Remeasured], *, gain_account: str, loss_account: str
) -> tuple[JournalLine, ...]:
    """The lines of the entry: each item's account, and one line each for gains and losses.

    They add up to zero in the functional currency. Empty when nothing changed.
    """
    gains = sum(one.gain_minor for one in found if one.gain_minor > 0)
    losses = sum(one.gain_minor for one in found if one.gain_minor < 0)
    lines = [
        signed_line(
            one.item.account,
            one.gain_minor,
            memo=f"{one.item.key}: {one.rate.from_currency} at {one.rate.rate}, {one.rate.on}",
            dimensions={},
        )
        for one in found
    ]
    lines.append(signed_line(gain_account, -gains, memo="Unrealised FX gain", dimensions={}))
    lines.append(signed_line(loss_account, -losses, memo="Unrealised FX loss", dimensions={}))
    return numbered(lines)


def settle(item: OpenItem, amount_minor: int, rate: Rate) -> Settled:
    """Pay `amount_minor` of an open item (same sign as the item) at the rate of the payment.

    A part releases its part of the carried amount, rounded; the last part releases what is left.

    Raises:
        UnbalancedEntryError: more is paid than is open, or on the other side.
    """
    rest = item.amount_minor - amount_minor
    if not amount_minor or rest * item.amount_minor < 0 or abs(rest) > abs(item.amount_minor):
        raise UnbalancedEntryError(
            f"Cannot settle {amount_minor} of {item.key}: {item.amount_minor} minor units of "
            f"{item.currency} are open; settle what is open."
        )
    _refuse_other_currency(item, rate)
    parts = {"paid": amount_minor, "rest": rest}
    share = Fraction(item.carried_minor, item.amount_minor)
    exact = {key: minor * share.numerator for key, minor in parts.items()}
    carried = round_parts(exact, step=share.denominator, total=item.carried_minor)
    paid = translate(amount_minor, rate)
    return Settled(
        released_minor=carried["paid"],
        paid_minor=paid,
        gain_minor=paid - carried["paid"],
        rest=replace(item, amount_minor=rest, carried_minor=carried["rest"]) if rest else None,
    )


def true_up_of(
    accrued_minor: int, invoiced_minor: int, *, accrual_rate: Rate, invoice_rate: Rate
) -> TrueUp:
    """The change of the expense when the invoice comes at another rate than the accrual.

    The accrual is reversed at its own rate, so the two parts add up to the change exactly.
    """
    total = translate(invoiced_minor, invoice_rate) - translate(accrued_minor, accrual_rate)
    operational = translate(invoiced_minor, accrual_rate) - translate(accrued_minor, accrual_rate)
    return TrueUp(operational_minor=operational, fx_minor=total - operational)


def minor_rate(rate: Rate) -> Fraction:
    """Minor units of the one currency for a minor unit of the other."""
    digits = minor_digits(rate.to_currency) - minor_digits(rate.from_currency)
    return Fraction(rate.rate) * Fraction(10) ** digits


def _rate_of(item: OpenItem, rates: Mapping[str, Rate]) -> Rate:
    if item.currency not in rates:
        raise NotReadyError(
            f"No closing rate for {item.currency}, in which {item.key} is open: add the rate."
        )
    rate = rates[item.currency]
    _refuse_other_currency(item, rate)
    return rate


def _refuse_other_currency(item: OpenItem, rate: Rate) -> None:
    if rate.from_currency != item.currency:
        raise UnbalancedEntryError(
            f"{item.key} is open in {item.currency} and the rate is from {rate.from_currency}: "
            "give the rate of its own currency."
        )


def _remeasured(item: OpenItem, rate: Rate) -> Remeasured:
    carried = translate(item.amount_minor, rate)
    return Remeasured(
        item=item, rate=rate, carried_minor=carried, gain_minor=carried - item.carried_minor
    )
