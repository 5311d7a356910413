"""The allocation file: which cost pools exist, what splits them, among whom. Reads, never applies.

Reference: docs/reference/allocation/proportional.md and the page of each method.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast, get_args

from tieout.allocation.base import Method, known_methods, load
from tieout.allocation.basis import pool_of
from tieout.allocation.parameters import parameters_of, target_of, weights_of
from tieout.allocation.plan import loop_message, refused_loop
from tieout.allocation.pool import (
    Credits,
    EndedTargets,
    NegativeDriver,
    Pool,
    Validity,
    ZeroDriver,
)
from tieout.allocation.reallocation import KEYS, reallocation_of
from tieout.rules.fields import (
    day_of,
    entries,
    fields,
    identifier_of,
    members,
    note_of,
    one_of,
    refuse_repeats,
    text_of,
)
from tieout.rules.yaml_text import Node, read_yaml

__all__ = ["Pool", "ZeroDriver", "parse_pools"]

_COMMON = (
    "description",
    "targets",
    "zero_driver",
    "negative_driver",
    "credits",
    "ended_targets",
    "fallback",
    *KEYS,
)
_WITH_FALLBACK = ("zero_driver", "ended_targets")
_Policy = TypeVar("_Policy", bound=str)


def parse_pools(text: str, *, name: str) -> tuple[Pool, ...]:
    """Read the pools in file order; `name` is the file's name in errors.

    Raises:
        RuleFileError: broken YAML, unknown or missing keys, an unknown method, a pool or target
            that stands twice, percentages that do not add up to 100, a pool that gives to one that
            does not exist or that spreads fees over months, a circle of pools; with the line.
    """
    root = fields(read_yaml(text, name=name), required=["pools"])
    nodes = members(root["pools"])
    pools = tuple(_pool(node) for node in nodes)
    places = {pool.pool_id: node for pool, node in zip(pools, nodes, strict=True)}
    refuse_repeats(
        ((pool.pool_id, node) for pool, node in zip(pools, nodes, strict=True)), what="pool"
    )
    spread = {pool.pool_id for pool in pools if pool.method == "amortise"}
    for pool in pools:
        _refuse_strangers(pool, places)
        _refuse_received_fees(pool, spread, places)
    _refuse_equal_orders(pools, places)
    if loop := refused_loop(pools):
        raise places[loop[0]].error(loop_message(loop))
    return pools


def _pool(node: Node) -> Pool:
    entry = entries(node)
    if "method" not in entry:
        raise node.error("a pool needs a method; add method.")
    name = one_of(entry["method"], known_methods())
    content = _content(node, name, load(name))
    targets, validity = _targets(content)
    pool = Pool(
        pool_id=identifier_of(content["id"]),
        description=note_of(content["description"]) if "description" in content else "",
        owner=text_of(content["owner"]),
        method=name,
        driver=identifier_of(content["driver"]) if "driver" in content else None,
        targets=targets,
        validity=validity,
        parameters=parameters_of(content),
        fallback=weights_of(content["fallback"]) if "fallback" in content else (),
        zero_driver=_policy(content, "zero_driver", "fail", get_args(ZeroDriver)),
        negative_driver=_policy(content, "negative_driver", "fail", get_args(NegativeDriver)),
        credits=_policy(content, "credits", "share", get_args(Credits)),
        ended_targets=_policy(content, "ended_targets", "fail", get_args(EndedTargets)),
        reallocation=reallocation_of(content),
    )
    _refuse_misfits(pool, node, content)
    return pool


def _content(node: Node, name: str, method: Method) -> dict[str, Node]:
    """The keys of a pool, checked against what its method has."""
    choices = [key for group in method.CHOICES for key in group]
    content = fields(
        node,
        required=["id", "owner", "method", *method.REQUIRED],
        optional=[
            key for key in (*choices, *method.OPTIONAL, *_COMMON) if key not in method.REQUIRED
        ],
    )
    for group in method.CHOICES:
        given = [key for key in group if key in content]
        if len(given) != 1:
            raise node.error(
                f"method {name} needs exactly one of {', '.join(group)}; found "
                f"{', '.join(given) or 'none'}."
            )
    if "driver" in content and "zero_driver" not in content:
        raise node.error(
            "a pool with a driver says what happens when it is zero; add zero_driver (one of "
            f"{', '.join(get_args(ZeroDriver))})."
        )
    return content


def _targets(
    content: Mapping[str, Node],
) -> tuple[tuple[str, ...] | None, tuple[tuple[str, Validity], ...]]:
    """Targets in file order, and the validity of those that have one."""
    if "targets" not in content:
        return None, ()
    found = [(_target(node), node) for node in members(content["targets"])]
    refuse_repeats(((target, node) for (target, _), node in found), what="target")
    return (
        tuple(target for (target, _), _ in found),
        tuple((target, validity) for (target, validity), _ in found if validity != Validity()),
    )


def _target(node: Node) -> tuple[str, Validity]:
    """An id alone, or `{id, valid_from, valid_to}`."""
    if isinstance(node.content, str):
        return target_of(node), Validity()
    content = fields(node, required=["id"], optional=["valid_from", "valid_to"])
    validity = Validity(
        valid_from=day_of(content["valid_from"]) if "valid_from" in content else None,
        valid_to=day_of(content["valid_to"]) if "valid_to" in content else None,
    )
    for key, day in (("valid_from", validity.valid_from), ("valid_to", validity.valid_to)):
        if day is not None and day.day != 1:
            raise content[key].error(
                f"{day} lies inside a month, and a target takes part in whole months; move it to "
                "the first of a month, or let the driver change inside the month."
            )
    if validity.valid_from and validity.valid_to and validity.valid_from >= validity.valid_to:
        raise node.error("valid_to is the first day after; expected one later than valid_from.")
    return target_of(content["id"]), validity


def _policy(
    content: Mapping[str, Node], key: str, default: _Policy, known: Sequence[_Policy]
) -> _Policy:
    return cast("_Policy", one_of(content[key], known)) if key in content else default


def _refuse_misfits(pool: Pool, node: Node, content: Mapping[str, Node]) -> None:
    if pool.reallocation and pool.method == "amortise":
        raise content["posting"].error(
            "a fee over its term is booked through prepaid month by month; leave out posting."
        )
    policies = pool.policies()
    falling = [key for key in _WITH_FALLBACK if policies[key] == "fallback"]
    if falling and not pool.fallback:
        raise node.error(f"{falling[0]} is fallback, but there is none; add fallback: {{id: 1}}.")
    if pool.fallback and not falling:
        raise content["fallback"].error(
            f"no policy falls back on it; set {' or '.join(_WITH_FALLBACK)} to fallback."
        )
    percent = {target for target, _ in pool.parameters.percent}
    if percent and pool.targets is not None and percent != set(pool.targets):
        raise content["targets"].error(
            f"targets differ from those of percent ({', '.join(sorted(percent))}); name the same."
        )


def _refuse_strangers(pool: Pool, places: Mapping[str, Node]) -> None:
    for target in sorted(pool.stated_targets()):
        other = pool_of(target)
        if other is not None and other not in places:
            raise places[pool.pool_id].error(
                f"pool {pool.pool_id!r} gives to pool {other!r}, which the file does not have "
                f"(it has {', '.join(places)}); add it or correct the target."
            )


def _refuse_received_fees(pool: Pool, spread: set[str], places: Mapping[str, Node]) -> None:
    """Only a pool's own charges are deferred to later months; what it received would not be."""
    named = pool.stated_targets() | {target for target, _ in pool.fallback}
    for target in sorted(named):
        if pool_of(target) in spread:
            raise places[pool.pool_id].error(
                f"pool {pool.pool_id!r} gives to {target!r}, which spreads fees over months, and "
                "only charges that rules send there can be; send them there by a rule, or name "
                "another target."
            )


def _refuse_equal_orders(pools: Sequence[Pool], places: Mapping[str, Node]) -> None:
    refuse_repeats(
        (
            (str(pool.parameters.order), places[pool.pool_id])
            for pool in pools
            if pool.parameters.order is not None
        ),
        what="order",
    )
