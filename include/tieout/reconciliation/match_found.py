"""What the passes found, as columns: a record becomes a value only when somebody looks at it.

Owns the order of the records and the proof that their rows and the open ones are the whole; a month
has millions of rows, and most of their matches are never looked at one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import overload

import numpy as np
import pyarrow as pa

from tieout.reconciliation.match_groups import Part, Places, Rows, Texts
from tieout.reconciliation.match_values import Match, Member, Pass, Totals, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The groups that one pass confirmed or suggested."""

    one: Pass
    earlier: Part
    later: Part
    groups: Places
    texts: dict[str, Texts]
    decision: Verdict

    def records(self) -> Iterator[Match]:
        """The groups as records, in their order."""
        heads = self.earlier.places[self.earlier.starts[self.groups]]
        keys = zip(*(_named(name, self.texts[name], heads) for name in self.one.keys), strict=True)
        members = _members(self.earlier, self.groups), _members(self.later, self.groups)
        same = [repeat(text) for text in (self.decision, None, None, None)]
        return map(Match, repeat(self.one.name), keys, *members, *same)


class Records(Sequence[Match]):
    """The records of all passes in order; equal to any sequence of the same records."""

    def __init__(self, blocks: Sequence[Block], sides: tuple[Rows, Rows]) -> None:
        self._blocks = [block for block in blocks if len(block.groups)]
        self._sides = sides

    def __len__(self) -> int:
        return sum(len(block.groups) for block in self._blocks)

    @overload
    def __getitem__(self, place: int) -> Match: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Match, ...]: ...
    def __getitem__(self, place: int | slice) -> Match | tuple[Match, ...]:
        return self._values[place]

    def __iter__(self) -> Iterator[Match]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._values == tuple(other)

    def __hash__(self) -> int:
        return hash(self._values)

    def totals(self, side: int) -> Totals:
        """How often each row of a side is matched, and what the matched rows add up to."""
        rows, used = self._sides[side], [np.zeros(0, np.int64)]
        for block in self._blocks:
            if block.decision == "confirmed":
                part = (block.earlier, block.later)[side]
                used.append(part.places_of(block.groups))
        places = np.concatenate(used)
        return Totals(
            ids=rows.ids,
            repeated_id=rows.repeated_id,
            times=np.bincount(places, minlength=len(rows.ids)),
            units=int(rows.units[places].sum()),
        )

    @cached_property
    def _values(self) -> tuple[Match, ...]:
        return tuple(record for block in self._blocks for record in block.records())


def _members(part: Part, groups: Places) -> Iterator[tuple[Member, ...]]:
    """The rows of each of these groups, by id."""
    counts = part.counts(groups)
    members = list(part.rows.members(part.places_of(groups)))
    if np.all(counts == 1):
        return ((member,) for member in members)
    ends = np.cumsum(counts)
    bounds = zip((ends - counts).tolist(), ends.tolist(), strict=True)
    return (tuple(members[start:end]) for start, end in bounds)


def _named(name: str, texts: Texts, places: Places) -> list[tuple[str, str | None]]:
    """The column's name with its text at each place; equal pairs are one pair."""
    codes = texts.codes[0][places]
    distinct, found = np.unique(codes, return_inverse=True)
    known = texts.dictionary.take(pa.array(distinct, mask=distinct < 0)).to_pylist()
    pairs = [(name, text) for text in known]
    return [pairs[code] for code in found.tolist()]
