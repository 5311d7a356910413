"""How the books stand now: the months, the ledger's last number, a mark that moves with a write.

Reads only. Owns what a page says of itself, and what happened to a month lately and by whom.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieout.core.money import minor_digits
from tieout.core.period import parse_period
from tieout.steps.context import Context
from tieout.store import audit, journal, periods, runs

# what moves a month through its states; everything else is work inside a state
MOVES = (
    "close_requested",
    "period_signed",
    "period_published",
    "reopening_requested",
    "period_reopened",
    "period_locked",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """An accounting month; `closed_seq` is the ledger sequence of its close."""

    period: str
    state: str
    closed_seq: int | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingNow:
    """The books at one moment; `mark` is another text after any entry, event or run."""

    months: tuple[Month, ...]
    ledger_seq: int
    mark: str

    def month(self, period: str) -> Month | None:
        """One month; None if it was never opened."""
        return next((one for one in self.months if one.period == period), None)


def read(context: Context) -> StandingNow:
    """How the books stand; three statements."""
    with context.store.transaction() as tx:
        months = tuple(
            Month(
                period=one.period,
                state="locked" if one.is_locked else one.state,
                closed_seq=one.closed_seq,
                closed_at=one.closed_at,
            )
            for one in periods.listing(tx)
        )
        seq, event = journal.heads(tx)
        newest = runs.newest_id(tx)
    today = context.now().date()
    return StandingNow(months=months, ledger_seq=seq, mark=f"{seq}/{event}/{newest}/{today}")


def worked_on(context: Context, *, standing: StandingNow) -> str:
    """The newest month that was ever reconciled, else the newest; there is one at least."""
    with context.store.transaction() as tx:
        for one in reversed(standing.months):
            if runs.latest(tx, "reconcile", one.period):
                return one.period
    return standing.months[-1].period


def history(context: Context, *, period: str) -> list[dict[str, Any]]:
    """What moved a month through its states: when, what, who, why; oldest first."""
    parse_period(period)
    with context.store.transaction() as tx:
        return [_told(one) for one in audit.about(tx, period, actions=MOVES)]


def since(context: Context, *, period: str, moment: datetime) -> dict[str, Any]:
    """What was written about a month after a moment: entries, largest first, and other acts.

    Amounts are texts in the entry's currency: half of what an entry moves is its debit.
    """
    parse_period(period)
    with context.store.transaction() as tx:
        entries = [
            {
                "document_no": one.document_no,
                "description": one.description,
                "amount_minor": one.debit_minor,
                "digits": minor_digits(one.currency),
                "currency": one.currency,
                "at": one.recorded_at,
            }
            for one in journal.since(tx, period, moment)
        ]
        acts = [_told(one) for one in audit.about(tx, period, after=moment)]
    return {"entries": entries, "acts": acts}


def _told(event: audit.AuditEvent) -> dict[str, Any]:
    said = event.content()
    payload = said["payload"]
    return {
        "seq": event.seq,
        "at": event.recorded_at,
        "action": said["action"],
        "actor": said["actor"],
        "why": said["why"],
        "state": str(payload.get("state") or ""),
        "duty": str(payload.get("duty") or ""),
        "content_hash": str(payload.get("content_hash") or ""),
    }
