"""Reading what a pool says to its method: percentages, tiers, capacities; exact, with the line.

Owns the values of these keys in the file; which keys a method has is the method's.
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import cast, get_args

from tieout.allocation.basis import By, Parameters, Term, Tier, decimal_text
from tieout.core.errors import MoneyFormatError
from tieout.core.money import UNITS_PER_ONE, parse_decimal
from tieout.rules.fields import day_of, entries, fields, identifier_of, members, one_of, text_of
from tieout.rules.register import POOL_PREFIX
from tieout.rules.yaml_text import Node

_ALL = Fraction(100)
_MOST_MONTHS = 240


def parameters_of(content: Mapping[str, Node]) -> Parameters:
    """The parameters among the keys of a pool; a key that is absent stays open.

    Raises:
        RuleFileError: no number where one is expected, a negative one, percentages that do not add
            up to exactly 100, tiers out of order, a term without a day; with the line.
    """
    _refuse_half_of_a_pair(content)
    return Parameters(
        percent=_percent(content),
        budget_driver=_name(content, "budget_driver"),
        fixed_percent=_at_most_100(content),
        fixed_units=_units(content),
        capacity=_number(content, "capacity"),
        unused_owner=_name(content, "unused_owner"),
        tiers=_tiers(content["tiers"]) if "tiers" in content else (),
        order=_order(content),
        term=_term(content) if "start_on" in content else None,
    )


def target_of(node: Node) -> str:
    """An initiative's id, or `pool:<id>`."""
    return _target(text_of(node), node)


def weights_of(node: Node) -> tuple[tuple[str, Fraction], ...]:
    """Weights by target in byte order, zero or more, not all zero."""
    found = {_target(key, value): number_of(value) for key, value in entries(node).items()}
    if not any(found.values()):
        raise node.error("all weights are zero; give at least one target a weight.")
    return tuple(sorted(found.items()))


def number_of(node: Node) -> Fraction:
    """A decimal number, zero or more, exactly as it is written."""
    text = text_of(node)
    try:
        value = Fraction(parse_decimal(text))
    except MoneyFormatError:
        raise node.error(f"expected a decimal number such as 12.5, found {text[:40]!r}.") from None
    if value < 0:
        raise node.error(f"expected zero or more, found {text[:40]}; correct the sign.")
    return value


def _target(text: str, node: Node) -> str:
    bare = Node(file=node.file, line=node.line, content=text.removeprefix(POOL_PREFIX))
    identifier_of(bare)
    return text


def _percent(content: Mapping[str, Node]) -> tuple[tuple[str, Fraction], ...]:
    """The percentages, the residual included."""
    if "percent" not in content:
        if "residual" in content:
            raise content["residual"].error("residual stands beside percent; add it or leave out.")
        return ()
    node = content["percent"]
    percent = dict(weights_of(node))
    stated = sum(percent.values(), Fraction(0))
    if "residual" in content:
        residual = target_of(content["residual"])
        if residual in percent or stated >= _ALL:
            raise content["residual"].error(
                f"residual takes what is left of 100, but percent has {decimal_text(stated)} and "
                f"{', '.join(percent)}; leave room for it and name it once."
            )
        percent[residual] = _ALL - stated
    elif stated != _ALL:
        raise node.error(
            f"percentages add up to {decimal_text(stated)}; expected exactly 100: correct one, "
            "or name who takes the rest (residual)."
        )
    return tuple(sorted(percent.items()))


def _tiers(node: Node) -> tuple[Tier, ...]:
    nodes = members(node)
    tiers = tuple(_tier(one) for one in nodes)
    reached = Fraction(0)
    for number, (tier, place) in enumerate(zip(tiers, nodes, strict=True), start=1):
        if (tier.up_to is None) != (number == len(tiers)):
            raise place.error("every tier but the last says up_to; the last one has no end.")
        if tier.up_to is not None and tier.up_to <= reached:
            raise place.error(
                f"up_to {decimal_text(tier.up_to)} does not go beyond {decimal_text(reached)}; "
                "order the tiers from low to high."
            )
        reached = tier.up_to or reached
    return tiers


def _tier(node: Node) -> Tier:
    content = fields(node, required=["rate"], optional=["up_to"])
    return Tier(up_to=_number(content, "up_to"), rate=number_of(content["rate"]))


def _at_most_100(content: Mapping[str, Node]) -> Fraction | None:
    value = _number(content, "fixed_percent")
    if value is not None and value > _ALL:
        raise content["fixed_percent"].error(f"expected 0 to 100, found {decimal_text(value)}.")
    return value


def _units(content: Mapping[str, Node]) -> int | None:
    value = _number(content, "fixed_amount")
    if value is None:
        return None
    exact = value * UNITS_PER_ONE
    if exact.denominator != 1:
        raise content["fixed_amount"].error("expected at most 12 decimals; round the amount.")
    return exact.numerator


def _term(content: Mapping[str, Node]) -> Term:
    """From `start_on` to `last_on`, which belongs to it, or over a number of months."""
    start_on = day_of(content["start_on"])
    by = cast("By", one_of(content["by"], get_args(By))) if "by" in content else "days"
    if by == "months" and start_on.day != 1:
        raise content["start_on"].error(
            f"{start_on} lies inside a month, and by: months counts whole ones; start on the first "
            "of a month, or count by days."
        )
    if "months" in content:
        return Term(start_on=start_on, end_on=_months_later(start_on, content["months"]), by=by)
    last_on = day_of(content["last_on"])
    if last_on < start_on:
        raise content["last_on"].error("last_on must not lie before start_on (it is the last day).")
    return Term(start_on=start_on, end_on=last_on + timedelta(days=1), by=by)


def _months_later(start_on: date, node: Node) -> date:
    months = number_of(node)
    if months.denominator != 1 or not 1 <= months <= _MOST_MONTHS:
        raise node.error(f"expected a whole number of months from 1 to {_MOST_MONTHS}.")
    years, month = divmod(start_on.month - 1 + months.numerator, 12)
    year = start_on.year + years
    return date(year, month + 1, min(start_on.day, monthrange(year, month + 1)[1]))


def _order(content: Mapping[str, Node]) -> int | None:
    value = _number(content, "order")
    if value is not None and (value.denominator != 1 or value < 1):
        raise content["order"].error("expected a whole number from 1, the first to give.")
    return None if value is None else value.numerator


def _number(content: Mapping[str, Node], key: str) -> Fraction | None:
    return number_of(content[key]) if key in content else None


def _name(content: Mapping[str, Node], key: str) -> str | None:
    return identifier_of(content[key]) if key in content else None


def _refuse_half_of_a_pair(content: Mapping[str, Node]) -> None:
    for key, other in (("capacity", "unused_owner"), ("unused_owner", "capacity")):
        if key in content and other not in content:
            raise content[key].error(f"{key} needs {other} beside it; add it.")
