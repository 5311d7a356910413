"""The journal to be looked at: a month's entries, one entry, and that the audit log holds it.

Reads only. Amounts are Decimals in the major unit of the entry's currency.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from tieout.audit.merkle import leaf_hash, root
from tieout.core.money import minor_digits
from tieout.core.period import parse_period
from tieout.steps.context import Context
from tieout.store import entries, journal

FILTERS: Final = ("account", *entries.FILTERS)
_MOST_BOUND: Final = 20_000  # entries that one event binds; beyond, the root is not made again here


def listing(
    context: Context,
    *,
    period: str,
    where: Sequence[tuple[str, str]],
    as_of: int | None,
    behind: int | None = None,
    limit: int = 100,
) -> dict[str, Any]:
    """Entries of a month, the newest first: `rows`, `totals` by currency, `following` if any.

    `ignored` are names of conditions that entries do not have.
    """
    parse_period(period)
    ignored = tuple(name for name, _ in where if name not in FILTERS)
    where = [one for one in where if one[0] in FILTERS]
    with context.store.transaction() as tx:
        upto = as_of if as_of is not None else journal.ledger_seq(tx)
        rows = entries.listing(
            tx, period, upto_seq=upto, where=where, behind=behind, limit=limit + 1
        )
        totals = entries.totals(tx, period, upto_seq=upto, where=where)
    shown = rows[:limit]
    return {
        "ignored": ignored,
        "rows": [_amounts(row, row["currency"]) for row in shown],
        "following": shown[-1]["ledger_seq"] if len(rows) > limit else None,
        "totals": [
            {
                "currency": one.currency,
                "entries": one.entries,
                "debit": _major(one.debit_minor, one.currency),
                "credit": _major(one.credit_minor, one.currency),
            }
            for one in totals
        ],
    }


def entry(context: Context, *, document_no: str) -> dict[str, Any]:
    """One entry with its lines, and `bound`: where the audit log holds it, proven again.

    Raises:
        UnknownSubjectError: there is no such entry.
    """
    with context.store.transaction() as tx:
        found = entries.one(tx, document_no)
        event = entries.bound_by(tx, document_no)
        numbers = event[1]["document_nos"] if event else []
        known = entries.texts(tx, numbers) if len(numbers) <= _MOST_BOUND else {}
    code = found["currency"]
    lines = [_amounts(line, code) for line in found["lines"]]
    return {**_amounts(found, code), "lines": lines, "bound": _bound(document_no, event, known)}


def numbers(context: Context, *, keys: Sequence[str]) -> dict[str, str]:
    """Document numbers of entries by their idempotency keys; one that is not posted is left out."""
    with context.store.transaction() as tx:
        return journal.numbers(tx, keys)


def _bound(
    document_no: str, event: tuple[int, Mapping[str, Any]] | None, known: Mapping[str, str]
) -> dict[str, Any] | None:
    """`holds`: the root over the entries' texts is the event's; None: too many to do it here."""
    if event is None:
        return None
    seq, payload = event
    numbers = payload["document_nos"]
    leaves = [leaf_hash(known[one].encode()) for one in numbers if one in known]
    return {
        "event": seq,
        "place": numbers.index(document_no) + 1,
        "of": len(numbers),
        "root": payload["entries_root"],
        "holds": root(leaves).hex() == payload["entries_root"] if known else None,
    }


def _amounts(row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """The row with `debit` and `credit` in the major unit."""
    return {
        **row,
        "debit": _major(int(row["debit_minor"]), currency),
        "credit": _major(int(row["credit_minor"]), currency),
    }


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-minor_digits(currency))
