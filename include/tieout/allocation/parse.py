"""The allocation file: which cost pools exist, what splits them, among whom. Reads, never applies.

Reference: docs/reference/allocation/proportional.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tieout.allocation.base import known_methods
from tieout.rules.fields import (
    fields,
    identifier_of,
    members,
    note_of,
    one_of,
    refuse_repeats,
    text_of,
)
from tieout.rules.yaml_text import Node, read_yaml

ZeroDriver = Literal["hold", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A cost pool: charges that nobody owns alone, and how they are shared.

    `targets` None means every initiative that the driver knows. `zero_driver` says what happens
    when the driver is zero for all targets: the cost stays in the pool, or the step stops.
    """

    pool_id: str
    description: str
    owner: str
    method: str
    driver: str
    targets: tuple[str, ...] | None
    zero_driver: ZeroDriver


def parse_pools(text: str, *, name: str) -> tuple[Pool, ...]:
    """Read the pools in file order; `name` is the file's name in errors.

    Raises:
        RuleFileError: broken YAML, unknown or missing keys, an unknown method, a pool or target
            that stands twice; with the line.
    """
    root = fields(read_yaml(text, name=name), required=["pools"])
    nodes = members(root["pools"])
    pools = tuple(_pool(node) for node in nodes)
    refuse_repeats(
        ((pool.pool_id, node) for pool, node in zip(pools, nodes, strict=True)), what="pool"
    )
    return pools


def _pool(node: Node) -> Pool:
    content = fields(
        node,
        required=["id", "owner", "method", "driver", "zero_driver"],
        optional=["description", "targets"],
    )
    return Pool(
        pool_id=identifier_of(content["id"]),
        description=note_of(content["description"]) if "description" in content else "",
        owner=text_of(content["owner"]),
        method=one_of(content["method"], known_methods()),
        driver=identifier_of(content["driver"]),
        targets=_targets(members(content["targets"])) if "targets" in content else None,
        zero_driver="hold"
        if one_of(content["zero_driver"], ("hold", "fail")) == "hold"
        else "fail",
    )


def _targets(nodes: Sequence[Node]) -> tuple[str, ...]:
    targets = [(identifier_of(node), node) for node in nodes]
    refuse_repeats(targets, what="target")
    return tuple(target for target, _ in targets)
