"""Charges as FOCUS 1.3 Cost and Usage with split cost allocation: who bears what of each charge.

Owns which rows there are: a charge of a pool is replaced by one allocated charge for each share of
its ledger line, all other charges stand as they are. The split itself and the five columns are
`allocation.focus_split`'s, the other columns `focus_cost_and_usage`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.allocation.basis import HELD_PREFIX, UNUSED_PREFIX
from tieout.allocation.certificate import PoolCertificate
from tieout.allocation.focus_split import (
    SPLIT_COLUMNS,
    final_weights,
    split_charges,
    split_columns,
)
from tieout.core.errors import IntegrityError
from tieout.core.money import from_decimal, to_decimal
from tieout.focus.coded import coded, distinct_tuples
from tieout.publish.focus_cost_and_usage import DIMENSION_COLUMNS
from tieout.rules.register import POOL_PREFIX, REGISTER_COLUMNS, Initiative

# the parts of each of these add up to the origin charge's; every other column is the origin's
SPLIT_METRICS = (
    "BilledCost",
    "EffectiveCost",
    "ListCost",
    "ContractedCost",
    "PricingCurrencyEffectiveCost",
    "ConsumedQuantity",
    "PricingQuantity",
    "CommitmentDiscountQuantity",
)
LEDGER_LINE, POOL = "x_LedgerLineId", "x_PoolId"
_NOT_KEYS = ("ledger_line_id", "pool_id", "pool_line_id", "billed_cost", "charge_count", "period")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The allocation of the charges that are exported.

    `assignment` has class and rule of each `attr_id`; `direct` are the ledger lines before, `lines`
    those after the pools were shared (LEDGER_SCHEMA); `pools` the certified pools and `initiatives`
    the register, by id.
    """

    assignment: pa.Table
    direct: pa.Table
    lines: pa.Table
    pools: Mapping[str, PoolCertificate]
    initiatives: Mapping[str, Initiative]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """One part of a pool line: key of weights, units (or a proportion of them), its ledger line."""

    key: str
    units: int
    ledger_line_id: str | None


def allocated_charges(usage: pa.Table, charges: pa.Table, shared: Shared) -> pa.Table:
    """The rows of `usage` (Cost and Usage, one a charge of `charges`, in their order), shared out.

    Rows of one charge stand together and have its `x_LineId`; each metric adds up to the charge's
    and billed cost by `x_LedgerLineId` to the ledger line's, to the last unit. Charges that stay in
    a pool as a whole are not split and keep its `x_Initiative`.

    Raises:
        IntegrityError: the lines were not made of these charges.
    """
    lines_of = _ledger_lines_of(charges, shared)
    rows = _Rows(usage)
    pooled = _shares_by_line(shared.lines)
    kept = _kept_ids(shared)
    billed = [from_decimal(cost) for cost in charges["billed_cost"].to_pylist()]
    for line, places in lines_of.items():
        origin = _row(shared.direct, line)
        _refuse_other_charges(origin, sum(billed[at] for at in places))
        name = origin["initiative"] or ""
        if name.startswith(POOL_PREFIX) and _is_split(shared, name.removeprefix(POOL_PREFIX)):
            shares = pooled.get(origin["ledger_line_id"]) or _of_nothing(shared, origin)
            _refuse_other_charges(origin, sum(one.units for one in shares if one.ledger_line_id))
            rows.add_split(places, shares, origin=origin, shared=shared)
        else:
            rows.add_whole(places, kept[line])
    return rows.table()


class _Rows:
    """The rows of the result while they are gathered; `usage` gives all that is not split."""

    def __init__(self, usage: pa.Table) -> None:
        self._usage = usage
        self._at: list[int] = []
        self._columns: dict[str, list[Any]] = {LEDGER_LINE: [], POOL: []}
        self._columns |= {name: [] for name in SPLIT_COLUMNS}
        self._split: list[int] = []  # numbers of the rows that are parts of a charge
        self._changed: dict[str, list[Any]] = {name: [] for name in SPLIT_METRICS}
        self._changed |= {DIMENSION_COLUMNS[one]: [] for one in ("initiative", *REGISTER_COLUMNS)}

    def add_whole(self, places: Sequence[int], ledger_line_id: str) -> None:
        """Charges that nobody shares."""
        nothing = dict.fromkeys((POOL, *SPLIT_COLUMNS))
        self._add(places, {LEDGER_LINE: ledger_line_id, **nothing})

    def add_split(
        self,
        places: Sequence[int],
        shares: Sequence[_Share],
        *,
        origin: Mapping[str, Any],
        shared: Shared,
    ) -> None:
        """The charges of one pool line, each with a row for each share."""
        pool_id = origin["initiative"].removeprefix(POOL_PREFIX)
        pairs = [(one.key, one.units) for one in shares]
        told = split_columns(pairs, pool=shared.pools[pool_id], initiatives=shared.initiatives)
        own = self._usage.select(SPLIT_METRICS).take(pa.array(places, pa.int64()))
        parts = {
            name: _parts(_units(own[name]), [one.units for one in shares]) for name in SPLIT_METRICS
        }
        for number, (share, columns) in enumerate(zip(shares, told, strict=True)):
            first = len(self._at)
            self._add(places, {LEDGER_LINE: share.ledger_line_id, POOL: pool_id, **columns})
            self._split += range(first, len(self._at))
            for name in SPLIT_METRICS:
                self._changed[name] += parts[name][number]
            for name, value in _bearer(share.key, origin, shared).items():
                self._changed[name] += [value] * len(places)

    def table(self) -> pa.Table:
        """All rows in the order of the charges, the shares of one by who bears them."""
        made = self._usage.take(pa.array(self._at, pa.int64()))
        kept = [name for name in self._changed if name in made.column_names]
        is_split = pa.array(_marked(self._split, len(self._at)), pa.bool_())
        for name in kept:
            field = made.schema.field(name)
            values = pa.array(self._changed[name], field.type)
            filled = pc.replace_with_mask(made[name].combine_chunks(), is_split, values)
            made = made.set_column(made.schema.get_field_index(name), field, filled)
        for name, values in self._columns.items():
            made = made.append_column(name, pa.array(values, pa.string()))
        made = made.append_column("ServiceProviderName", made["ProviderName"])
        made = made.append_column("HostProviderName", made["x_HostProviderName"])
        order = sorted(range(len(self._at)), key=self._at.__getitem__)
        return made.take(pa.array(order, pa.int64())).select(_ordered(made.column_names))

    def _add(self, places: Sequence[int], values: Mapping[str, str | None]) -> None:
        self._at += places
        for name, value in values.items():
            self._columns[name] += [value] * len(places)


def _ledger_lines_of(charges: pa.Table, shared: Shared) -> dict[int, list[int]]:
    """Rows of charges by the row of `direct` that they were summed to."""
    keys = [name for name in shared.direct.column_names if name not in _NOT_KEYS]
    classes = shared.assignment
    at = pc.index_in(charges["attr_id"], value_set=classes["attr_id"].combine_chunks())
    columns = [
        classes[name].take(at) if name in classes.column_names else charges[name] for name in keys
    ]
    if not charges.num_rows:
        return {}
    numbers, tuples = distinct_tuples([coded(column) for column in columns])
    lines = zip(*(shared.direct[name].to_pylist() for name in keys), strict=True)
    known = {line: number for number, line in enumerate(lines)}
    places: dict[int, list[int]] = {}
    own = [known.get(one) for one in tuples]
    for row, number in enumerate(numbers.tolist()):
        line = own[number]
        if line is None:
            raise _other_charges("a charge", "a ledger line", "none")
        places.setdefault(line, []).append(row)
    return places


def _shares_by_line(lines: pa.Table) -> dict[str, list[_Share]]:
    """The shares by the pool line that they came out of, by key and id."""
    names = ("ledger_line_id", "pool_line_id", "initiative", "initiative_rule", "billed_cost")
    found: dict[str, list[_Share]] = {}
    for row in lines.filter(pc.is_valid(lines["pool_line_id"])).select(names).to_pylist():
        share = _Share(
            key=_key(row["initiative"], row["initiative_rule"]),
            units=from_decimal(row["billed_cost"]),
            ledger_line_id=row["ledger_line_id"],
        )
        found.setdefault(row["pool_line_id"], []).append(share)
    for shares in found.values():
        shares.sort(key=lambda one: (one.key, one.ledger_line_id or ""))
    return found


def _kept_ids(shared: Shared) -> list[str]:
    """For each direct line its id after the allocation: a line that a pool holds has a new one."""
    keys = [name for name in shared.direct.column_names if name not in _NOT_KEYS]
    whole = shared.lines.filter(pc.is_null(shared.lines["pool_line_id"]))
    after = zip(*(whole[name].to_pylist() for name in keys), strict=True)
    ids = dict(zip(after, whole["ledger_line_id"].to_pylist(), strict=True))
    before = zip(*(shared.direct[name].to_pylist() for name in keys), strict=True)
    own = shared.direct["ledger_line_id"].to_pylist()
    return [ids.get(line, known) for line, known in zip(before, own, strict=True)]


def _is_split(shared: Shared, pool_id: str) -> bool:
    found = shared.pools.get(pool_id)
    if found is None:
        raise _other_charges(f"pool {pool_id!r}", "a certificate", "none")
    return found.state == "allocated"


def _of_nothing(shared: Shared, origin: Mapping[str, Any]) -> list[_Share]:
    """The shares of a line whose charges cancel: it has none in the ledger, its charges have."""
    weights = final_weights(shared.pools, origin["initiative"].removeprefix(POOL_PREFIX))
    common = lcm(*(weight.denominator for weight in weights.values()))
    return [
        _Share(key=key, units=(weight * common).numerator, ledger_line_id=None)
        for key, weight in sorted(weights.items())
    ]


def _bearer(key: str, origin: Mapping[str, Any], shared: Shared) -> dict[str, str | None]:
    """Initiative and its register columns; what is held stays the pool's and as it was."""
    if key.startswith(HELD_PREFIX):
        held = {name: origin[name] for name in REGISTER_COLUMNS}
        found = {"initiative": f"{POOL_PREFIX}{key.removeprefix(HELD_PREFIX)}", **held}
    else:
        bearer = shared.initiatives[key.removeprefix(UNUSED_PREFIX)]
        columns = {name: bearer.column(name) for name in REGISTER_COLUMNS}
        found = {"initiative": bearer.initiative_id, **columns}
    return {DIMENSION_COLUMNS[name]: value for name, value in found.items()}


def _parts(amounts: Sequence[int | None], shares: Sequence[int]) -> list[list[Any]]:
    """Decimals for each share in the order of the charges; null where the charge has no amount."""
    split = split_charges([amount or 0 for amount in amounts], shares)
    return [
        [
            None if amount is None else to_decimal(part)
            for amount, part in zip(amounts, parts, strict=True)
        ]
        for parts in split
    ]


def _key(initiative: str, rule: str) -> str:
    if rule.endswith("/unused"):
        return f"{UNUSED_PREFIX}{initiative}"
    if initiative.startswith(POOL_PREFIX):
        return f"{HELD_PREFIX}{initiative.removeprefix(POOL_PREFIX)}"
    return initiative


def _units(column: pa.ChunkedArray) -> list[int | None]:
    return [None if value is None else from_decimal(value) for value in column.to_pylist()]


def _marked(numbers: Iterable[int], length: int) -> list[bool]:
    marks = [False] * length
    for number in numbers:
        marks[number] = True
    return marks


def _ordered(names: Sequence[str]) -> list[str]:
    """FOCUS columns by name, as the specification lists them, then our own as they come."""
    own = [name for name in names if name.startswith("x_")]
    return [*sorted(set(names) - set(own)), *own]


def _row(table: pa.Table, number: int) -> dict[str, Any]:
    names = ("ledger_line_id", "initiative", *REGISTER_COLUMNS, "billed_cost")
    return {name: table[name][number].as_py() for name in names}


def _refuse_other_charges(origin: Mapping[str, Any], units: int) -> None:
    expected = from_decimal(origin["billed_cost"])
    if expected != units:
        line = f"ledger line {origin['ledger_line_id'][:12]}"
        raise _other_charges(line, str(origin["billed_cost"]), str(to_decimal(units)))


def _other_charges(what: str, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"The allocation is not of the exported charges: expected {expected} for {what}, found "
        f"{found}; run `tieout allocate` for the classification that is exported."
    )
