"""Open rows that a proven cause names: not matched, and yet nobody has to look for them.

Owns the naming only; what is matched is `matching`'s, what is proven `explaining`'s.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tieout.reconciliation.breaks import SideName
from tieout.reconciliation.match_pairs import Pair
from tieout.reconciliation.match_sides import Side
from tieout.reconciliation.match_values import Member

Named = Mapping[tuple[SideName, str], str]
_ONLY_PRINTED = ("credit", "tax")


def named_rows(pair: Pair) -> dict[tuple[SideName, str], str]:
    """The cause of each open row (side, id) that one explains; the others are for a person.

    Where the later figure is paper, credit and tax that only the paper has are named by their part:
    the bridge `report_to_invoice` has them as lines of their own.
    """
    found = pair.matching
    sides: tuple[tuple[SideName, tuple[Member, ...]], ...] = (
        ("earlier", found.open_earlier),
        ("later", found.open_later),
    )
    left = {(side, one.member_id) for side, members in sides for one in members}
    if pair.explained is None:
        printed = _parts(pair.later, found.open_later)
        reported = set(_parts(pair.earlier, found.open_earlier).values())
        return {
            ("later", row): part
            for row, part in printed.items()
            if part in _ONLY_PRINTED and part not in reported
        }
    return {
        (row.side, row.line_id): one.cause
        for one in pair.explained.explanations
        for row in one.rows
        if (row.side, row.line_id) in left
    }


def _parts(side: Side, left: tuple[Member, ...]) -> dict[str, str]:
    """The part of the document of each open row, by id."""
    wanted = pa.array([one.member_id for one in left], pa.string())
    rows = side.rows.filter(pc.is_in(side.rows["member_id"], value_set=wanted))
    return dict(zip(rows["member_id"].to_pylist(), rows["document_part"].to_pylist(), strict=True))
