"""Minimum charge: the month was used for less than the contract's minimum, and filled up to it."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.breaks import Case, Row
from tieout.reconciliation.causes.base import Explanation

RANK = 50
SENTENCE = "Filled up to the contract's minimum charge ({rows} charges)."
_TAX_AND_CREDIT = pa.array(["Tax", "Credit"])


def find(case: Case) -> Iterator[Explanation]:
    """The one charge that calls itself a minimum, when it fills the month up to it exactly.

    Before tax and credits; without a known minimum nothing is proven.
    """
    named = [(one.key, row) for one in case.breaks for row in one.later if _names_a_minimum(row)]
    if len(named) == 1 and _before_tax_and_credit(case) == case.known.minimum_units:
        ((key, row),) = named
        yield Explanation(cause="minimum_charge", key=key, rows=(row,))


def _names_a_minimum(row: Row) -> bool:
    return "minimum" in (row.charge["charge_description"] or "").lower()


def _before_tax_and_credit(case: Case) -> int:
    is_other = pc.is_in(case.later["charge_category"], value_set=_TAX_AND_CREDIT)
    return total_units(case.later.filter(pc.invert(is_other)))
