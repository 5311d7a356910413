"""A month with planted errors and known truth, from a seed; and the score of what was explained.

A lane is one project and model. Each planted error has a lane of its own, or shares it where the
two can be told apart; lanes without an error and lanes with differences that have no cause stand
between them. Truth is measured: what an error adds to later minus earlier on each key.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pyarrow as pa
from tests.reconciliation.charge_rows import charge, charges

from tieout.core.money import round_half_even, to_decimal
from tieout.reconciliation.breaks import AI_KEY, CLOUD_KEY, Key, Known
from tieout.reconciliation.cases import open_case
from tieout.reconciliation.explaining import Explained, explain

MICRO = 10**6  # a millionth of a dollar in units: what some reports round to
PRICES = {"input": 2_500_000, "cached_input": 1_250_000, "output": 10_000_000}  # units a token
HOURS = (0, 3, 11, 17, 22, 23)
EUR_USD = Fraction("1.0850")
CLOUD_PARTS = CLOUD_KEY[len(AI_KEY) :]
Truth = dict[tuple[str, Key], int]


class Dice:
    """Numbers that follow from a seed, the same on every machine."""

    def __init__(self, seed: int | str) -> None:
        self.seed, self.rolled = seed, 0

    def below(self, limit: int) -> int:
        self.rolled += 1
        digest = hashlib.sha256(f"{self.seed}/{self.rolled}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % limit

    def pick(self, among: Sequence[Any]) -> Any:
        return among[self.below(len(among))]

    def some(self, among: Sequence[Any], count: int) -> list[Any]:
        left = list(among)
        return sorted(left.pop(self.below(len(left))) for _ in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One charge to be: day and hour (None: the whole day), texts, quantity and cost in units."""

    day: int
    hour: int | None
    units: int
    quantity: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    def priced(self, factor: Fraction | int, **changed: Any) -> "Line":
        units = round_half_even(Fraction(self.units) * factor)
        return replace(self, units=units, fields={**self.fields, **changed})

    def but(self, **changed: Any) -> "Line":
        return replace(self, fields={**self.fields, **changed})

    @property
    def row(self) -> dict[str, Any]:
        starts = datetime(2026, 10, self.day, self.hour or 0, tzinfo=UTC)
        ends = starts + timedelta(hours=24 if self.hour is None else 1)
        quantity = None if self.quantity is None else str(self.quantity)
        values = charge(self.day, self.units, quantity=quantity, **self.fields)
        return {**values, "charge_period_start": starts, "charge_period_end": ends}


@dataclass(slots=True)
class Lane:
    """One project and model: what we estimated, what the provider billed, and its draft."""

    estimate: list[Line]
    report: list[Line]
    draft: list[Line] | None = None  # None: as the report
    spare: list[Line] = field(default_factory=list)  # what an error may bring back

    @property
    def days(self) -> list[int]:
        return sorted({line.day for line in self.report})


Error = Callable[[Lane, Dice], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Two figures, what is known beside them, and what was planted."""

    earlier: pa.Table
    later: pa.Table
    known: Known
    names: tuple[str, ...]
    truth: Truth

    def explained(self) -> Explained:
        return explain(open_case(self.earlier, self.later, names=self.names, known=self.known))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Planted value, the part of it on the right cause and key, and what was explained wrongly."""

    planted_units: int
    right_units: int
    false_units: int
    missed: tuple[tuple[str, Key], ...]
    false: tuple[tuple[str, Key], ...]


def score(month: Month) -> Score:
    """A cause is right on a key when its amount is the planted one, up to the report's rounding."""
    found: Truth = {}
    for one in month.explained().explanations:
        place = (one.cause, one.key)
        found[place] = found.get(place, 0) + one.amount_units
    slack = 2 * month.known.step_units + 2
    right = {
        place for place, units in month.truth.items() if abs(found.get(place, 0) - units) <= slack
    }
    false = {place for place, units in found.items() if place not in right and units}
    return Score(
        planted_units=sum(abs(units) for units in month.truth.values()),
        right_units=sum(abs(month.truth[place]) for place in right),
        false_units=sum(abs(found[place]) for place in false),
        missed=tuple(sorted(month.truth.keys() - right, key=str)),
        false=tuple(sorted(false, key=str)),
    )


def clean_lane(dice: Dice, name: str, *, tier: str = "standard") -> Lane:
    """Hourly estimates of 14 to 31 days, and the provider's daily figures of the same usage."""
    days = dice.some(range(1, 32), 14 + dice.below(18))
    shared = {"sub_account_id": f"proj-{name}", "x_model": f"model-{name}", "x_service_tier": tier}
    estimate = []
    for day in days:
        for hour in dice.some(HOURS, 2 + dice.below(3)):
            for kind, price in PRICES.items():
                tokens = 1 + dice.below(5_000_000)
                fields = {**shared, "x_token_kind": kind, "charge_description": f"{name}, {kind}"}
                units = tokens * price // (2 if tier == "batch" else 1)
                estimate.append(
                    Line(day=day, hour=hour, units=units, quantity=tokens, fields=fields)
                )
    if dice.below(3) == 0:  # two equal calls that both sides count as two
        estimate.append(dice.pick(estimate))
    return Lane(estimate=estimate, report=by_day(estimate))


def by_day(lines: Sequence[Line], *, hours: int = 0) -> list[Line]:
    """One line for each day and other texts, days beginning `hours` earlier than in UTC."""
    sums: dict[tuple[int, str], Line] = {}
    for line in lines:
        at = datetime(2026, 10, line.day, line.hour or 0, tzinfo=UTC) + timedelta(hours=hours)
        if at.month != 10:
            continue
        place = (at.day, str(sorted(line.fields.items())))
        old = sums.get(place)
        sums[place] = replace(
            line,
            day=at.day,
            hour=None,
            units=line.units + (old.units if old else 0),
            quantity=(line.quantity or 0) + (old.quantity or 0 if old else 0),
        )
    return list(sums.values())


def differences_of(lane: Lane) -> dict[Key, int]:
    """Later minus earlier on each key of a lane."""
    found: dict[Key, int] = {}
    for sign, lines in ((1, lane.report), (-1, lane.estimate)):
        for line in lines:
            values = {"charge_category": "Usage", **line.fields}
            key = Key(
                day=date(2026, 10, line.day),
                category=values["charge_category"],
                sub_account=values.get("sub_account_id"),
                model=values.get("x_model"),
                tier=values.get("x_service_tier"),
                kind=values.get("x_token_kind"),
                rest=tuple(values.get(name) for name in CLOUD_PARTS if "service_name" in values),
            )
            found[key] = found.get(key, 0) + sign * line.units
    return found


def plant(lane: Lane, truth: Truth, planted: tuple[str, Error], dice: Dice) -> None:
    """Make an error and write down what it adds on each key."""
    cause, error = planted
    before = differences_of(lane)
    error(lane, dice)
    for key, units in differences_of(lane).items():
        if units != before.get(key, 0):
            place = (cause, key)
            truth[place] = truth.get(place, 0) + units - before.get(key, 0)


def month_of(lanes: Sequence[Lane], truth: Truth, *, known: Known, names: tuple[str, ...]) -> Month:
    """The lanes as one month; a report rounds each of its lines to its step."""
    earlier, later, draft = _tables(lanes, step_units=known.step_units)
    return Month(
        earlier=earlier,
        later=later,
        known=replace(known, draft=draft),
        names=names,
        truth={place: units for place, units in truth.items() if units},
    )


def billed_units(lanes: Sequence[Lane], *, step_units: int) -> int:
    """What the reports of these lanes come to."""
    return sum(_rounded(line, step_units).units for lane in lanes for line in lane.report)


def _tables(lanes: Sequence[Lane], *, step_units: int) -> tuple[pa.Table, pa.Table, pa.Table]:
    estimate = [line.row for lane in lanes for line in lane.estimate]
    final = [_rounded(line, step_units).row for lane in lanes for line in lane.report]
    draft = [
        _rounded(line, step_units).row
        for lane in lanes
        for line in (lane.report if lane.draft is None else lane.draft)
    ]
    return (
        charges(*estimate, pull="estimate"),
        charges(*final, pull="final"),
        charges(*draft, pull="draft"),
    )


def _rounded(line: Line, step: int) -> Line:
    return replace(line, units=round_half_even(Fraction(line.units, step)) * step)


def listed(line: Line, units: int) -> Line:
    """The line with a list cost beside what is billed."""
    return line.but(list_cost=to_decimal(units))


def clean_resource(dice: Dice, name: str) -> Lane:
    """A cloud resource by the hour: the preliminary figures and the report, day by day."""
    fields = {
        "provider": "azure",
        "sub_account_id": "subscription-1",
        "service_name": "Virtual Machines",
        "sku_id": f"sku-{dice.below(3)}",
        "region_id": "westeurope",
        "resource_id": f"vm-{name}",
        "charge_description": "D4s v5",
    }
    lines = [
        Line(day=day, hour=None, units=hours * 192_000_000_000, quantity=hours, fields=fields)
        for day in dice.some(range(1, 32), 20)
        for hours in [1 + dice.below(24)]
    ]
    return Lane(estimate=list(lines), report=list(lines))
