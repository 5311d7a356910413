"""The errors of a synthetic month: each changes one lane the way it happens in real life."""

from dataclasses import replace
from fractions import Fraction

from tests.reconciliation.synthetic_month import (
    EUR_USD,
    PRICES,
    Dice,
    Error,
    Lane,
    Line,
    by_day,
    listed,
)

from tieout.core.money import to_decimal


def duplicate_log(lane: Lane, dice: Dice) -> None:
    for day in dice.some(lane.days, 1 + dice.below(3)):
        hours = sorted({line.hour for line in lane.estimate if line.day == day and line.hour})
        hour = dice.pick(hours or [0])
        lane.estimate += [line for line in lane.estimate if (line.day, line.hour) == (day, hour)]


def missing_log(lane: Lane, dice: Dice) -> None:
    lost = dice.some(lane.days, 1 + dice.below(3))
    whole_days = dice.below(2)
    lane.estimate = [
        line
        for line in lane.estimate
        if line.day not in lost or not (whole_days or (line.hour or 0) < 12)
    ]


def cached_twice(lane: Lane, dice: Dice) -> None:
    days = lane.days if dice.below(2) else dice.some(lane.days, 5)
    cached = [line for line in lane.estimate if line.fields["x_token_kind"] == "cached_input"]
    for one in cached:
        tokens = one.quantity or 0
        if one.day in days:
            again = replace(one, units=tokens * PRICES["input"], quantity=tokens)
            lane.estimate.append(again.but(x_token_kind="input"))


def cents_as_currency(lane: Lane, dice: Dice) -> None:
    if dice.below(2):
        lane.report = [line.priced(100) for line in lane.report]
    else:
        lane.estimate = [line.priced(100) for line in lane.estimate]


def wrong_tier(lane: Lane, dice: Dice) -> None:
    tier, factor = dice.pick([("flex", Fraction(3, 5)), ("priority", 2), ("batch", Fraction(1, 2))])
    days, part = dice.some(lane.days, 6), dice.pick([1, 3])
    moved = []
    for at, line in enumerate(lane.report):
        if line.day in days:
            tokens = (line.quantity or 0) // part
            units = line.units * tokens // (line.quantity or 1)
            rest = replace(line, quantity=(line.quantity or 0) - tokens, units=line.units - units)
            lane.report[at] = rest
            moved.append(
                replace(line, quantity=tokens, units=units).priced(factor, x_service_tier=tier)
            )
    lane.report = [line for line in lane.report if line.quantity] + moved


def batch_discount(lane: Lane, dice: Dice) -> None:
    days = lane.days if dice.below(2) else dice.some(lane.days, 4)
    lane.estimate = [line.priced(2) if line.day in days else line for line in lane.estimate]


def price_change(lane: Lane, dice: Dice) -> None:
    since = lane.days[3 + dice.below(len(lane.days) - 6)]
    factor = dice.pick([Fraction(4, 5), Fraction(11, 10), Fraction(7, 8), Fraction(3, 2)])
    lane.report = [line.priced(factor) if line.day >= since else line for line in lane.report]


def negotiated_rate(lane: Lane, dice: Dice) -> None:
    factor = 1 - dice.pick([Fraction(7, 100), Fraction(1, 8), Fraction(1, 3)])
    lane.report = [listed(line.priced(factor), line.units) for line in lane.report]


def negotiated_rate_missing(lane: Lane, dice: Dice) -> None:
    factor = 1 - dice.pick([Fraction(1, 20), Fraction(1, 8), Fraction(1, 3)])
    lane.estimate = [listed(line.priced(factor), line.units) for line in lane.estimate]


def late_restatement(lane: Lane, dice: Dice) -> None:
    lane.draft = list(lane.report)
    days = dice.some(lane.days, 1 + dice.below(4))
    for at, line in enumerate(lane.report):
        if line.day in days:
            more = 1 + dice.below(10**6)
            lane.report[at] = replace(
                line, units=line.units + more * 10**6, quantity=(line.quantity or 0) + more
            )


def timezone_shift(lane: Lane, dice: Dice) -> None:
    lane.report = by_day(lane.estimate, hours=dice.pick([-8, -7, -5, 2, 8, 9]))


def currency(lane: Lane, dice: Dice) -> None:
    if dice.below(2):
        lane.report = [line.priced(EUR_USD) for line in lane.report]
    else:
        lane.report = [
            line.priced(
                Fraction(10871, 10000),
                pricing_currency="EUR",
                pricing_currency_effective_cost=to_decimal(line.units),
            )
            for line in lane.report
        ]


def capacity(lane: Lane, dice: Dice) -> None:
    """From here on some days run on provisioned capacity: no token charges, as it should be."""
    days = dice.some(lane.days, 4)
    for side in (lane.estimate, lane.report):
        shared = {**side[0].fields, "x_service_tier": "provisioned", "x_token_kind": None}
        lane.spare = (
            [line for line in side if line.day in days] if side is lane.estimate else lane.spare
        )
        side[:] = [line for line in side if line.day not in days]
        side += [
            Line(day=day, hour=hour, units=2_040_000_000_000, quantity=1, fields=shared)
            for day in days
            for hour in range(3)
        ]


def tokens_on_capacity(lane: Lane, dice: Dice) -> None:
    lane.estimate += lane.spare


def hours_twice(lane: Lane, dice: Dice) -> None:
    day = dice.pick(sorted({line.day for line in lane.spare}))
    lane.report += [line for line in lane.report if line.day == day and line.hour == 1]


def commitment(lane: Lane, dice: Dice) -> None:
    """The estimate spreads a reservation over its days, the provider bills the purchase."""
    days = dice.some(lane.days, 5)
    lane.report = [
        line.priced(
            0, effective_cost=to_decimal(line.units), commitment_discount_id="reservation-1"
        )
        if line.day in days
        else line
        for line in lane.report
    ]
    lane.report.append(
        Line(
            day=days[0],
            hour=None,
            units=1_200 * 10**12,
            fields={
                **lane.report[0].fields,
                "charge_category": "Purchase",
                "effective_cost": to_decimal(0),
                "commitment_discount_id": "reservation-1",
            },
        )
    )


def account_row(category: str, description: str, cents: int, **fields: str) -> Error:
    """One more row on the provider's side that belongs to no project."""

    def error(lane: Lane, dice: Dice) -> None:
        units = cents * (1 + dice.below(3)) * 10**10
        texts = {"charge_category": category, "charge_description": description, **fields}
        lane.report.append(Line(day=28, hour=None, units=units, fields=texts))

    return error


def odd_amount(lane: Lane, dice: Dice) -> None:
    """No cause: a day's charges are dearer or cheaper for no reason that anything shows."""
    for day in dice.some(lane.days, 2):
        lane.report = [
            line.priced(Fraction(1009 + dice.below(97), 1013)) if line.day == day else line
            for line in lane.report
        ]


def unpriced_model(lane: Lane, dice: Dice) -> None:
    """No cause: the estimate never knew this model, so nothing says what it should cost."""
    lane.estimate = []


def dropped_day(lane: Lane, dice: Dice) -> None:
    """No cause: the provider does not bill a day that we metered."""
    day = dice.pick(lane.days)
    lane.report = [line for line in lane.report if line.day != day]


def waived_tokens(lane: Lane, dice: Dice) -> None:
    """No cause: fewer tokens than we metered, at the same price."""
    at = dice.below(len(lane.report))
    line = lane.report[at]
    tokens = (line.quantity or 0) * 2 // 3
    lane.report[at] = replace(
        line, quantity=tokens, units=line.units * tokens // (line.quantity or 1)
    )


def moved_usage(lane: Lane, dice: Dice) -> None:
    """No cause: tokens of one day stand on another, and not around midnight."""
    first, second = (
        lane.report[0],
        next(line for line in reversed(lane.report) if line.fields == lane.report[0].fields),
    )
    tokens = (first.quantity or 0) // 7
    units = first.units * tokens // (first.quantity or 1)
    lane.report[lane.report.index(first)] = replace(
        first, quantity=(first.quantity or 0) - tokens, units=first.units - units
    )
    lane.report[lane.report.index(second)] = replace(
        second, quantity=(second.quantity or 0) + tokens, units=second.units + units
    )
