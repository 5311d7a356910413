"""A month by legal entity: the trial balance of each, and what they owe each other. Reads only."""

from typing import Any

from tieout.core.period import parse_period
from tieout.ledger.entry import entry_from_json
from tieout.reports.entity_books import entity_books
from tieout.steps.context import Context
from tieout.steps.inputs import chart
from tieout.store import journal


def run(context: Context, *, period: str, entity: str | None = None) -> dict[str, Any]:
    """Trial balances and pairs at the end of a month, of all entities or of one.

    Raises:
        NotReadyError: no chart is approved, or the books are those of one entity.
        UnknownSubjectError: there is no such entity.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        books = chart(tx, month)
        entries = [entry_from_json(value) for value in journal.entries(tx)]
    found = entity_books(entries, chart=books, period=month)
    if entity is None or books.entities is None:
        return found
    books.entities.member(entity)
    return found | {
        "entities": [one for one in found["entities"] if one["entity"] == entity],
        "pairs": [one for one in found["pairs"] if entity in (one["first"], one["second"])],
    }
