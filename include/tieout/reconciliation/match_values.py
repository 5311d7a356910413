"""What a match is: the passes, the records they leave, and the law that nothing is used twice.

Owns the values and their conservation; finds no match. `earlier` is the figure that was known
first (estimate, draft), `later` the one that answers it (report, final, invoice).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import ConservationError
from tieout.core.finding import Finding
from tieout.core.ids import content_key
from tieout.core.money import format_units

Shape = Literal["1:1", "1:n", "n:1", "n:m"]
Verdict = Literal["confirmed", "suggested", "rejected", "unmatched"]
DecisionKind = Literal["confirm", "reject", "match", "unmatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One round over what is still open: rows with equal `keys` belong together.

    `shape` counts later : earlier rows, as the sheet of an invoice reads: `1:n` is one line of the
    later figure for any number of the earlier. A row that lacks one of `required` takes no part;
    elsewhere two empty values are equal.
    """

    name: str
    keys: tuple[str, ...]
    shape: Shape
    required: tuple[str, ...] = ()


class Member(NamedTuple):
    """One row of a side: its id and what it bills in units of 1e-12.

    A tuple, not a dataclass: there is one for each charge of a month.
    """

    member_id: str
    amount_units: int


class Match(NamedTuple):
    """One record: what a pass or a person said about these members. Never changed afterwards.

    `confirmed` stands until a later record `replaces` it; `suggested` only asks; `rejected` refuses
    the suggestion that it `replaces`; `unmatched` takes the match that it `replaces` apart again.
    `keys` are the values on which the members agree. A tuple for the same reason as a member.
    """

    pass_name: str
    keys: tuple[tuple[str, str | None], ...]
    earlier: tuple[Member, ...]
    later: tuple[Member, ...]
    decision: Verdict
    person: str | None = None
    reason: str | None = None
    replaces: str | None = None

    @property
    def match_id(self) -> str:
        """The same members with the same amounts, in the same role, have the same id."""
        sides = ((0, self.earlier), (1, self.later))
        return content_key(
            [
                self.pass_name,
                self.decision,
                self.replaces,
                *(part for side, members in sides for one in members for part in (side, *one)),
            ]
        )

    @property
    def earlier_units(self) -> int:
        """Sum of the earlier members."""
        return sum(member.amount_units for member in self.earlier)

    @property
    def later_units(self) -> int:
        """Sum of the later members."""
        return sum(member.amount_units for member in self.later)

    @property
    def difference_units(self) -> int:
        """Later minus earlier; of a confirmed match not more than the printed figures round."""
        return self.later_units - self.earlier_units


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided: accept or refuse a suggestion, match by hand, take a match apart.

    `confirm`, `reject` and `unmatch` name a `match_id`; `match` names members of both sides.
    `reason` is the person's own sentence.
    """

    kind: DecisionKind
    person: str
    reason: str
    match_id: str | None = None
    earlier_ids: tuple[str, ...] = ()
    later_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Totals:
    """What records held as columns say of one side without becoming values.

    `times` is how many standing matches each row (`ids`, ordered) is in, `units` what the matched
    rows add up to; `repeated_id` is the first id that two rows have, None when all differ.
    """

    ids: pa.Array
    repeated_id: str | None
    times: npt.NDArray[np.int64]
    units: int


@runtime_checkable
class Columns(Protocol):
    """Records of passes, none of them taken apart, that can be proven without making values."""

    def totals(self, side: int) -> Totals:
        """Of the earlier (0) or later (1) figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """All records of two figures in order, and what is open; conserves or does not exist.

    Open members are ordered by id. A suggestion is a record too, and its members stay open.

    Raises:
        ConservationError: a member is in two standing matches, or in one and open; or matched and
            open together are not the whole.
    """

    earlier_name: str
    later_name: str
    records: Sequence[Match]
    open_earlier: tuple[Member, ...]
    open_later: tuple[Member, ...]
    earlier_units: int
    later_units: int
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        sides = (
            (self.earlier_name, self.open_earlier, self.earlier_units),
            (self.later_name, self.open_later, self.later_units),
        )
        if isinstance(self.records, Columns):
            for place, (name, left, whole) in enumerate(sides):
                totals = self.records.totals(place)
                _refuse_uses(name, totals, left)
                _refuse_gap(name, totals.units + _sum([left]), whole=whole)
            return
        standing = self.standing
        matched = [one.earlier for one in standing], [one.later for one in standing]
        for (name, left, whole), groups in zip(sides, matched, strict=True):
            _refuse_repeats(name, [*groups, left])
            _refuse_gap(name, _sum([*groups, left]), whole=whole)

    @property
    def standing(self) -> tuple[Match, ...]:
        """Confirmed matches that nobody has taken apart."""
        if all(one.decision != "unmatched" for one in self.records):
            return tuple(one for one in self.records if one.decision == "confirmed")
        found: dict[str | None, Match] = {}
        for one in self.records:
            if one.decision == "confirmed":
                found[one.match_id] = one
            elif one.decision == "unmatched":
                del found[one.replaces]
        return tuple(found.values())

    @property
    def suggested(self) -> tuple[Match, ...]:
        """Within tolerance, and nobody has decided yet."""
        decided = {one.replaces for one in self.records if one.decision != "suggested"}
        asked = [one for one in self.records if one.decision == "suggested"]
        return tuple(one for one in asked if one.match_id not in decided)

    @property
    def open_units(self) -> int:
        """What the later figure has more than the earlier among the open members."""
        return _sum([self.open_later]) - _sum([self.open_earlier])


def _refuse_repeats(name: str, groups: Sequence[tuple[Member, ...]]) -> None:
    ids = [member_id for group in groups for member_id, _ in group]
    if len(set(ids)) == len(ids):
        return
    raise _repeated(name, min(one for one, count in Counter(ids).items() if count > 1))


def _refuse_uses(name: str, totals: Totals, left: tuple[Member, ...]) -> None:
    """Refuse an id on two rows, and a row that is not in one match or open, but both or neither."""
    if totals.repeated_id is not None:
        raise _repeated(name, totals.repeated_id)
    times = totals.times.copy()
    if left:
        ids = pa.array([member_id for member_id, _ in left], pa.string())
        np.add.at(times, pc.index_in(ids, value_set=totals.ids).to_numpy(), 1)
    wrong = np.flatnonzero(times != 1)
    if len(wrong):
        raise _repeated(name, totals.ids[int(wrong[0])].as_py())


def _repeated(name: str, row: str) -> ConservationError:
    return ConservationError(
        f"Expected each row of the {name} in one match or open, found {row} twice: give every "
        "row an id of its own, and match again."
    )


def _refuse_gap(name: str, found: int, *, whole: int) -> None:
    if found != whole:
        raise ConservationError(
            f"Matched and open rows of the {name} should add up to {format_units(whole)} and are "
            f"{format_units(found)}: match again from the charges."
        )


def _sum(groups: Sequence[tuple[Member, ...]]) -> int:
    return sum([units for group in groups for _, units in group])
