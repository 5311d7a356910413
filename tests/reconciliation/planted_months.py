"""Whole months with every error in them: one of an AI provider, one of a cloud."""

from collections.abc import Callable

from tests.reconciliation import planted_errors as errors
from tests.reconciliation.planted_errors import account_row
from tests.reconciliation.synthetic_month import (
    EUR_USD,
    MICRO,
    Dice,
    Error,
    Lane,
    Month,
    Truth,
    billed_units,
    clean_lane,
    clean_resource,
    month_of,
    plant,
)

from tieout.reconciliation.breaks import AI_KEY, CLOUD_KEY, Known

Planted = tuple[tuple[str, Error], ...]

RATES = {"EUR/USD": EUR_USD}
TAX = account_row("Tax", "VAT 19 %", 1900)
CREDIT = account_row("Credit", "Service level refund", -731)
PROMOTION = account_row("Credit", "Promotional credit", -5000)
SEARCHES = account_row("Usage", "Web search calls", 812)
MINIMUM = account_row("Adjustment", "Minimum charge", 1234)
ROUNDING = account_row(
    "Adjustment", "Rounding Adjustment", 1, provider="azure", service_name="Billing"
)
METERED: tuple[Planted, ...] = (
    (("duplicate_log", errors.duplicate_log),),
    (("missing_log", errors.missing_log),),
    (("cached_twice", errors.cached_twice),),
    (("cents_as_currency", errors.cents_as_currency),),
    (("wrong_tier", errors.wrong_tier),),
    (("price_change", errors.price_change),),
    (("negotiated_rate", errors.negotiated_rate),),
    (("negotiated_rate_missing", errors.negotiated_rate_missing),),
    (("late_restatement", errors.late_restatement),),
    (("timezone_shift", errors.timezone_shift),),
    (("currency", errors.currency),),
    (("negotiated_rate", errors.negotiated_rate), ("duplicate_log", errors.duplicate_log)),
    (("price_change", errors.price_change), ("duplicate_log", errors.duplicate_log)),
    (),
)
RESOURCES: tuple[Planted, ...] = (
    (("commitment_amortisation", errors.commitment),),
    (("negotiated_rate", errors.negotiated_rate),),
    (("late_restatement", errors.late_restatement),),
    (("currency", errors.currency),),
    (("price_change", errors.price_change),),
    (),
)
WITHOUT_CAUSE: tuple[Error, ...] = (
    errors.odd_amount,
    errors.unpriced_model,
    errors.dropped_day,
    errors.waived_tokens,
    errors.moved_usage,
)


def ai_month(seed: int, *, left_out: frozenset[str] = frozenset()) -> Month:
    """Every cause of an AI bill, each in its lane; `left_out` are causes not planted."""
    dice, truth = Dice(seed), Truth()
    lanes = [
        _lane(dice, truth, planted, lambda name: clean_lane(dice, name), f"m{at}")
        for at, planted in enumerate(_kept(METERED, left_out))
    ]
    if "batch_discount" not in left_out:
        batch = (("batch_discount", errors.batch_discount),)
        lanes.append(
            _lane(dice, truth, batch, lambda name: clean_lane(dice, name, tier="batch"), "batch")
        )
    for at, error in enumerate((errors.tokens_on_capacity, errors.hours_twice)):
        lane = clean_lane(dice, f"ptu{at}")
        errors.capacity(lane, dice)
        if "provisioned_twice" not in left_out:
            plant(lane, truth, ("provisioned_twice", error), dice)
        lanes.append(lane)
    lanes += _without_cause(dice, lambda name: clean_lane(dice, name))
    step = dice.pick([1, MICRO])
    if "not_metered" not in left_out:
        lanes.append(_account(dice, truth, ("not_metered", SEARCHES)))
    rows: Planted = (("tax", TAX), ("credit", CREDIT), ("promotional_credit", PROMOTION))
    account = [_account(dice, truth, row) for row in rows if row[0] not in left_out]
    minimum = None
    if "minimum_charge" not in left_out:
        filled = _account(dice, truth, ("minimum_charge", MINIMUM))
        lanes.append(filled)
        minimum = billed_units(lanes, step_units=step)
    known = Known(rates=RATES, minimum_units=minimum, step_units=step)
    return month_of([*lanes, *account], truth, known=known, names=AI_KEY)


def cloud_month(seed: int, *, left_out: frozenset[str] = frozenset()) -> Month:
    """Every cause of a cloud bill, each on its resource."""
    dice, truth = Dice(f"cloud {seed}"), Truth()
    lanes = [
        _lane(dice, truth, planted, lambda name: clean_resource(dice, name), f"r{at}")
        for at, planted in enumerate(_kept(RESOURCES, left_out))
    ]
    lanes += _without_cause(dice, lambda name: clean_resource(dice, name))
    place = {"provider": "azure", "service_name": "Billing"}
    rows: Planted = (
        ("tax", account_row("Tax", "VAT 19 %", 1900, **place)),
        ("promotional_credit", account_row("Credit", "Free trial", -500, **place)),
        ("azure_rounding", ROUNDING),
    )
    lanes += [_account(dice, truth, row) for row in rows if row[0] not in left_out]
    return month_of(lanes, truth, known=Known(rates=RATES), names=CLOUD_KEY)


def tangled_month(seed: int) -> Month:
    """Two errors on each lane, every error with every other, in an order that the seed picks."""
    dice, truth = Dice(f"tangled {seed}"), Truth()
    single = [planted[0] for planted in METERED if len(planted) == 1]
    lanes = []
    for first in single:
        second = dice.pick([one for one in single if one != first])
        name = f"{first[0]}+{second[0]}"
        lanes.append(_lane(dice, truth, (first, second), lambda name: clean_lane(dice, name), name))
    return month_of(lanes, truth, known=Known(rates=RATES), names=AI_KEY)


def _kept(among: tuple[Planted, ...], left_out: frozenset[str]) -> list[Planted]:
    return [one for one in among if not {cause for cause, _ in one} & left_out]


def _lane(
    dice: Dice, truth: Truth, planted: Planted, clean: Callable[[str], Lane], name: str
) -> Lane:
    lane = clean(name)
    for one in planted:
        plant(lane, truth, one, dice)
    return lane


def _account(dice: Dice, truth: Truth, row: tuple[str, Error]) -> Lane:
    lane = Lane(estimate=[], report=[])
    plant(lane, truth, row, dice)
    return lane


def _without_cause(dice: Dice, clean: Callable[[str], Lane]) -> list[Lane]:
    lanes = []
    for at, error in enumerate(WITHOUT_CAUSE):
        lane = clean(f"odd{at}")
        error(lane, dice)
        lanes.append(lane)
    return lanes
