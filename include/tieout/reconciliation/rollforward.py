"""Roll accrued liabilities forward, and tie a balance three ways.

Owns opening + movements = closing for each service month, the search for months that nobody
accrued again, and the comparison with the ledger and with the open amounts. Prepaid credit rolls
forward in `prepaid`, commitments in `drawdown`; both tie here. Amounts are minor units as posted; a
liability is positive.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from tieout.core.finding import Finding
from tieout.core.money import format_units, from_minor, minor_digits
from tieout.core.period import Period

MovementKind = Literal[
    "accrual", "re_accrual", "reversal", "cleared", "release", "remeasurement", "reclass"
]
KINDS: tuple[MovementKind, ...] = (
    "accrual",
    "re_accrual",
    "reversal",
    "cleared",
    "release",
    "remeasurement",
    "reclass",
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Liability:
    """What accrued liabilities are kept by."""

    provider: str
    billing_account_id: str
    currency: str
    service_period: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One posting to an accrued liability; positive makes it larger.

    `posted_in` is the period that the entry belongs to, `evidence` the entry. An accrual of an
    earlier service month is a re-accrual, whatever it is called.
    """

    liability: Liability
    kind: MovementKind
    posted_in: Period
    amount_minor: int
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """One liability through one period: opening + movements = closing, by construction.

    `movements` has every kind, those of nothing as 0; `evidence` the entries of the period.
    """

    liability: Liability
    period: Period
    opening_minor: int
    movements: Mapping[MovementKind, int]
    evidence: tuple[str, ...]

    @property
    def closing_minor(self) -> int:
        """What is owed and not invoiced at the end of the period."""
        return self.opening_minor + sum(self.movements.values())

    @property
    def age_months(self) -> int:
        """Months from the service month to this period."""
        own = self.liability.service_period
        return 12 * (self.period.year - own.year) + self.period.month - own.month


def rollforward(movements: Iterable[Movement], *, period: Period) -> tuple[Roll, ...]:
    """Every liability that had a balance or a movement in a period, ordered by liability.

    `movements` are all of them since the books began; later ones are left out. So the closing of
    one period is the opening of the next.
    """
    found: dict[Liability, list[Movement]] = {}
    for movement in movements:
        if movement.posted_in <= period:
            found.setdefault(movement.liability, []).append(movement)
    rolls = [_roll(liability, found[liability], period) for liability in sorted(found)]
    return tuple(roll for roll in rolls if roll.opening_minor or roll.evidence)


def unaccrued(rolls: Iterable[Roll], expected: Mapping[Liability, int]) -> tuple[Finding, ...]:
    """A blocking finding for each service month that no invoice bills and no accrual covers.

    `expected` says in minor units what is still to be invoiced for each service month up to the
    closing one. After an automatic reversal it must be accrued again as long as the invoice has not
    come, or the liability silently disappears.
    """
    closing = {roll.liability: roll.closing_minor for roll in rolls}
    lacking = {
        liability: amount - closing.get(liability, 0) for liability, amount in expected.items()
    }
    return tuple(
        Finding(
            kind="accrual_missing",
            severity="blocking",
            subject=f"{_name(liability)} {liability.service_period}",
            message=(
                f"Expected {_shown(expected[liability], liability.currency)} accrued for "
                f"{liability.service_period}, whose invoice has not come, found "
                f"{_shown(closing.get(liability, 0), liability.currency)}: accrue the difference."
            ),
            amount_units=from_minor(gap, minor_digits(liability.currency)),
            currency=liability.currency,
        )
        for liability, gap in sorted(lacking.items())
        if gap
    )


def stale(rolls: Iterable[Roll], *, months: int) -> tuple[Finding, ...]:
    """A blocking finding for each liability that no invoice cleared within so many months.

    Its age is the months from the service month to the roll's. It is released by nobody but people:
    the finding says what stands and how old it is.
    """
    return tuple(
        Finding(
            kind="accrual_stale",
            severity="blocking",
            subject=f"{_name(roll.liability)} {roll.liability.service_period}",
            message=(
                f"Expected the invoice of {roll.liability.service_period} within {months} months, "
                f"found {_shown(roll.closing_minor, roll.liability.currency)} still accrued "
                f"{roll.age_months} months later: ask for the invoice, or have a person decide "
                "whether the accrual stays."
            ),
            amount_units=from_minor(roll.closing_minor, minor_digits(roll.liability.currency)),
            currency=roll.liability.currency,
        )
        for roll in rolls
        if roll.closing_minor and roll.age_months >= months
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """One balance as three sources have it, in minor units.

    `rolled_minor` is opening + movements, `ledger_minor` the control account, `open_minor` the sum
    of the open amounts (accruals without an invoice, the balance that the provider shows).
    """

    subject: str
    currency: str
    rolled_minor: int
    ledger_minor: int
    open_minor: int


def ties_of(
    rolls: Iterable[Roll],
    *,
    ledger: Mapping[tuple[str, str, str], int],
    open_amounts: Mapping[Liability, int],
) -> tuple[Tie, ...]:
    """Accrued liabilities of each account beside its control account and its open accruals.

    `ledger` has the balance by (provider, account, currency), a liability positive. What only one
    of the three knows is zero for the others.
    """
    sums: dict[tuple[str, str, str], list[int]] = {
        key: [0, units, 0] for key, units in ledger.items()
    }
    for roll in rolls:
        sums.setdefault(_account(roll.liability), [0, 0, 0])[0] += roll.closing_minor
    for liability, amount in open_amounts.items():
        sums.setdefault(_account(liability), [0, 0, 0])[2] += amount
    return tuple(
        Tie(
            subject=f"{provider}/{account}",
            currency=currency,
            rolled_minor=rolled,
            ledger_minor=in_ledger,
            open_minor=still_open,
        )
        for (provider, account, currency), (rolled, in_ledger, still_open) in sorted(sums.items())
    )


def untied(ties: Iterable[Tie], *, what: str) -> tuple[Finding, ...]:
    """A blocking finding for each balance on which the three do not agree to the minor unit."""
    return tuple(
        Finding(
            kind="rollforward_untied",
            severity="blocking",
            subject=f"{tie.subject}: {what}",
            message=(
                f"Expected the {what} of {tie.subject} to close at one figure, found "
                f"{_shown(tie.rolled_minor, tie.currency)} rolled forward, "
                f"{_shown(tie.ledger_minor, tie.currency)} in the ledger and "
                f"{_shown(tie.open_minor, tie.currency)} open: find the entry that differs."
            ),
            amount_units=from_minor(_spread(tie), minor_digits(tie.currency)),
            currency=tie.currency,
        )
        for tie in ties
        if _spread(tie)
    )


def _roll(liability: Liability, movements: list[Movement], period: Period) -> Roll:
    now = [movement for movement in movements if movement.posted_in == period]
    sums: dict[MovementKind, int] = dict.fromkeys(KINDS, 0)
    for movement in now:
        sums[_kind(movement)] += movement.amount_minor
    return Roll(
        liability=liability,
        period=period,
        opening_minor=sum(
            movement.amount_minor for movement in movements if movement.posted_in < period
        ),
        movements=sums,
        evidence=tuple(sorted(movement.evidence for movement in now)),
    )


def _kind(movement: Movement) -> MovementKind:
    if movement.kind == "accrual" and movement.liability.service_period < movement.posted_in:
        return "re_accrual"
    return movement.kind


def _account(liability: Liability) -> tuple[str, str, str]:
    return liability.provider, liability.billing_account_id, liability.currency


def _name(liability: Liability) -> str:
    return f"{liability.provider}/{liability.billing_account_id}"


def _spread(tie: Tie) -> int:
    figures = (tie.rolled_minor, tie.ledger_minor, tie.open_minor)
    return max(figures) - min(figures)


def _shown(amount_minor: int, currency: str) -> str:
    digits = minor_digits(currency)
    return f"{format_units(from_minor(amount_minor, digits), digits)} {currency}"
