"""Where two figures break: the keys on which they differ, with the rows behind each.

Owns the values that causes look at. `cases` opens them from charges; causes explain them.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from tieout.reconciliation.compare import CHARGE_DAY

SideName = Literal["earlier", "later"]
AI_KEY = (
    CHARGE_DAY, "charge_category", "sub_account_id", "x_model", "x_service_tier", "x_token_kind",
)  # fmt: skip
CLOUD_KEY = (*AI_KEY, "service_name", "sku_id", "region_id", "resource_id")


class Key(NamedTuple):
    """One place where two figures meet, by the names of `AI_KEY`; `rest` is what a key adds."""

    day: date
    category: str
    sub_account: str | None
    model: str | None
    tier: str | None
    kind: str | None
    rest: tuple[str | None, ...]

    @property
    def order(self) -> tuple[date, tuple[str, ...]]:
        """By day, then by the other parts, the empty ones first."""
        return self.day, tuple(part or "" for part in (*self[1:-1], *self.rest))

    @property
    def series(self) -> "Key":
        """The same thing on any day."""
        return self._replace(day=date.min)

    @property
    def family(self) -> "Key":
        """Any tier and token kind of the same model on the same day."""
        return self._replace(tier=None, kind=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One charge behind a break. Costs are units of 1e-12; `charge` is its columns."""

    side: SideName
    line_id: str
    units: int
    effective_units: int
    list_units: int | None
    pricing_units: int | None
    quantity: Fraction | None
    starts_at: datetime
    ends_at: datetime
    charge: Mapping[str, Any]

    @property
    def signed_units(self) -> int:
        """What the row adds to later minus earlier."""
        return self.units if self.side == "later" else -self.units


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A key on which the two figures differ, and the rows that nothing has explained yet."""

    key: Key
    earlier: tuple[Row, ...]
    later: tuple[Row, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Both sides."""
        return self.earlier + self.later

    @property
    def earlier_units(self) -> int:
        """Sum of the earlier rows."""
        return sum(row.units for row in self.earlier)

    @property
    def later_units(self) -> int:
        """Sum of the later rows."""
        return sum(row.units for row in self.later)

    @property
    def open_units(self) -> int:
        """Later minus earlier."""
        return self.later_units - self.earlier_units

    @property
    def earlier_quantity(self) -> Fraction | None:
        """Sum of the earlier quantities; None when a row has none; 0 without rows."""
        return quantity_of(self.earlier)

    @property
    def later_quantity(self) -> Fraction | None:
        """Sum of the later quantities; None when a row has none; 0 without rows."""
        return quantity_of(self.later)

    @property
    def added_quantity(self) -> Fraction | None:
        """Later minus earlier quantity; None when a row has none."""
        earlier, later = self.earlier_quantity, self.later_quantity
        return None if earlier is None or later is None else later - earlier

    @property
    def is_discounted(self) -> bool:
        """Whether a later row is billed other than its own list cost."""
        return any(row.list_units not in {None, row.units} for row in self.later)

    def without(self, gone: AbstractSet[tuple[SideName, str]]) -> "Break":
        """The break without these rows (side, line id); itself when it has none of them."""
        kept = [row for row in self.rows if (row.side, row.line_id) not in gone]
        return self if len(kept) == len(self.rows) else break_of(self.key, kept)

    @property
    def is_same_quantity(self) -> bool:
        """Whether both sides have rows and count the same; without any quantity they do."""
        return bool(self.earlier and self.later) and self.earlier_quantity == self.later_quantity

    @property
    def may_be_same_quantity(self) -> bool:
        """`is_same_quantity`, or both sides have rows and the later ones count nothing."""
        counts_nothing = all(row.quantity is None for row in self.later)
        return self.is_same_quantity or bool(self.earlier and self.later and counts_nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A key on which the figures agree: what its neighbours are judged by."""

    key: Key
    units: int
    quantity: Fraction | None
    line_id: str
    later_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known beside the two figures.

    `draft` is the provider's earlier pull of the later figure (CHARGE_SCHEMA). `rates` are exchange
    rates by a name such as `EUR/USD`. `minimum_units` is the contract's minimum charge of the
    month. `step_units` is what the later side rounds each row to (1: not at all).
    """

    draft: pa.Table | None = None
    rates: Mapping[str, Fraction] = field(default_factory=dict)
    minimum_units: int | None = None
    step_units: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Two figures with their breaks, and the agreeing neighbours of these.

    `ties` are keys that agree, by series, for the series and families of broken keys.
    `rounding_units` is what agreeing keys differ by: at most half a step for each later row and
    half of 1e-12 for each earlier one. `draft_units` says what the draft has on a broken key,
    `draft_days` on which days it has anything;
    `capacity` names the later rows of provisioned capacity by family; `names` are the key's
    columns.
    """

    breaks: tuple[Break, ...]
    ties: Mapping[Key, tuple[Tie, ...]]
    draft_units: Mapping[Key, int]
    draft_days: frozenset[date]
    capacity: Mapping[Key, tuple[str, ...]]
    known: Known
    earlier: pa.Table
    later: pa.Table
    names: tuple[str, ...]
    earlier_units: int
    later_units: int
    rounding_units: int

    def is_near(
        self, expected_units: Fraction | int, found: Break, *, factor: Fraction | int = 1
    ) -> bool:
        """Whether the later side of a break is this, up to the rounding of its own rows.

        `factor` is by what the earlier rows, and so their rounding, were multiplied.
        """
        gap = 2 * (expected_units - found.later_units)
        slack = self.slack(found, factor=factor)
        return -slack <= gap <= slack

    def slack(self, found: Break, *, factor: Fraction | int = 1) -> Fraction | int:
        """Twice what rounding of its rows can make of a break, in units."""
        earlier = len(found.earlier) * (factor if factor >= 0 else -factor)
        return self.known.step_units * len(found.later) + earlier

    def is_same_price(self, found: Break) -> bool:
        """Whether both sides count something and pay the same for one of it."""
        earlier, later = found.earlier_quantity, found.later_quantity
        if not earlier or not later:
            return False
        factor = later / earlier
        return self.is_near(found.earlier_units * factor, found, factor=factor)

    def tie(self, key: Key) -> Tie | None:
        """The agreeing key itself, when it is a neighbour of a broken one."""
        return next((tie for tie in self.ties.get(key.series, ()) if tie.key == key), None)

    def settled(self) -> "Case":
        """The case without the breaks that are only rounding: these are ties now."""
        return self._with(self.breaks)

    def without(self, rows: Iterable[Row]) -> "Case":
        """The case once these rows are explained."""
        gone = {(row.side, row.line_id) for row in rows}
        return self._with(one.without(gone) for one in self.breaks) if gone else self

    def _with(self, breaks: Iterable[Break]) -> "Case":
        ties = dict(self.ties)
        left: list[Break] = []
        rounding = self.rounding_units
        for one in breaks:
            if not self.is_near(one.earlier_units, one):
                left.append(one)
            elif one.rows:
                tie = tie_of(one)
                ties[tie.key.series] = (*ties.get(tie.key.series, ()), tie)
                rounding += one.open_units
        return replace(self, breaks=tuple(left), ties=ties, rounding_units=rounding)


def break_of(key: Key, rows: Iterable[Row]) -> Break:
    """The rows of a key by side, ordered by id."""
    ordered = sorted(rows, key=lambda row: row.line_id)
    return Break(
        key=key,
        earlier=tuple(row for row in ordered if row.side == "earlier"),
        later=tuple(row for row in ordered if row.side == "later"),
    )


def quantity_of(rows: Iterable[Row]) -> Fraction | None:
    """Sum of the quantities; None when a row has none; 0 without rows."""
    whole = Fraction(0)
    for row in rows:
        if row.quantity is None:
            return None
        whole += row.quantity
    return whole


def grouped(breaks: Iterable[Break], by: Callable[[Key], Hashable]) -> Iterator[tuple[Break, ...]]:
    """Breaks whose keys have the same value, groups and breaks in the order of keys."""
    found: dict[Hashable, list[Break]] = {}
    for one in breaks:
        found.setdefault(by(one.key), []).append(one)
    return (tuple(group) for group in found.values())


def tie_of(found: Break) -> Tie:
    """A break whose sides agree, as a tie."""
    return Tie(
        key=found.key,
        units=found.later_units,
        quantity=found.later_quantity,
        line_id=min(row.line_id for row in found.rows),
        later_rows=len(found.later),
    )
