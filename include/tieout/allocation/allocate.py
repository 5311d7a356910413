"""Replace the lines of cost pools by shares of initiatives, and certify that nothing changed.

Owns which lines belong to a pool and what a share line looks like; how an amount is split is the
method's (`allocation/methods/`).
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import pyarrow as pa

from tieout.allocation.base import Weights, load
from tieout.allocation.certificate import Certificate, PoolCertificate
from tieout.allocation.parse import Pool
from tieout.core.errors import ConservationError, NotReadyError, RuleFileError
from tieout.core.money import from_decimal, to_decimal
from tieout.focus.ledger_columns import LEDGER_SCHEMA, ledger_line_ids
from tieout.rules.register import POOL_PREFIX, REGISTER_COLUMNS, Initiative

Line = dict[str, Any]
_REPLACED = ("initiative", *REGISTER_COLUMNS)


def allocate(
    lines: pa.Table,
    *,
    pools: Sequence[Pool],
    drivers: Mapping[str, Weights],
    initiatives: Mapping[str, Initiative],
) -> tuple[pa.Table, Certificate]:
    """Split every line whose initiative is `pool:<id>` among the pool's targets.

    `lines` is LEDGER_SCHEMA; `drivers` gives for each driver the value of each initiative;
    `initiatives` is the register by id. The result has the direct lines unchanged and in order,
    then the shares by id. A share keeps everything of its pool line except the initiative and the
    register's three columns, whose rule becomes `pool:<id>`; it counts 0 charges, and a share of
    0 gives no line. Lines of a pool whose targets all have driver 0 stay in the pool (`hold`), with
    `pool_id` set. Guarantees: line by line, shares add up to the pool line; row order plays no
    part. Call `check()` on the certificate before storing.

    Raises:
        RuleFileError: a line names an unknown pool, a pool an unknown driver, or a share would go
            to an initiative that is not in the register.
        ConservationError: a driver value is negative.
        NotReadyError: the driver is zero for all targets and the pool says `fail`.
    """
    lines = lines.select(LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA)
    known = {pool.pool_id: pool for pool in pools}
    direct, pooled = _sorted_out(lines, known)
    shares: list[Line] = []
    certificates = []
    for pool_id in sorted(pooled):
        weights = _weights(known[pool_id], drivers, initiatives)
        made, certificate = _share_pool(known[pool_id], pooled[pool_id], weights, initiatives)
        shares += made
        certificates.append(certificate)
    shared = _table(shares)
    return pa.concat_tables([direct, shared]), Certificate(
        pools=tuple(certificates),
        total_in_units=sum(_units(line) for own in pooled.values() for line in own),
        total_out_units=_total(shared),
        ledger_in_units=_total(lines),
        ledger_out_units=_total(direct) + _total(shared),
    )


def _sorted_out(
    lines: pa.Table, known: Mapping[str, Pool]
) -> tuple[pa.Table, dict[str, list[Line]]]:
    """The direct lines, and the lines of each pool by id."""
    initiatives = lines.column("initiative").to_pylist()
    is_pooled = [(name or "").startswith(POOL_PREFIX) for name in initiatives]
    pooled: dict[str, list[Line]] = {}
    for line in lines.filter(pa.array(is_pooled, pa.bool_())).to_pylist():
        pool_id = line["initiative"].removeprefix(POOL_PREFIX)
        if pool_id not in known:
            raise RuleFileError(
                f"Rule {line['initiative_rule']} sends charges to pool {pool_id!r}, which the "
                f"allocation file does not have (it has {', '.join(known) or 'none'}); add it."
            )
        pooled.setdefault(pool_id, []).append(line)
    return lines.filter(pa.array([not pool for pool in is_pooled], pa.bool_())), pooled


def _weights(
    pool: Pool, drivers: Mapping[str, Weights], initiatives: Mapping[str, Initiative]
) -> dict[str, Fraction]:
    """Driver values of the pool's targets, by initiative id in byte order."""
    if pool.driver not in drivers:
        raise RuleFileError(
            f"Pool {pool.pool_id}: no driver {pool.driver!r}; known: {', '.join(sorted(drivers))}."
        )
    values = drivers[pool.driver]
    targets = sorted(values if pool.targets is None else pool.targets, key=str.encode)
    unknown = [target for target in targets if target not in initiatives]
    if unknown:
        raise RuleFileError(
            f"Pool {pool.pool_id}: {', '.join(unknown)} not in the initiative register; "
            "register it or name the pool's targets."
        )
    weights = {target: Fraction(values.get(target, 0)) for target in targets}
    negative = [f"{target} ({value})" for target, value in weights.items() if value < 0]
    if negative:
        raise ConservationError(
            f"Pool {pool.pool_id}: driver {pool.driver} is negative for {', '.join(negative)}: "
            "expected zero or more; correct the driver or leave the target out."
        )
    return weights


def _share_pool(
    pool: Pool,
    lines: list[Line],
    weights: dict[str, Fraction],
    initiatives: Mapping[str, Initiative],
) -> tuple[list[Line], PoolCertificate]:
    whole = sum(weights.values(), Fraction(0))
    if not whole and pool.zero_driver == "fail":
        raise NotReadyError(
            f"Pool {pool.pool_id}: driver {pool.driver} is zero for all {len(weights)} targets; "
            "wait for the driver, or let the pool hold its cost (zero_driver: hold)."
        )
    worst = Fraction(0)
    if whole:
        method, made = load(pool.method), []
        for line in lines:
            parts = method.shares(_units(line), weights)
            worst = max(worst, _worst(_units(line), parts, weights, whole))
            made += [
                _share(line, pool, initiatives[key], part) for key, part in parts.items() if part
            ]
    else:
        made = [{**line, "pool_id": pool.pool_id} for line in lines]
    return made, PoolCertificate(
        pool_id=pool.pool_id,
        method=pool.method,
        driver=pool.driver,
        state="allocated" if whole else "held",
        amount_in_units=sum(_units(line) for line in lines),
        amount_out_units=sum(_units(line) for line in made),
        lines_in=len(lines),
        lines_out=len(made),
        charge_count=sum(line["charge_count"] for line in lines),
        worst_distance=worst,
        weights=tuple(weights.items()),
    )


def _worst(
    units: int, parts: Mapping[str, int], weights: Mapping[str, Fraction], whole: Fraction
) -> Fraction:
    """The largest distance of a share from its exact quota, in units."""
    return max(abs(part - units * weights[key] / whole) for key, part in parts.items())


def _share(line: Line, pool: Pool, target: Initiative, units: int) -> Line:
    classes = {name: target.column(name) for name in REGISTER_COLUMNS}
    rules = {f"{name}_rule": f"{POOL_PREFIX}{pool.pool_id}" for name in _REPLACED}
    return {
        **line,
        **classes,
        **rules,
        "initiative": target.initiative_id,
        "pool_id": pool.pool_id,
        "pool_line_id": line["ledger_line_id"],
        "billed_cost": to_decimal(units),
        "charge_count": 0,
    }


def _table(lines: list[Line]) -> pa.Table:
    """Lines with the ids of their content, sorted by id."""
    table = pa.Table.from_pylist(lines, schema=LEDGER_SCHEMA)
    ids = pa.array(ledger_line_ids(table), pa.string())
    at = LEDGER_SCHEMA.get_field_index("ledger_line_id")
    return table.set_column(at, LEDGER_SCHEMA.field(at), ids).sort_by("ledger_line_id")


def _units(line: Line) -> int:
    return from_decimal(line["billed_cost"])


def _total(lines: pa.Table) -> int:
    return sum(from_decimal(amount) for amount in lines.column("billed_cost").to_pylist())
