"""Replace the lines of cost pools by shares of initiatives, and certify that nothing changed.

Owns which lines belong to a pool, what a share line looks like and what is certified; the order of
pools is `plan`'s, the weights are `resolve`'s, the way of the units through the chain is `chain`'s.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.allocation.base import Weights
from tieout.allocation.basis import HELD_PREFIX, UNUSED_PREFIX
from tieout.allocation.certificate import Certificate, PoolCertificate
from tieout.allocation.chain import Node, Part, share_out
from tieout.allocation.parse import Pool
from tieout.allocation.resolve import World
from tieout.core.errors import PeriodFormatError, RuleFileError
from tieout.core.money import from_decimal, to_decimal
from tieout.core.period import parse_period
from tieout.focus.ledger_columns import LEDGER_SCHEMA, ledger_line_ids
from tieout.rules.register import POOL_PREFIX, REGISTER_COLUMNS, Initiative

_EXACT_SUM = pa.decimal128(38, 12)


def allocate(
    lines: pa.Table,
    *,
    pools: Sequence[Pool],
    drivers: Mapping[str, Weights],
    initiatives: Mapping[str, Initiative],
    on: date | None = None,
) -> tuple[pa.Table, Certificate]:
    """Split every line whose initiative is `pool:<id>` among the pool's targets.

    `lines` is LEDGER_SCHEMA; `drivers` gives for each driver the value of each target (initiative
    or `pool:<id>`); `initiatives` is the register by id; `on` is the first day of the period, by
    default that of the lines. The result has the direct lines unchanged and in order, then the
    shares by id. A share keeps everything of its pool line except the initiative and the register's
    three columns, whose rule becomes `pool:<id>` of the pool that gave it (in a chain, the last);
    `pool_id` and `pool_line_id` are those of the line that it came out of. It counts 0 charges, and
    a share of 0 gives no line. Unused capacity is a line of its owner with the rule
    `pool:<id>/unused`. What a policy holds stays `pool:<id>`: whole lines as they are, with
    `pool_id` set; a held part of a line has the rule `pool:<id>/held` and a `pool_line_id`.
    Guarantees: line by line, shares add up to the pool line; row order plays no part. Call
    `check()` on the certificate before storing.

    Raises:
        RuleFileError: a line names an unknown pool, a pool an unknown driver, pools give to each
            other in a circle, or a share would go to an initiative that is not in the register.
        ConservationError: a driver value is negative, or a circle of pools has no way out.
        NotReadyError: a policy of a pool says `fail`.
    """
    lines = lines.select(LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA)
    direct, pooled = _sorted_out(lines, {pool.pool_id for pool in pools})
    own: dict[str, dict[int, int]] = {}
    for at, (name, cost) in enumerate(
        zip(_column(pooled, "initiative"), _column(pooled, "billed_cost"), strict=True)
    ):
        own.setdefault(name.removeprefix(POOL_PREFIX), {})[at] = from_decimal(cost)
    world = World(drivers=drivers, initiatives=initiatives, on=on or _first_day(pooled))
    nodes, parts = share_out(own, pools=pools, world=world)
    kept = sorted(at for node in nodes if node.held for at in own.get(node.pool.pool_id, ()))
    shared = _sorted_by_id(
        pa.concat_tables([_kept(pooled, kept), _shares(pooled, parts, initiatives)])
    )
    return pa.concat_tables([direct, shared]), Certificate(
        pools=_certified(nodes, pooled, shared),
        total_in_units=_total(pooled),
        total_out_units=_total(shared),
        ledger_in_units=_total(lines),
        ledger_out_units=_total(direct) + _total(shared),
    )


def _sorted_out(lines: pa.Table, known: set[str]) -> tuple[pa.Table, pa.Table]:
    """The direct lines and the lines of pools."""
    initiatives = lines.column("initiative").to_pylist()
    is_pooled = [(name or "").startswith(POOL_PREFIX) for name in initiatives]
    pooled = lines.filter(pa.array(is_pooled, pa.bool_()))
    for name, rule in zip(
        _column(pooled, "initiative"), _column(pooled, "initiative_rule"), strict=True
    ):
        pool_id = name.removeprefix(POOL_PREFIX)
        if pool_id not in known:
            raise RuleFileError(
                f"Rule {rule} sends charges to pool {pool_id!r}, which the allocation file does "
                f"not have (it has {', '.join(sorted(known)) or 'none'}); add it."
            )
    return lines.filter(pa.array([not pool for pool in is_pooled], pa.bool_())), pooled


def _first_day(pooled: pa.Table) -> date | None:
    """The first day of the period of all pool lines; None when there is not one such period."""
    periods = pc.unique(pooled.column("period")).to_pylist()
    try:
        return parse_period(periods[0] or "").start_on if len(periods) == 1 else None
    except PeriodFormatError:
        return None


def _kept(pooled: pa.Table, lines: list[int]) -> pa.Table:
    """The lines that stay in their pool as they are."""
    table = pooled.take(pa.array(lines, pa.int64()))
    names = [name.removeprefix(POOL_PREFIX) for name in _column(table, "initiative")]
    return _with(table, "pool_id", names)


def _shares(
    pooled: pa.Table, parts: Sequence[Part], initiatives: Mapping[str, Initiative]
) -> pa.Table:
    """A line for each part: copied from the pool line, with who bears it and why."""
    table = pooled.take(pa.array([part.line for part in parts], pa.int64()))
    origins = [name.removeprefix(POOL_PREFIX) for name in _column(table, "initiative")]
    bearers = [initiatives.get(part.key.removeprefix(UNUSED_PREFIX)) for part in parts]
    rules = [_rule(part) for part in parts]
    for name in REGISTER_COLUMNS:
        before, before_rule = _column(table, name), _column(table, f"{name}_rule")
        values = [
            old if bearer is None else bearer.column(name)
            for old, bearer in zip(before, bearers, strict=True)
        ]
        reasons = [
            old if bearer is None else rule
            for old, bearer, rule in zip(before_rule, bearers, rules, strict=True)
        ]
        table = _with(_with(table, name, values), f"{name}_rule", reasons)
    columns = {
        "initiative": [
            part.key.replace(HELD_PREFIX, POOL_PREFIX).removeprefix(UNUSED_PREFIX) for part in parts
        ],
        "initiative_rule": rules,
        "pool_line_id": _column(table, "ledger_line_id"),
        "pool_id": origins,
        "billed_cost": [to_decimal(part.units) for part in parts],
        "charge_count": [0] * len(parts),
    }
    for name, values in columns.items():
        table = _with(table, name, values)
    return table


def _rule(part: Part) -> str:
    """The pool that gave the share; what nobody used and what it kept are told apart."""
    suffix = {UNUSED_PREFIX: "/unused", HELD_PREFIX: "/held"}
    kind = part.key[: part.key.find(":") + 1]
    return f"{POOL_PREFIX}{part.pool_id}{suffix.get(kind, '')}"


def _sorted_by_id(table: pa.Table) -> pa.Table:
    """Lines with the ids of their content, in one piece, sorted by id."""
    table = _with(table.combine_chunks(), "ledger_line_id", ledger_line_ids(table))
    return table.sort_by("ledger_line_id")


def _certified(
    nodes: Sequence[Node], pooled: pa.Table, shared: pa.Table
) -> tuple[PoolCertificate, ...]:
    """By pool id; amounts and lines are those of the tables."""
    pool_ids = [name.removeprefix(POOL_PREFIX) for name in _column(pooled, "initiative")]
    before, after = _with(pooled, "pool_id", pool_ids), shared
    amounts_in, amounts_out = _sums(before, "pool_id"), _sums(after, "pool_id")
    given = _sums(after.filter(pc.is_valid(after.column("pool_line_id"))), "initiative_rule")
    lines_in, lines_out = _counts(before), _counts(after)
    charges = before.group_by("pool_id").aggregate([("charge_count", "sum")]).to_pylist()
    counted = {row["pool_id"]: row["charge_count_sum"] for row in charges}
    found = []
    for node in sorted(nodes, key=lambda node: node.pool.pool_id):
        pool_id, rule = node.pool.pool_id, f"{POOL_PREFIX}{node.pool.pool_id}"
        held = given.get(f"{rule}/held", 0)
        found.append(
            PoolCertificate(
                pool_id=pool_id,
                method=node.pool.method,
                driver=node.pool.driver,
                state="held" if node.held else "allocated",
                level=node.level,
                amount_in_units=amounts_in.get(pool_id, 0),
                amount_out_units=amounts_out.get(pool_id, 0),
                received_units=node.received_units,
                to_initiatives_units=given.get(rule, 0) + given.get(f"{rule}/unused", 0),
                to_pools=node.to_pools,
                held_units=held + (amounts_out.get(pool_id, 0) if node.held else 0),
                lines_in=lines_in.get(pool_id, 0),
                lines_out=lines_out.get(pool_id, 0),
                charge_count=counted.get(pool_id, 0),
                worst_distance=node.worst_distance,
                weights=tuple(node.weights.items()),
                policies=tuple(node.pool.policies().items()),
                decisions=node.decisions,
                gross_units=node.gross_units,
            )
        )
    return tuple(found)


def _column(table: pa.Table, name: str) -> list[Any]:
    values: list[Any] = table.column(name).to_pylist()
    return values


def _with(table: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    field = LEDGER_SCHEMA.field(name)
    at = LEDGER_SCHEMA.get_field_index(name)
    return table.set_column(at, field, pa.array(values, field.type))


def _sums(table: pa.Table, by: str) -> dict[str, int]:
    exact = table.select([by]).append_column("units", table.column("billed_cost").cast(_EXACT_SUM))
    rows = exact.group_by(by).aggregate([("units", "sum")]).to_pylist()
    return {row[by]: from_decimal(row["units_sum"]) for row in rows}


def _counts(table: pa.Table) -> dict[str, int]:
    rows = table.group_by("pool_id").aggregate([([], "count_all")]).to_pylist()
    return {row["pool_id"]: row["count_all"] for row in rows}


def _total(lines: pa.Table) -> int:
    total = pc.sum(lines.column("billed_cost").cast(_EXACT_SUM)).as_py()
    return 0 if total is None else from_decimal(total)
