"""Open a case: from two tables of charges to the keys that break and the neighbours that agree.

Owns the sums and which rows become values: only those of broken keys; everything else stays in
Arrow, because a month has millions of charges and few breaks.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.money import from_decimal
from tieout.focus.coded import coded
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
from tieout.reconciliation.compare import CHARGE_DAY, units_of, with_charge_day
from tieout.reconciliation.row_numbers import Numbers, exact, numbered, sums_of

PROVISIONED = "provisioned"
_BETWEEN = "\x1f"
_NULL_TEXT = "\x00"
_OF_A_FAMILY = ("x_service_tier", "x_token_kind")  # what a family has all of
_SIDES: tuple[SideName, ...] = ("earlier", "later")
_Flags = npt.NDArray[np.bool_]
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
    parts = [with_charge_day(one) for one in (earlier, later, known.draft) if one is not None]
    keys, series, families = _numbers(parts, names)
    broken = _broken(parts, keys)
    case = Case(
        breaks=_breaks(parts, [broken[one] for one in keys], names),
        ties=_ties(parts[1], _is_near(broken, keys, (series, families)), names),
        draft_units=_draft_units(parts[2:], [broken[one] for one in keys[2:]], names),
        draft_days=_days(parts[2:]),
        capacity=_capacity(parts[1], names),
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
    table = with_charge_day(case.earlier)
    table = table.filter(pc.is_in(_series_texts(table, case.names), value_set=wanted))
    found: dict[Key, list[Row]] = {}
    for values in _values(table, case.names):
        found.setdefault(_key(values, case.names).series, []).append(_row("earlier", values))
    return {
        key: sorted(rows, key=lambda row: (row.starts_at, row.line_id))
        for key, rows in found.items()
    }


def _series_texts(charges: pa.Table, names: Sequence[str]) -> pa.ChunkedArray:
    """What of the key is not the day, as one text."""
    texts = [pc.cast(charges[name], pa.string()) for name in names[1:]]
    return pc.binary_join_element_wise(
        *texts, _BETWEEN, null_handling="replace", null_replacement=_NULL_TEXT
    )


def _numbers(parts: Sequence[pa.Table], names: Sequence[str]) -> tuple[list[Numbers], ...]:
    """Of each row of each part the numbers of its key, its series and its family."""
    whole = pa.concat_tables([part.select(names) for part in parts])
    columns = {name: coded(whole[name]) for name in names[1:]}
    columns[names[0]] = coded(whole[names[0]].cast(pa.int32()))  # no rows of days cannot be coded
    ends = np.cumsum([part.num_rows for part in parts])[:-1]
    return tuple(
        np.split(numbered([columns[name] for name in names if name not in without]), ends)
        for without in ((), (names[0],), _OF_A_FAMILY)
    )


def _broken(parts: Sequence[pa.Table], keys: Sequence[Numbers]) -> _Flags:
    """Whether the sides bill a key differently or only one has it, by the key's number."""
    size = max(int(one.max(initial=-1)) for one in keys) + 1
    sides = [
        (
            sums_of(key, exact(units_of(part["billed_cost"])), size=size),
            np.bincount(key, minlength=size) > 0,
        )
        for part, key in zip(parts[:2], keys, strict=False)
    ]
    (earlier, is_earlier), (later, is_later) = sides
    broken: _Flags = (earlier != later) | (is_earlier != is_later)
    return broken


def _is_near(
    broken: _Flags, keys: Sequence[Numbers], relatives: Sequence[Sequence[Numbers]]
) -> _Flags:
    """Which later rows agree and share a series or a family with a broken key."""
    near: _Flags = np.zeros(len(keys[1]), bool)
    for numbers in relatives:
        of_broken = np.zeros(max(int(one.max(initial=-1)) for one in numbers) + 1, bool)
        for number, key in zip(numbers[:2], keys, strict=False):
            of_broken[number[broken[key]]] = True
        near |= of_broken[numbers[1]]
    return near & ~broken[keys[1]]


def _breaks(
    parts: Sequence[pa.Table], is_broken: Sequence[_Flags], names: Sequence[str]
) -> tuple[Break, ...]:
    rows: dict[Key, list[Row]] = {}
    for side, table, flags in zip(_SIDES, parts, is_broken, strict=False):
        for values in _values(table, names, flags):
            rows.setdefault(_key(values, names), []).append(_row(side, values))
    return tuple(
        break_of(key, found) for key, found in sorted(rows.items(), key=lambda item: item[0].order)
    )


def _ties(later: pa.Table, is_near: _Flags, names: Sequence[str]) -> dict[Key, tuple[Tie, ...]]:
    """Agreeing keys that share a series or a family with a broken one."""
    found: dict[Key, list[Tie]] = {}
    for values in _sums(later, names, is_near):
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


def _draft_units(
    drafts: Sequence[pa.Table], is_broken: Sequence[_Flags], names: Sequence[str]
) -> dict[Key, int]:
    """What the draft (none, or one) has on each broken key."""
    return {
        _key(values, names): from_decimal(values["billed_cost_sum"])
        for draft, flags in zip(drafts, is_broken, strict=True)
        for values in _sums(draft, names, flags)
    }


def _days(drafts: Sequence[pa.Table]) -> frozenset[date]:
    return frozenset(day for one in drafts for day in one[CHARGE_DAY].unique().to_pylist())


def _capacity(later: pa.Table, names: Sequence[str]) -> dict[Key, tuple[str, ...]]:
    found: dict[Key, list[str]] = {}
    rows = later.filter(pc.equal(later["x_service_tier"], PROVISIONED))
    for values in rows.select([*names, "line_id"]).to_pylist():
        found.setdefault(_key(values, names).family, []).append(values["line_id"])
    return {family: tuple(sorted(ids)) for family, ids in found.items()}


def _sums(table: pa.Table, names: Sequence[str], wanted: _Flags) -> list[dict[str, Any]]:
    """Sums by key of the wanted rows."""
    columns = [*names, "billed_cost", "consumed_quantity", "line_id"]
    grouped = (
        _rows(table.select(columns), wanted)
        .group_by(list(names))
        .aggregate(
            [
                ("billed_cost", "sum"),
                ("consumed_quantity", "sum"),
                ("consumed_quantity", "count"),
                ("line_id", "count"),
                ("line_id", "min"),
            ]
        )
    )
    values: list[dict[str, Any]] = grouped.to_pylist()
    return values


def _values(
    table: pa.Table, names: Sequence[str], wanted: _Flags | None = None
) -> list[dict[str, Any]]:
    """What the causes read of the wanted rows, or of all."""
    columns = table.select(list(dict.fromkeys((*names, *_ROW))))
    values: list[dict[str, Any]] = _rows(columns, wanted).to_pylist()
    return values


def _rows(table: pa.Table, wanted: _Flags | None) -> pa.Table:
    return table if wanted is None else table.take(pa.array(np.flatnonzero(wanted)))


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
