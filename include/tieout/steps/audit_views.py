"""Audit views: saved journal queries, who may do what, and who changed which rule. Only reads."""

from typing import Any

from tieout.core.period import parse_period
from tieout.steps import exhibits
from tieout.steps.context import Context
from tieout.store import analytics, journal


def queries() -> list[dict[str, str]]:
    """The saved queries: name and question."""
    return [{"name": one.name, "asks": one.asks} for one in analytics.QUERIES]


def query(context: Context, *, name: str, period: str) -> dict[str, Any]:
    """Run one saved query over the journal as it is now.

    Raises:
        UnknownSubjectError: there is no query of that name.
    """
    parse_period(period)
    wanted = analytics.find(name)
    with context.store.transaction() as tx:
        upto = journal.ledger_seq(tx)
        columns, rows = analytics.run(tx, wanted, period=period, upto_seq=upto)
    return {"name": name, "asks": wanted.asks, "columns": columns, "rows": rows}


def access(context: Context) -> dict[str, list[dict[str, Any]]]:
    """Duties of people as they ever were, and what each database role may do."""
    with context.store.transaction() as tx:
        return {"people": analytics.people(tx), "roles": analytics.grants(tx)}


def changes(context: Context, *, period: str) -> list[dict[str, Any]]:
    """Changes of rules, registers and people since the publication before the month's own."""
    parse_period(period)
    with context.store.transaction() as tx:
        return exhibits.changes(tx, period=period)
