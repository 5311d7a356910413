"""Roll-forwards: how accrued liabilities and prepaid balances came to where they stand. Reads only.

Owns which figures stand against each other: the entries, the database's own trial balance, and what
is open by documents, statements and plans.
"""

from typing import Any

from tieout.core.period import parse_period
from tieout.steps import dossier, evidence
from tieout.steps.context import Context


def run(context: Context, *, period: str) -> dict[str, Any]:
    """The roll-forwards of a period with their ties; of a closed one as its close knew it.

    Raises:
        NotReadyError: a step before has not run yet; the message names it.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        found = evidence.load(context, tx, month)
        return dossier.rolls(tx, found)
