"""Promotional credit: given for nothing, so it lowers the cost and is no asset."""

import re
from collections.abc import Iterator

from tieout.reconciliation.breaks import Case, Row
from tieout.reconciliation.causes.base import Explanation

RANK = 20
SENTENCE = "Promotional credit ({rows} charges)."

# FOCUS has no column for it; these are the words of OpenAI, AWS, Google and Azure (November 2026)
_WORDS = re.compile(
    r"\b(promo\w*|free|grant\w*|trial|start-?up\w*|activate|sponsor\w*)\b", re.IGNORECASE
)


def find(case: Case) -> Iterator[Explanation]:
    """Charges of the category Credit that call themselves promotional."""
    for one in case.breaks:
        rows = tuple(row for row in one.rows if _is_promotional(row))
        if one.key.category == "Credit" and rows:
            yield Explanation(cause="promotional_credit", key=one.key, rows=rows)


def _is_promotional(row: Row) -> bool:
    return bool(_WORDS.search(row.charge["charge_description"] or ""))
