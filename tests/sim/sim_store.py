"""The store of the simulation: the ledger's rules in memory, under the real pure guards.

It promises what the contract suite asks of it and of PostgreSQL alike: all of a transaction or
nothing, one writer at a time, numbers without a gap, no entry in a closed month. Bugs are planted
here and in the world only, never in the product.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.sim.ports import Clock, Faults

from tieout.audit.canonical import canonical_bytes, canonical_hash
from tieout.audit.chain import GENESIS, Event, event_hash
from tieout.close.checklist import Check
from tieout.close.states import Duty, PeriodState, SignOff, close, reopen_soft, soft_close
from tieout.core.errors import (
    IntegrityError,
    NotReadyError,
    PeriodClosedError,
    SourceUnreachableError,
    UnknownSubjectError,
)
from tieout.ledger.entry import JournalEntry, entry_from_json, entry_json, reverse
from tieout.store.journal import Posted

_PASSED = (Check(check_id="TB", title="zero", passed=True, blocking=True, detail=""),)
_ADJUSTS = ("true_up", "reclass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A posted entry, its number and when the clock of the day said it was."""

    entry: JournalEntry
    posted: Posted
    period: str
    recorded_at: datetime


@dataclass(slots=True, kw_only=True)
class Month:
    """State of a month, what was asked to be signed and by whom it was."""

    state: PeriodState = "open"
    asked: str | None = None
    asked_seq: int = 0
    preparer: SignOff | None = None
    closed_by: tuple[str, ...] = ()
    closed_seq: int | None = None
    closed_at: datetime | None = None
    reported: str | None = None


@dataclass(slots=True, kw_only=True)
class State:
    """Everything that commits together."""

    rows: list[Row] = field(default_factory=list)
    seq: int = 0
    months: dict[str, Month] = field(default_factory=dict)
    heads: dict[str, str | None] = field(default_factory=dict)
    head_history: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def branch(self) -> "State":
        return State(
            rows=list(self.rows),
            seq=self.seq,
            months={name: copy.copy(month) for name, month in self.months.items()},
            heads=dict(self.heads),
            head_history=list(self.head_history),
            events=list(self.events),
        )


class SimStore:
    """Committed state, and who holds the one lock."""

    def __init__(self, faults: Faults, clock: Clock, bugs: frozenset[str] = frozenset()) -> None:
        self.faults, self.clock, self.bugs = faults, clock, bugs
        self.state = State()
        self.writer: SimTx | None = None

    @contextmanager
    def transaction(self) -> Iterator["SimTx"]:
        """Commits at the end; an answer may be lost after the commit as well as before it."""
        tx = SimTx(self)
        try:
            yield tx
            self.faults.point()
            if tx.own is not None:
                self.state = tx.own
            self._release(tx)
            self.faults.point()
        finally:
            self._release(tx)

    def _release(self, tx: "SimTx") -> None:
        if self.writer is tx:
            self.writer = None


class SimTx:
    """One transaction: reads what is committed until it writes, then what it wrote."""

    def __init__(self, store: SimStore) -> None:
        self._store = store
        self.own: State | None = None
        self._states_at_begin = {name: one.state for name, one in store.state.months.items()}

    @property
    def seen(self) -> State:
        return self.own or self._store.state

    def ensure(self, month: str) -> None:
        self._lock().months.setdefault(month, Month())

    def month(self, month: str) -> Month:
        return self.seen.months[month]

    def entries(self) -> list[JournalEntry]:
        return [row.entry for row in self.seen.rows]

    def ledger_seq(self) -> int:
        return self.seen.seq

    def post(self, given: Mapping[str, Any]) -> Posted:
        """As the database posts: the key decides, then the month, then the entry itself."""
        state = self._lock()
        entry = entry_from_json(given)
        content = canonical_hash(entry_json(entry))
        for row in state.rows:
            if row.entry.idempotency_key == entry.idempotency_key:
                if row.posted.content_hash != content:
                    raise IntegrityError(f"{row.posted.document_no} was posted with other content.")
                return Posted(**{**_fields(row.posted), "is_new": False})
        period = f"{entry.posting_on:%Y-%m}"
        self._require_open(state, period, entry)
        if entry.reverses is not None and "reversal of a reversal" not in self._store.bugs:
            _require_mirror(state, entry)
        posted = self._number(state, entry, content)
        now = self._store.clock.now
        state.rows.append(Row(entry=entry, posted=posted, period=period, recorded_at=now))
        return posted

    def append(self, action: str, subject: str) -> None:
        """One more link of the audit chain."""
        events = self._lock().events
        text = canonical_bytes({"action": action, "subject": subject, "seq": len(events) + 1})
        previous = events[-1].hash if events else GENESIS
        events.append(
            Event(
                seq=len(events) + 1,
                prev_hash=previous,
                hash=event_hash(previous, text),
                canonical=text.decode(),
            )
        )

    def head(self, name: str) -> str | None:
        return self.seen.heads.get(name)

    def move_head(self, name: str, *, expected: str | None, new: str) -> bool:
        """Compare and set: False, and nothing written, when another one came first."""
        state = self._lock()
        if state.heads.get(name) != expected and "no CAS" not in self._store.bugs:
            return False
        state.heads[name] = new
        state.head_history.append(new)
        return True

    def request_close(self, month: str, content: str) -> None:
        one = self._decidable(month)
        one.asked, one.asked_seq = content, self.seen.seq

    def sign(self, month: str, duty: Duty, content: str, person: str) -> PeriodState:
        """Sign as this person; the controller's signature closes the month."""
        one = self._decidable(month)
        if one.asked is None or one.asked != content:
            raise NotReadyError(f"The content of {month} has changed: read it again.")
        if _last_seq(self.seen, month) > one.asked_seq:
            raise NotReadyError(f"Entries were posted to {month} after the close was asked for.")
        name = f"{person} as {duty}" if "approver by role" in self._store.bugs else person
        signed = SignOff(person=name, duty=duty, automation=False, content_hash=content)
        if duty == "preparer":
            state = one.state
            if state == "soft_closed":
                state = reopen_soft(state, person=person, reason="signed anew").end
            soft_close(state, preparer=signed, checks=_PASSED, content_hash=content)
            one.state, one.preparer = "soft_closed", signed
            return one.state
        if one.preparer is None:
            raise NotReadyError(f"No preparer has signed {month}.")
        moved = close(
            one.state,
            preparer=one.preparer,
            controller=signed,
            checks=_PASSED,
            content_hash=content,
        )
        state_now = self._lock()
        state_now.seq += 1
        one.state, one.closed_by, one.closed_seq = moved.end, moved.people, state_now.seq
        one.closed_at = self._store.clock.now
        return one.state

    def _lock(self) -> State:
        if self._store.writer not in (None, self):
            raise SourceUnreachableError("Another transaction holds the ledger: lock timeout.")
        self._store.writer = self
        if self.own is None:
            self.own = self._store.state.branch()
        return self.own

    def _decidable(self, month: str) -> Month:
        one = self._lock().months.get(month)
        if one is None:
            raise UnknownSubjectError(f"There is no period {month}.")
        if one.state == "closed":
            raise PeriodClosedError(f"Period {month} is closed already.")
        return one

    def _require_open(self, state: State, period: str, entry: JournalEntry) -> None:
        if "late event into closed month" in self._store.bugs:
            return
        if period not in state.months:
            raise PeriodClosedError(f"Period {period} is not open yet.")
        found = state.months[period].state
        if "period checked before the lock" in self._store.bugs:
            found = self._states_at_begin.get(period, found)
        if found == "closed" or (found == "soft_closed" and entry.journal_type not in _ADJUSTS):
            raise PeriodClosedError(f"Period {period} is {found}.")

    @staticmethod
    def _number(state: State, entry: JournalEntry, content: str) -> Posted:
        state.seq += 1
        series = f"{entry.posting_on.year}-{entry.journal_type}-"
        taken = sum(row.posted.document_no.startswith(series) for row in state.rows)
        return Posted(
            entry_id=len(state.rows) + 1,
            document_no=f"{series}{taken + 1:06}",
            ledger_seq=state.seq,
            content_hash=content,
            is_new=True,
        )


def _require_mirror(state: State, entry: JournalEntry) -> None:
    originals = [row.entry for row in state.rows if row.entry.idempotency_key == entry.reverses]
    if not originals:
        raise UnknownSubjectError(f"There is no entry {entry.reverses} to reverse.")
    (original,) = originals
    if original.reverses is not None:
        raise IntegrityError(f"Entry {entry.reverses} is a reversal: it is not reversed.")
    if any(row.entry.reverses == entry.reverses for row in state.rows):
        raise IntegrityError(f"Entry {entry.reverses} has been reversed already.")
    if _sides(reverse(original, on=entry.posting_on)) != _sides(entry):
        raise IntegrityError(f"The reversal of {entry.reverses} is not its exact mirror.")


def _sides(entry: JournalEntry) -> list[tuple[str, int, str]]:
    lines = entry.lines
    return sorted((one.account, one.amount_minor, str(dict(one.dimensions))) for one in lines)


def _last_seq(state: State, month: str) -> int:
    return max((row.posted.ledger_seq for row in state.rows if row.period == month), default=0)


def _fields(posted: Posted) -> dict[str, Any]:
    names = ("entry_id", "document_no", "ledger_seq", "content_hash", "is_new")
    return {name: getattr(posted, name) for name in names}
