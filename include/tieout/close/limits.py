"""Tolerances and materiality as finance approves them: the `tolerances` policy and its language.

Owns the file's language (YAML, see docs/reference/tolerances.md) and what holds without one. The
arithmetic of a limit is in `tolerance`; what is compared is the checklist's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from tieout.close.tolerance import FLUX, INVOICE, LINE, PROVIDER_MONTH, SUGGESTION, Tolerance
from tieout.core.errors import MoneyFormatError
from tieout.core.money import (
    UNITS_PER_ONE,
    from_minor,
    minor_digits,
    parse_decimal,
    to_minor,
    to_units,
)
from tieout.rules.fields import fields, members, text_of
from tieout.rules.yaml_text import Node, read_yaml

LEVELS = ("line", "invoice", "provider_month", "flux")
MATERIALITY = ("overall", "performance", "trivial")
_PARTS = ("levels", "unallocated_pct", "exceptions", "materiality")
_EXCEPTIONS = ("ageing_days", "due_days", "acceptance_days", "stale_accrual_months")
_PERCENT = 100
_BASIS_POINTS = 10_000
_MOST_DAYS = 366
_MOST_MONTHS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the checklist measures differences with; amounts in minor units of the currency.

    `name` says which version holds (`tolerances@2`), or that no policy is in force. `ageing_days`
    are the upper ends of the ageing buckets; an acceptance of an exception lasts at most
    `acceptance_days`; a new exception is due after `due_days`. An accrual that no invoice cleared
    for `stale_months` is an exception; None: none is. `materiality_minor` is what a person
    entered: the checklist shows it and decides nothing by it.
    """

    name: str = "no tolerances policy: the built-in limits"
    line: Tolerance = LINE
    invoice: Tolerance = INVOICE
    provider_month: Tolerance = PROVIDER_MONTH
    flux: Tolerance = FLUX
    unallocated_bp: int = 500
    ageing_days: tuple[int, ...] = (30, 60, 90, 120)
    due_days: int = 5
    acceptance_days: int = 62
    stale_months: int | None = None
    materiality_minor: Mapping[str, int] | None = None

    @property
    def suggestion(self) -> Tolerance:
        """What two rows may differ by and still be suggested: a line's limit without its floor."""
        return replace(self.line, floor_minor=SUGGESTION.floor_minor)


DEFAULT_LIMITS = Limits()


def parse_limits(text: str, *, name: str) -> Limits:
    """Read a `tolerances` file; what it leaves out keeps the built-in limit.

    Raises:
        RuleFileError: the file breaks the language, an amount is finer than the currency's minor
            unit, a floor is above its cap, or the inputs of materiality are in the wrong order.
    """
    root = fields(read_yaml(text, name=name), required=("tolerances", "currency"), optional=_PARTS)
    text_of(root["tolerances"])
    digits = minor_digits(text_of(root["currency"]))
    found = replace(DEFAULT_LIMITS, name=name)
    if "levels" in root:
        found = _levels(found, root["levels"], digits)
    if "unallocated_pct" in root:
        found = replace(found, unallocated_bp=_basis_points(root["unallocated_pct"]))
    if "exceptions" in root:
        found = _exceptions(found, root["exceptions"])
    if "materiality" in root:
        found = replace(found, materiality_minor=_materiality(root["materiality"], digits))
    return found


def whole_of(node: Node, *, least: int, most: int) -> int:
    """A whole number within bounds, such as a count of days.

    Raises:
        RuleFileError: it is something else; names the line.
    """
    text = text_of(node)
    number = text.removeprefix("-")
    if not (number.isascii() and number.isdecimal() and least <= int(text) <= most):
        raise node.error(
            f"expected a whole number from {least} to {most}, found {text[:40]!r}; correct it."
        )
    return int(text)


def _exceptions(found: Limits, node: Node) -> Limits:
    values = fields(node, required=(), optional=_EXCEPTIONS)
    days = {
        key: whole_of(values[key], least=1, most=_MOST_DAYS)
        for key in ("due_days", "acceptance_days")
        if key in values
    }
    ageing = found.ageing_days
    if "ageing_days" in values:
        ageing = _rising(values["ageing_days"])
    stale = found.stale_months
    if "stale_accrual_months" in values:
        stale = whole_of(values["stale_accrual_months"], least=1, most=_MOST_MONTHS)
    return replace(
        found,
        ageing_days=ageing,
        stale_months=stale,
        due_days=days.get("due_days", found.due_days),
        acceptance_days=days.get("acceptance_days", found.acceptance_days),
    )


def _rising(node: Node) -> tuple[int, ...]:
    days = tuple(whole_of(one, least=1, most=_MOST_DAYS * 10) for one in members(node))
    if sorted(set(days)) != list(days):
        raise node.error(f"expected rising days such as [30, 60, 90, 120], found {list(days)}.")
    return days


def _levels(found: Limits, node: Node, digits: int) -> Limits:
    values = fields(node, required=(), optional=LEVELS)
    levels = {key: _level(one, digits) for key, one in values.items()}
    return replace(
        found,
        line=levels.get("line", found.line),
        invoice=levels.get("invoice", found.invoice),
        provider_month=levels.get("provider_month", found.provider_month),
        flux=levels.get("flux", found.flux),
    )


def _level(node: Node, digits: int) -> Tolerance:
    values = fields(node, required=("pct", "floor", "cap"))
    floor, cap = (_amount(values[key], digits) for key in ("floor", "cap"))
    if floor > cap:
        raise node.error("the floor is above the cap: expected limit = max(floor, min(%, cap)).")
    return Tolerance(pct=_share(values["pct"]), floor_minor=floor, cap_minor=cap)


def _materiality(node: Node, digits: int) -> dict[str, int]:
    values = fields(node, required=MATERIALITY)
    found = {key: _amount(values[key], digits) for key in MATERIALITY}
    falling: Sequence[int] = [found[key] for key in MATERIALITY]
    if sorted(falling, reverse=True) != falling:
        raise node.error("expected overall >= performance >= trivial; correct the three amounts.")
    return found


def _amount(node: Node, digits: int) -> int:
    units = _number(node)
    minor = to_minor(units, digits)
    if units < 0 or from_minor(minor, digits) != units:
        raise node.error(
            f"expected an amount of 0 or more with at most {digits} decimals, found "
            f"{text_of(node)[:40]!r}."
        )
    return minor


def _share(node: Node) -> Fraction:
    units = _number(node)
    if not 0 <= units <= _PERCENT * UNITS_PER_ONE:
        raise node.error(f"expected a percentage from 0 to 100, found {text_of(node)[:40]!r}.")
    return Fraction(units, _PERCENT * UNITS_PER_ONE)


def _basis_points(node: Node) -> int:
    points = _share(node) * _BASIS_POINTS
    if points.denominator != 1:
        raise node.error("expected a percentage with at most two decimals; round it.")
    return points.numerator


def _number(node: Node) -> int:
    try:
        return to_units(parse_decimal(text_of(node)))
    except MoneyFormatError as error:
        raise node.error(f"expected a number such as 0.5: {error}") from None
