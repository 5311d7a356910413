"""Open a case: from two tables of charges to the keys that break and the neighbours that agree.

Owns the sums and which rows become values: only those of broken keys; everything else stays in
Arrow, because a month has millions of charges and few breaks.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import from_decimal
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.breaks import (
    AI_KEY,
    Break,
    Case,
    Key,
    Known,
    Row,
    SideName,
    Tie,
    break_of,
)
from tieout.reconciliation.compare import (
    CHARGE_DAY,
    differences,
    with_charge_day,
)

PROVISIONED = "provisioned"
_BETWEEN = "\x1f"
_NULL_TEXT = "\x00"
_KEY, _SERIES, _FAMILY = "break_key", "break_series", "break_family"
_ROW = (
    "line_id", "billed_cost", "effective_cost", "list_cost", "consumed_quantity",
    "pricing_currency_effective_cost", "charge_period_start", "charge_period_end", "attr_id",
    "provider", "billing_currency", "charge_description", "sku_meter", "service_name",
    "resource_id", "commitment_discount_id", "pricing_currency",
)  # fmt: skip
_NOTHING_KNOWN = Known()


def open_case(
    earlier: pa.Table,
    later: pa.Table,
    *,
    names: Sequence[str] = AI_KEY,
    known: Known = _NOTHING_KNOWN,
) -> Case:
    """Compare two tables (CHARGE_SCHEMA, one account, month and currency) by key.

    `names` are `AI_KEY`, or it and more (`CLOUD_KEY`). Breaks are ordered by key. `later` may hold
    the charges that only the invoice knows; a line id is in a table once.
    """
    sides: tuple[tuple[SideName, pa.Table], ...] = (
        ("earlier", _keyed(earlier, names)),
        ("later", _keyed(later, names)),
    )
    found = differences(sides[0][1], sides[1][1], keys=[_KEY])
    broken = pa.array([one.key[0] for one in found], pa.string())
    case = Case(
        breaks=_breaks(sides, broken, names),
        ties=_ties(sides, broken, names),
        draft_units=_draft_units(known.draft, broken, names),
        draft_days=_days(known.draft),
        capacity=_capacity(sides[1][1], names),
        known=known,
        earlier=earlier,
        later=later,
        names=tuple(names),
        earlier_units=total_units(earlier),
        later_units=total_units(later),
        rounding_units=0,
    )
    return case.settled()


def series_rows(case: Case, series: Iterable[Key]) -> dict[Key, list[Row]]:
    """All earlier rows of these series, those of agreeing days too, by series and start."""
    wanted = pa.array([_BETWEEN.join(_parts(one)[1:]) for one in series], pa.string())
    table = _keyed(case.earlier, case.names)
    found: dict[Key, list[Row]] = {}
    for values in _values(table.filter(pc.is_in(table[_SERIES], value_set=wanted)), case.names):
        found.setdefault(_key(values, case.names).series, []).append(_row("earlier", values))
    return {
        key: sorted(rows, key=lambda row: (row.starts_at, row.line_id))
        for key, rows in found.items()
    }


def _keyed(charges: pa.Table, names: Sequence[str]) -> pa.Table:
    """The charges with their day, and as texts: their key, series and family."""
    dated = with_charge_day(charges)
    texts = {name: pc.cast(dated[name], pa.string()) for name in names}
    day, tier, kind = names[0], "x_service_tier", "x_token_kind"
    for column, without in ((_KEY, ()), (_SERIES, (day,)), (_FAMILY, (tier, kind))):
        kept = [texts[name] for name in names if name not in without]
        joined = pc.binary_join_element_wise(
            *kept, _BETWEEN, null_handling="replace", null_replacement=_NULL_TEXT
        )
        dated = dated.append_column(column, joined)
    return dated


def _breaks(
    sides: Sequence[tuple[SideName, pa.Table]], broken: pa.Array, names: Sequence[str]
) -> tuple[Break, ...]:
    rows: dict[Key, list[Row]] = {}
    for side, table in sides:
        for values in _values(table.filter(pc.is_in(table[_KEY], value_set=broken)), names):
            rows.setdefault(_key(values, names), []).append(_row(side, values))
    return tuple(
        break_of(key, found) for key, found in sorted(rows.items(), key=lambda item: item[0].order)
    )


def _ties(
    sides: Sequence[tuple[SideName, pa.Table]], broken: pa.Array, names: Sequence[str]
) -> dict[Key, tuple[Tie, ...]]:
    """Agreeing keys that share a series or a family with a broken one."""
    near = []
    for column in (_SERIES, _FAMILY):
        parts = [
            table.filter(pc.is_in(table[_KEY], value_set=broken))[column] for _, table in sides
        ]
        near.append(pa.chunked_array([part for one in parts for part in one.chunks], pa.string()))
    table = sides[1][1]
    related = pc.or_(
        pc.is_in(table[_SERIES], value_set=near[0]), pc.is_in(table[_FAMILY], value_set=near[1])
    )
    agrees = pc.invert(pc.is_in(table[_KEY], value_set=broken))
    found: dict[Key, list[Tie]] = {}
    for values in _sums(table.filter(pc.and_(related, agrees)), names):
        key = _key(values, names)
        is_counted = values["consumed_quantity_count"] == values["line_id_count"]
        found.setdefault(key.series, []).append(
            Tie(
                key=key,
                units=from_decimal(values["billed_cost_sum"]),
                quantity=Fraction(values["consumed_quantity_sum"]) if is_counted else None,
                line_id=values["line_id_min"],
                later_rows=values["line_id_count"],
            )
        )
    return {
        series: tuple(sorted(ties, key=lambda tie: tie.key.day)) for series, ties in found.items()
    }


def _draft_units(draft: pa.Table | None, broken: pa.Array, names: Sequence[str]) -> dict[Key, int]:
    if draft is None:
        return {}
    table = _keyed(draft, names)
    table = table.filter(pc.is_in(table[_KEY], value_set=broken))
    return {
        _key(values, names): from_decimal(values["billed_cost_sum"])
        for values in _sums(table, names)
    }


def _days(charges: pa.Table | None) -> frozenset[date]:
    if charges is None:
        return frozenset()
    return frozenset(with_charge_day(charges)[CHARGE_DAY].unique().to_pylist())


def _capacity(later: pa.Table, names: Sequence[str]) -> dict[Key, tuple[str, ...]]:
    found: dict[Key, list[str]] = {}
    rows = later.filter(pc.equal(later["x_service_tier"], PROVISIONED))
    for values in rows.select([*names, "line_id"]).to_pylist():
        found.setdefault(_key(values, names).family, []).append(values["line_id"])
    return {family: tuple(sorted(ids)) for family, ids in found.items()}


def _sums(table: pa.Table, names: Sequence[str]) -> list[dict[str, Any]]:
    grouped = table.group_by(list(names)).aggregate(
        [
            ("billed_cost", "sum"),
            ("consumed_quantity", "sum"),
            ("consumed_quantity", "count"),
            ("line_id", "count"),
            ("line_id", "min"),
        ]
    )
    values: list[dict[str, Any]] = grouped.to_pylist()
    return values


def _values(table: pa.Table, names: Sequence[str]) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = table.select(list(dict.fromkeys((*names, *_ROW)))).to_pylist()
    return values


def _key(values: Mapping[str, Any], names: Sequence[str]) -> Key:
    own = len(AI_KEY)
    day, category, sub_account, model, tier, kind = (values[name] for name in names[:own])
    rest = tuple(values[name] for name in names[own:])
    return Key(day, category, sub_account, model, tier, kind, rest)


def _parts(key: Key) -> list[str]:
    return [_NULL_TEXT if part is None else str(part) for part in (*key[:-1], *key.rest)]


def _row(side: SideName, values: Mapping[str, Any]) -> Row:
    quantity = values["consumed_quantity"]
    return Row(
        side=side,
        line_id=values["line_id"],
        units=from_decimal(values["billed_cost"]),
        effective_units=from_decimal(values["effective_cost"]),
        list_units=_units(values["list_cost"]),
        pricing_units=_units(values["pricing_currency_effective_cost"]),
        quantity=None if quantity is None else Fraction(quantity),
        starts_at=values["charge_period_start"],
        ends_at=values["charge_period_end"],
        charge=values,
    )


def _units(amount: Decimal | None) -> int | None:
    return None if amount is None else from_decimal(amount)
